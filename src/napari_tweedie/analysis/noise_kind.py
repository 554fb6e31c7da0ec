"""Decision between the kinds of noise: Gaussian or photon noise, white or correlated, from the image alone.

The image is stabilised by the photon noise that fits it, if any does, so that its noise is the same everywhere; only then is its
correlation looked for, which in turn says how much stronger the noise is than its finest detail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.ndimage import uniform_filter

from napari_tweedie.analysis.compression import Compression
from napari_tweedie.analysis.line_offsets import NO_LINES, LineOffsets
from napari_tweedie.analysis.noise_choice import chosen, growth
from napari_tweedie.analysis.noise_level import estimate_stack_noise_level
from napari_tweedie.analysis.noise_map import NOWHERE, NoiseMap
from napari_tweedie.analysis.noise_model import NoiseFit, fit_noise
from napari_tweedie.analysis.noise_spectrum import NoiseSpectrum, power_of_blocks
from napari_tweedie.analysis.scanned_noise import law_of_scan
from napari_tweedie.degradations.noise import Gaussian, Poisson, Rician, Speckle
from napari_tweedie.images.missing import mean_level
from napari_tweedie.images.stabilisation import Anscombe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_tweedie.degradations.correlation import Correlation
    from napari_tweedie.degradations.noise import Noise

WRONG, MORE_WRONG = 1.5, 1.7
"""How many times too high or low a noise level is that a user is warned of, where it is white, and where it is not."""
GROWN, MORE_GROWN = 2.0, 3.2
"""How many times noise grows where a user who told of one level is warned of it, in the same cases."""
AROUND = 9
"""Side of the square whose mean tells whether a pixel is lit: by its own value, only what noise made bright would count."""
LIT, MOSTLY, LESS = 10.0, 0.5, 0.93
"""Photons from which a root is as good as normal, share of the pixels that must have them, and how weak noise must be then for a
line through groups of patches to count as raised by texture."""
SQUARES, SQUARE = 4, 256
"""Squares of a large plane along each axis that are looked at, and their side in pixels."""
FEWEST = 1.0
"""Photons a pixel below which no transform makes the noise the same."""


@dataclass(frozen=True)
class NoiseKind:
    """What the noise of an image is, and why.

    Parameters
    ----------
    noise : Gaussian, Poisson, Rician or Speckle
        The noise model, with nothing left open.
    fit : NoiseFit, optional
        The points of variance over brightness, and the line through them; None where they could not be measured.
    correlation : Correlation, optional
        None where every pixel has its own noise.
    reason : str
        Why this model.
    lines : LineOffsets
        What whole rows and columns share; all else is what is left when that is taken off.
    places : NoiseMap
        How much stronger or weaker it is from place to place: than its level, or, where that follows the light, than that law.
    """

    noise: Gaussian | Poisson | Rician | Speckle
    fit: NoiseFit | None
    correlation: Correlation | None
    reason: str
    lines: LineOffsets = NO_LINES
    places: NoiseMap = NOWHERE

    def sentence(self) -> str:
        """Say what the noise is, and why."""
        shared = f"; {self.correlation.words()}" if self.correlation else ""
        if self.lines:
            shared += f"; {self.lines.words()}, which is taken off"
        if self.places:
            shared += f"; {self.places.words(None if isinstance(self.noise, Poisson) else self.noise.level(0.0))}"
        if isinstance(self.noise, Poisson):
            values = ", ".join(
                f"{name.replace('_', ' ')} {getattr(self.noise, name):.3g}" for name in ("gain", "offset", "read_noise")
            )
            return f"Photon noise ({self.reason}): {values}{shared}."
        if isinstance(self.noise, Speckle):
            return f"Speckle ({self.reason}): {self.noise.looks:.3g} looks, level without signal {self.noise.floor:.3g}{shared}."
        if isinstance(self.noise, Rician):
            return f"Noise of magnitudes ({self.reason}): level {self.noise.sigma:.3g}."
        return f"Gaussian noise ({self.reason}): level {self.noise.sigma:.3g}{shared}."

    def advice(self, given: Noise, correlated: bool, planes: Sequence[NDArray[Any]]) -> str:
        """Say why a noise model that a user gave does not suit, and what would; nothing if it may be right.

        Parameters
        ----------
        given : Noise
            The model, with nothing left open.
        correlated : bool
            Whether it was taken for correlated.
        planes
            What this was found on.
        """
        mean = mean_level(planes)
        level, found = given.level(mean), self.noise.level(mean)
        assert level is not None
        assert found is not None
        wrong = WRONG if self.correlation is None else MORE_WRONG
        hidden = correlated and self.correlation is None and not self.lines  # texture hides noise that correlates
        highest = np.inf if hidden else wrong
        if correlated and self.lines:
            found = float(np.linalg.norm([found, self.lines.rows.level, self.lines.columns.level]))
        grows = isinstance(self.noise, Poisson) and not isinstance(given, Poisson) and growth(self.noise, planes)
        if grows > (GROWN if self.correlation is None else MORE_GROWN):
            reason = f"The noise is {self.reason}: no single level suits"
        elif self.correlation is not None and not correlated:
            reason = f"The noise is not white: {self.correlation.words()}"
        elif self.lines and not correlated:
            reason = f"Not every pixel has its own noise: {self.lines.words()}"
        elif found > 0 and not 1 / wrong < level / found < highest:
            reason = f"The noise level that was given, {level:.3g}, is {'too high' if level > found else 'too low'}"
        else:
            return ""
        return f"{reason}. Automatic would take: {self.sentence()}"


def identify_noise(
    planes: Sequence[NDArray[Any]],
    model: Literal["auto", "gaussian", "poisson"] = "auto",
    correlation: Literal["auto", "white", "correlated"] = "auto",
    gain: float | None = None,
    offset: float | None = None,
    read_noise: float | None = None,
    sigma: float | None = None,
    lines: bool = True,
) -> NoiseKind:
    """Find out what noise some planes of one channel have; what is given is kept.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of any real dtype, missing pixels as NaN.
    model, correlation : str
        What is known of the kind of noise.
    gain, offset, read_noise : float, optional
        What is known of photon noise, in grey levels.
    sigma : float, optional
        Standard deviation of Gaussian noise, where it is known.
    lines : bool
        Whether to look for what whole rows and columns share.

    Raises
    ------
    ValueError
        If the planes are too small, or too uniform in their values, for the photon noise that is asked for, or not finite.
    """
    known = _Known(model, correlation, gain, offset, read_noise, sigma, lines)
    seen = [seen_of(plane) for plane in planes]
    compression = Compression.of(seen) if correlation == "auto" and model != "poisson" and sigma is None else None
    if compression is not None:
        return _of_compressed(known, seen, compression)
    offsets = LineOffsets.measured(planes) if lines and correlation != "white" else NO_LINES
    return replace(_without_lines(known, [seen_of(offsets.without(plane)) for plane in planes]), lines=offsets)


def seen_of(plane: NDArray[Any]) -> NDArray[Any]:
    """Return a plane, or, of a large one, squares of it, evenly spread, put together: few patches lie across their borders."""
    if plane.size <= 2 * (SQUARES * SQUARE) ** 2 or min(plane.shape) < SQUARES * SQUARE:
        return plane
    tops, lefts = (
        (np.arange(SQUARES) * length // SQUARES + (length // SQUARES - SQUARE) // 2) // 8 * 8 for length in plane.shape
    )
    rows, columns = ((first[:, None] + np.arange(SQUARE)).ravel() for first in (tops, lefts))
    return np.asarray(plane[np.ix_(rows, columns)])


def _of_compressed(known: _Known, planes: Sequence[NDArray[Any]], compression: Compression) -> NoiseKind:
    """Find out what noise planes had before they were compressed, which hides the finest of it."""
    found = replace(known, correlation="white").identified(planes, None)
    spectrum = NoiseSpectrum.of(planes)
    before = compression.level(spectrum.power) if spectrum else 0.0
    if before <= (found.noise.level(mean_level(planes)) or 0.0):
        return found
    return NoiseKind(Gaussian(sigma=before), found.fit, None, "as before JPEG compression, which hides the finest of it")


def _without_lines(known: _Known, planes: Sequence[NDArray[Any]]) -> NoiseKind:
    """Find out what noise planes have whose lines share nothing."""
    white = known.identified(planes, None)
    if known.correlation == "white" or (white.correlation is None and known.model == "gaussian"):
        return white
    hint = white.correlation
    if hint is None and isinstance(white.noise, Poisson):
        # what was taken for photon noise may be texture next to little fine noise
        hint = shape_of(planes, known.correlation, known.lines)[0]
    if hint is None:
        return white
    found = known.identified(planes, hint)
    axis = known.white_along(planes, found)
    if axis is None or found.fit is None:
        return found
    return known.identified(planes, hint, law_of_scan(*power_of_blocks(planes), axis, found.fit))


@dataclass(frozen=True)
class _Known:
    """What is known of the noise of an image."""

    model: Literal["auto", "gaussian", "poisson"]
    correlation: Literal["auto", "white", "correlated"]
    gain: float | None
    offset: float | None
    read_noise: float | None
    sigma: float | None
    lines: bool

    def white_along(self, planes: Sequence[NDArray[Any]], found: NoiseKind) -> int | None:
        """Return the axis along which what was found to be a scanner's noise is white; None where its law is found as any."""
        if self.model == "gaussian" or (self.gain, self.read_noise) != (None, None):
            return None
        even = [anscombe_of(found.noise).forward(plane) for plane in planes] if isinstance(found.noise, Poisson) else planes
        spectrum = NoiseSpectrum.of(even)
        return spectrum.white_along if spectrum else None

    def identified(self, planes: Sequence[NDArray[Any]], hint: Correlation | None, scanned: NoiseFit | None = None) -> NoiseKind:
        """Find out the rest, where the noise is supposed to correlate as `hint` says, and to grow as that of a scanner may."""
        model, fit, reason = self.model, scanned, "as given"
        if model != "gaussian" and fit is None:
            try:
                fit = fit_noise(planes, self.gain, self.offset, self.read_noise, hint)
            except ValueError as error:
                if model == "poisson":
                    raise
                model, reason = "gaussian", str(error).partition(":")[0]
        if model == "auto":
            assert fit is not None
            model, reason = chosen(fit, planes, hint is not None)
        if model == "gaussian":
            shape, level = shape_of(planes, self.correlation, self.lines, hint)
            sigma = self.sigma
            if sigma is None:
                sigma = estimate_stack_noise_level(planes) if shape is None else level
            return NoiseKind(Gaussian(sigma=sigma, correlated=shape is not None), fit, shape, reason)
        assert fit is not None
        anscombe = anscombe_of(fit)
        darkest = float(anscombe.forward(np.array(fit.offset + FEWEST * fit.gain)))
        stabilised = [anscombe.forward(plane) for plane in planes]
        shape, level = shape_of(stabilised, self.correlation, self.lines, hint, darkest)
        if scanned is not None:
            level = 0.0  # as it was found beside texture
        elif shape is None and level <= 1:
            level = _lowered(planes, anscombe, stabilised, level)
        if level:
            fit = replace(
                fit,
                gain=self.gain or fit.gain * level**2,
                read_noise=fit.read_noise * level if self.read_noise is None else self.read_noise,
                variances=tuple(level**2 * value for value in fit.variances),
            )
        noise = Poisson(gain=fit.gain, offset=fit.offset, read_noise=fit.read_noise, correlated=shape is not None)
        return NoiseKind(noise, fit, shape, reason)


