"""Denoised layers: regions and lines measured on the image that one was made of, by the covariance of its errors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from napari_tweedie.images.axes import spatial_count
from napari_tweedie.images.sources import layer_calibration
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import METADATA, image_array, made_of
from napari_tweedie.widgets.layers.samples import Found, frame_of, notes_on

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_tweedie.core.results import Result
    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.widgets.layers.regions import Regions

MOST_FRAMES = 16
"""Frames that are all measured at each change; of more, the one that is seen."""
NEEDS_SAMPLES = "Area and objects need samples: press How sure? and run it; means and intensities are here without."
ONE_FRAME = "The frame that is seen is measured, of {}."


@dataclass(frozen=True, eq=False)
class Denoised:
    """What a denoised layer was made of.

    Parameters
    ----------
    source : Image
        The layer that was denoised.
    array : array
        The noisy image, shape (frames …, [Z,] Y, X).
    recipe : Recipe
        What was done to it, each plane alone.
    axes : int
        How many of its last axes are spatial.
    spacing : tuple of float
        Size of a pixel along these.
    unit : str
        Unit of the spacing; "pixel" where it is not known.
    """

    source: Image
    array: Any
    recipe: Recipe
    axes: int
    spacing: tuple[float, ...]
    unit: str

    @classmethod
    def of(cls, layer: Image, layers: Iterable[Layer]) -> Denoised:
        """Take up a denoised layer, whose input is among those that are open.

        Raises
        ------
        ValueError
            If it is not, or has changed its shape, or is colour.
        """
        made = layer.metadata[METADATA]
        source = next((each for each in layers if isinstance(each, Image) and each.name == made["input"]), None)
        if source is None:
            raise ValueError(f"measuring takes the image that was denoised: the layer {made['input']!r} is not open")
        if layer.rgb:
            raise ValueError("colour images cannot be measured: split the layer into channels")
        crop = Crop(tuple(made["crop"]["start"]), tuple(made["crop"]["stop"]))
        array = image_array(source)
        if len(crop.start) != array.ndim or any(last > length for last, length in zip(crop.stop, array.shape, strict=True)):
            raise ValueError(f"the layer {source.name!r} is not what it was when it was denoised: denoise it again")
        recipe = Recipe(**made["recipe"])
        spatial = spatial_count(recipe.axes)
        sizes = layer_calibration(layer, recipe.axes)
        return cls(source, crop.of(array), recipe, spatial, tuple(sizes.spacing[-spatial:]), sizes.unit)

    def is_same(self, other: Denoised) -> bool:
        """Tell whether both are of the same pixels and the same recipe."""
        return self.source is other.source and self.shape == other.shape and self.recipe == other.recipe

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the image."""
        return tuple(self.array.shape)

    def frame(self, layer: Image, point: tuple[float, ...]) -> tuple[int, ...]:
        """Return which frame is seen at a point of the world."""
        return frame_of(layer, point, self.shape[: len(self.shape) - self.axes], 0)

    @cached_property
    def channels(self) -> dict[int, Channel]:
        """Noise and range of every channel, measured once."""
        from napari_tweedie.engine.run import measure

        return dict(enumerate(measure(self.recipe, self.array)))

    def measure(self, regions: Regions, *, frame: tuple[int, ...], threshold: float | None, level: float) -> Found:
        """Measure regions and lines; errors are those of a run."""
        from napari_tweedie.engine.quantities import summed

        notes = list(notes_on(regions))
        notes += [NEEDS_SAMPLES] if threshold is not None else []
        frames = prod(self.shape[: len(self.shape) - self.axes])
        every = frames <= MOST_FRAMES
        notes += [] if every else [ONE_FRAME.format(frames)]
        quantities = []
        if regions.labels.any():
            result = self._run({"labels": regions.labels, "level": level}, () if every else frame)
            quantities = summed(result, regions.labels.ndim)
        return Found(quantities, self._profiles(regions, frame, level), frame, self.unit, tuple(notes))

    def _profiles(self, regions: Regions, frame: tuple[int, ...], level: float) -> dict[int, Any]:
        from napari_tweedie.analysis.profiles import points_along
        from napari_tweedie.engine.quantities import profiles_of

        if not regions.lines:
            return {}
        middle = (self.shape[-3] // 2,) if self.axes == 3 else ()
        deep = middle if self.recipe.volume else ()
        ends = [[(*deep, *end) for end in line] for line in regions.lines.values()]
        lines = tuple((*map(float, first), *map(float, last)) for first, last in ends)
        place = frame if self.recipe.volume or self.axes == 2 else (*frame, *middle)
        result = self._run({"lines": lines, "level": level}, place)
        (block,) = result.provenance["read"]["blocks"]
        found = profiles_of(result, block, [points_along(*line) for line in ends], self.spacing)
        return dict(zip(regions.lines, found, strict=True))

    def _run(self, regions: dict[str, Any], place: tuple[int, ...]) -> Result:
        """Measure on the blocks of a place along the first axes."""
        from napari_tweedie.engine.run import run_region

        inside = [slice(0, length) for length in self.shape]
        inside[: len(place)] = [slice(at, at + 1) for at in place]
        asked = self.recipe.model_copy(update={"job": "measure", "probes": 0, "neighbours": "none"})
        asked = Recipe(**{**dict(asked), "regions": regions})
        return run_region(asked, self.array, self.channels, inside if place else None)


def was_denoised(layer: Layer) -> bool:
    """Tell whether a layer is a denoised image in one step."""
    made = made_of(layer)
    recipe = made.get("recipe", {})
    plain = recipe.get("job") == "denoise" and not recipe.get("first")
    return isinstance(layer, Image) and plain and made.get("result") == "denoised" and "crop" in made and not made.get("lazy")
