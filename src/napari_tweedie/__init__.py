"""A denoiser is a model of what images look like: denoise, restore and sample napari layers with it.

>>> import napari_tweedie as nt
>>> nt.denoise(image).image                                   # the noise is measured, nothing else is needed
>>> nt.restore(image, "gaussian-blur", std=2).image
>>> nt.sample(image, samples=16).std
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_tweedie import analysis, degradations, denoisers, samplers, solvers
    from napari_tweedie.core.results import Result
    from napari_tweedie.engine.camera import camera_maps
    from napari_tweedie.engine.functions import decompose, denoise, measure_noise, restore, run, sample
    from napari_tweedie.engine.learning_session import learn
    from napari_tweedie.engine.packages import write_package
    from napari_tweedie.engine.psf_estimate import estimate_psf
    from napari_tweedie.engine.quantities import measure, profile
    from napari_tweedie.images.files import read, write
    from napari_tweedie.recipe import Recipe

    __version__: str

_FROM = {
    "engine.camera": ("camera_maps",),
    "engine.functions": ("decompose", "denoise", "measure_noise", "restore", "run", "sample"),
    "engine.learning_session": ("learn",),
    "engine.quantities": ("measure", "profile"),
    "engine.packages": ("write_package",),
    "engine.psf_estimate": ("estimate_psf",),
    "images.files": ("read", "write"),
    "recipe": ("Recipe",),
    "core.results": ("Result",),
}
_ROOMS = ("analysis", "degradations", "denoisers", "samplers", "solvers")

__all__ = [
    "Recipe", "Result", "__version__", "analysis", "camera_maps", "decompose", "degradations", "denoise", "denoisers",
    "estimate_psf", "learn", "measure", "measure_noise", "profile", "read", "restore", "run", "sample", "samplers", "solvers",
    "write", "write_package",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is: the package itself loads nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-tweedie")
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    for module, names in _FROM.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
