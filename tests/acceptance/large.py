"""One recording of 1 GiB, archived by the downloader's own code on a store that checks what it gets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.world import Failed
from tests.doubles.seaweed import client_at, seaweed
from tests.memory.peak import MIB, peak_of, peers

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BYTES = 1024 * MIB
MAX_MIB = 64
"""The most that it may take above a recording of 1 MiB."""


def archive_large(folder: Path) -> str:
    """The memory that it took. Raises Failed where that grows with the recording, or the store has other bytes."""
    folder.mkdir()
    with seaweed(folder) as store, peers() as provider:
        client = client_at(store)
        client.create_bucket(Bucket="archive")
        client.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        short = peak_of(provider, MIB, store=store) // MIB
        for key in _sizes(client):  # the second has the same id
            client.delete_object(Bucket="archive", Key=key)
        long = peak_of(provider, BYTES, store=store) // MIB
        sizes = list(_sizes(client).values())
    if sizes != [BYTES]:
        raise Failed(f"the store holds audio of {sizes} bytes")
    if long - short > MAX_MIB:
        raise Failed(f"1 MiB takes {short} MiB of memory, 1 GiB takes {long} MiB")
    return f"{long} MiB of memory, where 1 MiB takes {short}"


def _sizes(client: S3Client) -> dict[str, int]:
    return {each["Key"]: each["Size"] for each in client.list_objects_v2(Bucket="archive", Prefix="audio/")["Contents"]}
