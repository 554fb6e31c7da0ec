"""Blind estimate of a blur: the widest one of a family with which the restoration still foretells the measurement, less some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.analysis.detail import liveliest
from napari_tweedie.core.results import last
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.engine.noise_left import drawn_noise, level_of
from napari_tweedie.engine.run import measure, run
from napari_tweedie.recipe.recipe import Recipe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.engine.channel import Channel

    Array = NDArray[np.float64]

SIDE, LEAST = 160, 48
"""Side of the crop that is looked at, in pixels, and the least that there must be."""
ITERATIONS = 12
"""Of half-quadratic splitting, with the small network: more tell no more."""
RATIO = 1.2
"""From one width that is tried to the next one."""
NARROWEST = 0.4
"""Standard deviation of a Gaussian, in pixels, that is tried first."""
WORSE = 0.007
"""How far above its least the error may be, in variances of the noise.

The estimate of a finite iteration suffers from wide blurs a little earlier than it should: with the true width the error of 14
blurred images was 0.004 to 0.01 above, a fifth wider 0.02 to 0.1.
"""
UNSURE = 0.03
"""How far above its least the error may be, in variances of the noise, of widths that may be true: cells with soft detail were
0.02 to 0.025 above at their true width, a fifth below the one that was found."""
LEANING = ("std",)
"""Parameters for which the widest is too wide in the mean: that of Gaussians by 13 % on eight scenes, by 28 % on the softest."""
LEAN, MOST = 0.3, 0.03
"""How far from the widest to the narrowest width that may be true the one that is given lies, by their logarithms, and at most:
of two mistakes the narrow one does less harm."""
BEYOND = 0.6
"""How far above its least the error is where wider blurs need not be tried, in shares of what the noise brings to it."""
HALVINGS = 3


@dataclass(frozen=True)
class Trial:
    """What a blur of some width gave: log of its width along the ladder, expected error of A x over σ², and the noise's part.

    The wider the blur, the less of the noise gets into A x.
    """

    place: float
    error: float
    freedom: float


@dataclass(frozen=True)
class BlindBlur:
    """A blur that was found.

    Parameters
    ----------
    degradation : Blur
        Of the family, with the value that was found.
    value : float
        Of the parameter that was unknown.
    between : tuple of float
        Its values for the narrowest and the widest blur that explain the image nearly as well.
    is_bound : bool
        Whether that is the narrowest blur that was tried, so that the image says no more than that it is hardly blurred.
    trials : Trials
        Of the crop that was looked at, for blurs of other kinds.
    """

    degradation: Blur
    value: float
    between: tuple[float, float]
    is_bound: bool
    trials: Trials = field(repr=False)


def unknowns(kind: type[Degradation]) -> tuple[str, ...]:
    """Return which parameters of a kind of blur can be found."""
    return tuple(name for name in LADDERS if name in kind.model_fields)


def find_blur(pixels: Array, degradation: Blur, unknown: str, noise: Any = None) -> BlindBlur:
    """Find the parameter of a blur that is not known, from the blurred image itself.

    A blur that is taken for too narrow explains the measurement, too, but as noisy as an image of another kind; one that is too
    wide cannot explain it. The expected squared error of A x, of the restoration x with every width, is told without the truth by
    Stein's estimate (1981), of which Xue & Blu (2015) made a criterion for blurs: it is least near the true width, and rises
    steeply beyond. The widest blur at which it has hardly risen is taken, or one as much narrower as it may well be.

    Parameters
    ----------
    pixels : array
        A plane (Y, X), of which a crop is looked at.
    degradation : Blur
        The family, with everything else that is known of it.
    unknown : str
        The parameter: one of `unknowns`.
    noise : Noise or dict, optional
        Noise of the plane; it is measured otherwise.

    Raises
    ------
    ValueError
        If the plane is too small, shows nothing above its noise, or is blurred wider than can be told.
    """
    if min(pixels.shape) < LEAST:
        raise ValueError(f"a blur is found in a plane of at least {LEAST} × {LEAST} pixels (got {pixels.shape})")
    known = {} if noise is None else {"noise": noise}
    channel = measure(Recipe(job="restore", degradation=degradation, outliers="keep", axes="yx", **known), pixels)[0]
    side = min(SIDE, *pixels.shape)
    crop = pixels[liveliest(pixels, (side, side))]
    if not crop.std() > 1.2 * channel.sigma:
        raise ValueError("the image has no structure above its noise, from which a blur could be told")
    tried = Trials(crop, degradation, unknown, channel)
    place, between, is_bound = widest(tried, tried.places())
    if unknown in LEANING:
        place -= min(LEAN * (place - between[0]), MOST)
    found, low, high = (tried.blur(each) for each in (place, *between))
    values = (float(getattr(low, unknown)), float(getattr(high, unknown)))
    return BlindBlur(found, float(getattr(found, unknown)), values, is_bound, tried)


def widest(trial: Callable[[float], Trial], places: Iterator[float]) -> tuple[float, tuple[float, float], bool]:
    """Return the widest place at which the error has hardly risen, the ends of those that may be right, whether it is the first.

    Raises
    ------
    ValueError
        If it does not rise until the last.
    """
    trials: list[Trial] = []
    for place in places:
        trials.append(trial(place))
        least = min(trials, key=lambda each: each.error)
        if trials[-1].error > least.error + BEYOND * least.freedom and trials[-1].freedom < least.freedom:
            break
    else:
        raise ValueError(
            "the blur is wider than can be told from this image, or its noise is: crop to a part with sharp detail, or give sigma"
        )
    bottom = _bottom(trials)
    limit = bottom + WORSE
    inside = max((each for each in trials if each.error <= limit), key=lambda each: each.place, default=least)
    outside = min((each for each in trials if each.place > inside.place), key=lambda each: each.place)
    for _ in range(HALVINGS):
        middle = trial((inside.place + outside.place) / 2)
        inside, outside = (middle, outside) if middle.error <= limit else (inside, middle)
    share = (limit - inside.error) / max(outside.error - inside.error, 1e-12)
    found = inside.place + float(np.clip(share, 0, 1)) * (outside.place - inside.place)
    low, high = _between(trials, bottom + UNSURE)
    return found, (min(low, found), max(high, found)), inside.place <= trials[0].place


def _between(trials: list[Trial], limit: float) -> tuple[float, float]:
    """Return the places beside the lowest trial at which the error reaches a limit, that of the first where it does not."""
    lowest = min(range(len(trials)), key=lambda n: trials[n].error)
    ends = []
    for step in (-1, 1):
        n = lowest
        while 0 <= n + step < len(trials) and trials[n].error <= limit:
            n += step
        within, beyond = trials[n - step if n != lowest else n], trials[n]
        share = (limit - within.error) / max(beyond.error - within.error, 1e-12)
        ends.append(within.place + float(np.clip(share, 0, 1)) * (beyond.place - within.place))
    return ends[0], ends[1]


def _bottom(trials: list[Trial]) -> float:
    """Return the least error, between the trials by a parabola through the lowest and its neighbours."""
    lowest = min(range(len(trials)), key=lambda n: trials[n].error)
    if not 0 < lowest < len(trials) - 1:
        return trials[lowest].error
    near = trials[lowest - 1 : lowest + 2]
    a, b, c = np.polyfit([each.place for each in near], [each.error for each in near], 2)
    return min(trials[lowest].error, float(c - b**2 / (4 * a))) if a > 0 else trials[lowest].error


class Trials:
    """Restorations of a crop with blurs of one family."""

    def __init__(self, crop: Array, family: Blur, unknown: str, channel: Channel) -> None:
        self.crop, self._family, self._unknown, self._noise = crop, family, unknown, channel.noise
        smooth = crop if channel.noise.is_uniform else _local_mean(crop)
        self.level = np.broadcast_to(np.maximum(level_of(smooth, "yx", channel), 1e-12), crop.shape)
        self._probe = drawn_noise(crop, "yx", {0: channel}, smooth)

    def places(self) -> Iterator[float]:
        """Yield places on the ladder, from narrow to wide, as far as the crop shows."""
        place = 0.0
        while widths_of(self.blur(place).kernel(2))[0] < min(self.crop.shape) / 5:
            yield place
            place += float(np.log(RATIO))

    def blur(self, place: float) -> Blur:
        """Return the blur at a place: the log of its width over that of the narrowest."""
        value = LADDERS[self._unknown](self._family, float(np.exp(place)))
        return type(self._family)(**{**dict(self._family), self._unknown: value})

    def __call__(self, place: float) -> Trial:
        """Return the expected error of the measurement that a restoration with the blur at a place foretells."""
        return Trial(place, *self.expected(self.blur(place)))

    def expected(self, blur: Blur) -> tuple[float, float]:
        """Return the expected error with any blur, in variances of the noise, and how much of that the noise brings."""
        foretold = self._foretold(blur, self.crop)
        change = self._foretold(blur, self.crop + self._probe) - foretold
        margin = min(self.crop.shape) // 8
        inner = (slice(margin, -margin),) * 2
        left = (((foretold - self.crop) / self.level)[inner] ** 2).mean()
        freedom = (self._probe * change / self.level**2)[inner].mean()
        return float(left + 2 * freedom - 1), float(max(freedom, 1e-3))

    def restored(self, blur: Blur, measured: Array, noise: Any, iterations: int = ITERATIONS) -> Array:
        """Return the restoration of a measurement with a blur and a noise that are taken for true."""
        recipe = Recipe(
            job="restore",
            degradation=blur,
            solver={"name": "hqs", "iterations": iterations},
            denoiser="unet-small",
            noise=noise,
            outliers="keep",
            axes="yx",
        )
        return np.asarray(last(run(recipe, measured)).image, np.float64)

    def _foretold(self, blur: Blur, measured: Array) -> Array:
        from scipy.signal import oaconvolve

        image = self.restored(blur, measured, self._noise)
        kernel = blur.kernel(2)
        pads = [(length // 2, length // 2) for length in kernel.shape]
        return np.asarray(oaconvolve(np.pad(image, pads, mode="reflect"), kernel, mode="valid"))


def _local_mean(crop: Array) -> Array:
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(crop, 5))


def _aperture(family: Any, wider: float) -> float:
    """Return the aperture with which a microscope sees so many times as wide as with the largest that its immersion admits."""
    return 0.98 * float(family.refractive_index) / wider


LADDERS: dict[str, Callable[[Any, float], float]] = {
    "std": lambda family, wider: NARROWEST * wider,
    "na": _aperture,
}
"""Value of a parameter with which a blur is so many times as wide as the narrowest that is tried."""
