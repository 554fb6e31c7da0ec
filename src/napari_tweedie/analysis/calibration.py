"""Calibration of intervals: how often they hold the truth of images whose truth is known, and the factor that corrects them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from napari_tweedie.degradations.problem import Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from napari_tweedie.degradations import Degradation
    from napari_tweedie.degradations.noise import Noise
    from napari_tweedie.samplers.summary import Summary

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Nominal levels of a reliability curve."""


class Calibration(BaseModel):
    """How often intervals held the truth, and by what their width must be multiplied.

    The factor is that of split conformal prediction (Vovk, Gammerman & Shafer 2005): with it the interval of level `level`
    holds at least that share of pixels of further images that are like those it was fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float = Field(description="Nominal level that coverage and factor are of.")
    coverage: float = Field(description="Share of the pixels whose truth lay in the interval of that level.")
    factor: float = Field(description="What the stated width must be multiplied by, so that the share is the level.")
    levels: tuple[float, ...] = Field(description="Nominal levels of the reliability curve.")
    coverages: tuple[float, ...] = Field(description="Share of the pixels whose truth lay in the interval of each level.")
    images: int = Field(description="Number of images.")
    pixels: int = Field(description="Number of pixels.")


def calibrate(
    truths: Iterable[Tensor],
    degradation: Degradation,
    noise: Noise,
    summarise: Callable[[Problem], Summary],
    generator: Generator,
    *,
    level: float = 0.9,
    factor: float = 1.0,
) -> Calibration:
    """Simulate measurements of known images and see whether the truth lies in the stated intervals.

    Parameters
    ----------
    truths : iterable of Tensor
        Clean images, shape (1, C, …), in the range that the problem's images will have.
    degradation : Degradation
        A.
    noise : Noise
        Noise model with a known standard deviation, in units of the images.
    summarise : callable
        What is calibrated: it returns the posterior of a problem, from samples or from the Jacobian.
    generator : Generator
        Draws the noise of the measurements, on the CPU.
    level : float
        Nominal level that the factor is for.
    factor : float
        What the stated widths are multiplied by before: with a factor found on other images, the coverage is that of the
        corrected interval.
    """
    scores, widths = [], {}
    for truth in truths:
        whole = degradation.extend(truth)
        problem = Problem(noise.add(degradation(whole), generator), degradation, noise)
        summary = summarise(problem)
        widths = {nominal: factor * summary.width(nominal) for nominal in (*LEVELS, level)}
        scores.append(standardised_errors(degradation.crop(whole), degradation.crop(summary.mean), degradation.crop(summary.std)))
    return calibration(scores, widths, level, factor)


def standardised_errors(truth: Tensor, mean: Tensor, std: Tensor) -> NDArray[np.float32]:
    """Return |truth − mean| / std for every pixel; infinite where std is zero and the truth is not met."""
    error = (truth - mean).abs().flatten().cpu().numpy()
    spread = std.flatten().cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error == 0, np.float32(0), error / spread)


def calibration(scores: list[NDArray[np.float32]], widths: dict[float, float], level: float, factor: float = 1.0) -> Calibration:
    """Return what standardised errors, an array an image, say of intervals of given half widths by level.

    The widths are `factor` times those stated.

    Raises
    ------
    ValueError
        If there are too few pixels for an interval of this level.
    """
    pooled = np.concatenate(scores)

    def coverage(nominal: float) -> float:
        return float(np.mean(pooled <= widths[nominal]))

    return Calibration(
        level=level,
        coverage=coverage(level),
        factor=factor * conformal_quantile(pooled, level) / widths[level],
        levels=LEVELS,
        coverages=tuple(coverage(nominal) for nominal in LEVELS),
        images=len(scores),
        pixels=len(pooled),
    )


def cross_validated(scores: list[NDArray[np.float32]], level: float) -> NDArray[np.float64]:
    """Return which share of every image a corrected interval holds whose factor was found on the other images.

    Parameters and errors are those of `calibration`; the stated widths do not matter.
    """
    shares = []
    for k, own in enumerate(scores):
        others = np.concatenate([*scores[:k], *scores[k + 1 :]])
        shares.append(np.mean(own <= conformal_quantile(others, level)))
    return np.array(shares)


def conformal_quantile(scores: NDArray[np.float32], level: float) -> float:
    """Return the smallest score that at least the share `level` of these and one more do not exceed."""
    rank = ceil((len(scores) + 1) * level)
    if rank > len(scores):
        raise ValueError(f"an interval of level {level} needs more pixels than {len(scores)} to be calibrated")
    return float(np.partition(scores, rank - 1)[rank - 1])
