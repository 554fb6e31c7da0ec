"""Is a point-spread function that no model describes found in the blurred image itself?"""

import numpy as np
import pytest
from scipy.signal import fftconvolve
from tests.engine.test_blind_blur import discs

import napari_tweedie as nt
from napari_tweedie.analysis.beads import widths_of
from napari_tweedie.engine.free_form import fitted


def elongated(long: float, short: float, reach: int = 8) -> np.ndarray:
    """Return a Gaussian that is longer along the diagonal than across it."""
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.exp(-(((x + y) / long) ** 2 + ((x - y) / short) ** 2) / 4)
    return kernel / kernel.sum()


def distance(found: np.ndarray, true: np.ndarray) -> float:
    """Return the distance of two functions in relation to the length of the second, their middles laid upon each other."""
    side = max(len(found), len(true))
    laid = [np.pad(kernel, (side - len(kernel)) // 2) for kernel in (found, true)]
    return float(np.linalg.norm(laid[0] - laid[1]) / np.linalg.norm(true))


def test_the_function_of_a_known_image_is_that_of_which_it_was_blurred(rng: np.random.Generator) -> None:
    true = np.pad(elongated(2.0, 1.0, 4), 1) + 0.002 * (rng.uniform(size=(11, 11)) > 0.5)
    true /= true.sum()
    image = rng.normal(100, 40, (96, 96))
    level = rng.uniform(0.5, 4, image.shape)
    measured = fftconvolve(image, true, mode="same") + level * rng.normal(0, 1, image.shape)
    found = fitted(image, measured, level, 11, 1e-6)
    assert distance(found, true) < 0.05  # noise alone brings 0.025
    assert found.min() >= 0
    assert found.sum() == pytest.approx(1)


def test_an_elongated_blur_is_found_nearer_than_by_its_model(rng: np.random.Generator) -> None:
    true = elongated(2.2, 1.2)
    scene = discs(rng, 160)
    blurred = fftconvolve(scene, true, mode="same")[32:-32, 32:-32]
    measured = blurred + rng.normal(0, 1, blurred.shape)
    model = nt.estimate_psf(measured, "image")
    found = nt.estimate_psf(measured, "image", refined=True)
    assert found.notes[0].startswith("A function of free form")
    assert distance(found.psf, true) < 0.8 * distance(model.psf, true)
    assert found.psf.sum() == pytest.approx(1, abs=1e-5)
    assert found.fwhm == pytest.approx(widths_of(found.psf), rel=1e-4)

    truth = scene[32:-32, 32:-32]

    def error(psf: np.ndarray) -> float:
        image = nt.restore(measured, "psf-blur", psf=psf, denoiser="unet-small").image
        return float(((image - truth)[8:-8, 8:-8] ** 2).mean())

    assert error(found.psf) < 0.85 * error(model.psf)
    assert nt.restore(measured, found.degradation, denoiser="unet-small").image.shape == truth.shape


def test_beads_have_no_model_to_depart_from() -> None:
    with pytest.raises(ValueError, match="refined is for source='image'"):
        nt.estimate_psf(np.zeros((64, 64)), "beads", refined=True)
