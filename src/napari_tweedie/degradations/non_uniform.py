"""Fourier transform on any trajectory: radial and spiral scans of magnetic resonance imaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import PrivateAttr

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations import coils, k_space
from napari_tweedie.degradations.complex_fourier import ComplexFourier
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.gridding import Gridding
from napari_tweedie.degradations.linear_algebra import Shape, middle_square
from napari_tweedie.degradations.trajectory import density_weights, diameters, in_cycles

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

POWER_ROUNDS, SAFELY = 20, 1.05
"""Rounds in which the norm is found, and by how much its bound is above what they give."""
CENTRE = 12
"""Frequencies to either side of zero, in periods a side, that show phase and sensitivities."""


class _OnTrajectory:
    """A trajectory and the transform on it, which are made once for every size of image."""

    def __init__(self, points: NDArray[np.float64]) -> None:
        self.points = points
        self._made: dict[int, Gridding] = {}
        self._norms: dict[int, float] = {}
        self._areas: dict[int, Tensor] = {}

    @property
    def shape(self) -> Shape:
        return (self.points.shape[0], self.points.shape[1])

    def gridding(self, side: int) -> Gridding:
        if side not in self._made:
            self._made[side] = Gridding(self.points.reshape(-1, 2), side)
        return self._made[side]

    def forward(self, images: Tensor) -> Tensor:
        """Return the values, (…, lines, samples), of complex images, (…, N, N)."""
        return self.gridding(images.shape[-1])(images).unflatten(-1, self.shape)

    def adjoint(self, values: Tensor, side: int) -> Tensor:
        return self.gridding(side).adjoint(values.flatten(-2))

    def norm(self, side: int) -> float:
        """Return a bound of the norm of the transform."""
        if side not in self._norms:
            x = torch.randn(1, side, side, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
            for _ in range(POWER_ROUNDS):
                x = self.adjoint(self.forward(x / x.norm()), side)
            self._norms[side] = SAFELY * float(x.norm()) ** 0.5
        return self._norms[side]

    def areas(self, side: int) -> Tensor:
        """Return the area of k-space that every sample stands for, (lines, samples)."""
        if side not in self._areas:
            weights = density_weights(self.gridding(side), self.points[..., 0].size)
            self._areas[side] = torch.from_numpy(weights).reshape(self.shape)
        return self._areas[side]

    def density(self, side: int) -> NDArray[np.float32]:
        """Return how many samples there are for each frequency, as ``rfft2`` orders them, a little smoothed."""
        from scipy.ndimage import gaussian_filter

        both = np.concatenate([self.points.reshape(-1, 2), -self.points.reshape(-1, 2)])
        places = np.rint(both * side).astype(int) % side
        counts = np.bincount(places[:, 0] * side + places[:, 1], minlength=side**2).reshape(side, side) / 2
        return gaussian_filter(counts, 1.0, mode="wrap")[:, : side // 2 + 1].astype(np.float32)


class NonUniformFourier(Degradation):
    """A = F S at the frequencies of a trajectory: k-space of a radial, spiral or any other scan, of one or several coils.

    A measurement has two channels a coil, real and imaginary part, with the lines of the scan along Y and their samples along X.
    The image is square, its middle at pixel N // 2. Of a measurement that is restored, coils and phase are found, see `fitted`.
    """

    name: ClassVar[str] = "non-uniform-fourier"
    title: ClassVar[str] = "Fourier transform on a trajectory"
    undone: ClassVar[str] = "reconstructed"
    is_non_negative: ClassVar[bool] = False
    solver: ClassVar[str] = "pnp-admm"
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False
    doubted: ClassVar[tuple[str, str]] = (
        "trajectory, the sensitivity of a coil or the phase",
        "its unit and order (Y, X), that lines lie along Y, that sensitivities are those of this slice, and phase='keep'",
    )
    noise_is_seen_in: ClassVar[str] = "the outermost samples"
    errors_are_local: ClassVar[bool] = False

    trajectory: ArrayInput = Parameter(
        Input(None),
        "Frequencies along Y and X, (lines, samples, 2), in cycles or radians a pixel, or periods a side; none: diameters, each "
        "the golden angle further.",
        layer="image",
    )
    lines: int = Parameter(64, "How many diameters a simulation measures.", ge=2, le=5000)
    width: int | None = Parameter(None, "Side of the image in pixels; none: the samples of a line.", ge=8, le=4096)
    sensitivity: ArrayInput = Parameter(
        Input(None),
        "Complex sensitivities, (coils, Y, X); none: of a measurement they are estimated, a simulation has one even coil.",
        layer="image",
        advanced=True,
    )
    phase: Literal["auto", "keep", "none"] = Parameter(
        "auto",
        "Phase of the restored image; auto: its magnitude is returned; keep: the phase, too; none: the image is real.",
        advanced=True,
    )

    _on: dict[Shape, _OnTrajectory] = PrivateAttr(default_factory=dict)
    _notes: list[str] = PrivateAttr(default_factory=list)

    def on(self, lines: int, samples: int) -> _OnTrajectory:
        """Return the transform for a measurement of so many lines and samples."""
        key = (lines, samples)
        if key not in self._on:
            if self.trajectory.array is None:
                points = diameters(lines, samples)
            else:
                points, told = in_cycles(self.trajectory.real(), self.width)
                self._notes = [told] if told else []
            self._on[key] = _OnTrajectory(points)
        return self._on[key]

    def shape(self, image: Shape) -> Shape:
        if image[0] != image[1]:
            raise ValueError(f"images of a trajectory are square (got {image}): crop or pad the image")
        if self.trajectory.array is not None:
            lines, samples = self.trajectory.values().shape[:2]
            return (int(lines), int(samples))
        return (self.lines, image[0])

    def domain(self, measurement: Shape) -> Shape:
        if self.trajectory.array is not None and tuple(self.trajectory.values().shape[:2]) != tuple(measurement):
            raise ValueError(
                f"the measurement has {measurement[0]} lines of {measurement[1]} samples, the trajectory shape "
                f"{self.trajectory.values().shape}: it must be (lines, samples, 2)"
            )
        return (self.width or measurement[1],) * 2

    def extend(self, image: Tensor) -> Tensor:
        """Keep the largest square in the middle."""
        return middle_square(image)

    def notes(self, ndim: int) -> list[str]:
        return self._notes

    @property
    def returns_phase(self) -> bool:
        return self.phase == "keep"

    @property
    def maps(self) -> NDArray[Any] | None:
        """The sensitivities, complex, (coils, Y, X), if there are any."""
        return coils.maps_of(self.sensitivity.array)

    def components(self) -> int:
        return k_space.components(self.maps)

    def takes(self, components: int) -> bool:
        return k_space.takes(self.maps, components)

    def _coils(self, x: Tensor, side: int) -> Tensor:
        return k_space.sensitivities(self.maps, x, (side, side))

    def __call__(self, x: Tensor) -> Tensor:
        on = self.on(*self.shape((x.shape[-2], x.shape[-1])))
        return k_space.as_channels(on.forward(x.unsqueeze(2) * self._coils(x, x.shape[-1])))

    def adjoint(self, y: Tensor) -> Tensor:
        side = self.domain((y.shape[-2], y.shape[-1]))[0]
        values = k_space.as_complex(y, self.components() // 2)
        return (self.on(*y.shape[-2:]).adjoint(values, side) * self._coils(y, side).conj()).real.sum(2)

    def norm(self, image: Shape | None = None) -> float:
        if image is None:
            raise ValueError("the norm on a trajectory depends on the image: give its shape")
        return self.on(*self.shape(image)).norm(image[0]) * k_space.norm(self.maps)

    def normal_spectrum(self, x: Tensor) -> Tensor:
        array = self.maps
        weight = 1.0 if array is None else float((np.abs(array) ** 2).sum(0).mean())
        return torch.from_numpy(self.on(*self.shape((x.shape[-2], x.shape[-1]))).density(x.shape[-1])).to(x) * weight

    def start(self, y: Tensor) -> Tensor:
        """Weight every sample with the area that it stands for, and transform back."""
        side = self.domain((y.shape[-2], y.shape[-1]))[0]
        areas = self.on(*y.shape[-2:]).areas(side).to(y)
        return k_space.unweighted(self.adjoint(y * areas), self._coils(y, side))

    def noise_level(self, y: Tensor) -> float:
        """Return the standard deviation of the noise of either part, from the samples with the least signal."""
        return coils.noise_level(k_space.as_complex(y, y.shape[1] // 2)[0, 0].cpu().numpy(), np.ones(tuple(y.shape[-2:]), bool))

    def fitted(self, y: Tensor) -> Degradation:
        """Return what measured `y`, (1, 2 · coils, lines, samples): of a complex image, with which coils.

        Sensitivities that are not given are estimated from the middle of k-space, and with them the phase.

        Raises
        ------
        ValueError
            If sensitivities and measurement do not fit.
        """
        if self.phase == "none":
            if self.maps is None and y.shape[1] > 2:
                raise ValueError("a real image seen by several coils needs their sensitivity: give it, or choose phase='keep'")
            return self
        side = self.domain((y.shape[-2], y.shape[-1]))[0]
        on, values = self.on(*y.shape[-2:]), k_space.as_complex(y, y.shape[1] // 2)[0, 0]
        if not bool(values.any()):
            raise ValueError("the measurement is zero everywhere: nothing was measured")
        radius = np.hypot(on.points[..., 0], on.points[..., 1]) * side / min(CENTRE, side // 4)
        window = torch.from_numpy(np.cos(np.pi / 2 * np.clip(radius, 0, 1)) ** 2).to(values.real)
        images = on.adjoint(values * window * on.areas(side).to(y), side).cpu().numpy().astype(np.complex64)
        notes = list(self._notes)
        given = self.maps
        if given is not None:
            sensitivity, turn = coils.fitting(coils.checked(given, images), images)
            notes += [f"The sensitivities fit what the coils see with {turn}: they were taken so."] if str(turn) else []
        elif len(values) > 1:
            sensitivity = coils.adaptive_combine(images)
            notes.append(f"The sensitivities of {len(values)} coils were estimated from the middle of k-space.")
        else:
            sensitivity = np.ones_like(images)
        phase = np.angle((sensitivity.conj() * images).sum(0))
        if given is not None or len(values) == 1:
            sensitivity = coils.with_phase(sensitivity, images)
        if self.phase == "auto":
            notes.append("The image may have phase, and this is its magnitude; phase='keep' returns its phase, too.")
        return ComplexOnTrajectory.on_trajectory(on, torch.from_numpy(sensitivity), torch.from_numpy(phase), notes)


class ComplexOnTrajectory(ComplexFourier):
    """``F S`` at the frequencies of a trajectory for a complex image, of which real and imaginary part are two channels."""

    name: ClassVar[str] = "complex-on-trajectory"
    title: ClassVar[str] = "Fourier transform of a complex image on a trajectory"

    _on: _OnTrajectory = PrivateAttr()

    @classmethod
    def on_trajectory(cls, on: _OnTrajectory, sensitivity: Tensor, phase: Tensor, notes: list[str]) -> Self:
        """Return the operator of a scan, of which nothing that was measured is left out."""
        made = cls.of(sensitivity, phase, torch.ones(on.shape, dtype=torch.bool), notes)
        made._on = on
        return made

    def shape(self, image: Shape) -> Shape:
        return self._on.shape

    def domain(self, measurement: Shape) -> Shape:
        return tuple(self._sensitivity.shape[-2:])

    def _transformed(self, images: Tensor) -> Tensor:
        return self._on.forward(images)

    def _transformed_back(self, values: Tensor) -> Tensor:
        return self._on.adjoint(values, self._sensitivity.shape[-1])

    def norm(self, image: Shape | None = None) -> float:
        return super().norm(image) * self._on.norm(self._sensitivity.shape[-1])

    def start(self, y: Tensor) -> Tensor:
        """Weight every sample with the area that it stands for, and transform back."""
        return super().start(y * self._on.areas(self._sensitivity.shape[-1]).to(y))

    def normal_spectrum(self, x: Tensor) -> Any:
        weight = float(self._sensitivity.abs().square().sum(0).mean())
        return torch.from_numpy(self._on.density(x.shape[-1])).to(x) * weight
