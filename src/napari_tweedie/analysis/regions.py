"""Regions and lines that are measured: where they lie, what is measured of them, and how sure the interval shall be."""

from __future__ import annotations

from typing import ClassVar

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.method import Method, Parameter


class Regions(Method):
    """Regions whose mean and integrated intensity, and above a threshold area and number of objects, are measured.

    Each number comes with the interval that holds the truth with the stated probability.
    """

    name: ClassVar[str] = "regions"
    title: ClassVar[str] = "Regions"

    labels: ArrayInput = Parameter(
        Input(None), "A number for every pixel of a region, 0 for none, over the last axes of the image.", layer="labels"
    )
    lines: tuple[tuple[float, ...], ...] = Parameter(
        (), "Lines along which there are profiles: the pixel at which each begins, and that at which it ends.", advanced=True
    )
    threshold: float | None = Parameter(
        None, "Grey level above which pixels count as area and make up objects; none: neither is measured.", unit="counts"
    )
    level: float = Parameter(0.9, "Probability with which an interval shall hold the truth.", ge=0.5, le=0.99)
