"""The embedded engine's parts: where they live, whether they are here, how to get them."""

from refrain_sidecar.inference.models.installation import Installed, installed

__all__ = ["Installed", "installed"]
