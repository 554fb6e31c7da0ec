"""Measurements of an image, a denoiser or a result that need no ground truth; ``names()`` lists the inspections of a denoiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_tweedie.analysis.inspections import Inspection, registry

    names: Callable[[], list[str]]
    load: Callable[..., Inspection]

__all__ = ["Inspection", "load", "names", "registry"]


def __getattr__(name: str) -> Any:
    """Import the inspections when one is asked for: measuring noise needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_tweedie.analysis import inspections

    return getattr(inspections.registry if name in ("load", "names") else inspections, name)


def __dir__() -> list[str]:
    return __all__
