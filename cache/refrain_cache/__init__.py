"""A content-addressed cache for model answers, in one SQLite file."""

from refrain_cache.accounts.stats import CacheStats, KindStats, ModelStats, TimelinePoint
from refrain_cache.accounts.tally import Percentiles
from refrain_cache.cache import AsyncCache
from refrain_cache.cached import cached
from refrain_cache.entry import (
    CacheState,
    Difference,
    Entry,
    EntryPage,
    Explanation,
    Outcome,
    Progress,
    Purged,
    Selection,
    SharedState,
    Transferred,
    Verified,
)
from refrain_cache.errors import (
    CacheClosedError,
    CacheConfigError,
    CacheError,
    CacheUnavailableError,
    EntryError,
    FingerprintError,
    NotJsonError,
    OwnerFailedError,
    PortableFileError,
    RecursiveComputeError,
)
from refrain_cache.fingerprint import Fingerprint, fingerprint, normalised
from refrain_cache.settings import (
    CacheSettings,
    SharedSettings,
    find_config,
    read_cache_settings,
    resolve_cache_dir,
)
from refrain_cache.sync import Cache, get_cache
from refrain_cache.timing import Clock, SystemClock, Timing

__all__ = [
    "AsyncCache",
    "Cache",
    "CacheClosedError",
    "CacheConfigError",
    "CacheError",
    "CacheSettings",
    "CacheState",
    "CacheStats",
    "CacheUnavailableError",
    "Clock",
    "Difference",
    "Entry",
    "EntryError",
    "EntryPage",
    "Explanation",
    "Fingerprint",
    "FingerprintError",
    "KindStats",
    "ModelStats",
    "NotJsonError",
    "Outcome",
    "OwnerFailedError",
    "Percentiles",
    "PortableFileError",
    "Progress",
    "Purged",
    "RecursiveComputeError",
    "Selection",
    "SharedSettings",
    "SharedState",
    "SystemClock",
    "TimelinePoint",
    "Timing",
    "Transferred",
    "Verified",
    "cached",
    "find_config",
    "fingerprint",
    "get_cache",
    "normalised",
    "read_cache_settings",
    "resolve_cache_dir",
]
