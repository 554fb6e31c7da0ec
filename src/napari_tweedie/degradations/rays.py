"""Rays through an image: sums along them, and filtered back-projection, for parallel rays and those of a fan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.sinogram import spacing_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.degradations.linear_algebra import Shape

SAMPLES_AT_ONCE = 2**23
"""Points on rays that are held in memory at once."""
NEAREST = 0.05
"""Distance from the source, in units of that of the axis, from which on pixels count in back-projection."""


@dataclass(frozen=True)
class Rays:
    """Where the rays of a scan run.

    Parameters
    ----------
    theta : array
        Angles in degrees.
    axis : float
        Where the axis of rotation lies, from the middle pixel of the detector.
    source : float, optional
        Distance of the source from the axis, in pixels of the detector as seen at the axis; None: the rays are parallel.
    """

    theta: NDArray[np.float64]
    axis: float
    source: float | None

    def portions(self, like: Tensor, along: int, across: int) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
        """Yield some angles as slice, cosine and sine, (k, 1, 1), and a grid of rows and columns about its middle pixel."""
        step = max(1, SAMPLES_AT_ONCE // (along * across))
        places = [torch.arange(n, device=like.device, dtype=like.dtype) - n // 2 for n in (along, across)]
        rows, columns = torch.meshgrid(*places, indexing="ij")
        for first in range(0, len(self.theta), step):
            chosen = slice(first, min(first + step, len(self.theta)))
            theta = torch.as_tensor(np.deg2rad(self.theta[chosen])).to(like)[:, None, None]
            yield chosen, theta.cos(), theta.sin(), rows, columns

    def project(self, x: Tensor, cos: Tensor, sin: Tensor, t: Tensor, d: Tensor) -> Tensor:
        """Sum x along rays: over t, for every detector position d; a ray of a fan is as long as it is deep, over its cosine."""
        points = self.points(x.shape[-1], cos, sin, t, d)
        images = x.flatten(0, 1).expand(len(points), -1, -1, -1)  # one an angle, as threads share them
        sums = torch.nn.functional.grid_sample(images, points, align_corners=True).sum(-2)
        return (sums * self.lengths(d)).movedim(0, -1).unflatten(0, x.shape[:2])

    def smear(self, y: Tensor, side: int, cos: Tensor, sin: Tensor, t: Tensor, d: Tensor) -> Tensor:
        """Return the transpose of `project`, of sums (…, detector, angles): images (…, side, side)."""
        points = self.points(side, cos, sin, t, d)
        sums = y.flatten(0, 1).movedim(-1, 0) * self.lengths(d)
        images = y.new_zeros(()).expand(len(points), sums.shape[1], side, side)
        weights = sums[:, :, None, :].expand(-1, -1, points.shape[1], -1).contiguous()
        found, _ = torch.ops.aten.grid_sampler_2d_backward(weights, images, points, 0, 0, True, [True, False])
        return found.sum(0).unflatten(0, y.shape[:2])

    def points(self, side: int, cos: Tensor, sin: Tensor, t: Tensor, d: Tensor) -> Tensor:
        """Return where rays are sampled, (angles, t, d, 2), as columns and rows from −1 to 1 between the outermost pixels."""
        t, d = t[:, :1], d[:1] - self.axis
        aside = d if self.source is None else d * (1 + t / self.source).clamp_min(0)
        scale, centre = 2 / max(side - 1, 1), side // 2
        points = t.new_empty((len(cos), len(t), d.shape[-1], 2))
        torch.add((sin * t + centre) * scale - 1, (cos * scale) * aside, out=points[..., 0])
        torch.sub((cos * t + centre) * scale - 1, (sin * scale) * aside, out=points[..., 1])
        return points

    def lengths(self, d: Tensor) -> Tensor:
        """Return how much longer than deep the ray to every detector position is."""
        return torch.ones_like(d[0]) if self.source is None else (1 + ((d[0] - self.axis) / self.source).square()).sqrt()

    def filtered_back_projection(self, y: Tensor, image: Shape) -> Tensor:
        """Filter a sinogram, (…, detector, angles), with a ramp and smear it back.

        Kak & Slaney 1988, equation 61 of chapter 3 for parallel rays; for a fan, 118 to 123, which need a whole turn.
        """
        found = torch.zeros((*y.shape[:2], *image), dtype=y.dtype, device=y.device)
        n, side = y.shape[-2], image[-1]
        if self.source is not None:
            d = torch.arange(n, device=y.device) - n // 2 - self.axis
            y = y / (1 + (d / self.source).square()).sqrt()[:, None]
        size = 2 ** int(np.ceil(np.log2(2 * n)))
        offsets = np.fft.fftfreq(size, 1 / size)
        odd = offsets % 2 == 1
        ramp = np.zeros(size)
        ramp[0], ramp[odd] = 0.25, -1 / (np.pi * offsets[odd]) ** 2
        transfer = torch.as_tensor(np.fft.rfft(ramp).real).to(y)[:, None]
        filtered = torch.fft.irfft(torch.fft.rfft(y, size, dim=-2) * transfer, size, dim=-2)[..., :n, :]
        filtered = filtered * torch.as_tensor(spacing_of(self.theta)).to(y)
        middle = n // 2 + self.axis
        for chosen, cos, sin, rows, columns in self.portions(y, side, side):
            number = torch.arange(y.shape[-1], device=y.device)[chosen, None, None].expand(-1, side, side)
            aside = cos * columns - sin * rows
            if self.source is None:
                found += sampled(filtered, aside + middle, number).sum(2)
                continue
            nearer = (1 + (cos * rows + sin * columns) / self.source).clamp_min(NEAREST)
            found += (sampled(filtered, aside / nearer + middle, number) / nearer.square()).sum(2)
        return found


def sampled(image: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the image, (B, C, Y, X), linearly interpolated at points (k, M, N): (B, C, k, M, N); outside it is zero."""
    scales = [2 / max(length - 1, 1) for length in image.shape[2:]]
    points = torch.stack([columns * scales[1] - 1, rows * scales[0] - 1], -1).flatten(0, 1)[None]
    values = torch.nn.functional.grid_sample(image.flatten(0, 1)[None], points, align_corners=True)
    return values.view(*image.shape[:2], *rows.shape)
