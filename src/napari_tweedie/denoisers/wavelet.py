"""Wavelet denoiser: translation-invariant shrinkage with locally adapted thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from napari_tweedie.denoisers.classical import ArrayDenoiser

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAVELET = "sym4"
LEVELS = {2: 4, 3: 2}
SIDE = 5
NOISE = 2.0
"""Mean square below which coefficients count as noise alone, whose own is 1; more, as what is left of noise is seen."""


class Wavelet(ArrayDenoiser):
    """Undecimated wavelet coefficients, each shrunk as far as those around it are noise.

    The shrinkage is Wiener's, ``s² / (s² + σ²)``, with the variance s² of the clean coefficients estimated in a square around
    each (Mıhçak, Kozintsev, Ramchandran 1999). Every shift of the grid counts (cycle spinning: Coifman & Donoho 1995).
    """

    name: ClassVar[str] = "wavelet"
    title: ClassVar[str] = "Wavelet shrinkage"
    halo: ClassVar[int] = 48

    def clean_array(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        import pywt

        levels, axes = LEVELS[image.ndim], range(image.ndim)
        multiple = 2**levels
        padded = np.pad(image, [(multiple, multiple - n % multiple) for n in image.shape], mode="symmetric")
        approximation, *scales = pywt.swtn(padded, WAVELET, levels, axes=axes, trim_approx=True)
        sides = [SIDE + 2**level for level in range(levels, 0, -1)]
        shrunk = [{key: shrink(band, side) for key, band in scale.items()} for scale, side in zip(scales, sides, strict=True)]
        clean = pywt.iswtn([approximation, *shrunk], WAVELET, axes=axes)
        return clean[tuple(slice(multiple, multiple + n) for n in image.shape)]


def shrink(band: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the coefficients of a subband, whose noise has standard deviation 1, after Wiener's shrinkage."""
    from scipy.ndimage import uniform_filter

    variance = np.maximum(uniform_filter(np.square(band), side, mode="wrap") - NOISE, 0)
    return band * (variance / (variance + 1))
