"""A content-addressed cache for model answers, in one SQLite file."""

from refrain_cache.settings import CacheSettings

__all__ = ["CacheSettings"]
