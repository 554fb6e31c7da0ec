from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_tweedie.denoisers.network import denoise
from napari_tweedie.denoisers.unet import UNet, blurred, initialise
from napari_tweedie.training import objectives
from napari_tweedie.training.data import Images
from napari_tweedie.training.held_out import DOUBT, errors, gain
from napari_tweedie.training.learning import Learning, learn
from napari_tweedie.training.loop import Training, train
from napari_tweedie.training.run import Run
from napari_tweedie.training.synthetic import dead_leaves
from napari_tweedie.training.tiles import Example, cut, draw, told

pytestmark = pytest.mark.slow

SIGMA = 0.15
SETTINGS = Learning(objective="sure", steps=60, patch=32, learning_rate=2e-3)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> UNet:
    """A small network that knows dead leaves only."""
    leaves = dead_leaves(128, np.random.default_rng(0))
    settings = Training(
        precision="float32",
        widths=(16, 16),
        blocks=1,
        steps=150,
        batch=4,
        patch=32,
        large_share=0,
        learning_rate=4e-3,
        average=0.9,
    )
    trained = train(settings, [Images([leaves], 1.0)], tmp_path_factory.mktemp("network"), torch.device("cpu"))
    return trained.eval()


def noisy(clean: np.ndarray, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    truth = torch.from_numpy(clean).float()[None, None]
    return truth, truth + SIGMA * torch.randn(truth.shape, generator=generator)


def learnt(network: UNet, image: Tensor) -> tuple[UNet, float]:
    *_, last = learn(network, [Example(image, SIGMA)], SETTINGS)
    return last.network or network, last.gain


def improvement(before: UNet, after: UNet, truth: Tensor, image: Tensor) -> float:
    with torch.no_grad():
        one, other = (
            (denoise(network, image, SIGMA, torch.float32) - truth).square().mean().log10() for network in (before, after)
        )
    return float(10 * (one - other))


def test_an_unknown_pattern_is_learnt_from_the_noisy_image_alone(network: UNet, generator: torch.Generator) -> None:
    y, x = np.mgrid[:128, :128]
    lattice = 0.5 + 0.4 * np.sin(1.3 * x + 0.5 * y) * np.sin(1.3 * y - 0.5 * x)
    truth, image = noisy(lattice, generator)
    better, gain = learnt(network, image)
    true = improvement(network, better, truth, image)
    assert true > 2
    assert gain == pytest.approx(true, abs=0.5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_known_kind_of_image_gets_no_worse(network: UNet, seed: int) -> None:
    truth, image = noisy(dead_leaves(128, np.random.default_rng(100 + seed)), torch.Generator().manual_seed(seed))
    better, gain = learnt(network, image)
    assert gain >= 0
    assert improvement(network, better, truth, image) > -0.05


def test_the_network_before_stays_as_it_was(network: UNet, generator: torch.Generator) -> None:
    weights = [weight.clone() for weight in network.parameters()]
    image = noisy(np.full((64, 96), 0.5), generator)[1]
    images = [Example(image, SIGMA), Example(image, 2 * SIGMA)]
    states = list(learn(network, images, Learning(objective="sure", steps=3, learning_rate=0.01)))
    assert [(state.step, state.total) for state in states] == [(1, 3), (2, 3), (3, 3)]
    assert all(torch.equal(one, other) for one, other in zip(weights, network.parameters(), strict=True))


@pytest.mark.parametrize(
    ("shape", "sigma", "message"), [((80, 80), 0.0, "needs noise"), ((80, 40), 0.1, "at least 64 × 64 pixels")]
)
def test_what_cannot_be_learnt_from_is_refused(network: UNet, shape: tuple[int, int], sigma: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(learn(network, [Example(torch.zeros(1, 1, *shape), sigma)], SETTINGS))


def test_a_run_that_goes_on_ends_as_one_without_a_break(network: UNet, generator: torch.Generator, tmp_path: Path) -> None:
    image, settings = noisy(np.full((64, 96), 0.5), generator)[1], SETTINGS.model_copy(update={"steps": 8, "patience": 0})
    *_, whole = learn(network, [Example(image, SIGMA)], settings)
    checkpoint = tmp_path / "network.resume"
    stopped = learn(network, [Example(image, SIGMA)], settings, checkpoint=checkpoint)
    assert [next(stopped).step for _ in range(3)] == [1, 2, 3]
    stopped.close()
    assert checkpoint.exists()
    states = list(learn(network, [Example(image, SIGMA)], settings, checkpoint=checkpoint))
    assert [state.step for state in states] == [4, 5, 6, 7, 8]
    assert not checkpoint.exists()
    assert (states[-1].loss, states[-1].held_out) == (whole.loss, whole.held_out)
    for one, other in zip(states[-1].current.parameters(), whole.current.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_error_of_a_denoiser_that_jumps_is_estimated_without_derivatives(generator: torch.Generator) -> None:
    """Rounding to steps of the noise level, whose derivative is zero almost everywhere: the error at a level 1.12 as high."""
    truth, image = noisy(dead_leaves(256, np.random.default_rng(7)), generator)
    tiles = cut([Example(image, SIGMA)], np.random.default_rng(0))

    def rounded(x: Tensor, sigma: float | Tensor) -> Tensor:
        return SIGMA * torch.round(x / SIGMA)

    found = [float(errors(lambda tile: rounded, tiles, seed, jumps=True).mean()) for seed in range(4)]
    noisier = truth + 1.25**0.5 * SIGMA * torch.randn(truth.shape, generator=generator)
    expected = float((rounded(noisier, SIGMA) - truth).square().mean()) / SIGMA**2
    assert np.mean(found) == pytest.approx(expected, rel=0.1)


def test_what_is_compared_and_shown_has_the_averaged_weights(network: UNet, generator: torch.Generator) -> None:
    image, settings = noisy(np.full((64, 96), 0.5), generator)[1], SETTINGS.model_copy(update={"patience": 0})
    tiles = cut([Example(image, SIGMA)], np.random.default_rng(0))
    run = Run(network, tiles, settings, lambda tile: told(network, None, torch.float32))
    expected = [weight.clone() for weight in network.parameters()]
    for done in (1, 2, 3):
        shown = run.advance().current
        share = 9 / (10 + done)  # of the first steps it keeps little
        expected = [torch.lerp(old, new, share) for old, new in zip(expected, run.moving.parameters(), strict=True)]
    for one, other in zip(shown.parameters(), expected, strict=True):
        torch.testing.assert_close(one, other.detach())
    assert not any(weight.requires_grad for weight in shown.parameters())


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"other settings"])
def test_a_checkpoint_of_something_else_is_left_alone(
    network: UNet, generator: torch.Generator, tmp_path: Path, content: bytes
) -> None:
    image, checkpoint = noisy(np.full((64, 64), 0.5), generator)[1], tmp_path / "network.resume"
    settings = SETTINGS.model_copy(update={"steps": 2})
    checkpoint.write_bytes(content)
    if content == b"other settings":
        stopped = learn(network, [Example(image, SIGMA)], SETTINGS.model_copy(update={"seed": 5}), checkpoint=checkpoint)
        next(stopped)
        stopped.close()
    assert [state.step for state in learn(network, [Example(image, SIGMA)], settings, checkpoint=checkpoint)] == [1, 2]


def test_it_stops_where_nothing_more_is_gained(network: UNet, generator: torch.Generator) -> None:
    image = noisy(np.full((64, 64), 0.5), generator)[1]
    settings = SETTINGS.model_copy(update={"steps": 100, "learning_rate": 1e-6, "patience": 2, "patch": 16, "batch": 1})
    *_, last = learn(network, [Example(image, SIGMA)], settings)
    assert last.step == last.total < 60
    assert last.network is None


def test_a_second_recording_is_measured_against(network: UNet, generator: torch.Generator) -> None:
    """The held-out error is that against the partner, less its noise: the true one, but for the randomness of that noise."""
    truth, image = noisy(dead_leaves(96, np.random.default_rng(7)), generator)
    partner = truth + SIGMA * torch.randn(truth.shape, generator=generator)
    tiles = cut([Example(image, SIGMA, partner=partner, partner_sigma=SIGMA)], np.random.default_rng(0))
    found = errors(lambda tile: told(network, None, torch.float32), tiles, 0)
    with torch.no_grad():
        wrong = (denoise(network, image, SIGMA, torch.float32) - truth).square()[0, 0] / SIGMA**2
    assert float(found.mean()) == pytest.approx(float(wrong[tiles[0].held_out].mean()), abs=0.1)


def test_a_fall_below_what_is_known_of_the_noise_counts_for_nothing() -> None:
    """However certain it is; one that is larger, or against a second image, counts."""
    before = torch.full((100,), 0.05)
    assert gain(before, before - 0.003, DOUBT) == 0
    assert gain(before, before - 0.003) == pytest.approx(10 * np.log10(0.05 / 0.047), rel=1e-3)
    assert gain(before, before - 0.006, DOUBT) == pytest.approx(10 * np.log10(0.05 / 0.044), rel=1e-3)


def test_a_partner_that_is_needed_is_asked_for(network: UNet) -> None:
    settings = SETTINGS.model_copy(update={"objective": objectives.load("noise2noise")})
    with pytest.raises(ValueError, match="needs a second image of the same scene"):
        next(learn(network, [Example(torch.rand(1, 1, 64, 64), SIGMA)], settings))


def test_turns_and_crops_are_the_same_for_an_image_and_its_partner(rng: np.random.Generator) -> None:
    image = torch.from_numpy(rng.random((2, 1, 300, 80))).float()
    tiles = cut([Example(image, SIGMA, partner=3 * image, levels=0.1 * image)], rng)
    assert len(tiles) == 4
    drawn = draw(tiles, 16, 32, rng)
    assert drawn.partner is not None
    torch.testing.assert_close(drawn.partner, 3 * drawn.noisy)
    torch.testing.assert_close(drawn.levels, 0.1 * drawn.noisy)
    mixed = draw([*tiles, *cut([Example(image, SIGMA, partner=3 * image)], rng)], 64, 32, rng).levels
    assert mixed is not None
    even = (mixed == SIGMA).flatten(1).all(1)
    assert 0 < int(even.sum()) < 64
    assert 0.6 < float(drawn.counts.float().mean()) < 0.9


def test_a_blind_network_has_no_way_around_its_coarser_scales(generator: torch.Generator) -> None:
    """Without the skip at the finest scale the result is made of features at half the size: of few numbers."""
    blind = UNet(widths=(4, 4), blocks=1, direct=True)
    initialise(blind, 0.7, generator)
    x = torch.rand(1, 1, 16, 16, generator=generator)
    sigma = torch.tensor([0.1])
    with torch.no_grad():
        torch.testing.assert_close(blind(1000 * x, 1000 * sigma), 1000 * blind(x, sigma), rtol=1e-4, atol=1e-2)
        assert torch.equal(denoise(blind, x, 0.1, torch.float32), blind(x, sigma))
        assert blurred(torch.ones(1, 4, 5, 7)).unique().tolist() == [1.0]


@pytest.mark.parametrize(
    ("field", "value", "message"), [("patch", 33, "multiple of 16"), ("start", "vgg", "'unet'"), ("step", 3, "no such")]
)
def test_settings_that_are_not_allowed_are_named_in_a_sentence(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Learning(**{field: value})
    assert "\n" not in str(caught.value)
