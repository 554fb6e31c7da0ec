"""Deconvolution of a 3-D widefield stack with its point-spread function.

![blurred, restored, Richardson–Lucy, truth](pictures/deblur_3d.png)
"""

from dataclasses import replace

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish, psnr


def deblur_3d(denoiser: str = "unet-small", planes: int = 16, side: int = 80) -> Panels:
    """Restore a stack as one volume, and compare with Richardson–Lucy of the noisy light."""
    stack, psf, truth = (nt.read(SAMPLES / f"{name}.tif") for name in ("stack", "stack_psf", "stack_truth"))
    middle = slice(16 - planes // 2, 16 + planes // 2), slice(side), slice(side)
    blurred, clean = replace(stack, data=stack.data[middle]), truth.data[middle]  # a picture knows the size of its voxels

    restored = nt.restore(blurred, "psf-blur", denoiser=denoiser, psf=psf.data, volume=True).image
    classical = nt.restore(blurred, "psf-blur", "richardson-lucy", psf=psf.data, volume=True).image

    images = {"blurred": blurred.data, "restored": restored, "Richardson-Lucy": classical}
    for name, image in images.items():
        print(f"{name}: {psnr(image, clean):.2f} dB")
    return {name: image[planes // 2] for name, image in {**images, "truth": clean}.items()}


if __name__ == "__main__":
    finish(deblur_3d)
