"""A trained sampler: draws by one pass, calibrated by what its file says, refused where it was not made for."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import napari_tweedie as nt
from napari_tweedie import degradations, denoisers, samplers
from napari_tweedie.core.testing import check_sampler
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers import own_networks
from napari_tweedie.denoisers.sampling_network import drawn, sampling
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.export import write_weights

SIGMA = 0.1
CALIBRATION = {"levels": [0.5, 0.9], "factors": [1.0, 2.0], "coverages": [0.5, 0.91], "samples": 16}


@pytest.fixture
def path(generator: torch.Generator, tmp_path: Path) -> Path:
    plain = UNet(widths=(8, 8), blocks=1).eval().requires_grad_(False)
    initialise(plain, 0.4, generator)
    facts = {"restores": True, "samples": True, "images": ["a", "b"], "calibration": CALIBRATION}
    write_weights(sampling(plain, generator), tmp_path / "a.safetensors", learning=json.dumps(facts))
    return tmp_path / "a.safetensors"


def problem_of(image: torch.Tensor) -> Problem:
    return Problem(image, degradations.load("identity"), Gaussian(sigma=SIGMA))


def test_a_draw_is_one_pass_of_its_network(path: Path, generator: torch.Generator) -> None:
    """Of either channel, with noise of its own."""
    from napari_tweedie.denoisers.network import load_network
    from napari_tweedie.samplers import WhiteNoise

    y = torch.rand((1, 2, 24, 20), generator=generator)
    sampler = samplers.load("trained", path=path, samples=4)
    (state,) = list(sampler(problem_of(y), torch.nn.Identity(), torch.Generator().manual_seed(3)))
    white, network = WhiteNoise(torch.Generator().manual_seed(3), range(4)), load_network(path, torch.device("cpu"))
    noise = torch.stack([white(y), white(y)], 2)
    for number in range(4):
        for channel in range(2):
            one = drawn(network, y[:, channel : channel + 1], torch.tensor([SIGMA]), noise[number, channel][None], torch.float32)
            torch.testing.assert_close(state.estimate[number, channel], one[0, 0], rtol=1e-4, atol=1e-5)
    assert (state.estimate[0] - state.estimate[2]).abs().max() > 1e-3


def test_intervals_are_as_wide_as_the_file_says_unless_the_user_says_otherwise(path: Path, rng: np.random.Generator) -> None:
    image = rng.random((32, 32)).astype(np.float32)
    sampler = {"name": "trained", "path": str(path)}
    found = nt.sample(image, samples=8, sampler=sampler, sigma=SIGMA)
    recipe = found.provenance["recipe"]
    assert recipe["interval"]["factor"] == 2.0
    assert recipe["interval"]["coverage"] == 0.91
    wide = found.images["upper 90 %"] - found.images["lower 90 %"]
    own = nt.sample(image, samples=8, sampler=sampler, sigma=SIGMA, interval={"factor": 0.5})
    assert own.provenance["recipe"]["interval"]["coverage"] is None
    np.testing.assert_allclose(wide, 4 * (own.images["upper 90 %"] - own.images["lower 90 %"]), rtol=1e-3, atol=1e-5)
    assert any("trained sampler, which learnt from 2 pairs" in note for note in found.notes)


def test_a_recipe_finds_it_by_its_hash_wherever_it_is(
    path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rng.random((24, 24)).astype(np.float32)
    found = nt.sample(image, samples=2, sampler={"name": "trained", "path": str(path)}, sigma=SIGMA)
    folder = path.parent / "elsewhere"
    folder.mkdir()
    path.rename(folder / "b.safetensors")
    monkeypatch.setenv(own_networks.VARIABLE, str(folder))
    again = nt.run(found.provenance["recipe"], image)
    assert (again.images["samples"] == found.images["samples"]).all()
    (folder / "b.safetensors").unlink()
    with pytest.raises(ValueError, match="there is no trained sampler at"):
        nt.run(found.provenance["recipe"], image)


def test_what_it_was_not_made_for_is_refused(path: Path) -> None:
    sampler, image = samplers.load("trained", path=path), torch.rand(1, 1, 16, 16)
    assert "choose no degradation, or split-gibbs" in sampler.obstacle_in(degradations.load("gaussian-blur"))
    assert "planes, not volumes" in sampler.obstacle(problem_of(torch.rand(1, 1, 4, 16, 16)))
    assert "no trained sampler is given" in samplers.load("trained").obstacle(problem_of(image))
    write_weights(UNet(widths=(8,), blocks=1), path.with_name("plain.safetensors"))
    assert "is no trained sampler" in samplers.load("trained", path=path.with_name("plain.safetensors")).obstacle(
        problem_of(image)
    )
    denoiser = denoisers.load("file", path=path)
    assert "is a trained sampler, no denoiser" in denoiser.obstacle()
    with pytest.raises(ValueError, match="is a trained sampler, no denoiser"):
        denoiser(image, SIGMA)
    with pytest.raises(ValueError, match="start from a denoiser"):
        nt.learn(np.random.default_rng(0).random((64, 64)), path.with_name("c.safetensors"), sigma=SIGMA, weights=path)


def test_it_keeps_the_contract_of_samplers(path: Path) -> None:
    image = torch.rand((1, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    assert check_sampler(samplers.load("trained", path=path, samples=4), problem_of(image)) == ""


def test_lists_of_denoisers_leave_it_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(own_networks.VARIABLE, str(path.parent))
    assert path in own_networks.own_networks()
    assert path not in own_networks.own_denoisers()
