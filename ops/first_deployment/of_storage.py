"""Questions about the bucket and the table. One test object is written, under doctor/, where a rule removes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property

from botocore.exceptions import ClientError

from functions.archiver.bucket.bucket import Version
from functions.archiver.clock import Clock
from ops.archive.deployed import DeployedArchive
from ops.first_deployment.answer import Answer
from ops.first_deployment.racing import CONFLICT, WON, race

FOLDER = "doctor/"

CARRIED_OUT_WITHIN = timedelta(days=3)
"""What expires after a day is marked at the next midnight UTC, and S3 may take a day longer."""


class Storage:
    """Asks S3, KMS and DynamoDB of one archive; `sources` are its sources' names. `clock` is this machine's."""

    def __init__(self, archive: DeployedArchive, sources: list[str], clock: Clock) -> None:
        self._archive = archive
        self._sources = sources
        self._clock = clock
        self._s3 = archive.session.client("s3")
        self._name = archive.facts.bucket
        self._key = f"{FOLDER}{uuid.uuid4()}.json"

    def takes_lifecycle(self) -> Answer:
        """CloudFormation made the bucket with its rules, so S3 has validated them."""
        try:
            found = self._s3.get_bucket_lifecycle_configuration(Bucket=self._name)["Rules"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
                raise
            return Answer("no", f"{self._name} has no lifecycle rule")
        enabled = sorted(rule.get("ID", "?") for rule in found if rule["Status"] == "Enabled")
        return Answer("yes" if enabled else "no", f"enabled: {', '.join(enabled) or 'none'}")

    def carries_lifecycle_out(self) -> Answer:
        """By what became of earlier objects in a folder whose rule is a day."""
        found = list(self._archive.bucket.versions(FOLDER))
        marked = next((each for each in found if each.deleted), None)
        if marked:
            return Answer("yes", f"{marked.key} expired at {_text(marked.last_modified)}")
        late = next(self._late(found), None)
        if late:
            return Answer("no", f"{late.key} of {_text(late.last_modified)} is still there")
        expires = self._s3.head_object(Bucket=self._name, Key=self._written[0]).get("Expiration")
        promise = f"S3 says of it: {expires}" if expires else "S3 names no date for it"
        return Answer("open", f"run this again two days after the first test object; {promise}")

    def _late(self, found: list[Version]) -> Iterator[Version]:
        ends = self._clock.now() - CARRIED_OUT_WITHIN
        return (each for each in found if each.latest and each.last_modified < ends)

    @cached_property
    def _written(self) -> tuple[str, dict[str, int]]:
        """The one test object, by a race of several writers; its key, and how often they were told what."""
        return self._key, dict(race(self._archive.bucket, self._key))

    def lets_one_win(self) -> Answer:
        """Of puts and completed uploads at one key."""
        key, told = self._written
        versions = len(list(self._archive.bucket.versions(key)))
        outcomes = ", ".join(f"{number} × {what}" for what, number in sorted(told.items()))
        one = told.get(WON) == 1 and versions == 1
        return Answer("yes" if one else "no", f"{outcomes}; {key} has {_counted(versions, 'version')}")

    def says_conflict(self) -> Answer:
        """It needs two writers within a moment, so not every race shows it."""
        times = self._written[1].get(CONFLICT, 0)
        if times:
            return Answer("yes", f"{times} writers were told 409")
        return Answer("open", "no two writers met closely enough: run this again")

    def keeps_sources_apart(self) -> Answer:
        """Each lister asks for an item that is no source's, under its own role."""
        let_in = []
        for source in self._sources:
            function = self._archive.source(source).functions["lister"]
            if not self._archive.invoke(function, {"action": "bounds"})["refused"]:
                let_in.append(source)
        if let_in:
            return Answer("no", f"a foreign item is given to the functions of {', '.join(let_in)}")
        return Answer("yes", f"a foreign item is refused to the functions of {', '.join(self._sources)}")

    def uses_key(self) -> Answer:
        """By how a recording is encrypted."""
        key = self._archive.settings(self._sources[0]).archive.kms_key
        if key is None:
            return Answer("open", "the deployment has no kms_key")
        recordings = (key for each in self._sources for key in self._archive.bucket.keys(f"audio/source={each}/"))
        recording = next(recordings, None)
        if recording is None:
            return Answer("open", "no recording is archived yet")
        head = self._s3.head_object(Bucket=self._name, Key=recording)
        used = head.get("SSEKMSKeyId")
        return Answer("yes" if used == key else "no", f"{recording} is encrypted under {used or 'no key of KMS'}")

    def locks(self) -> Answer:
        """By the bucket's configuration."""
        wanted = self._archive.settings(self._sources[0]).archive.object_lock
        if wanted is None:
            return Answer("open", "the deployment has no object_lock")
        has = self._archive.bucket.locks
        return Answer("yes" if has else "no", f"{self._name} {'has' if has else 'does not have'} Object Lock")


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
