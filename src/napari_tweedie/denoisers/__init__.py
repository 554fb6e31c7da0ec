"""Which denoisers f(x, σ) are there? ``names()`` lists them, ``load(name, **parameters)`` builds one."""

from __future__ import annotations

from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.method import Registry

registry: Registry[Denoiser] = Registry("napari_tweedie.denoisers")
names = registry.names
load = registry.load

__all__ = ["Denoiser", "load", "names", "registry"]
