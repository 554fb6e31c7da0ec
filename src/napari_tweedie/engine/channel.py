"""Channel of an image: what is known of it before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.analysis.impulses import find_impulses, resampled
from napari_tweedie.analysis.line_offsets import NO_LINES, LineOffsets
from napari_tweedie.analysis.noise_colour import identify_colours, sentence
from napari_tweedie.analysis.noise_kind import NoiseKind, identify_noise
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.noise_map import NOWHERE, NoiseMap
from napari_tweedie.analysis.noise_model import NoiseFit
from napari_tweedie.analysis.noise_of_blurred import law_of_noise
from napari_tweedie.analysis.outliers import find_outliers
from napari_tweedie.analysis.rayleigh import rayleigh_level
from napari_tweedie.analysis.special_noise import in_places, of_magnitudes, of_speckle, speckle
from napari_tweedie.analysis.speckle import speckle_law
from napari_tweedie.degradations.correlation import Correlation
from napari_tweedie.degradations.noise import Auto, Gaussian, Noise, Poisson, Rician, Speckle, build
from napari_tweedie.denoisers.levels import SCALES, levels_of_autocovariance
from napari_tweedie.images.colour_stabilisation import StabilisedColour
from napari_tweedie.images.intensity import Intensity, are_alike, to_opponent
from napari_tweedie.images.missing import mean_level
from napari_tweedie.images.rician import Magnitude
from napari_tweedie.images.speckle import Multiplicative
from napari_tweedie.images.stabilisation import Anscombe, Stabilised, Transform

NOT_NOISE = ("fit", "correlation", "decision", "told", "lines", "colours", "levels", "separate", "impulses", "places")
"""What `Channel.report` tells besides the noise model."""
LEAST_SHARE = 0.7
"""Share of the noise of plain places that must be found beyond a blur: where less is, it was filtered after the detector."""


@dataclass(frozen=True)
class Channel:
    """What all blocks of a channel share.

    Parameters
    ----------
    intensity : Intensity
        The map of its grey levels to about [0, 1]; `Stabilised` where it makes photon noise the same everywhere.
    sigma : float
        Its noise level in grey levels; where it depends on the signal, the root mean square.
    noise : Noise
        Its noise model, with nothing left open.
    fit : NoiseFit, optional
        How gain, offset and read noise were estimated.
    correlation : Correlation, optional
        How neighbours share noise, in units in which it is the same everywhere; None: not at all.
    decision : str
        What the noise is and why, in a sentence; empty where nothing was to decide.
    told : str
        What a user should know: what was chosen and why, or why another noise than the one that was given would suit.
    strength : float
        How many times as strong as it is the noise is taken to be by what removes it.
    lines : LineOffsets
        What whole rows and columns share, which is taken off before anything else.
    colours : tuple of Poisson
        The photon noise of red, green and blue, where that was found or given; `noise` is that of green then.
    levels : tuple
        Positions along the axis of frames, and the noise levels there, where they differ and frames are not measured one by one.
    separate : bool
        Whether red, green and blue are denoised apart, as they show too little in common.
    impulses : tuple of float
        Grey levels that pixels were set to wherever they lie, see `find_impulses`.
    places : NoiseMap
        How much stronger or weaker than `pixel_level` the noise is from place to place.
    """

    intensity: Intensity
    sigma: float
    noise: Noise
    fit: NoiseFit | None = None
    correlation: Correlation | None = None
    decision: str = ""
    told: str = ""
    strength: float = 1.0
    lines: LineOffsets = NO_LINES
    colours: tuple[Poisson, ...] = ()
    levels: tuple[tuple[int, float], ...] = ()
    separate: bool = False
    impulses: tuple[float, ...] = ()
    places: NoiseMap = NOWHERE

    @classmethod
    def of(
        cls,
        planes: Sequence[NDArray[Any]],
        noise: Noise,
        stabilises: bool = False,
        blur: NDArray[Any] | None = None,
        lines: bool = False,
        magnitudes: bool = False,
        places: bool = False,
    ) -> Self:
        """Measure what `noise` leaves open on some planes, in which missing pixels are NaN.

        Parameters
        ----------
        planes : sequence of array
            Planes (Y, X) in grey levels.
        noise : Noise
            What is known of the noise.
        stabilises : bool
            Whether photon noise is to be made the same everywhere.
        blur : array, optional
            The point-spread function with which they are blurred, ([Z,] Y, X); their noise is told from it better.
        lines : bool
            Whether what whole rows and columns share may be taken off.
        magnitudes : bool
            Whether the noise may be found to be that of magnitudes.
        places : bool
            Whether it may be found to differ from place to place; planes are whole ones then, all of the same place.

        Raises
        ------
        ValueError
            If the noise cannot be measured on these planes.
        """
        found = _identified(planes, noise, lines, magnitudes, places)
        planes = [found.lines.without(plane) for plane in planes] if found else planes
        if blur is not None and found is not None and not isinstance(found.noise, Rician | Speckle) and not found.places:
            found = replace(_of_blurred(planes, noise, found, blur), lines=found.lines)
        resolved = noise if found is None else found.noise
        sigma = resolved.level(mean_level(planes))
        assert sigma is not None
        known = (found.fit, found.correlation, found.sentence()) if found else (None, None, "")
        told = known[-1] if isinstance(noise, Auto) else ""
        if stabilises and not isinstance(noise, Auto | Rician | Speckle):
            told = identify_noise(planes).advice(resolved, found is not None and found.correlation is not None, planes)
        transform = _transform(resolved) if stabilises else None
        intensity = Intensity.of(planes) if transform is None else Stabilised.by(transform, planes)
        channel = cls(intensity, sigma, resolved, *known, told)
        return replace(channel, lines=found.lines, places=found.places) if found else channel

    @classmethod
    def of_colour(
        cls, stacks: Sequence[NDArray[Any]], noise: Noise, stabilises: bool = False, blur: NDArray[Any] | None = None
    ) -> Self:
        """Measure what `noise` leaves open on some planes (3, Y, X) of a colour image; else as `of`.

        Where its noise is that of photons each colour has a model of its own; other noise is measured on lightness and colour
        differences, and is the same for all.
        """
        kinds = identify_colours(stacks, noise) if stabilises else None
        separate = stabilises and not are_alike(stacks)
        if kinds is None:
            model = noise.of_one_level()
            if separate:
                return replace(cls.of([plane for stack in stacks for plane in stack], model, stabilises), separate=True)
            opponents = [plane for stack in stacks for plane in to_opponent(stack.astype(np.float32))]
            return cls.of(opponents, model, stabilises, blur)
        colours = tuple(kind.noise for kind in kinds if isinstance(kind.noise, Poisson))
        means = (mean_level([stack[n] for stack in stacks]) for n in range(3))
        levels = [model.level(mean) or 0.0 for model, mean in zip(colours, means, strict=True)]
        shapes = [kind.correlation for kind in kinds if kind.correlation is not None]
        shape = shapes[0] if len(shapes) > 1 else None
        intensity = StabilisedColour.of_stacks(tuple(map(_anscombe, colours)), stacks, not separate)
        said = sentence(kinds)
        told = said if isinstance(noise, Auto) else ""
        sigma = float(np.sqrt(np.mean(np.square(levels))))
        return cls(intensity, sigma, colours[1], kinds[1].fit, shape, said, told, colours=colours, separate=separate)

    def outliers(self, plane: NDArray[Any]) -> NDArray[np.bool_]:
        """Return which pixels of a plane (Y, X), in grey levels, neither their neighbours nor the noise explain."""
        impulses = find_impulses(plane, self.impulses, self.noise_at)
        if isinstance(self.noise, Speckle):  # which is far from normal where its looks are few
            return impulses
        rest = np.where(impulses, np.nan, plane) if impulses.any() else plane
        if (transform := _transform(self.noise)) is not None:
            return impulses | find_outliers(self._as_even(transform.forward(rest)), 1.0)
        return impulses | find_outliers(self._as_even(rest), self.sigma)

    def _as_even(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane with the noise of all places equally strong, around its median."""
        if not self.places:
            return plane
        middle = np.nanmedian(plane)
        return np.asarray(middle + (plane - middle) / self.places.over(plane.shape))

    def noise_at(self, brightness: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviation of the noise where the image has given grey levels."""
        return np.full(brightness.shape, self.sigma) if self.noise.is_uniform else self.noise.levels(brightness)

    def evened(self, plane: NDArray[Any]) -> NDArray[Any]:
        """Return a plane (Y, X) as noise is measured on it: without impulses, and what whole rows and columns share."""
        return self.lines.without(resampled(plane, find_impulses(plane, self.impulses)))

    @property
    def is_stabilised(self) -> bool:
        """Whether its noise, which follows the brightness, is made the same everywhere."""
        return isinstance(self.intensity, Stabilised)

    @property
    def keeps_light(self) -> bool:
        """Whether the mean of its noise is 0, so that an estimate has the light of the measurement."""
        return not isinstance(self.noise, Rician)

    @property
    def takes_colours(self) -> bool:
        """Whether its map takes red, green and blue rather than lightness and colour differences."""
        return bool(self.colours) or self.separate

    @property
    def pixel_level(self) -> float:
        """The standard deviation, after `intensity`, that the noise of a pixel is taken to have."""
        return self.strength * (1.0 if self.is_stabilised else self.sigma) / self.intensity.scale

    def in_frame(self, position: int) -> Channel:
        """Return this channel as it is in a frame, its level between those of the nearest frames that are known."""
        if not self.levels or not isinstance(self.noise, Gaussian):
            return self
        positions, levels = zip(*self.levels, strict=True)
        level = float(np.interp(position, positions, levels))
        return replace(self, sigma=level, noise=self.noise.model_copy(update={"sigma": level}))

    def beginning(self, position: int, row: int = 0, column: int = 0) -> Channel:
        """Return this channel for frames, and pixels, that are counted from a position on."""
        if not self.levels and not self.places:
            return self
        levels = tuple((at - position, level) for at, level in self.levels)
        return replace(self, levels=levels, places=self.places.beginning(row, column))

    def taken_for(self, strength: float) -> Channel:
        """Return this channel with its noise taken to be so many times as strong."""
        return replace(self, strength=strength)

    @property
    def level(self) -> float:
        """The level after `intensity` of the white noise that methods of white noise should take the noise for.

        Where it is correlated that is what is left at the pixel size or at twice that, whichever is more.
        """
        if self.correlation is None:
            return self.pixel_level
        coarse = SCALES.index((2, 2))
        return self.pixel_level * max(1.0, float(levels_of_autocovariance(self.correlation.autocorrelation())[coarse]))

    @classmethod
    def restored(cls, intensity: tuple[float, float], sigma: float, report: Mapping[str, Any], stabilises: bool) -> Self:
        """Return a channel from what was stored of it: offset and scale, noise level, and `report`."""
        noise = build({name: value for name, value in report.items() if name not in NOT_NOISE})
        correlation = Correlation.restored(report["correlation"]) if report.get("correlation") else None
        fit = report.get("fit")
        points = NoiseFit(**{**fit, "means": tuple(fit["means"]), "variances": tuple(fit["variances"])}) if fit else None
        lines = LineOffsets.restored(report["lines"]) if report.get("lines") else NO_LINES
        known = (points, correlation, report.get("decision", ""), report.get("told", ""), 1.0, lines)
        separate, impulses = bool(report.get("separate")), tuple(map(float, report.get("impulses", ())))
        places = NoiseMap.restored(report["places"]) if report.get("places") else NOWHERE
        colours = tuple(build(each) for each in report.get("colours", ()))
        if stabilises and colours:
            transforms = tuple(map(_anscombe, colours))
            map_ = StabilisedColour(*intensity, transforms[1], transforms, not separate)
            return cls(map_, sigma, noise, *known, colours=colours, separate=separate)
        if stabilises and (transform := _transform(noise)) is not None:
            return cls(Stabilised(*intensity, transform), sigma, noise, *known, impulses=impulses, places=places)
        levels = tuple((int(position), float(level)) for position, level in report.get("levels", ()))
        rest: dict[str, Any] = {"levels": levels, "separate": separate, "impulses": impulses, "places": places}
        return cls(Intensity(*intensity), sigma, noise, *known, **rest)

    def report(self) -> dict[str, Any]:
        """Return the noise, and what it was found from, ready for JSON."""
        points = {"fit": asdict(self.fit)} if self.fit else {}
        shape = {"correlation": self.correlation.describe()} if self.correlation else {}
        colours: dict[str, Any] = {"colours": [each.describe() for each in self.colours]} if self.colours else {}
        colours |= {"separate": True} if self.separate else {}
        levels = {"levels": [list(each) for each in self.levels]} if self.levels else {}
        words = {name: text for name, text in (("decision", self.decision), ("told", self.told)) if text}
        lines = {"lines": self.lines.describe()} if self.lines else {}
        impulses = {"impulses": list(self.impulses)} if self.impulses else {}
        places = {"places": self.places.describe()} if self.places else {}
        return {**self.noise.describe(), **points, **shape, **lines, **colours, **levels, **impulses, **places, **words}


def _identified(planes: Sequence[NDArray[Any]], noise: Noise, lines: bool, magnitudes: bool, places: bool) -> NoiseKind | None:
    """Measure what a noise model leaves open, which may be that of magnitudes, or differ; None where that is nothing."""
    if isinstance(noise, Auto):
        lines &= noise.lines == "auto"
        found = identify_noise(planes, noise.model, noise.correlation, noise.gain, noise.offset, noise.read_noise, lines=lines)
        if magnitudes and noise.is_open:
            found = of_speckle(of_magnitudes(found, planes), planes)
        return in_places(found, planes) if places and noise.is_open else found
    if noise.is_white and noise.level(0.0) is not None:
        return None
    if isinstance(noise, Rician):
        level = rayleigh_level(planes, beside=False)
        reason = "as given" if level is None else "as given, its level by the background"
        return NoiseKind(Rician(sigma=estimate_stack_noise_level(planes) if level is None else level), None, None, reason)
    correlation: Literal["white", "correlated"] = "white" if noise.is_white else "correlated"
    if isinstance(noise, Speckle):
        looks, floor = speckle_law(planes) or (10.0, 1e-3 * max(mean_level(planes), 1e-30))
        looks, floor = noise.looks or looks, floor if noise.floor is None else max(noise.floor, 1e-3 * floor)
        return speckle(planes, looks, floor, "as given", correlation, noise.looks is not None)
    if isinstance(noise, Poisson):
        return identify_noise(planes, "poisson", correlation, noise.gain, noise.offset, noise.read_noise, lines=lines)
    return identify_noise(planes, "gaussian", correlation, sigma=noise.level(0.0), lines=lines)


def _of_blurred(planes: Sequence[NDArray[Any]], noise: Noise, found: NoiseKind, blur: NDArray[Any]) -> NoiseKind:
    """Return the kind of white noise of which nothing is given by what is finer than a blur lets pass, where that tells."""
    open_to = noise.model if isinstance(noise, Auto) else noise.name
    names = ("sigma",) if isinstance(noise, Gaussian) else ("gain", "offset", "read_noise")
    given = [getattr(noise, name, 0.0) for name in names]
    if found.correlation is not None or any(value is not None for value in given):
        return found
    law = law_of_noise(planes, blur)
    level = found.noise.level(mean_level(planes))
    if law is None or level is None or law.level < LEAST_SHARE * level:
        return found
    if open_to == "gaussian" or (open_to == "auto" and not law.is_of_photons):
        return NoiseKind(Gaussian(sigma=law.level), None, None, "by what is finer than the blur")
    if not law.is_of_photons:
        return found
    fit = NoiseFit(law.gain, law.offset, law.read_noise, law.means, law.variances)
    model = Poisson(gain=law.gain, offset=law.offset, read_noise=law.read_noise)
    grown = f"{law.growth**0.5:.2g} times as strong where the image is bright, by what is finer than the blur"
    return NoiseKind(model, fit, None, "as given" if open_to == "poisson" else grown)


def _transform(noise: Noise) -> Transform | None:
    """Return the transform that makes noise of which everything is known the same everywhere; None where it is so."""
    if isinstance(noise, Rician):
        return Magnitude(noise.sigma) if noise.sigma else None
    if isinstance(noise, Speckle):
        return Multiplicative(noise.looks, noise.floor) if noise.looks and noise.floor else None
    return _anscombe(noise) if isinstance(noise, Poisson) else None


def _anscombe(noise: Poisson) -> Anscombe:
    """Return the transform that makes photon noise of which everything is known the same everywhere."""
    assert noise.gain is not None
    assert noise.offset is not None
    assert noise.read_noise is not None
    return Anscombe(noise.gain, noise.offset, noise.read_noise)
