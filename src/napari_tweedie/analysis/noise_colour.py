"""Noise of colour images: whether photons were counted, and the gain, offset and read noise of each of red, green and blue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_tweedie.analysis.noise_kind import NoiseKind, identify_noise
from napari_tweedie.degradations.noise import Auto, Gaussian, Noise, Poisson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SEEN = 0.25
"""Share of the contrast of the strongest colour from which on a colour tells of the noise."""
FAR = 100.0
"""Read noise, in photons, per noise level of the range of a colour: so far from counting, the transform is a straight line."""
EVERY = 4
"""Every so many pixels along each axis tell the contrast."""


def identify_colours(stacks: Sequence[NDArray[Any]], noise: Noise) -> list[NoiseKind] | None:
    """Find the photon noise of red, green and blue; None where the noise is Gaussian.

    It is photon noise where most colours with contrast say so. One whose noise is the same everywhere gets a gain so small that
    its transform is a straight line.

    Parameters
    ----------
    stacks
        Planes (3, Y, X) of any real dtype, missing pixels as NaN.
    noise : Noise
        What is known of it; of photon noise, the same for all colours.

    Raises
    ------
    ValueError
        If photon noise is asked for that cannot be measured.
    """
    known: dict[str, Any] = {}
    model: Literal["auto", "gaussian", "poisson"] = "gaussian"
    if isinstance(noise, Poisson):
        model = "poisson"
    elif isinstance(noise, Auto):
        model = noise.model
    if model == "gaussian":
        return None
    correlation: Literal["auto", "white", "correlated"] = "white" if noise.is_white else "correlated"
    if isinstance(noise, Auto):
        correlation = noise.correlation
    if isinstance(noise, Poisson | Auto):
        known = {"gain": noise.gain, "offset": noise.offset, "read_noise": noise.read_noise}
    if isinstance(noise, Poisson) and noise.is_white and None not in known.values():
        return [NoiseKind(noise, None, None, "as given")] * 3
    planes = [[stack[colour] for stack in stacks] for colour in range(3)]
    found = [identify_noise(some, model, correlation, **known) for some in planes]
    if model == "auto":
        contrasts = np.array([max(map(_contrast, some)) for some in planes])
        votes = [
            isinstance(kind.noise, Poisson)
            for kind, contrast in zip(found, contrasts, strict=True)
            if contrast >= SEEN * contrasts.max()
        ]
        if 2 * sum(votes) <= len(votes):
            return None
    return [kind if isinstance(kind.noise, Poisson) else _straight(kind, some) for kind, some in zip(found, planes, strict=True)]


def sentence(kinds: Sequence[NoiseKind]) -> str:
    """Say what the noise of red, green and blue is, and why."""
    reason = next((kind.reason for kind in kinds if kind.fit is not None and isinstance(kind.noise, Poisson)), kinds[1].reason)
    values = [
        f"{name.replace('_', ' ')} {' / '.join(f'{getattr(kind.noise, name):.3g}' for kind in kinds)}"
        for name in ("gain", "offset", "read_noise")
    ]
    shared = next((f"; {kind.correlation.words()}" for kind in kinds if kind.correlation), "")
    return f"Photon noise of red / green / blue ({reason}): {', '.join(values)}{shared}."


def _straight(kind: NoiseKind, planes: Sequence[NDArray[Any]]) -> NoiseKind:
    """Return Gaussian noise as photon noise with far more read noise than photons."""
    assert isinstance(kind.noise, Gaussian)
    values = np.concatenate([plane[::EVERY, ::EVERY].ravel() for plane in planes]).astype(np.float64)
    low, high = np.nanpercentile(values, (1, 99)) if np.isfinite(values).any() else (0.0, 1.0)
    range_ = max(float(high - low), 1e-6 * max(abs(float(high)), 1e-30))
    sigma = max(kind.noise.sigma or 0.0, 1e-3 * range_)  # without any noise, nothing would be left of the others
    noise = Poisson(gain=sigma**2 / (FAR * range_), offset=float(low), read_noise=sigma, correlated=kind.noise.correlated)
    return replace(kind, noise=noise)


def _contrast(plane: NDArray[Any]) -> float:
    values = plane[::EVERY, ::EVERY]
    values = values[np.isfinite(values)].astype(np.float64)
    return float(np.subtract(*np.percentile(values, (99.5, 1)))) if values.size else 0.0
