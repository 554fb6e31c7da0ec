"""Degradation: the base class of linear operators A with an adjoint and a proximal map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Method
from napari_tweedie.core.registry import Registry
from napari_tweedie.degradations.linear_algebra import Shape, conjugate_gradients, fourier_filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_tweedie.degradations.svd import SVD


class Degradation(Method):
    """A linear operator A on images of shape (B, C, Y, X) or (B, C, Z, Y, X), float32.

    Subclasses define `__call__`, `adjoint` and, where sizes change, `shape` and `domain`; they replace `prox`
    by a closed form where there is one.
    """

    solver: ClassVar[str] = "hqs"
    """Name of the solver that measured best for it, a proposal of forms and of the command line."""
    iterations: ClassVar[int] = 24
    """Turns of data step and denoising that half-quadratic splitting needs for it, a proposal of forms."""
    admm_weight: ClassVar[float] = 1.0
    """Weight of the denoiser that serves plug-and-play ADMM best for it; 1: as in a posterior."""
    red_weight: ClassVar[float] = 1.0
    """The same for RED."""
    suits_gradients: ClassVar[bool] = True
    """Whether some tens of gradient steps restore what A sees: not if it sees most of that far more weakly than the rest."""
    undone: ClassVar[str] = "restored"
    """What an image is called of which it was undone, in a word that everybody knows."""
    ndim: ClassVar[tuple[int, ...]] = (2, 3)
    """Numbers of spatial axes that the operator works on."""
    is_image: ClassVar[bool] = True
    """Whether a measurement looks like the image: its grey levels span the same range, and its noise can be estimated."""
    is_linear: ClassVar[bool] = True
    """Whether a measurement is A x + noise; else a detector distorts that, and `residual` and `detect` say how."""
    is_pixelwise: ClassVar[bool] = False
    """Whether every number of a measurement is of one pixel alone, so that no light is spread."""
    is_non_negative: ClassVar[bool] = True
    """Whether A has no negative weights: the measurement of an image without negative values has none either."""
    is_random: ClassVar[bool] = False
    """Whether A is a random projection, which message passing needs: i.i.d. or randomised-orthogonal, with E AᵀA = I."""
    has_noise_of_images: ClassVar[bool] = False
    """Whether noise is measured on such a measurement as on an image, although it does not look like one."""
    leaves_out_missing: ClassVar[bool] = False
    """Whether values of a measurement that does not look like the image may be missing, which `fitted` leaves out."""
    doubted: ClassVar[tuple[str, str]] = ("degradation", "its parameters and the order of the axes")
    """What is likely wrong where a result leaves more of the measurement than noise, and what to check."""
    noise_is_seen_in: ClassVar[str] = "a flat part of the image"
    """Where a measurement shows nothing but noise."""
    errors_are_local: ClassVar[bool] = True
    """Whether what is wrong with A shows as structure in the measurement: it does not in frequencies."""
    is_turned: ClassVar[bool] = False
    """Whether it does to columns what others of its kind do to rows: what was trained for those wants its images turned."""
    has_phase: ClassVar[bool] = False
    """Whether x is a complex image: its real and imaginary parts are two channels, and zero has a meaning."""
    is_disjoint: ClassVar[bool] = False
    """Whether no two measured values see the same pixel of the image."""

    def kinds(self) -> tuple[type[Degradation], ...]:
        """Return the classes of what it is made of, in the order in which that happens."""
        return (type(self),)

    def actual(self, name: str) -> Any:
        """Return what a parameter amounts to, where others, or a measurement, have a say in it."""
        return getattr(self, name)

    def __call__(self, x: Tensor) -> Tensor:
        """Return A x."""
        raise TypeError(f"{type(self).__name__} defines no forward operator")

    def adjoint(self, y: Tensor) -> Tensor:
        """Return Aᵀ y."""
        raise TypeError(f"{type(self).__name__} defines no adjoint")

    def shape(self, image: Shape) -> Shape:
        """Return the spatial shape of A x for an x of spatial shape `image`."""
        return image

    def domain(self, measurement: Shape) -> Shape:
        """Return the spatial shape of x for a measurement A x of spatial shape `measurement`."""
        return measurement

    def factors(self, ndim: int) -> Shape:
        """Return how many pixels of x lie along a pixel of A x, an axis each."""
        return (1,) * ndim

    def with_spacing(self, spacing: tuple[float, ...], nanometres: float | None) -> Self:
        """Return this operator for images whose pixels have a known size; most operators do not ask for it.

        Parameters
        ----------
        spacing : tuple of float
            Size of the pixels of x along (Z,) Y, X.
        nanometres : float or None
            Unit of `spacing`; None if only its ratios count.
        """
        return self

    @property
    def is_uncertain(self) -> bool:
        """Whether its parameters are known up to a stated spread only, which samples of the posterior then draw."""
        return any(value.is_uncertain for _, value in self if isinstance(value, Degradation))

    def drawn(self, z: float) -> Self:
        """Return this operator as it may be instead, `z` being how far from what is stated, in standard deviations."""
        parts = {name: value.drawn(z) for name, value in self if isinstance(value, Degradation) and value.is_uncertain}
        return self.model_copy(update=parts) if parts else self

    def reach(self, ndim: int) -> Shape | None:
        """Return how far a pixel of the image is seen in the measurement, along each of `ndim` axes; None: everywhere.

        It says how much a region of a large image must see of its neighbours to be restored alone.
        """
        return None

    def amplification(self, ndim: int) -> float:
        """Return by how much the grey level of a point may exceed that of its measurement, for blocks of `ndim` axes."""
        return 1.0

    def takes(self, components: int) -> bool:
        """Tell whether a measurement may have so many components."""
        return components == self.components()

    def corrected(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return a measurement, shape (…, Y, X), in the numbers of which A x is one: without what the detector made of them."""
        return y

    def evened(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return a measurement, shape (…, Y, X), without the errors of the detector that it was found to have."""
        return y

    def with_noise(self, y: Tensor, sigma: float) -> tuple[Degradation, Tensor]:
        """Return an operator and its measurement whose noise is white, of level sigma, where errors that were found add to it."""
        return self, y

    def fitted(self, y: Tensor) -> Degradation:
        """Return this operator with what the measurement itself tells of it; its notes say what was found.

        Parameters
        ----------
        y : Tensor
            The measurement, (1, components, …), in its own units.

        Raises
        ------
        ValueError
            If the measurement contradicts its parameters or arrays; the message says what to change.
        """
        return self

    def noise_level(self, y: Tensor) -> float | None:
        """Return the standard deviation of the noise of a measurement that is no image; None: it does not tell."""
        return None

    def model_error(self, y: Tensor) -> float:
        """Return by how much measurements in nature differ from A of pixels, as a root mean square."""
        return 0.0

    def shown(self, x: Tensor) -> Tensor:
        """Return what is shown of x: itself, or of a complex image its magnitude."""
        return x

    def phase_of(self, x: Tensor) -> Tensor:
        """Return the phase of a complex image, in radians; 0 of a real one."""
        return torch.zeros_like(x)

    @property
    def returns_phase(self) -> bool:
        """Whether the phase of what is restored is wanted beside its magnitude."""
        return False

    def components(self) -> int:
        """Return how many channels the measurement has for each channel of the image: real and imaginary parts, coils."""
        return 1

    def norm(self, image: Shape | None = None) -> float:
        """Return an upper bound of ‖A‖, the largest singular value, for x of spatial shape `image`.

        Raises
        ------
        ValueError
            If no shape is given and the norm grows with the image.
        """
        return 1.0

    def extend(self, image: Tensor) -> Tensor:
        """Fit an image of the field of view to the domain of A, so that A of it covers the whole field."""
        return image

    def crop(self, x: Tensor) -> Tensor:
        """Return the part of x that lies in the field of view of the measurement."""
        return x

    def observed(self, y: Tensor) -> Tensor:
        """Return which pixels of a measurement carry information, as booleans."""
        return torch.ones_like(y, dtype=torch.bool)

    @property
    def loses_pixels(self) -> bool:
        """Whether pixels of the measurement may be missing, and others with them, see `without`."""
        return False

    def without(self, missing: NDArray[np.bool_]) -> Self:
        """Return this operator where further pixels of the measurement, in its spatial shape, are missing.

        Raises
        ------
        ValueError
            If it knows no missing pixels.
        """
        raise ValueError(f"the degradation {self.name!r} knows no missing pixels")

    def detect(self, signal: Tensor) -> Tensor:
        """Return what the detector makes of A x + noise."""
        return signal

    def residual(self, x: Tensor, y: Tensor) -> Tensor:
        """Return A x − y, or where that is not the error of x, an error whose half square has the gradient Aᵀ(error)."""
        return self(x) - y

    def in_units(self, y: Tensor, offset: float, scale: float) -> tuple[Degradation, Tensor]:
        """Return the operator and the measurement of (x − offset) / scale, where this one measured y of x."""
        ones = torch.ones((1, 1, *self.domain(tuple(y.shape[2:]))), dtype=y.dtype, device=y.device)
        return self, torch.where(self.observed(y), (y - offset * self(ones)) / scale, 0.0)

    def start(self, y: Tensor) -> Tensor:
        """Return a first image for a measurement, without any prior knowledge."""
        return self.adjoint(y)

    def span(self, y: Tensor) -> Tensor:
        """Return an image whose grey levels span about those of the image that was measured."""
        return self.start(y)

    def normal_spectrum(self, x: Tensor) -> Tensor | float:
        """Return about the eigenvalues of AᵀA in the Fourier basis (of ``rfftn`` over the spatial axes of `x`).

        It preconditions conjugate gradients; it changes the speed, never the result.
        """
        return self.norm(tuple(x.shape[2:])) ** 2

    def obstacle(self, ndim: int) -> str:
        """Return why this operator does not work on images of `ndim` spatial axes, in one sentence; empty: it does."""
        return "" if ndim in self.ndim else f"the degradation {self.name!r} does not work on {ndim}-D blocks"

    def svd_obstacle(self) -> str:
        """Return why this operator has no fast singular value decomposition, in one sentence; empty: `svd` returns it."""
        if type(self).svd is not Degradation.svd:
            return ""
        return f"{self.name!r} has no fast singular value decomposition; {', '.join(_decomposable())} have one"

    def svd(self, x: Tensor) -> SVD:
        """Return the singular value decomposition for images with the spatial shape, dtype and device of `x`.

        Raises
        ------
        ValueError
            If this operator has no fast one: see `svd_obstacle`.
        """
        raise ValueError(self.svd_obstacle())

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        """Return ``argmin_x ½‖A x − y‖² + ½ρ‖x − z‖²``, by preconditioned conjugate gradients.

        Parameters
        ----------
        z : Tensor
            An image in the domain of A; the iteration starts there.
        y : Tensor
            A measurement.
        rho : float
            Weight of z, > 0.
        """
        spectrum = self.normal_spectrum(z) + rho
        return conjugate_gradients(
            lambda x: self.adjoint(self(x)) + rho * x,
            self.adjoint(y) + rho * z,
            z,
            precondition=lambda r: fourier_filter(r, 1 / spectrum),
        )

    def __matmul__(self, inner: Degradation) -> Degradation:
        """Return the operator that applies `inner` first, then this one."""
        return registry.load("composition", outer=self, inner=inner)

    def notes(self, ndim: int) -> list[str]:
        """Return what a user should know about these inputs for images with `ndim` spatial axes, a sentence each."""
        return []


registry: Registry[Degradation] = Registry("napari_tweedie.degradations", Degradation)
"""The degradations by their names."""


def _decomposable() -> list[str]:
    """Return the names of the operators that replace `Degradation.svd`."""
    return [name for name, method in registry.all().items() if method.svd is not Degradation.svd]
