"""Functions from layers to layers, annotated with napari's types: for magicgui, napari workflows, and notebooks.

>>> from magicgui import magicgui
>>> viewer.window.add_dock_widget(magicgui(denoise))

They know nothing of a layer but its pixels: axes are guessed from their number, and pixel sizes are unknown.
"""

from typing import Annotated, Any

import numpy as np
from napari.types import ImageData, LabelsData

Sigma = Annotated[float, {"min": 0.0, "max": 1e9, "label": "sigma (0: measured)"}]
Std = Annotated[float, {"min": 0.05, "max": 50.0, "step": 0.1}]
Factor = Annotated[int, {"min": 2, "max": 8}]
Levels = Annotated[int, {"min": 1, "max": 8}]
Denoiser = Annotated[str, {"choices": ("unet", "unet-small", "wavelet", "total-variation", "nlm")}]


def denoise(image: ImageData, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Remove the noise of an image; with sigma 0 it is measured, otherwise it is its standard deviation in grey levels."""
    return _image("denoise", image, sigma, denoiser=denoiser)


def posterior_std(image: ImageData, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Return the standard deviation of every denoised pixel: learnt from errors, or by the denoiser's own Jacobian."""
    import napari_tweedie as nt

    return ImageData(np.asarray(nt.denoise(np.asarray(image), denoiser, sigma=sigma or None, std=True).std))


def deblur_gaussian(image: ImageData, std: Std = 2.0, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Undo a Gaussian blur of a standard deviation in pixels, and noise."""
    return _image("restore", image, sigma, degradation="gaussian-blur", std=std, denoiser=denoiser)


def deblur(image: ImageData, psf: ImageData, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Undo the blur of a point-spread function, and noise; of three axes if the function has three."""
    function = np.asarray(psf)
    whole = {"psf": function, "volume": function.ndim in (3, 5)}
    return _image("restore", image, sigma, degradation="psf-blur", denoiser=denoiser, **whole)


def fill_in(image: ImageData, missing: LabelsData, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Fill in the pixels that labels mark, and remove noise."""
    marked = (np.asarray(missing) != 0).astype(np.uint8)
    return _image("restore", image, sigma, degradation="mask", mask=marked, denoiser=denoiser)


def upsample(image: ImageData, factor: Factor = 2, sigma: Sigma = 0.0, denoiser: Denoiser = "unet") -> ImageData:
    """Raise the resolution by a whole factor, and remove noise."""
    return _image("restore", image, sigma, degradation="downsample", factor=factor, denoiser=denoiser)


def smooth_base(image: ImageData, levels: Levels = 4, denoiser: Denoiser = "unet") -> ImageData:
    """Return what is left of an image after all bands of detail are taken away."""
    return _image("decompose", image, 0.0, levels=levels, denoiser=denoiser)


def _image(job: str, image: ImageData, sigma: float, **fields: Any) -> ImageData:
    import napari_tweedie as nt

    return ImageData(np.asarray(getattr(nt, job)(np.asarray(image), sigma=sigma or None, **fields).image))
