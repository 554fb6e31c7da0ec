"""Which denoisers f(x, σ) are there? ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from typing import Any

from napari_tweedie.core.registry import Registry
from napari_tweedie.denoisers.denoiser import Denoiser


class Denoisers(Registry[Denoiser]):
    """The denoisers; third parties may register a function or an ``nn.Module`` as it is."""

    def method(self, name: str) -> type[Denoiser]:
        found: Any = super().method(name)
        if isinstance(found, type) and issubclass(found, Denoiser):
            return found
        from napari_tweedie.denoisers.external import wrapped

        return wrapped(name, found)


registry = Denoisers("napari_tweedie.denoisers")
names = registry.names
load = registry.load

__all__ = ["Denoiser", "load", "names", "registry"]
