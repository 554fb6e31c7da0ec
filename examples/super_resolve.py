"""Super-resolution: an image of half the resolution brought back to its own pixels.

![low resolution, cubic interpolation, super-resolved, truth](pictures/super_resolve.png)
"""

import numpy as np
from scipy.ndimage import zoom

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr

NOISE = 2.0


def super_resolve(denoiser: str = "unet", side: int = 112) -> Panels:
    """Make four pixels of each, from a measurement that is simulated here: the mean of 2 × 2 pixels, and a little noise."""
    truth = nt.read(SAMPLES / "missing_truth.tif").data[:side, :side].astype(float)
    low = truth.reshape(side // 2, 2, side // 2, 2).mean((1, 3))
    low = low + np.random.default_rng(0).normal(0, NOISE, low.shape)

    result = nt.restore(low, "downsample", denoiser=denoiser, factor=2, sigma=NOISE)

    cubic = zoom(low, 2, order=3, mode="nearest", grid_mode=True)
    print(f"PSNR: {psnr(cubic, truth):.2f} dB by cubic interpolation, {psnr(result.image, truth):.2f} dB super-resolved")
    return {"low resolution": low, "cubic interpolation": cubic, "super-resolved": result.image, "truth": truth}


if __name__ == "__main__":
    finish(super_resolve)
