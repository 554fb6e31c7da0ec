"""Denoiser of one's own: any function f(x, sigma) takes the place of the bundled ones, in restoration too.

![noisy, denoised by the function, blurred, restored with the function, truth](pictures/own_denoiser.png)
"""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr

SIGMA = 20.0


def lee_filter(x: Tensor, sigma: Tensor, side: int = 5) -> Tensor:
    """Pull every pixel to the mean of its neighbourhood, as far as the variance there is noise (Lee, IEEE TPAMI 2, 1980).

    x has the shape (B, C, Y, X), sigma (B,), in the same units.
    """

    def mean(image: Tensor) -> Tensor:
        return avg_pool2d(pad(image, (side // 2,) * 4, mode="reflect"), side, 1)

    noise = sigma.view(-1, 1, 1, 1) ** 2
    local = mean(x)
    variance = mean(x**2) - local**2
    return local + torch.clamp(variance - noise, min=0) / variance.clamp(min=1e-12) * (x - local)


def own_denoiser(side: int = 224) -> Panels:
    """Denoise and deblur with a function of ten lines."""
    truth = nt.read(SAMPLES / "missing_truth.tif").data[:side, :side].astype(float)
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    noisy, blurred = truth + SIGMA * noise, gaussian_filter(truth, 2.0, mode="reflect") + 2 * noise

    denoised = nt.denoise(noisy, lee_filter, sigma=SIGMA).image
    restored = nt.restore(blurred, "gaussian-blur", "hqs", lee_filter, std=2.0, sigma=2.0).image

    print(f"noise: {psnr(noisy, truth):.2f} to {psnr(denoised, truth):.2f} dB")
    print(f"blur: {psnr(blurred, truth):.2f} to {psnr(restored, truth):.2f} dB")
    return {"noisy": noisy, "denoised": denoised, "blurred": blurred, "restored": restored, "truth": truth}


if __name__ == "__main__":
    finish(own_denoiser)
