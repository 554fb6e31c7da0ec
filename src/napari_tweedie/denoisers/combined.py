"""Affine combination of denoisers that see the same image, which is a denoiser too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import model_validator

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.denoisers.denoiser import Denoiser
from napari_tweedie.denoisers.registered import registry

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device


Part = Annotated[Denoiser, *chosen_from(registry.build)]
"""Annotation of a parameter that is a denoiser; accepts one, its name, or its description."""


class Combined(Denoiser):
    """Σ aᵢ fᵢ(x, σ) with Σ aᵢ = 1.

    What holds for every part holds for it: constants and the mean are kept, the identity at σ = 0, a symmetric Jacobian
    (Milanfar & Delbracio 2024). Weights below zero extrapolate, and may enlarge changes of the image.
    """

    name: ClassVar[str] = "combined"
    title: ClassVar[str] = "Combination of denoisers"

    parts: tuple[Part, ...] = Parameter(
        ("unet", "gaussian"), "The denoisers, by name or description.", min_length=1, validate_default=True
    )
    weights: tuple[float, ...] = Parameter((), "A weight for each, together 1; none: all alike.")

    @model_validator(mode="after")
    def _weights_fit(self) -> Combined:
        if self.weights and len(self.weights) != len(self.parts):
            raise ValueError(f"weights must be {len(self.parts)}, one a denoiser (got {len(self.weights)})")
        if self.weights and not abs(sum(self.weights) - 1) < 1e-6:
            raise ValueError(f"weights must sum to 1 (got {sum(self.weights):g})")
        if not self.ndim:
            raise ValueError("no number of axes suits every denoiser: combine denoisers of planes, or of volumes")
        return self

    @property
    def ndim(self) -> tuple[int, ...]:  # type: ignore[override]
        """Numbers of spatial axes that all parts take."""
        return tuple(n for n in self.parts[0].ndim if all(n in part.ndim for part in self.parts))

    @property
    def halo(self) -> int:  # type: ignore[override]
        """The farthest reach of any part."""
        return max(part.halo for part in self.parts)

    @property
    def differentiable(self) -> bool:  # type: ignore[override]
        """Whether gradients flow through every part."""
        return all(part.differentiable for part in self.parts)

    @property
    def keeps_mean(self) -> bool:  # type: ignore[override]
        """Whether every part keeps the mean."""
        return all(part.keeps_mean for part in self.parts)

    @property
    def takes_map(self) -> bool:  # type: ignore[override]
        """Whether every part takes maps of the noise level."""
        return all(part.takes_map for part in self.parts)

    @property
    def takes_levels(self) -> bool:  # type: ignore[override]
        """Whether every part takes noise that is not white."""
        return all(part.takes_levels for part in self.parts)

    @property
    def keeps_without_noise(self) -> bool:  # type: ignore[override]
        """Whether every part does."""
        return all(part.keeps_without_noise for part in self.parts)

    @property
    def is_homogeneous(self) -> bool:  # type: ignore[override]
        """Whether every part is."""
        return all(part.is_homogeneous for part in self.parts)

    @property
    def follows_offset(self) -> bool:  # type: ignore[override]
        """Whether every part does."""
        return all(part.follows_offset for part in self.parts)

    def __call__(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        weights = self.weights or (1 / len(self.parts),) * len(self.parts)
        total = weights[0] * self.parts[0](x, sigma)
        for weight, part in zip(weights[1:], self.parts[1:], strict=True):
            total = total + weight * part(x, sigma)
        return total

    def obstacle(self) -> str:
        return next(filter(None, (part.obstacle() for part in self.parts)), "")

    def normalised(self, offset: float, scale: float) -> Self:
        return self.model_copy(update={"parts": tuple(part.normalised(offset, scale) for part in self.parts)})

    def pinned(self) -> Self:
        return self._of(tuple(part.pinned() for part in self.parts))

    def on(self, device: Device) -> Self:
        return self._of(tuple(part.on(device) for part in self.parts))

    def _of(self, parts: tuple[Denoiser, ...]) -> Self:
        same = all(part is was for part, was in zip(parts, self.parts, strict=True))
        return self if same else self.model_copy(update={"parts": parts})

    def arrays(self) -> dict[str, Input]:
        return {name: array for part in self.parts for name, array in part.arrays().items()}

    def missing_inputs(self) -> list[str]:
        return list(dict.fromkeys(name for part in self.parts for name in part.missing_inputs()))

    def with_arrays(self, arrays: Mapping[str, Any]) -> Self:
        """Give each array to every part that names it."""
        return self.model_copy(update={"parts": tuple(part.with_arrays(arrays) for part in self.parts)})

    def provenance(self, device: Device) -> dict[str, Any]:
        return {"parts": [part.provenance(device) for part in self.parts]}
