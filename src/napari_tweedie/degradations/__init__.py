"""Which degradations A are there? ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.core.registry import Registry
from napari_tweedie.degradations.degradation import Degradation

registry: Registry[Degradation] = Registry("napari_tweedie.degradations")
names = registry.names
load = registry.load

__all__ = ["Degradation", "load", "names", "registry"]
