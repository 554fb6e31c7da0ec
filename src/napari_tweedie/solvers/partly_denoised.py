"""Partly denoised light: a measurement from which a denoiser has taken as much of the noise as it can tell for sure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.degradations.photons import LocalGaussian, expected_light

if TYPE_CHECKING:
    from torch import Generator

    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

LEAST = 0.5
"""Share of the noise that is left in at least: what the denoiser took for noise is not all noise."""
SURE, UNSURE = 0.10, 0.15
"""Shares of the noise that the denoiser takes for image, up to which that much is taken away, and from which nothing is."""
PROBE = 0.3
"""Size of the probing noise, in noise levels."""


def partly_denoised(problem: Problem, denoiser: Denoise, generator: Generator) -> Problem:
    """Return a problem of counted light with less noise; any other as it is.

    The measurement becomes ``m + α (y − m)`` for the denoised m. A denoiser lets the share d of the noise pass, its
    divergence per number (probed as by Ramani, Blu and Unser 2008), and by Stein's lemma and an error of m of about d noise
    variances, what is left has ``α² + (1 − α²) d`` of the variance. Blurred planes gained 0.15 dB on average, 1.9 at most, and
    lost 0.5 at most. Where d is large, errors of m are those of image content, and α is 1.

    Parameters
    ----------
    problem : Problem
        What an iteration is to solve.
    denoiser : callable
        f(x, σ).
    generator : Generator
        Source of the probe.
    """
    if not isinstance(problem, LocalGaussian) or not _suits(problem):
        return problem
    counted, noise = problem.counted, problem.counted.noise
    assert isinstance(noise, Poisson)
    y, light = counted.measurement, problem.light
    probe = torch.randn(y.shape, generator=generator).to(y)
    step = PROBE * noise.variance(light).sqrt()
    passed = probe * (expected_light(y + step * probe, torch.ones_like(y), noise, denoiser) - light) / step
    share = float(passed.mean().clamp(0, 1))
    alpha = float(np.interp(share, (SURE, UNSURE), (LEAST, 1.0)))
    if alpha == 1:
        return problem
    level = (alpha**2 + (1 - alpha**2) * share) ** 0.5
    mixed = torch.lerp(light, y, alpha)
    assert noise.gain is not None
    less = noise.model_copy(update={"gain": noise.gain * level**2, "read_noise": (noise.read_noise or 0.0) * level})
    return replace(
        problem,
        measurement=problem.weighted.of_measured(mixed),
        noise=Gaussian(sigma=problem.noise_level * level),
        counted=replace(counted, measurement=mixed, noise=less),
    )


def _suits(problem: LocalGaussian) -> bool:
    """Tell whether it is a blurred plane: of coarse pixels nothing was gained, and 1 dB lost on sharp borders."""
    return isinstance(problem.counted.degradation, Blur) and problem.counted.measurement.ndim == 4
