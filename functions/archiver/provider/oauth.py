"""Answers of OAuth's token endpoints, which are the same everywhere."""

from __future__ import annotations

from functions.archiver.errors import Unauthorized
from functions.archiver.http.responses import Answer
from functions.archiver.provider.json_values import mapping_of, number_of
from functions.archiver.recording import Json

REFUSED = 400
"""How OAuth refuses a client or its grant (RFC 6749, 5.2). A token request has to handle this status."""

_DEFAULT_LIFETIME_SECONDS = 600.0


def token_of(answer: Answer) -> tuple[Json, float]:
    """The access token and how many seconds it lasts. Raises Unauthorized where the client was refused."""
    if answer.status == REFUSED:
        raise Unauthorized("the token request was refused")
    document = mapping_of(answer.json())
    return document.get("access_token"), number_of(document.get("expires_in")) or _DEFAULT_LIFETIME_SECONDS
