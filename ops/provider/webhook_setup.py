"""Has a provider send its events to the archive, or says whether it does. See docs/webhooks.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from functions.archiver.errors import Misconfigured
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Subscription
from functions.archiver.secret import masked
from functions.archiver.settings.deployment import Source
from functions.providers import load
from ops.provider.connection import Connection

_BY_HAND = "Set the provider's webhook up by hand, with the address {url}"


class WebhookSetup:
    """The webhooks that lead from a provider to one source. Raises Misconfigured where the source takes none."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._source = connection.settings()
        file = f"{connection.deployment}: " if connection.deployment else ""
        what = f"{file}sources.{self._source.name}.webhook: must be true, or nothing would answer the provider"
        _require(self._source.webhook, what)

    @property
    def declaration(self) -> Declaration:
        """The declaration of the source's provider."""
        return load(self._source.provider).declaration

    def by_hand(self, url: str | None) -> str:
        """Steps for a person at a provider without an API for webhooks."""
        how = self.declaration.webhook_setup or _BY_HAND
        address = url or f"the address that ends with /webhooks/{self._source.name}"
        return f"{how.format(url=address)}: see docs/webhooks.md."

    def check_url(self, url: str | None) -> str:
        """The URL, or else that of the deployed source, if it leads there. Raises Misconfigured."""
        url = url or self._source.webhook_url or self._connection.webhook_url()
        allowed = ("https://", "http://") if self._source.allow_private_addresses else ("https://",)
        good = url and url.startswith(allowed) and _leads_to(self._source, url)
        _require(good, f"--url: must be https://…/webhooks/{self._source.name}, from the outputs of the stack")
        return str(url)

    def register(self, url: str) -> str:
        """Has the provider send its events to `url`; a sentence about it without a secret. Raises Outcome."""
        registration = self._connection.provider().register_webhook(url, self._connection.webhook_secrets())
        kept = ""
        if registration.secret is not None:
            kept = f"; its secret is kept in {self._connection.keep_webhook_secret(registration.secret)}"
        return f"{self._shown(url)}: {registration.sentence}{kept}"

    def found(self) -> Iterator[Subscription]:
        """The webhooks that lead here, their URLs without what they hold of a secret. Raises Outcome."""
        for webhook in self._connection.provider().webhooks():
            if _leads_to(self._source, webhook.url):
                yield replace(webhook, url=self._shown(webhook.url))

    def _shown(self, url: str) -> str:
        return masked(url.partition("?")[0], self._connection.webhook_secrets())


def _leads_to(source: Source, url: str) -> bool:
    """Whether it is one of the source's two routes: with a secret behind its name, or without."""
    segments = urlsplit(url).path.split("/")
    return ["webhooks", source.name] in (segments[-2:], segments[-3:-1])


def _require(holds: object, otherwise: str) -> None:
    if not holds:
        raise Misconfigured(otherwise)
