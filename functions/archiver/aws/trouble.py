"""Turns what botocore raises into trouble of the archive's own side, which names the service and its code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore.exceptions import BotoCoreError, ClientError

from functions.archiver.errors import ArchiveTrouble, Service

_OUR_MISTAKES = ("ValidationException",)
"""What no waiting mends: it raises as it is, and the function's errors tell."""


@contextmanager
def trouble_of(service: Service) -> Iterator[None]:
    """Raises ArchiveTrouble in place of botocore's own errors; a block, or a decorator of a function."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _OUR_MISTAKES:
            raise
        raise ArchiveTrouble(_service(service, error), code) from None
    except BotoCoreError as error:
        raise ArchiveTrouble(service, type(error).__name__) from None


def _service(asked: Service, error: ClientError) -> Service:
    """Whose trouble it is: S3 and SQS answer in place of the key that they could not use."""
    told = error.response["Error"]
    by_key = told["Code"].lower().startswith("kms") or " kms:" in f" {told.get('Message', '')}"
    return Service.KMS if by_key else asked


def passing_trouble(error: BaseException | None) -> str | None:
    """AWS's own word for what waiting mends: no answer, an error of its side, too many calls; else None."""
    if isinstance(error, BotoCoreError):
        return type(error).__name__
    if not isinstance(error, ClientError):
        return None
    code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return code if status >= HTTPStatus.INTERNAL_SERVER_ERROR or "Throttl" in code else None
