"""Registry of the denoisers, bundled and third-party: functions and networks of others are taken as they are."""

from __future__ import annotations

from typing import Any

from napari_tweedie.core.registry import Registry
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.external import wrapped


class Denoisers(Registry[Denoiser]):
    """The denoisers; third parties may register a function or an ``nn.Module`` as it is."""

    def method(self, name: str) -> type[Denoiser]:
        found: Any = super().method(name)
        if isinstance(found, type) and issubclass(found, Denoiser):
            return found
        return wrapped(name, found)


registry = Denoisers("napari_tweedie.denoisers")
"""The denoisers by their names."""
