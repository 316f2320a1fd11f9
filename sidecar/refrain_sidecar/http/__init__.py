"""The HTTP client for other web services: pooled, patient, polite, and cached.

A GET that was answered is kept under kind `api` for `caching.ttl_api` and replayed, so a worker
that calls web services gains as its model calls do.
"""

from refrain_sidecar.http.client import ApiClient
from refrain_sidecar.http.errors import ApiError
from refrain_sidecar.http.reply import ApiReply

__all__ = ["ApiClient", "ApiError", "ApiReply"]
