"""`python -m ops webhook`: has a provider send its events to the archive, or tells whether it does.

Only Kazoo has an API for that; of the others this says where a person sets it up. See docs/webhooks.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from functions.archiver.errors import Misconfigured, Outcome
from functions.archiver.provider.json_values import items_of, mapping_of, text_of
from functions.archiver.recording import Json
from functions.archiver.secret import Secret, masked
from functions.archiver.settings.deployment import Source
from functions.archiver.settings.toml_file import read
from functions.archiver.source_client import webhook_secrets_of
from functions.providers.kazoo import Kazoo
from ops.commands.provider import DONE, NOT_DONE, Connection, connect, secret_of
from ops.deployed import source_of

BY_HAND: Mapping[str, str] = {
    "babelforce": (
        "In babelforce's manager, make a global automation on the event that a recording is finished, with an HTTP "
        "action that sends a POST to {url}, the header x-webhook-secret and the recording's id as recording_id"
    ),
    "dialogtech": (
        "In DialogTech's portal, add a post-call action that calls {url}/SECRET with the call's SID as parameter sid"
    ),
    "telesign": (
        "Ask TeleSign's support to send the events of your voice calls to {url}; it signs them with your API key"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Hook:
    """A webhook as Kazoo lists it."""

    id: str
    uri: str
    enabled: bool


def run(connection: Connection, *, url: str | None, register: bool) -> int:
    """Registers at `url`, or checks; what came of it on standard output; the exit code. Raises Misconfigured."""
    source = source_of(read(connection.deployment), connection.source)
    _require(source.webhook, f"sources.{source.name}.webhook: must be true, or nothing would answer the provider")
    if register:
        _check_url(url, source)
    if source.provider != "kazoo":
        print(_by_hand(source, url))
        return DONE
    secrets = webhook_secrets_of(secret_of(connection, source), source.secret)
    _require(secrets, f"the secret {source.secret}: webhook_secret is missing, with which the hook signs its events")
    hooks = KazooHooks(connect(connection), source, secrets)
    try:
        return hooks.register(str(url)) if register else hooks.check()
    except Outcome as problem:
        print(f"{source.name}: {problem}", file=sys.stderr)
        return NOT_DONE


def _by_hand(source: Source, url: str | None) -> str:
    how = BY_HAND.get(source.provider, "Set the provider's webhook up by hand, with the address {url}")
    return f"{how.format(url=url or f'the address that ends with /webhooks/{source.name}')}: see docs/webhooks.md."


def _check_url(url: str | None, source: Source) -> None:
    allowed = ("https://", "http://") if source.allow_private_addresses else ("https://",)
    good = url and url.startswith(allowed) and _leads_to(source, url)
    _require(good, f"--url: must be https://…/webhooks/{source.name}, from the outputs of the stack")


def _leads_to(source: Source, url: str) -> bool:
    """Whether it is one of the source's two routes: with a secret behind its name, or without."""
    segments = urlsplit(url).path.split("/")
    return ["webhooks", source.name] in (segments[-2:], segments[-3:-1])


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Misconfigured(otherwise)


class KazooHooks:
    """The webhooks of one Kazoo account that lead to one source (API description; not verified against a live one)."""

    def __init__(self, provider: object, source: Source, secrets: Sequence[Secret]) -> None:
        assert isinstance(provider, Kazoo)
        self._provider = provider
        self._source = source
        self._secrets = secrets
        account_id = str(provider.account.options["account_id"]).lower()
        self._path = f"/v2/accounts/{quote(account_id, safe='')}/webhooks"

    def register(self, url: str) -> int:
        """Makes the hook; one that leads there already is brought up to date and switched on."""
        known = next((hook for hook in self._mine() if hook.uri == url), None)
        if known:
            self._ask("PATCH", f"{self._path}/{quote(known.id, safe='')}", self._document(url))
        else:
            self._ask("PUT", self._path, self._document(url))
        print(f"{self._shown(url)}: {'brought up to date' if known else 'registered'}, and switched on")
        return DONE

    def check(self) -> int:
        """Whether at least one hook leads here and is on."""
        mine = list(self._mine())
        for hook in mine:
            state = "on" if hook.enabled else "switched off; --register with this URL switches it on again"
            print(f"{self._shown(hook.uri)}: {state}")
        if not mine:
            print(f"no hook leads to /webhooks/{self._source.name}; --register makes one")
        return DONE if any(hook.enabled for hook in mine) else NOT_DONE

    def _mine(self) -> Iterator[Hook]:
        for row in map(mapping_of, items_of(self._ask("GET", self._path).get("data"))):
            id_, uri = text_of(row.get("id")), text_of(row.get("uri"))
            if id_ and uri and _leads_to(self._source, uri):
                yield Hook(id=id_, uri=uri, enabled=row.get("enabled") is not False)

    def _document(self, url: str) -> Json:
        """Version 2 signs; the header is for a cluster that takes version 2 for version 1, which cannot."""
        secret = self._secrets[0].reveal()
        return {
            "name": f"Recording archive: {self._source.name}",
            "uri": url,
            "http_verb": "post",
            "hook": "object",
            "custom_data": {"type": "call_recording", "action": "all"},
            "format": "json",
            "version": "v2",
            "enabled": True,
            "security_settings": {"sha256_key": secret},
            "custom_request_headers": {"x-webhook-secret": secret},
        }

    def _ask(self, method: str, path: str, data: Json = None) -> Mapping[str, Json]:
        body: Json = None if data is None else {"data": data}
        answer = self._provider.http.call("webhook", method, path, json=body, auth=self._provider.auth)
        return mapping_of(answer.json())

    def _shown(self, uri: str) -> str:
        """Without what it may hold of the secret."""
        return masked(uri.partition("?")[0], self._secrets)
