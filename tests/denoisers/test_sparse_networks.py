"""Networks of unfolded sparse coding: what they compute before any training, where it is known, and what they always keep."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from napari_tweedie import denoisers
from napari_tweedie.core.cancellation import watched
from napari_tweedie.core.results import Cancelled
from napari_tweedie.denoisers.architectures import classes
from napari_tweedie.denoisers.convolutional_sparse_coding import ConvolutionalSparseCoding
from napari_tweedie.denoisers.deep_ksvd import DeepKSVD
from napari_tweedie.denoisers.network import denoise, load_network
from napari_tweedie.denoisers.shrinkage import background, cosine_frame, soft_threshold
from napari_tweedie.training.export import write_weights

CPU = torch.device("cpu")
SIGMA = 0.1
NETWORKS = pytest.mark.parametrize("kind", ["csc", "deep-ksvd"])
Network = ConvolutionalSparseCoding | DeepKSVD


def network_of(kind: str, blocks: int = 2) -> Network:
    """Return a network that was not trained, but for all that has to move it away from where it starts."""
    made = classes()[kind]({"csc": 144, "deep-ksvd": 64}[kind], blocks)
    assert isinstance(made, Network)
    generator = torch.Generator().manual_seed(3)
    for weight in made.parameters():
        weight.data += 0.02 * torch.randn(weight.shape, generator=generator)
    return made.eval().requires_grad_(False)


@pytest.mark.parametrize(("side", "count"), [(8, 64), (8, 256), (12, 144)])
def test_codes_by_a_frame_stand_for_the_patch(side: int, count: int, rng: np.random.Generator) -> None:
    frame = cosine_frame(side, count).double()
    patch = torch.from_numpy(rng.standard_normal(side**2))
    torch.testing.assert_close((frame @ patch) @ frame, patch, rtol=1e-5, atol=1e-6)


def test_a_frame_of_as_many_atoms_as_pixels_is_the_cosine_transform() -> None:
    from scipy.fft import dct

    line = dct(np.eye(8), axis=0, norm="ortho")
    expected = np.kron(line, line)
    found = cosine_frame(8, 64).numpy()
    assert sorted(map(tuple, np.abs(found).round(4))) == sorted(map(tuple, np.abs(expected).round(4).astype(np.float32)))


def test_soft_thresholds_minimise_what_they_are_the_proximal_map_of() -> None:
    z, theta = torch.linspace(-2, 2, 9).double(), torch.tensor(0.7).double()
    grid = torch.linspace(-3, 3, 60_001).double()
    cost = (grid - z[:, None]).square() / 2 + theta * grid.abs()
    torch.testing.assert_close(soft_threshold(z, theta), grid[cost.argmin(1)], rtol=0, atol=2e-4)


def test_the_background_of_a_slope_is_the_slope() -> None:
    """Within the image: borders repeat."""
    slope = torch.arange(96.0).expand(96, 96)[None, None] / 96
    inner = (..., slice(24, -24), slice(24, -24))
    torch.testing.assert_close(background(slope)[inner], slope[inner], rtol=0, atol=1e-5)


@NETWORKS
@pytest.mark.parametrize("shape", [(1, 1), (13, 1), (17, 24), (40, 33)])
def test_without_thresholds_no_noise_is_found(kind: str, shape: tuple[int, int], generator: torch.Generator) -> None:
    network = classes()[kind]({"csc": 144, "deep-ksvd": 256}[kind], 1)
    for name, weight in network.named_parameters():
        if name.startswith("thresholds"):
            weight.data.fill_(-100)
    x = torch.rand((2, 1, *shape), generator=generator)
    with torch.no_grad():
        torch.testing.assert_close(denoise(network.eval(), x, SIGMA, torch.float32), x, rtol=0, atol=2e-6)


def test_a_turn_of_deep_ksvd_is_thresholding_of_all_patches_and_averaging(rng: np.random.Generator) -> None:
    """Patch by patch on two grids; weights of pixels and thresholds are as drawn here."""
    network = DeepKSVD(64, 0).eval()
    network.thresholds[0].data = torch.from_numpy(rng.normal(0, 1, (64, 1))).float()
    network.overlap.data = torch.from_numpy(rng.normal(0, 1, 144)).float()
    x = rng.random((24, 32)).astype(np.float32)
    y = x - background(torch.from_numpy(x)[None, None])[0, 0].numpy()
    padded, frame = np.pad(y, 10, mode="edge"), cosine_frame(12, 64).numpy()
    theta = SIGMA * F.softplus(network.thresholds[0]).detach().numpy().ravel()
    weight = F.softplus(network.overlap + 0.5413).detach().numpy().reshape(12, 12)
    total, counted = np.zeros_like(padded), np.zeros_like(padded)
    for first in (0, 2):
        for top in range(first, padded.shape[0] - first - 11, 4):
            for left in range(first, padded.shape[1] - first - 11, 4):
                place = np.s_[top : top + 12, left : left + 12]
                code = frame @ padded[place].ravel()
                code = np.sign(code) * np.maximum(np.abs(code) - theta, 0)
                total[place] += weight * (code @ frame).reshape(12, 12)
                counted[place] += weight
    expected = y - (total / counted)[10:-10, 10:-10]
    with torch.no_grad():
        found = network(torch.from_numpy(x)[None, None], torch.tensor([SIGMA]))[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_many_turns_of_deep_ksvd_solve_the_lasso(rng: np.random.Generator) -> None:
    """Its optimality: no atom correlates with the residual by more than its threshold, those in use by as much."""
    network = DeepKSVD(256, 800)
    thresholds = torch.from_numpy(rng.uniform(0.6, 1.4, (256, 1))).float()
    for threshold in network.thresholds.requires_grad_(False):
        threshold.copy_(thresholds.expm1().log())  # whose softplus they are
    patches = torch.from_numpy(rng.standard_normal((144, 5))).float()
    with torch.no_grad():
        made, _ = network._estimates(patches, torch.full((1, 5), 0.1), network._matrices())
    correlation = (network.analysis[0] @ (patches - made)).abs() / (0.1 * thresholds)
    assert correlation.max() < 1.03
    assert ((correlation > 0.999).sum(0) > 10).all()


def test_thresholds_that_change_from_turn_to_turn_are_those_of_their_turn(rng: np.random.Generator) -> None:
    """Codes are computed in units of the thresholds, and here in those of the patch."""
    network = DeepKSVD(64, 2)
    for threshold in network.thresholds:
        threshold.data = torch.from_numpy(rng.normal(0, 1, (64, 1))).float()
    patches = rng.standard_normal((144, 5)).astype(np.float32)
    frame, code, residual = cosine_frame(12, 64).numpy(), np.zeros((64, 5), np.float32), patches
    for threshold in network.thresholds:
        theta = SIGMA * F.softplus(threshold).detach().numpy()
        code = code + frame @ residual
        code = np.sign(code) * np.maximum(np.abs(code) - theta, 0)
        residual = patches - frame.T @ code
    with torch.no_grad():
        made, _ = network._estimates(torch.from_numpy(patches), torch.full((1, 5), SIGMA), network._matrices())
    np.testing.assert_allclose(made.numpy(), patches - residual, rtol=0, atol=1e-5)


def test_a_turn_of_csc_is_thresholding_of_strided_atoms(rng: np.random.Generator) -> None:
    """Atom by atom, in the middle of an image."""
    network = ConvolutionalSparseCoding(144, 0, shifts=1)
    network.thresholds[0].data = torch.from_numpy(rng.normal(0, 1, 144)).float()
    x = rng.random((48, 56)).astype(np.float32)
    y = x - background(torch.from_numpy(x)[None, None])[0, 0].numpy()
    atoms, theta = cosine_frame(12, 144).numpy().reshape(-1, 12, 12) / 3, F.softplus(network.thresholds[0]).detach().numpy()
    made = np.zeros_like(y)
    for top in range(0, 48 - 11, 4):
        for left in range(0, 56 - 11, 4):
            place = np.s_[top : top + 12, left : left + 12]
            code = np.tensordot(atoms, y[place], 2)
            code = np.sign(code) * np.maximum(np.abs(code) - SIGMA * theta, 0)
            made[place] += np.tensordot(code, atoms, 1)
    with torch.no_grad():
        found = network(torch.from_numpy(x)[None, None], torch.tensor([SIGMA]))[0, 0].numpy()
    inner = np.s_[12:-12, 12:-12]
    np.testing.assert_allclose(found[inner], (y - made)[inner], rtol=0, atol=1e-5)


@NETWORKS
@pytest.mark.parametrize("factor", [1e-3, 255.0, 4e4])
def test_positively_homogeneous(kind: str, factor: float, generator: torch.Generator) -> None:
    network, x = network_of(kind), torch.rand((1, 1, 24, 40), generator=generator)
    found = network(factor * x, torch.tensor([factor * SIGMA])) / factor
    torch.testing.assert_close(found, network(x, torch.tensor([SIGMA])), rtol=1e-3, atol=1e-5)


@NETWORKS
def test_white_noise_told_as_a_map_is_the_same(kind: str, generator: torch.Generator) -> None:
    network, x = network_of(kind), torch.rand((2, 2, 21, 24), generator=generator)
    expected = denoise(network, x, SIGMA, torch.float32)
    for shape in ((2, 1, 21, 24), (1, 1, 21, 1), (1, 10, 1, 1)):
        torch.testing.assert_close(denoise(network, x, torch.full(shape, SIGMA), torch.float32), expected, rtol=0, atol=1e-5)


@NETWORKS
def test_constants_are_kept(kind: str) -> None:
    flat = torch.full((1, 1, 19, 40), 1e4)
    torch.testing.assert_close(denoise(network_of(kind), flat, SIGMA, torch.float32), flat)


@NETWORKS
def test_an_image_moved_by_whole_strides_gives_the_result_moved(kind: str, generator: torch.Generator) -> None:
    network, x = network_of(kind), torch.rand((1, 1, 176, 184), generator=generator)
    step, inner = network.stride, slice(64, -64)
    moved = denoise(network, x[..., step:, 2 * step :], SIGMA, torch.float32)[..., inner, inner]
    expected = denoise(network, x, SIGMA, torch.float32)[..., step:, 2 * step :][..., inner, inner]
    assert moved.numel() > 1000
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


@NETWORKS
def test_a_call_can_be_stopped(kind: str) -> None:
    network, asked = network_of(kind), []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    with watched(cancelled), pytest.raises(Cancelled):
        denoise(network, torch.rand(1, 1, 400, 400), SIGMA, torch.float32)
    assert len(asked) == 4


@NETWORKS
def test_a_file_of_weights_is_the_same_denoiser(kind: str, generator: torch.Generator, tmp_path: Path) -> None:
    network, path = network_of(kind), tmp_path / "mine.safetensors"
    write_weights(network, path)
    mine, x = denoisers.load("file", path=path), torch.rand((1, 1, 20, 24), generator=generator)
    torch.testing.assert_close(mine(x, SIGMA), denoise(network, x, SIGMA, torch.float32), rtol=0, atol=2e-3)
    assert isinstance(load_network(path, CPU), type(network))
    assert mine.takes_map
    assert not mine.takes_levels


@NETWORKS
@pytest.mark.parametrize("claim", [{"width": 2**20, "blocks": 0}, {"width": 16, "blocks": 10**6}])
def test_weights_that_claim_a_larger_network_are_refused(kind: str, claim: dict[str, int], tmp_path: Path) -> None:
    first = {"analysis.0": torch.zeros(16, 16, 3, 3) if kind == "csc" else torch.zeros(16, 144)}
    held = first | {f"w{n}": torch.zeros(1) for n in range(2 if kind == "csc" else 9)}
    path = tmp_path / "a.safetensors"
    save_file(held, path, {"architecture": json.dumps({"name": kind, **claim})})
    with pytest.raises(ValueError, match="its architecture claims"):
        denoisers.load("file", path=path)(torch.rand(1, 1, 8, 8), SIGMA)


def test_weights_of_an_unknown_architecture_are_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.zeros(1)}, path, {"architecture": json.dumps({"name": "restormer"})})
    with pytest.raises(ValueError, match="no architecture 'restormer'; there are: unet, lidia, csc, deep-ksvd"):
        denoisers.load("file", path=path)(torch.rand(1, 1, 8, 8), SIGMA)
