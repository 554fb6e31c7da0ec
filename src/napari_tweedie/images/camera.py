"""Camera whose pixels differ in gain, offset and read noise: its images made like those of a camera whose pixels do not.

Pixels of an sCMOS camera have amplifiers of their own (Huang et al., "Video-rate nanoscopy using sCMOS camera-specific
single-molecule localization algorithms", Nature Methods 10, 2013). Subtracting a pixel's offset and dividing by its gain counts
its photons; what is left is read noise that differs. A pixel whose noise is stronger than usual is averaged with its neighbours,
by how much each is worth, so that no pixel is noisier than the even camera says, and every method of one noise model can go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.images.arrays import is_wide

LIGHT = 2.0
"""Standard deviation, in pixels, of the window that tells how much light a pixel gets, which its noise depends on."""
NEAR = 1.0
"""The same of the neighbours that stand in for a noisy pixel."""
PLANES = ("offset", "gain", "read variance")
"""What the planes of camera maps are, in their order."""


@dataclass(frozen=True)
class EvenCamera:
    """A camera whose pixels are all alike: what most of the pixels of another are like.

    Parameters
    ----------
    gain : float
        Grey levels per photon, > 0.
    offset : float
        Grey level without light.
    read_noise : float
        Standard deviation without light, in grey levels, ≥ 0.
    """

    gain: float
    offset: float
    read_noise: float

    @classmethod
    def of(cls, maps: NDArray[Any]) -> Self:
        """Return the medians of camera maps, shape (3, Y, X)."""
        offset, gain, variance = (plane.astype(np.float64) for plane in maps)
        middle = float(np.median(gain))
        return cls(middle, float(np.median(offset)), middle * float(np.median(np.sqrt(variance) / gain)))

    def seen(self, image: NDArray[Any], maps: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Return what this camera would have seen where the one with `maps` saw an image.

        Parameters
        ----------
        image : array
            Shape (…, Y, X), in grey levels of the other camera; NaN where pixels are missing, which stay so.
        maps : array
            Its offset, gain and read variance (grey levels squared), shape (3, Y, X), of the same pixels.
        """
        offset, gain, variance = (plane.astype(np.float64) for plane in maps)
        read = variance / gain**2
        planes = image.reshape(-1, *image.shape[-2:])
        photons = np.stack([self._evened((plane - offset) / gain, read) for plane in planes]).reshape(image.shape)
        return np.asarray(self.gain * photons + self.offset, np.float64 if is_wide(image.dtype) else np.float32)

    def _evened(self, photons: NDArray[np.float64], read: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return photons (Y, X) with no noise stronger than that of this camera: m + (σ₀² / σ²) (n − m) where it was, σ > σ₀.

        m is the mean of the neighbours, weighted by 1 / σ².
        """
        known = np.isfinite(photons)
        counted = np.where(known, photons, 0)
        light = np.maximum(_mean(counted, known / (1 + read), LIGHT), 0)
        usual = light + (self.read_noise / self.gain) ** 2
        relative = (light + read) / np.maximum(usual, np.finfo(float).tiny)
        weights = known / np.maximum(relative, np.finfo(float).tiny)
        near = _mean(counted, weights, NEAR, _middle(NEAR))
        trust = np.where(relative > 1, 1 / np.maximum(relative, 1), 1)
        return np.asarray(np.where(known, near + trust * (counted - near), np.nan))


def check_maps(maps: NDArray[Any]) -> None:
    """Refuse camera maps that are none.

    Raises
    ------
    ValueError
        If there are not three planes, or a gain or a variance cannot be one.
    """
    if maps.ndim != 3 or len(maps) != len(PLANES):
        raise ValueError(f"camera maps are three planes, {', '.join(PLANES)}: shape (3, Y, X) (got {maps.shape})")
    if (maps[1] <= 0).any():
        raise ValueError(f"the gain of every pixel of a camera must be above 0 (got {float(maps[1].min()):.4g})")
    if (maps[2] < 0).any():
        raise ValueError(f"the read variance of every pixel of a camera must be at least 0 (got {float(maps[2].min()):.4g})")


def _mean(values: NDArray[Any], weights: NDArray[Any], std: float, middle: float = 0.0) -> NDArray[np.float64]:
    """Return the weighted mean around every pixel; `middle` of the window, the share of the pixel itself, does not count."""
    from scipy.ndimage import gaussian_filter

    above, below = (gaussian_filter(part, std, mode="mirror") - middle * part for part in (weights * values, weights))
    return np.asarray(np.where(below > 0, above / np.maximum(below, np.finfo(float).tiny), values))


def _middle(std: float) -> float:
    """Return the share of the middle pixel of a window."""
    from scipy.ndimage import gaussian_filter1d

    alone = np.zeros(2 * int(4 * std + 0.5) + 1)
    alone[len(alone) // 2] = 1
    return float(gaussian_filter1d(alone, std)[len(alone) // 2] ** 2)
