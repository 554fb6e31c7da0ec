"""Objectives of learning from noisy images: ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.core.registry import Bundle
from napari_tweedie.training.objectives.adversarial import PSCGAN
from napari_tweedie.training.objectives.blind_spot import Noise2Void
from napari_tweedie.training.objectives.clean import Clean
from napari_tweedie.training.objectives.neighbours import Neighbor2Neighbor
from napari_tweedie.training.objectives.objective import Auto, Objective, Patches
from napari_tweedie.training.objectives.pairs import Noise2Noise
from napari_tweedie.training.objectives.recorrupted import Recorrupted2Recorrupted
from napari_tweedie.training.objectives.restoration import InDI, Regression
from napari_tweedie.training.objectives.stein import Stein

registry: Bundle[Objective] = Bundle(
    "objective",
    (Auto, Recorrupted2Recorrupted, Stein, Noise2Void, Neighbor2Neighbor, Noise2Noise, Clean, Regression, InDI, PSCGAN),
)
"""The objectives by their names."""
names = registry.names
load = registry.load

__all__ = ["Auto", "Objective", "Patches", "load", "names", "registry"]


def __dir__() -> list[str]:
    return __all__