def anscombe_of(law: NoiseFit | Poisson) -> Anscombe:
    """Return the transform that makes photon noise of which everything is known the same everywhere."""
    assert law.gain is not None
    assert law.offset is not None
    assert law.read_noise is not None
    return Anscombe(law.gain, law.offset, law.read_noise)


def _lowered(
    planes: Sequence[NDArray[Any]], anscombe: Anscombe, stabilised: Sequence[NDArray[np.float64]], level: float
) -> float:
    """Return how strong noise that was stabilised is, where that is certainly less than 1; else `level`.

    Groups of equal brightness may hold nothing but texture, which counts as noise then; the whole image has plain parts.
    """
    bright = anscombe.offset + LIT * anscombe.gain
    around = [uniform_filter(np.nan_to_num(plane.astype(np.float64), nan=anscombe.offset), AROUND) for plane in planes]
    lit = [np.where(light > bright, plane, np.nan) for plane, light in zip(stabilised, around, strict=True)]
    if np.mean([np.isfinite(plane).mean() for plane in lit]) < MOSTLY:
        return level
    found = estimate_stack_noise_level(lit)
    return found if 0 < found < LESS else level


def shape_of(
    planes: Sequence[NDArray[Any]], correlation: str, lines: bool, hint: Correlation | None = None, darkest: float = -np.inf
) -> tuple[Correlation | None, float]:
    """Return the correlation of noise that is the same everywhere, and its level; None where it is white, and 0 for unknown.

    With a hint it is known not to be white.
    """
    spectrum = NoiseSpectrum.of(planes, darkest)
    if spectrum is None or correlation == "white":
        return None, 0.0
    if correlation == "auto" and hint is None and spectrum.is_white and not (lines and spectrum.has_lines_for_sure):
        return None, spectrum.raised
    return spectrum.correlation()
