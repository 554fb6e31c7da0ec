"""Inpainting of an electron micrograph in which 41 % of the pixels are missing.

![incomplete, inpainted, truth](pictures/inpaint.png)
"""

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr


def inpaint(denoiser: str = "unet", side: int = 224) -> Panels:
    """Fill in the pixels that a mask marks; the others are exact, as there is no noise."""
    names = ("missing", "missing_mask", "missing_truth")
    incomplete, mask, truth = (nt.read(SAMPLES / f"{name}.tif").data[:side, :side] for name in names)

    result = nt.restore(incomplete, "mask", denoiser=denoiser, mask=mask, sigma=0)

    print(f"PSNR over the missing pixels: {psnr(result.image[mask > 0], truth[mask > 0]):.2f} dB")
    return {"incomplete": incomplete, "inpainted": result.image, "truth": truth}


if __name__ == "__main__":
    finish(inpaint)
