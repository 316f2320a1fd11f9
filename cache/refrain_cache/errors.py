"""What the cache raises.

No lookup raises for a fault of the file: that is a bypass, not an error.
"""

from __future__ import annotations


class CacheError(Exception):
    """Anything this library raises on purpose."""


class FingerprintError(CacheError, ValueError):
    """An ingredient cannot be in a fingerprint: NaN, a non-JSON type, a key that is no text."""


class EntryError(CacheError, ValueError):
    """What was to be stored is no valid entry: its value, ttl, cost, label or model is wrong."""


class NotJsonError(EntryError):
    """The value cannot be stored and given back as it is."""


class CacheConfigError(CacheError, ValueError):
    """The `caching` section of a configuration file cannot be used."""


class CacheClosedError(CacheError, RuntimeError):
    """A verb was used on a cache that is not open."""


class CacheUnavailableError(CacheError):
    """The file cannot be used, so what was asked of it (a purge, for one) was not done, or half."""


class RecursiveComputeError(CacheError):
    """A compute asked, itself or through others, for the very answer it is computing."""


class PortableFileError(CacheError, ValueError):
    """A file given to import is not an export of this library, or is from a newer version."""


class OwnerFailedError(CacheError):
    """Another process was computing this very answer and failed; the message says with what."""
