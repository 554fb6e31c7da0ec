import numpy as np
import pytest

from napari_tweedie.degradations.noise import Gaussian, Poisson
from napari_tweedie.recipe.proposal import WIDTH, Clues, for_task, propose

NOISY = Clues(Gaussian(sigma=10.0), noise_share=0.05, finest=4.0)


def test_noise_is_removed_and_named_in_plain_words() -> None:
    assert propose(NOISY).sentence() == "Denoise it: even noise, 5 % of the brightness range."
    photons = Clues(Poisson(gain=2.0, offset=0.0, read_noise=1.0), noise_share=0.1, photons=23.4)
    assert "about 23 photons a pixel" in propose(photons).sentence()


def test_a_blurred_image_without_noise_is_deblurred_by_the_width_that_leaves_no_finer_detail() -> None:
    proposal = propose(Clues(Gaussian(sigma=0.1), noise_share=0.001, finest=8.0))
    assert proposal.task == "deblur"
    std = proposal.recipe.degradation.std
    assert np.exp(-2 * (np.pi * std / 8) ** 2) == pytest.approx(0.05, abs=0.01)
    assert pytest.approx(np.sqrt(np.log(20) / 2) / np.pi, abs=0.005) == WIDTH


def test_what_lies_beside_the_image_comes_before_its_noise() -> None:
    psf = Clues(NOISY.noise, 0.05, psf="psf", psf_is_volume=True)
    assert (propose(psf).task, propose(psf).recipe.volume) == ("deblur", True)
    mask = Clues(NOISY.noise, 0.05, psf="psf", mask="mask")
    assert propose(mask).recipe.arrays()["mask"].name == "mask"
    assert propose(Clues(NOISY.noise, 0.05, missing=0.12)).sentence() == "Fill it: 12 % of the pixels hold no value."


def test_what_was_simulated_is_undone() -> None:
    made = {"job": "degrade", "volume": False, "degradation": {"name": "gaussian-blur", "std": 2.5}}
    proposal = propose(Clues(NOISY.noise, 0.05, mask="mask", simulated=made))
    assert (proposal.task, proposal.recipe.degradation.std) == ("deblur", 2.5)
    assert for_task("denoise", Clues(NOISY.noise, simulated=made)).job == "denoise"
