"""`recordings webhook` against a simulated Kazoo, and for the providers that no API helps with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from functions.archiver.provider.provider import Provider, Registration
from functions.archiver.secret import Secret
from functions.providers import load, names
from ops.__main__ import main
from ops.provider.connection import Connection
from ops.shell.verb import Shared
from simulators.providers.kazoo import Kazoo
from tests.doubles.aws import Aws
from tests.doubles.plain_http import SMALL
from tests.harness.schemas import checked

URL = "https://hooks.example.com/webhooks/pbx"
SECRET = "hidden-hook"


class ByHand:
    def __init__(self, folder: Path, kazoo: Kazoo, capsys: pytest.CaptureFixture[str]) -> None:
        self._deployment = folder / "deployment.toml"
        self._secrets = folder / "secrets.json"
        self._kazoo = kazoo
        self._capsys = capsys
        self.provider("kazoo")
        self.secret(webhook_secret=[SECRET, "hidden-old-one"])

    def provider(self, name: str, *, webhook: bool = True) -> None:
        options = {"kazoo": f'account_id = "{self._kazoo.account_id}"', "dialogtech": "call_detail = true"}
        self._deployment.write_text(
            f'[archive]\nname = "recordings"\n[sources.pbx]\nprovider = "{name}"\nsecret = "pbx"\n'
            f'base_url = "{self._kazoo.base_url}"\nrequests_per_minute = 6000\nallow_private_addresses = true\n'
            f"webhook = {json.dumps(webhook)}\n[sources.pbx.options]\n{options.get(name, '')}\n"
        )

    def secret(self, **fields: Any) -> None:
        self._secrets.write_text(json.dumps({"pbx": {**self._kazoo.secret, **fields}}))

    def __call__(self, *words: str) -> tuple[int, str, str]:
        files = ["--deployment", str(self._deployment), "--secrets", str(self._secrets)]
        verb, *rest = words
        code = main(["webhook", verb, "pbx", *files, *rest])
        said = self._capsys.readouterr()
        assert "hidden" not in said.out + said.err
        return code, said.out, said.err


@pytest.fixture
def kazoo() -> Iterator[Kazoo]:
    with Kazoo(recordings=1, bucket=None, **SMALL) as simulator:
        yield simulator


@pytest.fixture
def by_hand(tmp_path: Path, kazoo: Kazoo, capsys: pytest.CaptureFixture[str]) -> ByHand:
    return ByHand(tmp_path, kazoo, capsys)


def test_a_hook_is_registered_with_what_its_events_are_verified_by(by_hand: ByHand, kazoo: Kazoo) -> None:
    assert by_hand("register", "--url", URL)[:2] == (0, f"{URL}: registered, and switched on\n")
    (hook,) = kazoo.webhooks.values()
    assert (hook["uri"], hook["http_verb"], hook["hook"]) == (URL, "post", "object")
    assert hook["custom_data"] == {"type": "call_recording", "action": "all"}
    assert (hook["format"], hook["version"]) == ("json", "v2")
    assert hook["security_settings"] == {"sha256_key": SECRET}
    assert hook["custom_request_headers"] == {"x-webhook-secret": SECRET}


def test_registering_again_makes_no_second_hook_and_switches_the_first_on(by_hand: ByHand, kazoo: Kazoo) -> None:
    by_hand("register", "--url", URL)
    kazoo.disable_webhooks()
    assert by_hand("register", "--url", URL)[0] == 0
    (hook,) = kazoo.webhooks.values()
    assert hook["enabled"] is True


def test_a_check_tells_whether_the_hook_is_on(by_hand: ByHand, kazoo: Kazoo) -> None:
    code, out, _ = by_hand("check")
    assert code == 1
    assert re.search(r"; recordings webhook register --deployment \S+ .*--url URL pbx makes one$", out.strip())
    by_hand("register", "--url", f"{URL}/{SECRET}")
    assert by_hand("check")[:2] == (0, f"{URL}/***: on\n")
    kazoo.disable_webhooks()
    code, out, _ = by_hand("check")
    assert (code, "switched off" in out) == (1, True)


def test_with_json_each_verb_answers_with_one_document(by_hand: ByHand) -> None:
    assert checked(by_hand("register", "--url", URL, "--json")[1])["registered"] is True
    assert checked(by_hand("check", "--json")[1])["webhooks"] == [{"url": URL, "problem": None}]
    by_hand.provider("telesign")
    for verb in ("register", "check"):
        assert URL in checked(by_hand(verb, "--url", URL, "--json")[1])["by_hand"]


def test_hooks_that_lead_elsewhere_are_not_looked_at(by_hand: ByHand, kazoo: Kazoo) -> None:
    for number, uri in enumerate(("https://crm.example.com/calls", f"{URL}-2", "https://x.example.com/webhooks")):
        kazoo.webhooks[str(number)] = {"id": str(number), "uri": uri, "enabled": True}
    assert by_hand("check")[0] == 1


@pytest.mark.parametrize("url", ["", "https://x.example.com/", f"{URL}-2", "ftp://x.example.com/webhooks/pbx"])
def test_a_url_that_leads_elsewhere_is_not_registered(by_hand: ByHand, kazoo: Kazoo, url: str) -> None:
    code, _, err = by_hand("register", "--url", url)
    assert (code, err.startswith("--url: ")) == (2, True)
    assert kazoo.webhooks == {}


def test_a_hook_that_nobody_could_verify_is_not_registered(by_hand: ByHand, kazoo: Kazoo) -> None:
    by_hand.secret()
    code, _, err = by_hand("register", "--url", URL)
    assert (code, "webhook_secret" in err) == (2, True)
    assert kazoo.webhooks == {}


def test_a_source_without_webhooks_is_told_so(by_hand: ByHand) -> None:
    by_hand.provider("kazoo", webhook=False)
    code, _, err = by_hand("check")
    assert (code, ".toml: sources.pbx.webhook: must be true" in err) == (2, True)


def test_refused_credentials_end_with_5(by_hand: ByHand) -> None:
    by_hand.secret(api_key="another", webhook_secret=SECRET)
    code, out, err = by_hand("register", "--url", URL)
    assert (code, out, "api key" in err.lower()) == (5, "", True)


BY_HAND = [
    name
    for name in names()
    if load(name).declaration.webhook_setup and load(name).register_webhook is Provider.register_webhook
]
"""Providers whose webhooks are set up by clicking; the others have an API for it, or no webhooks at all."""


def test_every_provider_with_webhooks_has_an_api_for_them_or_says_where_to_click() -> None:
    for kind in map(load, names()):
        has_api = kind.register_webhook is not Provider.register_webhook
        assert bool(kind.declaration.webhook) == (has_api or bool(kind.declaration.webhook_setup)), kind


@pytest.mark.parametrize("name", BY_HAND)
def test_of_other_providers_one_sentence_says_where_to_click(by_hand: ByHand, name: str) -> None:
    by_hand.provider(name)
    code, out, _ = by_hand("register", "--url", URL)
    assert (code, out.count("\n"), URL in out, "docs/webhooks.md" in out) == (0, 1, True, True)
    assert load(name).declaration.webhook_setup


def test_the_earlier_form_goes_on_working_with_a_warning(
    by_hand: ByHand, tmp_path: Path, kazoo: Kazoo, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ["--deployment", str(tmp_path / "deployment.toml"), "--secrets", str(tmp_path / "secrets.json")]
    assert main(["webhook", "pbx", *files, "--register", "--url", URL]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == (f"{URL}: registered, and switched on\n", 1)
    assert "webhook register SOURCE" in told.err
    assert main(["webhook", "--check", "pbx", *files]) == 0
    assert "webhook check SOURCE" in capsys.readouterr().err
    assert len(kazoo.webhooks) == 1


def test_nothing_outside_the_providers_knows_a_provider_s_name() -> None:
    for path in (
        Path("ops/provider/webhook_setup.py"),
        Path("ops/commands/webhook.py"),
        Path("ops/provider/connection.py"),
    ):
        words = set(re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower()))
        assert not words & set(names()), path


def test_a_secret_that_the_provider_made_is_kept_before_the_older_ones_and_never_shown(
    by_hand: ByHand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Registration(sentence="registered", secret=Secret("hidden-made"))
    monkeypatch.setattr("functions.providers.kazoo.Kazoo.register_webhook", lambda self, url, secrets: made)
    code, out, _ = by_hand("register", "--url", URL)
    file = tmp_path / "secrets.json"
    assert (code, out) == (0, f"{URL}: registered; its secret is kept in {file}\n")
    assert json.loads(file.read_text())["pbx"]["webhook_secret"] == ["hidden-made", SECRET, "hidden-old-one"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_secret_that_the_provider_made_goes_to_secrets_manager(
    tmp_path: Path, by_hand: ByHand, kazoo: Kazoo, aws: Aws
) -> None:
    client = boto3.client("secretsmanager", region_name="eu-central-1")
    client.create_secret(Name="pbx", SecretString=json.dumps(kazoo.secret))
    connection = Connection(
        shared=Shared(path="webhook", region="eu-central-1"), source="pbx", deployment=tmp_path / "deployment.toml"
    )
    assert connection.keep_webhook_secret(Secret("hidden-made")) == "the secret pbx"
    assert [secret.reveal() for secret in connection.webhook_secrets()] == ["hidden-made"]
    kept = json.loads(client.get_secret_value(SecretId="pbx")["SecretString"])
    assert kept == {**kazoo.secret, "webhook_secret": ["hidden-made"]}
