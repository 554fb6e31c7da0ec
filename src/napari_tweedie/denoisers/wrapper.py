"""Denoisers that give another one something to do beyond planes of even, white noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from napari_tweedie.denoisers.denoiser import Denoiser

if TYPE_CHECKING:
    from torch import device as Device


class Wrapper(Denoiser):
    """Base of denoisers of planes that are made of another: reach, memory, errors and provenance are its own."""

    ndim: ClassVar[tuple[int, ...]] = (2,)

    denoiser: Denoiser

    @property
    def halo(self) -> int:  # type: ignore[override]
        """That of the denoiser."""
        return self.denoiser.halo

    @property
    def bytes_per_pixel(self) -> int:  # type: ignore[override]
        """That of the denoiser."""
        return self.denoiser.bytes_per_pixel

    @property
    def flat_error(self) -> tuple[float, float]:  # type: ignore[override]
        """That of the denoiser."""
        return self.denoiser.flat_error

    @property
    def longest_wave(self) -> float:  # type: ignore[override]
        """That of the denoiser."""
        return self.denoiser.longest_wave

    def provenance(self, device: Device) -> dict[str, Any]:
        return self.denoiser.provenance(device)
