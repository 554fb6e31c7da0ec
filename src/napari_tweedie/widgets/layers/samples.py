"""Samples of a posterior as a layer: what they are of, and regions and lines measured on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer

from napari_tweedie.images.axes import guess_axes, spatial_count
from napari_tweedie.images.sources import layer_calibration
from napari_tweedie.images.units import area_of_pixel
from napari_tweedie.widgets.layers.input import image_array, made_of, recipe_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.analysis.profiles import Profile
    from napari_tweedie.analysis.quantity import Quantity
    from napari_tweedie.widgets.layers.regions import Regions

SAMPLE = "sample"
"""Label of the axis along which samples lie."""


@dataclass(frozen=True)
class Found:
    """What was measured.

    Parameters
    ----------
    quantities : list of Quantity
        Of all regions and frames.
    profiles : dict of int to Profile
        Along every line, in the frame that is seen.
    frame : tuple of int
        That frame.
    unit : str
        Unit of distances.
    notes : tuple of str
        What the user should know, a sentence each.
    """

    quantities: list[Quantity]
    profiles: Mapping[int, Profile]
    frame: tuple[int, ...]
    unit: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Samples:
    """Samples of a posterior.

    Parameters
    ----------
    array : array
        Shape (samples, frames …, [Z,] Y, X).
    axes : int
        How many of the last axes are spatial.
    spacing : tuple of float
        Size of a pixel along these.
    unit : str
        Unit of the spacing; "pixel" where it is not known.
    factor : float
        How much further apart they should lie, as calibration found.
    """

    array: Any
    axes: int
    spacing: tuple[float, ...]
    unit: str
    factor: float

    @classmethod
    def of(cls, layer: Image) -> Samples:
        """Take a layer's samples.

        Raises
        ------
        ValueError
            If they are no draws from the posterior, or colour.
        """
        made = made_of(layer)
        if made.get("result") == "diverse samples":
            raise ValueError("these are diverse samples, whose spread says nothing: choose another sampler in How sure?")
        if layer.rgb:
            raise ValueError("colour images cannot be measured: split the layer into channels")
        axes = recipe_of(layer).get("axes") or guess_axes((1,) * (layer.ndim - 1), layer.axis_labels[1:])
        spatial = spatial_count(axes)
        sizes = layer_calibration(layer, "q" + axes)
        spacing = tuple(size for axis, size in zip("q" + axes, sizes.spacing, strict=True) if axis in "zyx")[-spatial:]
        factor = float(made.get("recipe", {}).get("interval", {}).get("factor", 1.0))
        return cls(image_array(layer), spatial, spacing, sizes.unit, factor)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return tuple(self.array.shape[1:])

    def frame(self, layer: Image, point: tuple[float, ...]) -> tuple[int, ...]:
        """Return which frame is seen at a point of the world."""
        return frame_of(layer, point, self.array.shape[1 : self.array.ndim - self.axes], 1)

    def measure(self, regions: Regions, *, frame: tuple[int, ...], threshold: float | None, level: float) -> Found:
        """Measure regions and lines; errors are those of `measure_regions`."""
        from napari_tweedie.analysis.measurements import measure_regions, widened

        samples = widened(np.asarray(self.array), self.factor)
        quantities: list[Quantity] = []
        if regions.labels.any():
            axes = min(self.axes, regions.labels.ndim)
            pixel, unit = area_of_pixel(self.spacing[-axes:], self.unit)
            wanted: dict[str, Any] = {"level": level, "threshold": threshold, "pixel": pixel, "unit": unit, "axes": axes}
            quantities += measure_regions(samples, regions.labels, **wanted)
        return Found(quantities, self._profiles(samples, regions, frame, level), frame, self.unit, self._notes(regions))

    def _profiles(self, samples: NDArray[Any], regions: Regions, frame: tuple[int, ...], level: float) -> dict[int, Profile]:
        from napari_tweedie.analysis.profiles import line_profile

        place: Any = (slice(None), *frame)
        seen = samples[place]
        plane = seen if self.axes == 2 else seen[:, seen.shape[1] // 2]
        return {
            number: line_profile(plane, *ends, level=level, spacing=self.spacing[-2:]) for number, ends in regions.lines.items()
        }

    def _notes(self, regions: Regions) -> tuple[str, ...]:
        notes = list(notes_on(regions))
        if self.factor != 1:
            notes.append(f"Intervals are {self.factor:.3g} times as wide as the samples say, as calibration found.")
        return tuple(notes)


def frame_of(layer: Image, point: tuple[float, ...], lengths: tuple[int, ...], before: int) -> tuple[int, ...]:
    """Return which frame of a layer, of so many along its axes after the first `before`, is seen at a point of the world."""
    pixel = np.asarray(layer.world_to_data(np.asarray(point, dtype=float)[-layer.ndim :]))
    where = pixel[before : before + len(lengths)]
    return tuple(int(np.clip(round(float(at)), 0, length - 1)) for at, length in zip(where, lengths, strict=True))


def notes_on(regions: Regions) -> tuple[str, ...]:
    """Say which regions gave pixels to others."""
    names = ", ".join(map(str, regions.overlapping))
    return (f"Pixels of region {names} that lie in a later one count there.",) if names else ()


def holds_samples(layer: Layer) -> bool:
    """Tell whether a layer holds samples along its first axis."""
    return isinstance(layer, Image) and layer.ndim > 2 and layer.axis_labels[0] == SAMPLE
