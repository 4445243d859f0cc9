"""What the lanes' queue and those who read it have to agree on."""

from __future__ import annotations

MAX_RECEIVE_COUNT = 3
"""SQS buries a message after so many receives. The downloader takes a readable one off the queue before that."""
