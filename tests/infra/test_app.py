"""What `make synth` does: files, exit codes, and the rules that every template is held against."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from app import notices
from functions.archiver.settings.toml_file import _ARCHIVE, _SOURCE, _TIER, Keys, read
from infra.recording_archive import RecordingArchive
from infra.source.webhook import Webhook
from infra.synth import Findings, findings, synthesise, template, written
from tests.harness.deployments import a_deployment, a_source
from tests.infra.template import TIERS

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d1e2f30-0000-4000-8000-000000000000"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"


def run_app(file: Path, out: Path) -> subprocess.CompletedProcess[str]:
    # No PATH: neither Node nor anything else of this machine is needed.
    return subprocess.run(
        [sys.executable, "app.py", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "CDK_OUTDIR": str(out)},
        timeout=300,
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"expire_after_days": 400, "tiers": TIERS},
        {"kms_key": KEY, "permissions_boundary": BOUNDARY, "events": True},
        {"bucket": "calls-of-acme", "kms_key": KEY, "access_policies": False},
    ],
    ids=["smallest", "expiry", "own-key", "own-bucket"],
)
def test_no_rule_finds_anything_that_is_not_acknowledged(tmp_path: Path, settings: dict[str, object]) -> None:
    synthesise(a_deployment(a_source(webhook=True), **settings), tmp_path, bundle=False)
    assert findings(tmp_path) == []
    assert written(tmp_path).keys() == {"recordings", "recordings-acme-uk"}
    lint = [str(Path(sys.executable).with_name("cfn-lint")), *map(str, tmp_path.glob("*.template.json"))]
    done = subprocess.run(lint, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_rules_do_find_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = RecordingArchive.__init__

    def with_a_bucket_for_everybody(self: RecordingArchive, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        s3.Bucket(self, "Open")

    monkeypatch.setattr(RecordingArchive, "__init__", with_a_bucket_for_everybody)
    with pytest.raises(Findings, match=r"validation-report\.json"):
        synthesise(a_deployment(a_source()), tmp_path, bundle=False)
    assert [found for found in findings(tmp_path) if found.startswith("AwsSolutions-S")]


def test_every_kind_of_source_is_held_against_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Webhook.__init__

    def with_a_queue_for_everybody(self: Webhook, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
        sqs.Queue(self, "Open")

    monkeypatch.setattr(Webhook, "__init__", with_a_queue_for_everybody)
    quiet = [a_source(f"quiet-{number}") for number in range(3)]
    synthesise(a_deployment(*quiet), tmp_path, bundle=False)
    with pytest.raises(Findings):
        synthesise(a_deployment(*quiet, a_source("listening", webhook=True)), tmp_path, bundle=False)
    assert [found for found in findings(tmp_path) if found.startswith("AwsSolutions-SQS")]


def test_synth_writes_the_example_without_credentials_or_a_node_of_the_machine(tmp_path: Path) -> None:
    done = run_app(Path("deployments/example.toml"), tmp_path)
    assert (done.returncode, "Error" in done.stderr) == (0, False), done.stderr
    assert [*tmp_path.glob("*.template.json")]
    assert [*tmp_path.glob("asset.*/functions/lister.py")]
    assert "one stack for the archive" in done.stdout


def test_every_line_of_the_example_that_is_commented_out_can_be_taken_in(tmp_path: Path) -> None:
    example = Path("deployments/example.toml").read_text(encoding="utf-8")
    settings = re.compile(r"^# (?=\w+ = |\[)(?!bucket )", re.MULTILINE)
    file = tmp_path / "everything.toml"
    file.write_text(settings.sub("", example), encoding="utf-8")
    deployment = read(file)
    assert deployment.archive.expire_after_days == 2555
    assert deployment.archive.tiers
    assert deployment.sources[0].webhook
    assert template(deployment)["Resources"]


@pytest.mark.parametrize("keys", [_ARCHIVE, _SOURCE, _TIER], ids=["archive", "source", "tier"])
def test_the_example_shows_every_key(keys: Keys) -> None:
    example = Path("deployments/example.toml").read_text(encoding="utf-8")
    assert [key for key in keys if not re.search(rf"\b{key}( = |\])", example)] == []


def test_a_broken_file_ends_with_2_and_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "broken.toml"
    example = Path("deployments/example.toml").read_text(encoding="utf-8")
    file.write_text(example.replace("[archive]", "[archive]\nno_such_key = 1"), encoding="utf-8")
    done = run_app(file, tmp_path / "out")
    assert done.returncode == 2
    assert "no_such_key" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_that_make_leaves_behind_is_in_the_way_of_a_clean_start(tmp_path: Path) -> None:
    report = tmp_path / "validation-report.json"
    report.write_text('{"pluginReports": [{"violations": [{"ruleName": "old", "description": "news"}]}]}')
    synthesise(a_deployment(a_source()), tmp_path, bundle=False)
    assert findings(tmp_path) == []


def test_a_synth_takes_away_what_an_earlier_one_wrote_and_nothing_else(tmp_path: Path) -> None:
    synthesise(a_deployment(a_source("gone")), tmp_path, bundle=False)
    (tmp_path / "asset.0123" / "functions").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    synthesise(a_deployment(a_source("new")), tmp_path, bundle=False)
    assert written(tmp_path).keys() == {"recordings", "recordings-new"}
    assert not (tmp_path / "asset.0123").exists()
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_only_what_a_person_has_to_do_is_said() -> None:
    plain = a_deployment(a_source(), timezone="Europe/Berlin", urgent=("night@example.com",), events=True, sign=True)
    assert not [*notices(plain)]
    (own,) = notices(a_deployment(a_source(), bucket="calls-of-acme"))
    assert "Add these statements to the policy of the bucket calls-of-acme" in own
