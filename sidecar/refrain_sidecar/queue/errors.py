"""What the queue raises, and what whoever runs a job for it raises."""

from __future__ import annotations


class QueueError(Exception):
    """The queue cannot be used. The message says why and what to do."""


class JobRefused(Exception):
    """A job that nobody can do, however often it is tried; the message says why."""


class NotNow(Exception):
    """What a job needs is away, which is not its fault; the message says what."""
