"""Clients of AWS's services, made by botocore.

boto3's are the same ones: `import boto3` adds resources, managed uploads and their documentation, which no function
uses and which take a seventh of a cold start.
"""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config

from functions.archiver.version import USER_AGENT


class Clients:
    """In the place of boto3's session. All clients share what was read of files and of the environment.

    botocore puts the name of the user agent together anew for each request unless one is given, which takes as long as
    the signature.
    """

    def __init__(self) -> None:
        self._session = botocore.session.get_session()
        self._session.set_default_client_config(Config(user_agent=USER_AGENT))

    def client(self, service: str, **how: Any) -> Any:
        """A client; `how` as boto3 takes it."""
        return self._session.create_client(service, **how)
