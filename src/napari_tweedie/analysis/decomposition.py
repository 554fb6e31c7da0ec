"""Decomposition of an image by a denoiser: bands of detail above a smooth base that add up to it exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import model_validator

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method, Parameter
from napari_tweedie.denoisers.combined import Part
from napari_tweedie.denoisers.denoiser import Denoiser

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.denoisers.denoiser import Denoise

A = TypeVar("A", "NDArray[Any]", "Tensor")

TOLERANCE = 1e-5
"""Largest error of the reconstruction, as a share of the image's range, that is accepted."""

LOWEST = 0.5 / 255
"""Strength of the first level of an image without noise, whose decomposition would otherwise be empty."""


@dataclass(frozen=True)
class Bands:
    """An image taken apart: x = base + Σ bands, fine to coarse.

    Parameters
    ----------
    level, total : int
        Levels done, and to do in all.
    bands : Tensor
        r_k = f^k(x) − f^(k+1)(x), shape (level, B, C, …), float32.
    base : Tensor
        What the levels so far have left of the image, shape (B, C, …).
    sigmas : tuple of float
        Denoising strength of every level in `total`.
    error : float
        Largest difference of base + Σ bands from x, as a share of the range of x.
    """

    level: int
    total: int
    bands: Tensor
    base: Tensor
    sigmas: tuple[float, ...]
    error: float


class Decomposition(Method):
    """Splits an image into bands by denoising it again and again (Milanfar & Delbracio 2024, section on perfect reconstruction).

    ``x = f_n(… f_1(x)) + Σ r_k`` with ``r_k = f_k(…) − f_{k+1}(…)``: it holds for any denoisers and any strengths.
    The first band of a noisy image, at the noise level, is mostly its noise.
    """

    name: ClassVar[str] = "decomposition"
    title: ClassVar[str] = "Decomposition"

    levels: int = Parameter(4, "Bands above the base.", ge=1, le=12)
    ladder: Literal["geometric", "constant", "list"] = Parameter(
        "geometric", "How the strength goes on from level to level: by a ratio, not at all, or as listed."
    )
    start: float | None = Parameter(None, "Strength of the first level; none: the noise level.", unit="range", gt=0, le=1)
    ratio: float = Parameter(2.0, "Strength of a level relative to the one before, for a geometric ladder.", gt=1, le=8)
    strengths: tuple[float, ...] = Parameter(
        (), "Strength of every level, fine to coarse, for a listed ladder.", unit="range", advanced=True
    )
    denoisers: tuple[Part, ...] = Parameter((), "A denoiser for every level; none: that of the recipe for all.", advanced=True)

    @model_validator(mode="after")
    def _a_value_a_level(self) -> Decomposition:
        if self.ladder == "list" and len(self.strengths) != self.levels:
            raise ValueError(f"strengths must be {self.levels}, one a level (got {len(self.strengths)})")
        if any(not strength > 0 for strength in self.strengths):
            raise ValueError(f"strengths must be > 0 (got {min(self.strengths)})")
        if self.denoisers and len(self.denoisers) != self.levels:
            raise ValueError(f"denoisers must be {self.levels}, one a level, or none (got {len(self.denoisers)})")
        return self

    def sigmas(self, noise_level: float) -> tuple[float, ...]:
        """Return the denoising strength of every level, for an image in units in which it spans about [0, 1]."""
        if self.ladder == "list":
            return self.strengths
        first = self.start or max(noise_level, LOWEST)
        ratio = self.ratio if self.ladder == "geometric" else 1.0
        return tuple(first * ratio**level for level in range(self.levels))

    def denoisers_for(self, default: Denoiser) -> tuple[Denoiser, ...]:
        """Return the denoiser of every level, `default` where none is listed."""
        return self.denoisers or (default,) * self.levels

    def __call__(self, x: Tensor, denoisers: Sequence[Denoise], noise_level: float) -> Iterator[Bands]:
        """Yield the bands so far after every level; stop whenever you like.

        Parameters
        ----------
        x : Tensor
            Image, shape (B, C, …), spanning about [0, 1].
        denoisers : sequence of callables
            f(x, sigma) of every level, such as `denoisers_for` gives, in tiles or not.
        noise_level : float
            Standard deviation of the noise of x, the default strength of the first level.

        Raises
        ------
        ValueError
            If the bands do not add up to the image, because a denoiser returned values that are not finite.
        """
        sigmas = self.sigmas(noise_level)
        base, bands = x, []
        for level, (f, sigma) in enumerate(zip(denoisers, sigmas, strict=True), start=1):
            smoother = f(base, sigma)
            bands.append((base.double() - smoother.double()).to(x.dtype))
            base = smoother
            stack = torch.stack(bands)
            yield Bands(level, self.levels, stack, base, sigmas, reconstruction_error(x, stack, base))


def reconstruction_error(x: Tensor, bands: Tensor, base: Tensor) -> float:
    """Return the largest difference of base + Σ bands from x, as a share of the range of x (of 1 for a constant x).

    Raises
    ------
    ValueError
        If it is above `TOLERANCE`, or not a number.
    """
    total = base.double() + bands.double().sum(0)
    value_range = float(x.max() - x.min()) or 1.0
    error = float((total - x.double()).abs().max()) / value_range
    if not error <= TOLERANCE:
        raise ValueError(
            f"the bands do not add up to the image: they are off by {error:.1e} of its range; "
            "does the denoiser return values that are not finite, or the image have an offset far beyond its range?"
        )
    return error


def recombine(bands: Sequence[A] | A, base: A, weights: Sequence[float]) -> A:
    """Return Σ w_k r_k + w_n base, for NumPy arrays and tensors alike.

    Parameters
    ----------
    bands : sequence of array
        The bands r_k, fine to coarse.
    base : array
        What remains of the image without them.
    weights : sequence of float
        A weight a band, then the weight of the base; all ones give the image.

    Raises
    ------
    ValueError
        If there are too few or too many weights.
    """
    if len(weights) != len(bands) + 1:
        raise ValueError(f"weights must be {len(bands) + 1}, one a band and one for the base (got {len(weights)})")
    total = weights[-1] * base
    for weight, band in zip(weights[:-1], bands, strict=True):
        total = total + weight * band
    return total


PRESETS = ("unchanged", "boost detail", "soften", "suppress texture", "background")
"""Names of the weights that `preset` knows."""


def preset(name: str, levels: int) -> list[float]:
    """Return named weights for `recombine`: one for each of `levels` bands, fine to coarse, then 1 for the base.

    "boost detail" doubles the second band and the ones after it less and less, and leaves the finest, where the noise is, as it
    is; "soften" lets each band in less than the next coarser one; "suppress texture" drops the finer half of the bands, and
    "background" all of them.

    Raises
    ------
    ValueError
        If no preset has this name.
    """
    k = np.arange(levels)
    detail = 2 - np.maximum(k - 1, 0) / levels
    bands = {
        "unchanged": np.ones(levels),
        "boost detail": np.where((k == 0) & (levels > 1), 1, detail),
        "soften": k / levels,
        "suppress texture": np.where(k < levels / 2, 0, 1),
        "background": np.zeros(levels),
    }
    if name not in bands:
        raise ValueError(f"no preset is called {name!r}; there are: {', '.join(PRESETS)}")
    return [*(float(weight) for weight in bands[name]), 1.0]
