"""Who has the policy *Custodian* can hold, release, erase, export and verify, and nothing that no verb needs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey

from ops.archive.deployed import DeployedArchive
from ops.seals.openssl import verifies
from tests.doubles.aws import BUCKET, aws, s3
from tests.harness.deployed import ARCHIVE, a_source, client, deploy, session
from tests.harness.deployments import a_deployment
from tests.harness.deployments import a_source as in_template
from tests.harness.people import CUSTODIAN, ERASER, Person, listened_to
from tests.harness.reading import archived
from tests.infra.template import Template, deployed

EXPORT_KEY = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
EXPORTED = Path("doe.zip")
CASE = ("--case", "Doe v. Roe", "--reason", "order 7")
ORDER = ("--basis", "gdpr-17", "--ticket", "T-1")
VERBS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0, ("hold", *CASE, "heard")),
    (0, ("holds",)),
    (4, ("erase", "heard", *ORDER)),
    (0, ("export", *CASE, "--held-by", "Doe v. Roe", "--out", str(EXPORTED))),
    (0, ("release", *CASE, "--confirm", "1")),
    (0, ("erase", "heard", *ORDER, "--confirm", "1")),
    (0, ("erasures",)),
    (0, ("verify", "--source", "acme")),
    (0, ("show", "other")),
    (0, ("seal", "verify", "--source", "acme")),
)
"""With the exit code of each."""

SHOWN = "S3 leaves the headers of lock and hold out for whoever lacks it, and answers all the same"
NOT_HERE: dict[tuple[str, str], str] = {
    (CUSTODIAN, "s3:GetObjectRetention"): SHOWN,
    (CUSTODIAN, "s3:GetObjectLegalHold"): SHOWN,
}
"""What the policy allows although no verb of these tests needs it, each with its reason."""


@pytest.fixture(scope="module")
def template() -> Template:
    return deployed(a_deployment(in_template("acme"), object_lock="governance", export_key=EXPORT_KEY))


@pytest.fixture
def kms_takes_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """As KMS does with MessageType=DIGEST; moto hashes whatever it gets."""

    def sign(key: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
        assert signing_algorithm == "ECDSA_SHA_256"
        return key.private_key.sign(message, ec.ECDSA(Prehashed(hashes.SHA256())))

    monkeypatch.setattr(ECDSAPrivateKey, "sign", sign)


@dataclass
class Bench:
    person: Person
    archive: DeployedArchive
    run: Callable[..., int]


@pytest.fixture
def bench(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kms_takes_digests: None
) -> Iterator[Bench]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with aws() as made:
        s3().put_object_lock_configuration(Bucket=BUCKET, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        key = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
        deploy(made, a_source("acme"), export_key=key)
        archive = DeployedArchive(ARCHIVE, session())
        archived(archive, "heard")
        archived(archive, "other")
        person = Person(template, CUSTODIAN, named={EXPORT_KEY: key})
        yield Bench(person, archive, listened_to(person, monkeypatch, enforced=True))


def test_every_verb_of_a_custodian_works_by_the_policy_alone_and_needs_all_of_it(bench: Bench) -> None:
    for code, words in VERBS:
        assert (words, bench.run(*words), bench.person.denied()) == (words, code, set())
    unused = bench.person.policies.granted() - bench.person.policies.used
    assert sorted(unused - NOT_HERE.keys()) == []
    assert sorted(NOT_HERE.keys() - unused) == [], "needed by now: it wants no reason any more"


def test_what_is_erased_goes_through_the_eraser_alone(bench: Bench) -> None:
    assert bench.run("erase", "heard", *ORDER, "--confirm", "1") == 0
    deletes = [need for need in bench.person.recorder.needs if "DeleteObject" in need.action]
    assert deletes
    assert {need.caller for need in deletes} == {ERASER}
    left = [each.key for each in bench.archive.bucket.versions("") if "heard" in each.key]
    assert left == []


def test_a_person_who_may_not_write_the_ledger_verifies_all_the_same(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    allows = bench.person.policies.allows
    monkeypatch.setattr(
        bench.person.policies, "allows", lambda need: need.action != "dynamodb:UpdateItem" and allows(need)
    )
    assert bench.run("verify", "--source", "acme") == 0
    assert "the ledger could not note the time of this comparison" in capsys.readouterr().err
    for id_ in ("heard", "other"):
        assert "verified" not in str(bench.archive.table.get(f"acme#recording#{id_}"))


def test_an_export_is_signed_by_the_archive_s_own_key_and_openssl_agrees(bench: Bench) -> None:
    assert bench.run("export", *CASE, "heard", "--out", str(EXPORTED)) == 0
    with zipfile.ZipFile(EXPORTED) as zipped:
        pem, sums, signature = (zipped.read(name) for name in ("public-key.pem", "SHA256SUMS", "SHA256SUMS.sig"))
    assert verifies(pem, sums, signature)
    assert not verifies(pem, sums + b"\n", signature)
    (sign,) = [need for need in bench.person.recorder.needs if need.action == "kms:Sign"]
    assert sign.context["kms:MessageType"] == ("DIGEST",)


def test_a_key_that_cannot_sign_exports_is_named_before_anything_is_written(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.person.policies, "allows", lambda need: True)  # the policy knows the other key alone
    facts = json.loads(client("ssm").get_parameter(Name=f"/recording-archive/{ARCHIVE}")["Parameter"]["Value"])
    facts["export_key"] = client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    client("ssm").put_parameter(
        Name=f"/recording-archive/{ARCHIVE}", Value=json.dumps(facts), Type="String", Overwrite=True
    )
    assert bench.run("export", *CASE, "heard", "--out", str(EXPORTED)) == 2
    assert "export_key is not a signing key on the curve P-256" in capsys.readouterr().err
    assert not EXPORTED.exists()
