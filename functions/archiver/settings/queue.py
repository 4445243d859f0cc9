"""Settings on which the lanes' queue and its readers have to agree."""

from __future__ import annotations

MAX_RECEIVE_COUNT = 3
"""SQS buries a message after so many receives. The downloader takes a readable one off the queue before that."""
