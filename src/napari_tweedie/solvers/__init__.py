"""Solvers: ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.core.registry import Registry
from napari_tweedie.solvers.solver import Solver, State

registry: Registry[Solver] = Registry("napari_tweedie.solvers", Solver)
names = registry.names
load = registry.load

__all__ = ["Solver", "State", "load", "names", "registry"]


def __dir__() -> list[str]:
    return __all__
