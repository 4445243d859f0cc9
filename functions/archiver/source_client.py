"""A source's provider client, made from its settings and its secret."""

from __future__ import annotations

from functions.archiver.errors import Misconfigured
from functions.archiver.provider.declaration import Declaration
from functions.archiver.secret import Secret


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
