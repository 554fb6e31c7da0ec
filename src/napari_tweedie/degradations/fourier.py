"""Fourier mask: only some spatial frequencies measured, as in fast magnetic resonance imaging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import PrivateAttr

from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.degradations import coils, k_space
from napari_tweedie.degradations.complex_fourier import centred
from napari_tweedie.degradations.degradation import Degradation
from napari_tweedie.degradations.linear_algebra import Shape, fourier_filter
from napari_tweedie.degradations.sampling_patterns import PATTERNS, kind_of
from napari_tweedie.degradations.scan import fit, measured
from napari_tweedie.degradations.svd import SVD, hartley

if TYPE_CHECKING:
    from torch import Tensor


class FourierMask(Degradation):
    """A = m F S: the orthonormal Fourier transform of the real image, times coil sensitivities S, at some frequencies m.

    A measurement has, for every channel and coil, two channels (real and imaginary part), the zero frequency in the
    middle and zeros where nothing was measured. Of a measurement that is restored more is found, see `fitted`.
    """

    name: ClassVar[str] = "fourier-mask"
    title: ClassVar[str] = "Undersampled Fourier transform"
    undone: ClassVar[str] = "reconstructed"
    is_non_negative: ClassVar[bool] = False
    solver: ClassVar[str] = "pnp-admm"
    ndim: ClassVar[tuple[int, ...]] = (2,)
    is_image: ClassVar[bool] = False
    doubted: ClassVar[tuple[str, str]] = (
        "sampling, the sensitivity of a coil or the phase",
        "that frequencies that were not measured are zero, that sensitivities are those of this slice, and phase='keep'",
    )
    noise_is_seen_in: ClassVar[str] = "the outermost frequencies"
    errors_are_local: ClassVar[bool] = False

    pattern: Literal["cartesian", "radial", "random", "variable-density"] = Parameter(
        "cartesian",
        "What a simulation measures: random rows, diameters, random points, or points denser near the middle; all with it.",
    )
    acceleration: float = Parameter(4.0, "Frequencies of the image per measured one, of a simulation.", ge=1, le=64)
    centre: float = Parameter(0.08, "Part of either axis about the zero frequency that is measured fully.", ge=0, le=1)
    seed: int = Parameter(0, "Seed of the random pattern.", ge=0, advanced=True)
    sampling: ArrayInput = Parameter(
        Input(None), "Measured frequencies, (Y, X), not zero where; none: where the measurement is not zero.", layer="image"
    )
    sensitivity: ArrayInput = Parameter(
        Input(None),
        "Complex sensitivities, (coils, Y, X); none: of a measurement they are estimated, a simulation has one even coil.",
        layer="image",
        advanced=True,
    )
    phase: Literal["auto", "keep", "none"] = Parameter(
        "auto",
        "Phase of the restored image; auto: if the middle of k-space shows any, the magnitude is returned; keep: the phase is "
        "returned, too; none: the image is real.",
        advanced=True,
    )

    _notes: list[str] = PrivateAttr(default_factory=list)
    _masks: dict[Shape, NDArray[np.bool_]] = PrivateAttr(default_factory=dict)

    def mask(self, image: Shape) -> NDArray[np.bool_]:
        """Return which frequencies are measured, the zero frequency in the middle."""
        if image not in self._masks and self.sampling.array is not None:
            self._masks[image] = self._sampling(image)
        if image not in self._masks:
            self._masks[image] = PATTERNS[self.pattern](image, self.acceleration, self.centre, np.random.default_rng(self.seed))
        return self._masks[image]

    def actual(self, name: str) -> Any:
        """Return, of the pattern, whether it is of whole rows or columns, ``"cartesian"``, ``"radial"`` or of ``"points"``."""
        if name not in ("acceleration", "pattern"):
            return super().actual(name)
        if self.sampling.array is None:
            kind = self.pattern if self.pattern in ("cartesian", "radial") else "points"
            return self.acceleration if name == "acceleration" else kind
        mask = self.sampling.real() != 0
        return mask.size / max(1, int(mask.sum())) if name == "acceleration" else kind_of(mask)

    @property
    def is_turned(self) -> bool:  # type: ignore[override]
        """Whether columns are measured, not rows."""
        if self.sampling.array is None:
            return False
        mask = self.sampling.real() != 0
        return bool((mask == mask[:1]).all() and not mask.all())

    def _sampling(self, image: Shape) -> NDArray[np.bool_]:
        mask = self.sampling.real() != 0
        if mask.shape != image:
            raise ValueError(f"sampling has shape {mask.shape}, the measurement {image}: give a value for each frequency, (Y, X)")
        if not mask.any():
            raise ValueError("sampling is zero everywhere: it says that nothing was measured")
        return mask

    def notes(self, ndim: int) -> list[str]:
        return self._notes

    def _tensor_mask(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.mask(tuple(x.shape[-2:])), device=x.device).to(x.dtype)

    def _coils(self, x: Tensor) -> Tensor:
        return k_space.sensitivities(self.maps, x, tuple(x.shape[-2:]))

    @property
    def maps(self) -> NDArray[Any] | None:
        """The sensitivities, complex, (coils, Y, X), if there are any."""
        return coils.maps_of(self.sensitivity.array)

    def components(self) -> int:
        return k_space.components(self.maps)

    @property
    def returns_phase(self) -> bool:
        return self.phase == "keep"

    def takes(self, components: int) -> bool:
        return k_space.takes(self.maps, components)

    def fitted(self, y: Tensor) -> Degradation:
        """Return what measured `y`, (1, 2 · coils, Y, X): which frequencies, with which coils, of an image with which phase.

        Measured are the frequencies of `sampling`, else those at which any coil has a value. Sensitivities that are not given are
        estimated; those that are, are turned where they only fit so. Zero frequencies that come first are found, too.

        Raises
        ------
        ValueError
            If the sensitivities fit no way, or the middle of k-space was not measured.
        """
        return fit(self, _spectrum(y))

    def of_sampling(self, mask: NDArray[np.bool_], notes: list[str]) -> FourierMask:
        """Return this operator of a real image, with the frequencies that were measured, and what is to be told."""
        known = FourierMask(**{**dict(self), "sampling": Input.of(mask)})
        known._notes = notes
        return known

    def noise_level(self, y: Tensor) -> float:
        """Return the standard deviation of the noise of either part, from the frequencies with the least signal."""
        spectrum = _spectrum(y)
        return coils.noise_level(spectrum, measured(self, spectrum)[0])

    def __call__(self, x: Tensor) -> Tensor:
        spectrum = centred(torch.fft.fft2, x.unsqueeze(2) * self._coils(x)) * self._tensor_mask(x)
        return k_space.as_channels(spectrum)

    def adjoint(self, y: Tensor) -> Tensor:
        image = centred(torch.fft.ifft2, k_space.as_complex(y, self.components() // 2) * self._tensor_mask(y))
        return (image * self._coils(y).conj()).real.sum(2)

    def observed(self, y: Tensor) -> Tensor:
        return (self._tensor_mask(y) > 0).expand(y.shape)

    def norm(self, image: Shape | None = None) -> float:
        return k_space.norm(self.maps)

    def start(self, y: Tensor) -> Tensor:
        """Take what was not measured as zero."""
        return k_space.unweighted(self.adjoint(y), self._coils(y))

    def _normal(self, x: Tensor) -> Tensor:
        """Return the eigenvalues of AᵀA of one coil, 0, ½ or 1: of real images a frequency and its opposite count alike."""
        mask = torch.fft.ifftshift(self._tensor_mask(x))
        return (mask + mask.flip(0, 1).roll((1, 1), (0, 1))) / 2

    def normal_spectrum(self, x: Tensor) -> Tensor:
        weight = float(self._coils(x).abs().square().sum(0).mean())
        return self._normal(x)[:, : x.shape[-1] // 2 + 1] * weight

    def prox(self, z: Tensor, y: Tensor, rho: float) -> Tensor:
        if self.maps is not None:
            return super().prox(z, y, rho)
        return fourier_filter(self.adjoint(y) + rho * z, 1 / (self.normal_spectrum(z) + rho))

    def svd_obstacle(self) -> str:
        if self.maps is None:
            return ""
        return "'fourier-mask' has a singular value decomposition without coil sensitivities only"

    def svd(self, x: Tensor) -> SVD:
        if obstacle := self.svd_obstacle():
            raise ValueError(obstacle)
        return SVD.of_normal(self, self._normal(x).sqrt(), hartley, hartley)


def _spectrum(y: Tensor) -> NDArray[np.complex64]:
    """Return the measurement of one sample as complex numbers, (coils, Y, X)."""
    spectrum: NDArray[np.complex64] = k_space.as_complex(y, y.shape[1] // 2)[0, 0].cpu().numpy()
    return spectrum
