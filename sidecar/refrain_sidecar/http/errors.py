"""What can go wrong between us and a web service."""

from __future__ import annotations


class ApiError(Exception):
    """A web service gave no usable answer. `status` is None when there was no reply."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        again: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.again = again
        self.retry_after = retry_after
