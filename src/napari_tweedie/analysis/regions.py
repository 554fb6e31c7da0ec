"""Regions that are measured: what is measured of them, and how sure the interval shall be."""

from __future__ import annotations

from typing import ClassVar

from napari_tweedie.core.method import Method, Parameter


class Regions(Method):
    """Regions whose mean and integrated intensity, and above a threshold area and number of objects, are measured.

    Each number comes with the interval that holds the truth with the stated probability.
    """

    name: ClassVar[str] = "regions"
    title: ClassVar[str] = "Regions"

    threshold: float | None = Parameter(
        None, "Grey level above which pixels count as area and make up objects; none: neither is measured.", unit="counts"
    )
    level: float = Parameter(0.9, "Probability with which an interval shall hold the truth.", ge=0.5, le=0.99)
