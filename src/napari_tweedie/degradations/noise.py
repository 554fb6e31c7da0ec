"""Noise models of a measurement, by their names."""

from __future__ import annotations

from typing import Any

from napari_tweedie.core.registry import Bundle
from napari_tweedie.degradations.camera import Camera
from napari_tweedie.degradations.noise_models import Auto, Gaussian, Noise, Poisson, Quantised, Rician, Speckle

__all__ = ["Auto", "Camera", "Gaussian", "Noise", "Poisson", "Quantised", "Rician", "Speckle", "build", "registry", "simulated"]


class Noises(Bundle[Noise]):
    """The noise models; an empty description is `Auto`, parameters without a name are those of Gaussian noise."""

    def build(self, value: Any) -> Any:
        if isinstance(value, dict):
            value = {"name": Gaussian.name if value else Auto.name, **value}
        return super().build(Auto() if value is None else value)


registry = Noises("noise", (Auto, Camera, Gaussian, Poisson, Quantised, Rician, Speckle))
simulated = Noises("noise", (Gaussian, Poisson, Quantised, Rician, Speckle))
"""Those that can be added: of the automatic one nothing is known before an image is there."""
build = registry.build
