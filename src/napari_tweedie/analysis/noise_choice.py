"""Choice between noise that is the same everywhere and noise that grows with the light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_tweedie.degradations.noise import Poisson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_tweedie.analysis.noise_model import NoiseFit

GROWTH, MORE_GROWTH = 1.6, 2.4
"""How many times its level at the brightest percentile exceeds that at the darkest where photon noise matters; more where
neighbours share noise, as the directions that are left to measure it in hold more texture."""
EVIDENCE, LITTLE = 14.0, 2.0
"""Twice the logarithm by which a line must be likelier than a constant: textures come with brightness, too."""
CERTAIN = 3.0
"""Where noise grows so many times, little evidence is enough."""
WEAK, STRAIGHT = 2.4, 0.165
"""Where noise grows less than so many times the line must lie as close to the points as errors of measurement leave it (0.04 to
0.15): texture in bright parts scatters more, by 0.17 to 0.3 on photographs with the same noise everywhere."""
LEAST_ERROR = 0.04
"""Relative error that a variance has at least."""
SEEN_EVERY = 16
"""Of so many pixels one tells the range of an image."""


def chosen(fit: NoiseFit, planes: Sequence[NDArray[Any]], correlated: bool) -> tuple[Literal["gaussian", "poisson"], str]:
    """Choose the simpler model, and say why, unless the line through the points explains them better, and matters."""
    grows = growth(fit, planes)
    if grows < (MORE_GROWTH if correlated else GROWTH):
        return "gaussian", "about as strong where the image is bright"
    variances = np.array(fit.variances)
    line = _error(variances, np.array([fit.variance(mean) for mean in fit.means]))
    constant = _error(variances, np.full(len(variances), np.median(variances)))
    evidence = 2 * len(variances) * np.log(max(constant, LEAST_ERROR) / max(line, LEAST_ERROR))
    if evidence < (EVIDENCE if grows < CERTAIN else LITTLE):
        return "gaussian", "not following the brightness"
    if grows < WEAK and line > STRAIGHT and not correlated:
        return "gaussian", "not growing steadily with the brightness"
    times = f"{grows:.1f} times as strong" if grows < 100 else "far stronger"
    return "poisson", f"{times} where the image is bright"


def growth(noise: NoiseFit | Poisson, planes: Sequence[NDArray[Any]]) -> float:
    """Return how many times noise is stronger at the brightest percentile of some planes than at the darkest."""
    values = np.concatenate([plane[np.isfinite(plane)][::SEEN_EVERY] for plane in planes])
    dark, bright = (_level(noise, float(value)) for value in np.percentile(values, (1, 99)))
    return bright / dark if dark > 0 else np.inf if bright > 0 else 1.0


def _level(noise: NoiseFit | Poisson, brightness: float) -> float:
    return noise.level(brightness) or 0.0 if isinstance(noise, Poisson) else noise.variance(brightness) ** 0.5


def _error(values: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Return the root mean square of relative errors, of which those beyond 0.5 count as that."""
    relative = np.abs(values - expected) / np.maximum(expected, 1e-12 * max(float(values.max()), np.finfo(float).tiny))
    return float(np.sqrt(np.mean(np.minimum(relative, 0.5) ** 2)))
