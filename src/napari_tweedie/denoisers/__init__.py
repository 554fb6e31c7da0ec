"""Denoisers f(x, σ): ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.registered import registry

names = registry.names
load = registry.load

__all__ = ["Denoiser", "load", "names", "registry"]


def __dir__() -> list[str]:
    return __all__
