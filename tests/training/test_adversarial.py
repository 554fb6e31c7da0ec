"""Learning to sample: scores with known values, a critic that tells two distributions apart, runs that go on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from napari_tweedie.denoisers.sampling_network import SamplingUNet
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.adversarial import MOST_LOST, parted, samples_of, scored
from napari_tweedie.training.critic import Critic, adversarial_loss, bands, critic_loss
from napari_tweedie.training.learning import Learning, learn
from napari_tweedie.training.tiles import Example, cut

SIGMA = 0.2


@pytest.fixture
def first(generator: torch.Generator) -> UNet:
    made = UNet(widths=(8, 8), blocks=1).eval()
    initialise(made, 0.3, generator)
    return made


@pytest.fixture
def examples(generator: torch.Generator) -> list[Example]:
    """Stripes in noise."""
    clean = 0.5 + 0.3 * torch.sin(torch.arange(96) / 4).expand(1, 1, 96, 96)
    noisy = clean + SIGMA * torch.randn(clean.shape, generator=generator)
    return [Example(noisy, SIGMA, None, clean.contiguous(), 0.0)]


def test_the_score_of_gaussian_samples_has_its_closed_form(generator: torch.Generator) -> None:
    """σ (z (2 Φ(z) − 1) + 2 φ(z) − 1/√π), Gneiting & Raftery 2007; and of the mean of infinitely many, the squared error."""
    truth = torch.tensor([[[[0.5, -1.0, 2.0]]]])
    samples = torch.randn((3000, 1, 1, 3), generator=generator)
    score, square = scored(samples, truth, 2.0)
    z = truth.numpy()
    expected = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(score.numpy(), expected / 2, atol=0.02)
    np.testing.assert_allclose(square.numpy(), z**2 / 4, atol=0.04)
    few = [scored(samples[n : n + 4], truth, 2.0)[1] for n in range(0, 3000, 4)]
    np.testing.assert_allclose(torch.stack(few).mean(0).numpy(), z**2 / 4, atol=0.05)


def test_a_critic_learns_to_tell_smooth_from_rough(generator: torch.Generator) -> None:
    torch.manual_seed(0)
    critic = Critic()
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.99))

    def batch() -> tuple[torch.Tensor, torch.Tensor]:
        noise, seen = torch.randn((8, 1, 32, 32), generator=generator), torch.zeros(8, 4, 32, 32)
        smooth = 3 * torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
        return torch.cat([smooth, seen], 1), torch.cat([noise, seen], 1)

    for step in range(30):
        real, fake = batch()
        loss = critic_loss(critic, real, fake, step % 4 == 0, torch.float32)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    real, fake = batch()
    assert (critic(real) > critic(fake)).float().mean() > 0.8
    assert adversarial_loss(critic, real, [fake], torch.float32) > adversarial_loss(critic, real, [real], torch.float32)


def test_bands_add_up_and_split_frequencies(generator: torch.Generator) -> None:
    x = torch.rand((2, 1, 24, 20), generator=generator)
    torch.testing.assert_close(bands(x).sum(1, keepdim=True), x, rtol=1e-5, atol=1e-6)
    checks = (-1.0) ** (torch.arange(24)[:, None] + torch.arange(20)).expand(1, 1, 24, 20)
    fine, middle, coarse = bands(checks)[0, :, 8:-8, 8:-8].abs().mean((1, 2))
    assert fine > 0.99
    assert max(middle, coarse) < 0.01
    fine, middle, coarse = bands(torch.full((1, 1, 8, 8), 2.0))[0].mean((1, 2))
    assert (fine, middle, coarse) == (0, 0, 2)


def test_whole_images_are_held_out_of_many_and_parts_of_few(examples: list[Example]) -> None:
    rng = np.random.default_rng(0)
    several = [replace(examples[0]) for _ in range(5)]
    learnt, held_out = parted(cut(several, rng))
    assert {id(tile.example) for tile in learnt}.isdisjoint(id(tile.example) for tile in held_out)
    assert len(held_out) == 2
    assert all(tile.held_out.all() for tile in held_out)
    assert not any(tile.held_out.any() for tile in learnt)
    learnt, held_out = parted(cut(several[:3], rng))
    assert len(learnt) == 3
    assert not held_out


def test_samples_differ_and_their_mean_is_about_the_regression(first: UNet, examples: list[Example]) -> None:
    """What is kept scores better than the regression, and the mean of its samples is hardly further from the truth."""
    settings = Learning(objective={"name": "pscgan", "regression": 0.5}, steps=120, patch=32, batch=2, learning_rate=2e-3)
    state = list(learn(first, examples, settings))[-1]
    assert state.step == 120
    assert isinstance(state.network, SamplingUNet)
    assert state.gain > 0
    noisy, clean = examples[0].noisy, examples[0].partner
    assert clean is not None
    samples = samples_of(state.network, noisy, torch.tensor([SIGMA]), 16, torch.Generator().manual_seed(0))
    assert (samples.std(0) > 0.05 * (samples.mean(0) - clean).square().mean().sqrt()).float().mean() > 0.9
    regression = Learning(objective="regression", steps=60, patch=32, batch=2, learning_rate=2e-3, patience=0)
    plain = list(learn(first, examples, regression))[-1]
    assert state.held_out < 10 ** (MOST_LOST / 10) * plain.held_out * 1.3


def test_a_run_that_was_cut_off_goes_on_in_either_part(first: UNet, examples: list[Example], tmp_path: Path) -> None:
    settings = Learning(objective={"name": "pscgan", "regression": 0.5}, steps=8, patch=32, batch=1)
    whole = list(learn(first, examples, settings))[-1].current
    for done in (2, 6):
        checkpoint = tmp_path / f"{done}.resume"
        states = learn(first, examples, settings, checkpoint=checkpoint)
        for _ in range(done):
            next(states)
        states.close()
        assert checkpoint.exists()
        resumed = list(learn(first, examples, settings, checkpoint=checkpoint))
        assert resumed[0].step == done + 1
        for weight, other in zip(whole.parameters(), resumed[-1].current.parameters(), strict=True):
            torch.testing.assert_close(weight, other, rtol=1e-5, atol=1e-7)
