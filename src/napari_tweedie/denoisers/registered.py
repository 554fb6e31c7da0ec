"""Registry of the denoisers, bundled and third-party: functions and networks of others are taken as they are."""

from __future__ import annotations

from typing import Any

from napari_tweedie.core.method import Method
from napari_tweedie.core.registry import Registry
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.external import wrapped


class Denoisers(Registry[Denoiser]):
    """The denoisers; third parties may register a function f(x, σ) or an ``nn.Module`` as it is."""

    def accepted(self, name: str, found: Any) -> type[Denoiser]:
        is_method = isinstance(found, type) and issubclass(found, Method)
        return wrapped(name, found) if callable(found) and not is_method else super().accepted(name, found)

    def build(self, value: Any) -> Any:
        """Build a denoiser also from a function or module f(x, sigma)."""
        if callable(value) and not isinstance(value, Denoiser):
            return wrapped(getattr(value, "__name__", type(value).__name__), value)()
        return super().build(value)


registry = Denoisers("napari_tweedie.denoisers", Denoiser)
"""The denoisers by their names."""
