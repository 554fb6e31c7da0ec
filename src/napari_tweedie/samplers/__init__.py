"""Samplers of p(x | y): ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.core.registry import Registry
from napari_tweedie.core.results import State
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise

registry: Registry[Sampler] = Registry("napari_tweedie.samplers", Sampler)
names = registry.names
load = registry.load

__all__ = ["Sampler", "State", "WhiteNoise", "load", "names", "registry"]


def __dir__() -> list[str]:
    return __all__
