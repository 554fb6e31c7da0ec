"""Random projection: every measured number mixes all pixels at random, as in compressed sensing."""

from __future__ import annotations

from math import ceil, prod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations.cosine import dct, inverse_dct
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.svd import SVD

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_MATRIX = 2**27
"""Most elements that a dense matrix may have (512 MiB)."""


class RandomProjection(Degradation):
    """A random m × N matrix with ``E AᵀA = I``; a measurement is a row of m = ⌈ratio · N⌉ numbers, (…, 1, m).

    ``"dct"`` is √(N/m) P D S: random signs S, the orthonormal cosine transform D, a random subset P; it takes
    N log N operations and ``A Aᵀ = (N/m) I``. ``"gaussian"`` has independent elements N(0, 1/m) and is for small images.
    """

    name: ClassVar[str] = "random-projection"
    title: ClassVar[str] = "Random projections"
    undone: ClassVar[str] = "reconstructed"
    is_non_negative: ClassVar[bool] = False
    solver: ClassVar[str] = "d-amp"
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False
    is_random: ClassVar[bool] = True

    ratio: float = Parameter(0.25, "Numbers measured per pixel.", gt=0, le=1)
    seed: int = Parameter(0, "Seed of the matrix.", ge=0, le=2**31 - 1)
    matrix: Literal["dct", "gaussian"] = Parameter("dct", "A fast randomised cosine transform, or a dense Gaussian matrix.")
    height: int = Parameter(0, "Rows of the image; 0: it is square.", unit="px", ge=0, le=2**15, advanced=True)
    width: int = Parameter(0, "Columns of the image; 0: it is square.", unit="px", ge=0, le=2**15, advanced=True)

    _drawn: dict[tuple[Any, ...], Any] = PrivateAttr(default_factory=dict)

    def _count(self, pixels: int) -> int:
        return ceil(self.ratio * pixels - 1e-9)

    def shape(self, image: Shape) -> Shape:
        return (1, self._count(prod(image)))

    def domain(self, measurement: Shape) -> Shape:
        m = measurement[-1]
        side = round((m / self.ratio) ** 0.5)
        squares = [n for n in range(max(1, side - 2), side + 3) if self._count(n * n) == m]
        image = (self.height, self.width) if self.height and self.width else (squares[-1:] * 2 or (0, 0))
        if self.shape(tuple(image)) != tuple(measurement):
            raise ValueError(
                f"a measurement of shape {tuple(measurement)} does not come from an image of {image[0]} × {image[1]} pixels at "
                f"ratio {self.ratio}: set height and width of the image"
            )
        return tuple(image)

    def norm(self, image: Shape | None = None) -> float:
        """Return √(N/m), or for a dense matrix 1 + √(N/m) and 10 %, which random matrices do not exceed but with luck."""
        root = self.ratio**-0.5
        return root if self.matrix == "dct" else 1.1 * (1 + root)

    def _signs_and_rows(self, image: Shape, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return S, in the shape of the image, and P, as sorted indices into the flat spectrum."""
        key = (image, like.device)
        if key not in self._drawn:
            rng = np.random.default_rng(self.seed)
            signs = rng.integers(0, 2, image, dtype=np.int8) * 2 - 1
            rows = np.sort(rng.choice(prod(image), self._count(prod(image)), replace=False))
            self._drawn[key] = torch.as_tensor(signs, device=like.device), torch.as_tensor(rows, device=like.device)
        signs, rows = self._drawn[key]
        return signs.to(like.dtype), rows

    def _dense(self, image: Shape, like: Tensor) -> Tensor:
        pixels, m = prod(image), self._count(prod(image))
        if m * pixels > LARGEST_MATRIX:
            raise ValueError(f"a dense matrix for an image of {image} has {m * pixels:.1e} elements: choose matrix='dct'")
        key = (image, like.device, "dense")
        if key not in self._drawn:
            elements = np.random.default_rng(self.seed).standard_normal((m, pixels), dtype=np.float32) / np.float32(m**0.5)
            self._drawn[key] = torch.as_tensor(elements, device=like.device)
        return self._drawn[key].to(like.dtype)

    def __call__(self, x: Tensor) -> Tensor:
        image = tuple(x.shape[-2:])
        if self.matrix == "gaussian":
            return x.flatten(-2).matmul(self._dense(image, x).T).unsqueeze(-2)
        signs, rows = self._signs_and_rows(image, x)
        return (prod(image) / len(rows)) ** 0.5 * dct(signs * x).flatten(-2)[..., None, rows]

    def adjoint(self, y: Tensor) -> Tensor:
        image = self.domain(tuple(y.shape[-2:]))
        if self.matrix == "gaussian":
            return y.squeeze(-2).matmul(self._dense(image, y)).unflatten(-1, image)
        signs, rows = self._signs_and_rows(image, y)
        spectrum = torch.zeros((*y.shape[:2], prod(image)), dtype=y.dtype, device=y.device)
        spectrum[..., rows] = (prod(image) / len(rows)) ** 0.5 * y.squeeze(-2)
        return signs * inverse_dct(spectrum.unflatten(-1, image))

    def start(self, y: Tensor) -> Tensor:
        """Return ``c + Aᵀ(y − A c)`` for the constant image c that explains y best: what is left to be found is smaller."""
        ones = torch.ones((1, 1, *self.domain(tuple(y.shape[-2:]))), dtype=y.dtype, device=y.device)
        flat = self(ones)
        constant = (flat * y).sum(-1, keepdim=True) / flat.square().sum()
        return constant + self.adjoint(y - constant * flat)

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        if self.matrix == "gaussian":
            return super().prox(z, y, rho)
        return z - self.adjoint(self.residual(z, y)) / (prod(z.shape[-2:]) / y.shape[-1] + rho)

    def svd_obstacle(self) -> str:
        if self.matrix == "dct":
            return ""
        return "'random-projection' has a fast singular value decomposition with matrix='dct' only"

    def svd(self, x: Tensor) -> SVD:
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
        image = tuple(x.shape[-2:])
        signs, rows = self._signs_and_rows(image, x)
        s = torch.zeros(prod(image), dtype=x.dtype, device=x.device)
        s[rows] = (prod(image) / len(rows)) ** 0.5
        return SVD.of_normal(self, s.view(image), lambda c: signs * inverse_dct(c), lambda x: dct(signs * x))
