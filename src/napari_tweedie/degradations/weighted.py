"""Weighted degradation: rows of A by the reliability of what they measured, columns by a scale of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import PrivateAttr

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape
from napari_tweedie.degradations.reweighted import Reweighted
from napari_tweedie.degradations.svd import SVD

if TYPE_CHECKING:
    from torch import Tensor

ROUNDS = 6
"""Power iterations that tighten the bound of the norm."""


class Weighted(Reweighted):
    """``u ↦ w · A (s · u)`` for positive maps w, in the shape of the measurement, and s, in that of the image.

    With w = σ/σ(y), the measurement w · y has white noise of level σ. With an s that follows σ(y) as well, an error of u is
    everywhere as large as what the noise makes of it, and the operator stays close to A, which conjugate gradients like.
    """

    name: ClassVar[str] = "weighted"
    title: ClassVar[str] = "Weighted"

    tolerance: ClassVar[float] = 1e-3
    """Less exact than for A: weights are known to some percent, and where they vary the way is longer."""

    _weights: Tensor = PrivateAttr()
    _scale: Tensor | None = PrivateAttr(None)

    @classmethod
    def of(cls, inner: Degradation, weights: Tensor, scale: Tensor | None = None) -> Self:
        """Return the operator for weights and scale; None: 1 everywhere."""
        weighted = cls(inner=inner)
        weighted._weights, weighted._scale = weights, scale
        return weighted

    def image(self, u: Tensor) -> Tensor:
        """Return ``x = s · u``."""
        return u if self._scale is None else self._scale * u

    def scaled(self, x: Tensor) -> Tensor:
        """Return ``u = x / s``."""
        return x if self._scale is None else x / self._scale

    def of_measured(self, y: Tensor) -> Tensor:
        """Return ``w · y``."""
        return self._weights * y

    def __call__(self, x: Tensor) -> Tensor:
        return self._weights * self.inner(self.image(x))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.image(self.inner.adjoint(self._weights * y))

    @property
    def is_image(self) -> bool:  # type: ignore[override]
        """Whether measurements by A look like images."""
        return self.inner.is_image

    def norm(self, image: Shape | None = None) -> float:
        """Return the largest of (AᵀA p)/p, which no eigenvalue of a matrix without negative entries exceeds (Collatz 1942).

        Some power iterations, which p begins with, bring it close to the eigenvalue.
        """
        p = torch.ones_like(self.adjoint(torch.ones_like(self._weights)))
        for _ in range(ROUNDS):
            q = self.adjoint(self(p)).clamp_min(0)
            bound = float((q / p).max())
            p = (q / q.max()).clamp_min(1e-3)
        return bound**0.5

    def observed(self, y: Tensor) -> Tensor:
        return self.inner.observed(y)

    def start(self, y: Tensor) -> Tensor:
        return self.scaled(self.inner.start(y / self._weights))

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        """Return that of A times the mean square of w · A s, the weights that it meets."""
        met = self._weights * self.inner(self.image(torch.ones_like(x[:1, :1])))
        plain = self.inner(torch.ones_like(x[:1, :1]))
        return self.inner.normal_spectrum(x) * float(met.square().sum() / plain.square().sum())

    def svd_obstacle(self) -> str:
        if self._scale is not None or not self.inner.is_disjoint:
            return f"{self.inner.name!r} has no fast singular value decomposition where the noise varies"
        return self.inner.svd_obstacle()

    def svd(self, x: Tensor) -> SVD:
        """Use that weights of rows that share no pixel of the image are factors of their singular values."""
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
        inner = self.inner.svd(x)
        s = inner.vt(self.inner.adjoint(self._weights))[:1, :1]
        s = torch.where(s > 1e-6 * s.max(), s, 0.0)
        return SVD.of_normal(self, s, inner.v, inner.vt)
