"""Degradations A: ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.degradations.degradation import Degradation, registry

names = registry.names
load = registry.load

__all__ = ["Degradation", "load", "names", "registry"]
