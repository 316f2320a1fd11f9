"""What can go wrong between us and a web service."""

from __future__ import annotations

from refrain_sidecar.http.repeating import RepeatableError


class ApiError(RepeatableError):
    """A web service gave no usable answer. `status` is None when there was no reply."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        safe_to_repeat: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, safe_to_repeat=safe_to_repeat, retry_after=retry_after)
        self.status = status
