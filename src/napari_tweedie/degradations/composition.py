"""Composition of degradations, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import model_validator

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.registry import chosen_from
from napari_tweedie.degradations.degradation import Degradation, registry
from napari_tweedie.degradations.linear_algebra import Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


Part = Annotated[Degradation, *chosen_from(registry.build)]
"""Annotation of a parameter that is a degradation; accepts one, its name, or its description."""


class Composition(Degradation):
    """A B: first the inner degradation B, then the outer A; in Python ``A @ B``."""

    name: ClassVar[str] = "composition"
    title: ClassVar[str] = "One after the other"

    outer: Part = Parameter("downsample", "What happens last.", validate_default=True)
    inner: Part = Parameter("gaussian-blur", "What happens first.", validate_default=True)

    @property
    def ndim(self) -> tuple[int, ...]:  # type: ignore[override]
        """Numbers of spatial axes that both work on."""
        return tuple(n for n in self.inner.ndim if n in self.outer.ndim)

    @property
    def is_image(self) -> bool:  # type: ignore[override]
        """Whether measurements of both look like images."""
        return self.outer.is_image and self.inner.is_image

    @property
    def admm_weight(self) -> float:  # type: ignore[override]
        """The smaller of both weights."""
        return min(self.inner.admm_weight, self.outer.admm_weight)

    @property
    def red_weight(self) -> float:  # type: ignore[override]
        """The smaller of both weights."""
        return min(self.inner.red_weight, self.outer.red_weight)

    @property
    def suits_gradients(self) -> bool:  # type: ignore[override]
        """Whether gradient steps suit both."""
        return self.outer.suits_gradients and self.inner.suits_gradients

    def kinds(self) -> tuple[type[Degradation], ...]:
        return self.inner.kinds() + self.outer.kinds()

    @property
    def is_pixelwise(self) -> bool:  # type: ignore[override]
        """Whether neither spreads light."""
        return self.outer.is_pixelwise and self.inner.is_pixelwise

    @property
    def is_non_negative(self) -> bool:  # type: ignore[override]
        """Whether neither has negative weights."""
        return self.outer.is_non_negative and self.inner.is_non_negative

    def arrays(self) -> dict[str, Input]:
        return self.inner.arrays() | self.outer.arrays()

    def missing_inputs(self) -> list[str]:
        return list(dict.fromkeys([*self.outer.missing_inputs(), *self.inner.missing_inputs()]))

    def with_arrays(self, arrays: Mapping[str, Any]) -> Composition:
        """Give each array to every operator that names it."""
        return Composition(outer=self.outer.with_arrays(arrays), inner=self.inner.with_arrays(arrays))

    @model_validator(mode="after")
    def _is_linear(self) -> Composition:
        for part in (self.outer, self.inner):
            if not part.is_linear:
                raise ValueError(f"{part.name!r} is not linear and cannot be part of a composition")
        return self

    def factors(self, ndim: int) -> Shape:
        return tuple(a * b for a, b in zip(self.inner.factors(ndim), self.outer.factors(ndim), strict=True))

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> Composition:
        """Tell both; the pixels that the outer operator sees are those that the inner one makes."""
        factors = self.inner.factors(len(spacing))
        between = tuple(size * factor for size, factor in zip(spacing, factors, strict=True))
        outer = self.outer.with_spacing(between, nanometres)
        return Composition(outer=outer, inner=self.inner.with_spacing(spacing, nanometres))

    def amplification(self, ndim: int) -> float:
        return self.outer.amplification(ndim) * self.inner.amplification(ndim)

    def components(self) -> int:
        return self.outer.components() * self.inner.components()

    def __call__(self, x: Tensor) -> Tensor:
        return self.outer(self.inner(x))

    def adjoint(self, y: Tensor) -> Tensor:
        return self.inner.adjoint(self.outer.adjoint(y))

    def shape(self, image: Shape) -> Shape:
        return self.outer.shape(self.inner.shape(image))

    def domain(self, measurement: Shape) -> Shape:
        return self.inner.domain(self.outer.domain(measurement))

    def reach(self, ndim: int) -> Shape | None:
        """Return the sum of both, in the pixels of each, of which those of the measurement are the largest."""
        inner, outer = self.inner.reach(ndim), self.outer.reach(ndim)
        return None if inner is None or outer is None else tuple(a + b for a, b in zip(inner, outer, strict=True))

    def norm(self, image: Shape | None = None) -> float:
        """Return the product of both norms, which may be larger than ‖A B‖."""
        return self.inner.norm(image) * self.outer.norm(None if image is None else self.inner.shape(image))

    def extend(self, image: Tensor) -> Tensor:
        inside = self.outer.extend(image)
        extended = self.inner.extend(inside)
        if self.crop(extended).shape[2:] != self.inner.crop(extended).shape[2:]:
            self._require_one_grid(tuple(extended.shape[2:]), tuple(inside.shape[2:]))
        return extended

    def crop(self, x: Tensor) -> Tensor:
        inside = self.inner.crop(x)
        cropped = self.outer.crop(inside)
        if cropped.shape != inside.shape:
            self._require_one_grid(tuple(x.shape[2:]), tuple(inside.shape[2:]))
        return cropped

    def _require_one_grid(self, x: Shape, inside: Shape) -> None:
        """Refuse margins of the outer operator that are counted in other pixels than those of x."""
        if self.inner.shape(x) != inside:
            raise ValueError(
                f"{self.outer.name!r} needs a margin around the field of view, but {self.inner.name!r} before it changes the "
                "pixels: choose boundary='circular' for the outer one"
            )

    @property
    def loses_pixels(self) -> bool:
        return self.outer.loses_pixels

    def without(self, missing: NDArray[np.bool_]) -> Composition:
        return Composition(outer=self.outer.without(missing), inner=self.inner)

    def observed(self, y: Tensor) -> Tensor:
        return self.outer.observed(y)

    def start(self, y: Tensor) -> Tensor:
        return self.inner.start(self.outer.start(y))

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        """Return the product of both, if the inner operator acts on frequencies: others mix what the outer one tells apart."""
        inner = self.inner.normal_spectrum(x)
        if not isinstance(inner, float):
            shape = self.inner.shape(tuple(x.shape[2:]))
            outer = self.outer.normal_spectrum(torch.empty((1, 1, *shape), dtype=x.dtype, device=x.device))
            if isinstance(outer, float) or outer.shape == inner.shape:
                return outer * inner
        return super().normal_spectrum(x)

    def notes(self, ndim: int) -> list[str]:
        return [*self.inner.notes(ndim), *self.outer.notes(ndim)]
