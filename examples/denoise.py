"""Denoising of a fluorescence micrograph whose noise is measured on the image itself.

![noisy, denoised, standard deviation, truth](pictures/denoise.png)
"""

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr


def denoise(denoiser: str = "unet", side: int = 224) -> Panels:
    """Denoise an image, and ask for the standard deviation of every pixel."""
    noisy, truth = (nt.read(SAMPLES / f"{name}.tif").data[:side, :side] for name in ("fluorescence", "fluorescence_truth"))

    result = nt.denoise(noisy, denoiser, std=True)

    print(f"noise level, measured: {result.provenance['noise_levels'][0]:.1f} counts")
    print(f"PSNR: {psnr(noisy, truth):.2f} dB noisy, {psnr(result.image, truth):.2f} dB denoised")
    return {"noisy": noisy, "denoised": result.image, "standard deviation": result.std, "truth": truth}


if __name__ == "__main__":
    finish(denoise)
