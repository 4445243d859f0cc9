"""The one way to an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.archive.archive import Archive
from ops.archive.where import LocalFolder, Stack, located
from ops.shell.output import ExitCode, Failure
from ops.shell.verb import Shared

if TYPE_CHECKING:
    from ops.archive.deployed import DeployedArchive


def open_archive(shared: Shared, *, writes: bool = False) -> Archive:
    """The archive that is meant, in a folder or on AWS. `writes`: the verb changes its ledger or its files.

    Raises Misconfigured, and Failure: MISUSE where it is not clear which archive is meant, NOT_FOUND where there is
    none, UNAVAILABLE where it cannot be read.
    """
    place = located(shared.archive)
    if isinstance(place, Stack):
        return deployed(shared, place.name)
    # Imported here: what is on AWS needs no engine of a folder.
    from ops.archive.folder import FolderArchive

    return FolderArchive(place.path, writes=writes)


def open_deployed(shared: Shared) -> DeployedArchive:
    """The archive on AWS that is meant. Raises Failure (MISUSE) for a local one."""
    return deployed(shared, _stack_name(shared))


def deployed(shared: Shared, name: str) -> DeployedArchive:
    """The archive of this name, in the account and region that are meant. Asks nothing yet."""
    # Imported here: what a local archive needs is no AWS.
    import boto3

    from ops.archive.deployed import DeployedArchive

    session = boto3.Session(profile_name=shared.profile, region_name=shared.region)
    if not session.region_name and shared.archive == name:  # a mistyped folder looks like a stack's name
        sentence = f"there is no folder {name}, and to look for a stack of that name no AWS region is set"
        raise Failure(ExitCode.MISUSE, f"{sentence}: set AWS_REGION, or give --region NAME", kind="no_region")
    if not session.region_name and shared.archive is None:  # whoever has only a folder may not expect AWS at all
        sentence = f"the deployment file means the archive {name} on AWS, and no AWS region is set"
        ways = "set AWS_REGION, or give --region NAME; for a folder name it (-a, or --out for import)"
        raise Failure(ExitCode.MISUSE, f"{sentence}: {ways}", kind="no_region")
    return DeployedArchive(name, session)


def _stack_name(shared: Shared) -> str:
    place = located(shared.archive)
    if isinstance(place, LocalFolder):
        ways = "give -a FILE.toml or -a STACK, or --deployment FILE where it is taken"
        raise Failure(ExitCode.MISUSE, f"{place.path} is a local archive: {ways}", kind="local_archive")
    return place.name
