"""What the cache raises. A fault of the store is never among it: that is a bypass, not an error."""

from __future__ import annotations


class CacheError(Exception):
    """Anything this library raises on purpose."""


class FingerprintError(CacheError, ValueError):
    """An ingredient cannot be in a fingerprint: NaN, a non-JSON type, a key that is no text."""


class NotJsonError(CacheError, ValueError):
    """The value cannot be stored and given back as it is."""


class CacheConfigError(CacheError, ValueError):
    """The `caching` section of a configuration file cannot be used."""


class CacheClosedError(CacheError, RuntimeError):
    """A verb was used on a cache that is not open."""


class PortableFileError(CacheError, ValueError):
    """A file given to import is not an export of this library, or is from a newer version."""


class OwnerFailedError(CacheError):
    """Another process was computing this very answer and failed; its error is in the message."""
