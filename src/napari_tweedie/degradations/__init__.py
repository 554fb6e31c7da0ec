"""Which degradations A are there? ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.degradations.operator import Degradation
from napari_tweedie.registry import Registry

registry: Registry[Degradation] = Registry("napari_tweedie.degradations")
names = registry.names
load = registry.load

__all__ = ["Degradation", "load", "names", "registry"]
