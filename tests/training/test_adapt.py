import numpy as np
import pytest
import torch
from torch import Tensor

from napari_tweedie.denoisers.exact import Gaussian
from napari_tweedie.denoisers.network import denoise
from napari_tweedie.denoisers.unet import UNet
from napari_tweedie.training.adapt import Adaptation, adapt
from napari_tweedie.training.data import Images
from napari_tweedie.training.loop import Training, train
from napari_tweedie.training.losses import sure
from napari_tweedie.training.synthetic import dead_leaves

pytestmark = pytest.mark.slow

SIGMA = 0.15
SETTINGS = Adaptation(steps=60, patch=32, learning_rate=2e-3)


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


def adapted(network: UNet, image: Tensor) -> tuple[UNet, float]:
    *_, last = adapt(network, [(image, SIGMA)], SETTINGS)
    return last.network, last.gain


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
    better, gain = adapted(network, image)
    true = improvement(network, better, truth, image)
    assert true > 2
    assert gain == pytest.approx(true, abs=0.5)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_known_kind_of_image_gets_no_worse(network: UNet, seed: int) -> None:
    truth, image = noisy(dead_leaves(128, np.random.default_rng(100 + seed)), torch.Generator().manual_seed(seed))
    better, gain = adapted(network, image)
    assert gain >= 0
    assert improvement(network, better, truth, image) > -0.05


def test_the_network_before_stays_as_it_was(network: UNet, generator: torch.Generator) -> None:
    weights = [weight.clone() for weight in network.parameters()]
    image = noisy(np.full((64, 96), 0.5), generator)[1]
    states = list(adapt(network, [(image, SIGMA), (image, 2 * SIGMA)], Adaptation(steps=3, learning_rate=0.01)))
    assert [(state.step, state.total) for state in states] == [(1, 3), (2, 3), (3, 3)]
    assert all(torch.equal(one, other) for one, other in zip(weights, network.parameters(), strict=True))


@pytest.mark.parametrize(
    ("shape", "sigma", "message"), [((80, 80), 0.0, "needs noise"), ((80, 40), 0.1, "at least 64 × 64 pixels")]
)
def test_what_cannot_be_adapted_to_is_refused(network: UNet, shape: tuple[int, int], sigma: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(adapt(network, [(torch.zeros(1, 1, *shape), sigma)], SETTINGS))


def test_sure_equals_the_squared_error_on_average(generator: torch.Generator) -> None:
    denoiser = Gaussian(std=0.3, slope=2.0)
    sigma, shape = torch.full((200,), 0.2), (200, 1, 16, 16)
    white = torch.randn(shape, generator=generator)
    clean = white - denoiser(white, 0.3)
    image = clean + 0.2 * torch.randn(shape, generator=generator)
    probe = 2.0 * torch.randint(2, shape, generator=generator) - 1
    estimate = sure(denoiser, image, sigma, probe).mean()
    error = (denoiser(image, 0.2) - clean).square().mean()
    assert estimate == pytest.approx(float(error), rel=0.03)
