"""Photon noise of a fading time-lapse: its gain, offset and read noise fitted to the frames, and removed.

![first frame, last frame, last frame denoised, truth](pictures/photon_noise.png)
"""

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr


def photon_noise(denoiser: str = "unet", side: int = 192, frames: int = 6) -> Panels:
    """Denoise a time-lapse, frame by frame, in which the noise grows with the light."""
    noisy, truth = (nt.read(SAMPLES / f"{name}.tif").data[-frames:, :side, :side] for name in ("bleaching", "bleaching_truth"))

    (channel,) = nt.measure_noise(noisy, "poisson", axes="tyx")
    result = nt.denoise(noisy, denoiser, noise=channel.noise, axes="tyx")

    found = channel.noise
    print(f"gain {found.gain:.2f} counts a photon (made with 2), offset {found.offset:.0f} counts (100), ", end="")
    print(f"read noise {found.read_noise:.1f} counts (6)")
    print(
        f"PSNR of the last frame: {psnr(noisy[-1], truth[-1]):.2f} dB noisy, {psnr(result.image[-1], truth[-1]):.2f} dB denoised"
    )
    return {"first frame": noisy[0], "last frame": noisy[-1], "denoised": result.image[-1], "truth": truth[-1]}


if __name__ == "__main__":
    finish(photon_noise)
