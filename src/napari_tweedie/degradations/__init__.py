"""Degradations A: ``names()`` lists them, ``load(name, **parameters)`` builds one; `Problem` and `noise` are measurements."""

from __future__ import annotations

from napari_tweedie.degradations import noise
from napari_tweedie.degradations.degradation import Degradation, registry
from napari_tweedie.degradations.problem import Problem

names = registry.names
load = registry.load

__all__ = ["Degradation", "Problem", "load", "names", "noise", "registry"]


def __dir__() -> list[str]:
    return __all__
