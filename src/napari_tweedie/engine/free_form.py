"""Free form of a blur: a point-spread function that no model describes, refined from the blurred image by turns.

A restoration and a function that are fitted to each other by turns stay where they began: what was restored with a function,
blurred by it, is what was measured. Two things lead on (Cho & Lee, "Fast motion deblurring", 2009): the image is restored as if
there were more noise, so that its edges are those of sharp images, and the function is held to the widest, as a narrow one
explains every measurement. How strongly it is held is decided by light that was not fitted, as Stein's estimate foretells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.degradations.psf import PsfBlur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.blur import Blur
    from napari_tweedie.engine.blind_blur import BlindBlur, Trials

    Array = NDArray[np.float64]

STRENGTHS = (0.06, 0.03)
"""How strongly the function is held to an even and smooth one, relative to what pixels tell of its values in the mean: first the
widest is tried."""
PARTS = (1.0, 0.6, 0.35)
"""How much of the model is replaced by it: of a photograph whose blur was elongated, a third and two thirds foretold it better
than none, and the whole worse."""
NOISIER = (10, 10, 5, 5, 2.5, 2.5)
"""How many times its noise the image is restored with, turn by turn."""
FLATTEST = 0.5
"""Most noise that it is restored with, in standard deviations of the image."""
TURNS = 8
"""Of half-quadratic splitting in each restoration."""
REACH, LARGEST = 1.75, 12
"""How far the function reaches from its middle, in full widths at half maximum of the model and in pixels at most."""
STEPS = 300


def freed(blind: BlindBlur) -> Blur | None:
    """Return a function of free form with which a restoration foretells the measurement better than with the model found.

    Returns
    -------
    Blur or None
        `psf-blur` with the function: not negative, its sum 1, its centre of mass in the middle. None where none is better.
    """
    trials, start = blind.trials, blind.degradation
    reach = min(LARGEST, int(np.ceil(REACH * max(widths_of(start.kernel(2))))))
    least = trials.expected(start)[0]
    model = _boxed(start.kernel(2), reach)
    for strength in STRENGTHS:
        kernel = model
        for noisier in NOISIER:
            kernel = _turn(trials, kernel, noisier, strength)
        for part in PARTS:
            found = PsfBlur(psf=part * kernel + (1 - part) * model)
            if trials.expected(found)[0] < least:
                return found
    return None


def _turn(trials: Trials, kernel: Array, noisier: float, strength: float) -> Array:
    """Restore with a function, and return the one that explains the measurement best as a blur of that."""
    level = float(np.sqrt((trials.level**2).mean()))
    sigma = max(level, min(noisier * level, FLATTEST * float(trials.crop.std())))
    blur = PsfBlur(psf=kernel, correct=False)
    image = trials.restored(blur, trials.crop, {"name": "gaussian", "sigma": sigma}, TURNS)
    return fitted(image, trials.crop, trials.level, kernel.shape[0], strength)


def fitted(image: Array, measured: Array, level: Array, side: int, strength: float) -> Array:
    """Return the function that blurs an image into a measurement, by weighted least squares.

    Parameters
    ----------
    image, measured : array
        The sharp plane (Y, X), and the blurred one of the same field.
    level : array
        Standard deviation of the noise of every measured pixel.
    side : int
        Odd side of the function, (side, side).
    strength : float
        How strongly it is held to an even and smooth one: it weighs the sum of squares of its values and of the differences of
        neighbours by so many times the mean square that pixels tell of a value.
    """
    reach = side // 2
    inner = (slice(reach, -reach),) * 2
    mean = image.mean()
    windows = np.lib.stride_tricks.sliding_window_view(image - mean, (side, side)).reshape(-1, side**2)[:, ::-1]
    weights = 1 / level[inner].reshape(-1)
    weighted = windows * weights[:, None]
    normal = weighted.T @ weighted
    told = weighted.T @ ((measured[inner].reshape(-1) - mean) * weights)
    scale = float(np.trace(normal)) / side**2
    one = np.ones(side**2)
    normal += strength * scale * (np.eye(side**2) + _roughness(side)) + 10 * scale * np.outer(one, one)
    told += 10 * scale
    values = _not_negative(normal, told)
    return np.asarray((values / values.sum()).reshape(side, side))


def _not_negative(normal: Array, told: Array) -> Array:
    """Return the values ≥ 0 that minimise ½ kᵀ N k − kᵀ t, by the accelerated projected gradient (Beck & Teboulle, 2009)."""
    step = 1 / float(np.linalg.eigvalsh(normal)[-1])
    values = ahead = np.full(len(told), 1 / len(told))
    pace = 1.0
    for _ in range(STEPS):
        new = np.maximum(ahead - step * (normal @ ahead - told), 0)
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        ahead, values, pace = new + (pace - 1) / faster * (new - values), new, faster
    return values


def _roughness(side: int) -> Array:
    """Return the matrix of the sum of squared differences of neighbours."""
    line = 2 * np.eye(side) - np.eye(side, k=1) - np.eye(side, k=-1)
    line[0, 0] = line[-1, -1] = 1
    return np.asarray(np.kron(line, np.eye(side)) + np.kron(np.eye(side), line))


def _boxed(kernel: Array, reach: int) -> Array:
    """Return a function cut to, or surrounded by zeros up to, so many pixels from its middle, of sum 1."""
    padded = np.pad(kernel, reach)
    box = padded[tuple(slice(n // 2 - reach, n // 2 + reach + 1) for n in padded.shape)]
    return box / box.sum()
