"""Interval stated for a pixel, and what is known of how often it holds the truth."""

from __future__ import annotations

from typing import ClassVar

from napari_tweedie.core.method import Method, Parameter


class Interval(Method):
    """An interval of the posterior, pixel by pixel, and its correction by calibration."""

    name: ClassVar[str] = "interval"
    title: ClassVar[str] = "Interval"

    level: float = Parameter(0.9, "Probability with which the interval shall hold the truth.", ge=0.5, le=0.99)
    factor: float = Parameter(
        1.0, "What its width is multiplied by, as calibration found; 1: as the samples say.", gt=0, le=100, advanced=True
    )
    coverage: float | None = Parameter(
        None, "Share of pixels whose truth lay in it when it was calibrated; none: not calibrated.", ge=0, le=1, advanced=True
    )

    alpha: float | None = Parameter(
        None, "Share of an image's pixels that lies outside at most, as calibration guarantees; none: no guarantee.", gt=0, lt=1,
        advanced=True,
    )  # fmt: skip
    delta: float | None = Parameter(
        None, "Probability that the calibration images mislead about that; none: no guarantee.", gt=0, lt=1, advanced=True
    )
    images: int | None = Parameter(None, "On how many images the guarantee rests; none: no guarantee.", ge=1, advanced=True)

    @property
    def is_plain(self) -> bool:
        """Whether it is as the samples say, and nothing is known of how often it holds the truth."""
        return self.factor == 1 and self.coverage is None

    def sentence(self) -> str:
        """Say what the interval is, and what was measured of it."""
        stated = f"{100 * self.level:.3g} % interval"
        if self.alpha is not None and self.delta is not None and self.images is not None:
            sure, outside = 100 * (1 - self.delta), 100 * self.alpha
            held = f"with {sure:.3g} % confidence at most {outside:.3g} % of the pixels of images like the {self.images}"
            return f"{stated}, {self.factor:.3g} times as wide: {held} it was calibrated on lie outside, on average"
        if self.coverage is None:
            return f"{stated}, not calibrated"
        return f"{stated}, measured coverage {100 * self.coverage:.1f} %"
