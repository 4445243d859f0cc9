"""A source's provider client, made from its settings and its secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from functools import partial

from functions.archiver.errors import Misconfigured
from functions.archiver.http.auth import Tokens
from functions.archiver.http.client import Http, Slots
from functions.archiver.provider.declaration import Declaration
from functions.archiver.provider.provider import Account, Provider
from functions.archiver.secret import Secret
from functions.archiver.settings.deployment import Source
from functions.providers import load


class SourceClient:
    """The client of one source, and whatever else its secret is read for.

    `read_secret` gives the secret's text. It is asked each time, so that a rotated secret is found; the client is made
    anew only when the value has changed. Each method raises Misconfigured where the secret is missing or does not fit.
    """

    def __init__(
        self,
        source: Source,
        *,
        read_secret: Callable[[], str],
        slots: Slots,
        tokens: Tokens | None,
        seconds_left: Callable[[], float],
    ) -> None:
        self._source = source
        self._read_secret = read_secret
        self._slots = slots
        self._tokens = tokens
        self._seconds_left = seconds_left
        self._made_of: dict[str, object] = {}
        self._provider: Provider | None = None

    def secret(self) -> dict[str, object]:
        """The fields of the secret."""
        try:
            secret = json.loads(self._read_secret())
        except ValueError:
            secret = None
        if not isinstance(secret, dict):
            raise Misconfigured(f"the secret {self._source.secret} is not a JSON object") from None
        return secret

    def provider(self) -> Provider:
        """The provider with its credentials."""
        secret = self.secret()
        if self._provider is None or secret != self._made_of:
            self._made_of = secret
            self._provider = client_of(
                self._source, secret, self._slots, tokens=self._tokens, seconds_left=self._seconds_left
            )
        return self._provider

    def webhook_secrets(self) -> list[Secret]:
        """Secrets with which the sender of a webhook request may prove itself."""
        return webhook_secrets_of(self.secret(), self._source.secret)


def client_of(
    source: Source,
    secret: dict[str, object],
    slots: Slots,
    *,
    tokens: Tokens | None = None,
    seconds_left: Callable[[], float] | None = None,
) -> Provider:
    """The client of a source. Raises Misconfigured when its secret has none of the declared shapes.

    `tokens` is where it shares an access token with others.
    """
    kind = load(source.provider)
    credentials = credentials_of(secret, kind.declaration, source.secret)
    hidden = [value for name, value in credentials.items() if name not in kind.declaration.public_fields]
    http = http_of(source, slots, secrets=hidden, seconds_left=seconds_left)
    account = Account(
        source=source.name,
        base_url=source.base_url,
        credentials=credentials,
        options=source.options,
        share_token=partial(tokens.get, _fingerprint(credentials)) if tokens else None,
    )
    return kind(http, account)


def _fingerprint(credentials: Mapping[str, Secret]) -> str:
    """Tells credentials apart. It is kept only where the token itself is."""
    fields = sorted((name, secret.reveal()) for name, secret in credentials.items())
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def http_of(
    source: Source,
    slots: Slots,
    *,
    secrets: Collection[Secret] = (),
    seconds_left: Callable[[], float] | None = None,
) -> Http:
    """The way to a source's provider, as its declaration and its settings draw it."""
    declaration = load(source.provider).declaration
    return Http(
        base_url=source.base_url,
        slots=slots,
        domains=declaration.domains,
        origins=declaration.origins(source.options),
        limit_headers=declaration.limit_headers,
        allow_private=source.allow_private_addresses,
        secrets=secrets,
        deadline=seconds_left,
    )


def credentials_of(secret: dict[str, object], declaration: Declaration, name: str) -> dict[str, Secret]:
    """The secret's fields in one of the declared shapes. Raises Misconfigured, which names fields and never values."""
    for shape in declaration.secret_fields:
        if all(_is_usable(secret.get(key)) for key in shape):
            return {key: Secret(str(secret[key])) for key in shape}
    shapes = ", or ".join(" and ".join(shape) for shape in declaration.secret_fields)
    raise Misconfigured(f"the secret {name} must be a JSON object with the texts {shapes}, without line breaks")


def _is_usable(value: object) -> bool:
    """Whether a secret's value is a text that a header can hold."""
    return isinstance(value, str) and bool(value) and value.isprintable()


def webhook_secrets_of(secret: dict[str, object], name: str) -> list[Secret]:
    """The secret's `webhook_secret`: a text, or several while it is rotated. Raises Misconfigured."""
    given = secret.get("webhook_secret", [])
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts):
        raise Misconfigured(
            f"the secret {name}: webhook_secret must be a text or an array of texts, none of them empty"
        )
    return [Secret(text) for text in texts]
