"""Groups of similar patches, and the bundled network that denoises them together."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_tweedie import denoisers
from napari_tweedie.core.cancellation import watched
from napari_tweedie.core.results import Cancelled
from napari_tweedie.denoisers import non_local_network
from napari_tweedie.denoisers.network import denoise, load_network, weights_file
from napari_tweedie.denoisers.non_local_network import NEIGHBOURS, REACH, SIDE, STRIDE, NonLocalNetwork, similar
from napari_tweedie.training.learning import Learning, learn
from napari_tweedie.training.tiles import Example

CPU = torch.device("cpu")
SIGMA = 0.1


@pytest.fixture
def lidia() -> denoisers.Denoiser:
    return denoisers.load("lidia")


@pytest.fixture
def network() -> NonLocalNetwork:
    found = load_network(weights_file("lidia"), CPU)
    assert isinstance(found, NonLocalNetwork)
    return found


def lattice(size: int) -> torch.Tensor:
    y, x = np.mgrid[:size, :size]
    return torch.from_numpy(0.5 + 0.4 * np.sin(1.3 * x + 0.5 * y) * np.sin(1.3 * y - 0.5 * x)).float()[None, None]


def test_a_group_holds_the_nearest_patches_around_its_own(rng: np.random.Generator) -> None:
    """Against a search through all of them."""
    image = rng.random((36, 40)).astype(np.float32)
    places = similar(torch.from_numpy(image)[None, None])[0].numpy()
    windows = np.lib.stride_tricks.sliding_window_view(image.astype(np.float64), (SIDE, SIDE))
    rows, columns = (range(REACH, n - REACH - SIDE + 1, STRIDE) for n in image.shape)
    corners = [(row, column) for row in rows for column in columns]
    assert places.shape == (len(corners), NEIGHBOURS)
    for (row, column), found in zip(corners, places, strict=True):
        around = windows[row - REACH : row + REACH + 1, column - REACH : column + REACH + 1]
        distances = ((around - windows[row, column]) ** 2).mean((2, 3))
        nearest = np.argsort(distances, axis=None)[:NEIGHBOURS]
        down, across = np.unravel_index(nearest, distances.shape)
        assert set(found) == set((row - REACH + down) * image.shape[1] + column - REACH + across)
        assert found[0] == row * image.shape[1] + column


def test_weights_are_few(network: NonLocalNetwork) -> None:
    assert sum(weight.numel() for weight in network.parameters()) == 57_218
    assert weights_file("lidia").stat().st_size < 300_000


def test_samples_change_places_with_their_results(lidia: denoisers.Denoiser, generator: torch.Generator) -> None:
    x, order = torch.rand((3, 1, 24, 20), generator=generator), [2, 0, 1]
    sigma = torch.tensor([0.05, 0.1, 0.3])
    torch.testing.assert_close(lidia(x[order], sigma[order]), lidia(x, sigma)[order], rtol=1e-4, atol=1e-5)


def test_an_image_moved_by_whole_strides_gives_the_result_moved(lidia: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((1, 1, 152, 160), generator=generator)
    step, halo = NonLocalNetwork.stride, lidia.halo
    inner = slice(halo, -halo)
    moved = lidia(x[..., step:, 2 * step :], SIGMA)[..., inner, inner]
    expected = lidia(x, SIGMA)[..., step:, 2 * step :][..., inner, inner]
    assert moved.numel() > 1000
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-5)


def test_a_known_image_comes_out_as_when_it_was_measured(lidia: denoisers.Denoiser, scene: np.ndarray) -> None:
    """Peak signal-to-noise ratio in dB, of weights and code as they were trained; noise from a generator that stays the same."""
    clean = torch.from_numpy(scene).float()[None, None]
    noise = torch.from_numpy(np.random.RandomState(0).standard_normal(scene.shape)).float()
    for sigma, measured in ((0.05, 33.650), (0.2, 26.747)):
        error = (lidia(clean + sigma * noise, sigma) - clean).square().mean()
        assert float(-10 * torch.log10(error)) == pytest.approx(measured, abs=0.02)


def test_groups_are_computed_in_any_portions(
    lidia: denoisers.Denoiser, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.rand((2, 1, 40, 24), generator=generator)
    expected = lidia(x, SIGMA)
    monkeypatch.setattr(non_local_network, "CHUNK", 7)
    torch.testing.assert_close(lidia(x, SIGMA), expected, rtol=0, atol=2e-6)


def test_noise_a_million_times_weaker_than_the_image_changes_little(lidia: denoisers.Denoiser, scene: np.ndarray) -> None:
    x = torch.from_numpy(scene).float()[None, None]
    assert (lidia(x, 1e-6) - x).abs().max() < 0.02


@pytest.mark.parametrize("factor", [1e-3, 255.0, 4e4])
def test_positively_homogeneous(lidia: denoisers.Denoiser, scene: np.ndarray, generator: torch.Generator, factor: float) -> None:
    x = torch.from_numpy(scene).float()[None, None] + SIGMA * torch.randn((1, 1, *scene.shape), generator=generator)
    torch.testing.assert_close(lidia(factor * x, factor * SIGMA) / factor, lidia(x, SIGMA), rtol=1e-3, atol=1e-4)


def test_white_noise_told_as_a_map_is_the_same(lidia: denoisers.Denoiser, generator: torch.Generator) -> None:
    x = torch.rand((2, 2, 21, 24), generator=generator)
    expected = lidia(x, SIGMA)
    for shape in ((2, 1, 21, 24), (1, 1, 21, 1), (1, 10, 1, 1)):
        torch.testing.assert_close(lidia(x, torch.full(shape, SIGMA)), expected, rtol=0, atol=1e-5)


def test_a_map_follows_the_noise(network: NonLocalNetwork, scene: np.ndarray, generator: torch.Generator) -> None:
    """Half of the image is four times noisier: told so, the error is lower than with the root mean square everywhere."""
    clean = torch.from_numpy(scene).float()[None, None]
    level = torch.full(clean.shape, 0.04)
    level[..., : clean.shape[3] // 2] = 0.16
    noisy = clean + level * torch.randn(clean.shape, generator=generator)
    told, even = (denoise(network, noisy, sigma, torch.float32) for sigma in (level, float(level.square().mean().sqrt())))
    assert (told - clean).square().mean() < 0.8 * (even - clean).square().mean()


def test_a_call_is_cancelled_between_portions(lidia: denoisers.Denoiser) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 345  # two searches ask 169 times each

    with watched(cancelled), pytest.raises(Cancelled):
        lidia(torch.rand(1, 1, 400, 400), SIGMA)
    assert len(asked) == 346


def test_learning_from_the_noisy_image_alone_lowers_the_true_error(network: NonLocalNetwork, generator: torch.Generator) -> None:
    truth = lattice(96)
    noisy = truth + 0.15 * torch.randn(truth.shape, generator=generator)
    settings = Learning(objective="recorrupted2recorrupted", start="lidia", steps=24, batch=2, patch=32, learning_rate=2e-3)
    *_, last = learn(network, [Example(noisy, 0.15)], settings)
    assert last.network is not None
    before, after = ((denoise(one, noisy, 0.15, torch.float32) - truth).square().mean() for one in (network, last.network))
    assert after < 0.92 * before
    assert last.gain > 0


@pytest.mark.parametrize("claim", [{"width": 2**20, "blocks": 0}, {"width": 16, "blocks": 10**6}])
def test_weights_that_claim_a_larger_network_are_refused(claim: dict[str, int], tmp_path: Path) -> None:
    held = {"coarse.first.within": torch.zeros(65, 16)} | {f"w{n}": torch.zeros(1) for n in range(7)}
    path = tmp_path / "a.safetensors"
    save_file(held, path, {"architecture": json.dumps({"name": "lidia", **claim})})
    with pytest.raises(ValueError, match="its architecture claims"):
        denoisers.load("file", path=path)(torch.rand(1, 1, 8, 8), SIGMA)


def test_a_file_of_its_weights_is_the_same_denoiser(
    lidia: denoisers.Denoiser, generator: torch.Generator, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(weights_file("lidia").read_bytes())
    mine, x = denoisers.load("file", path=path), torch.rand((1, 1, 20, 24), generator=generator)
    torch.testing.assert_close(mine(x, SIGMA), lidia(x, SIGMA))
    assert mine.takes_map
    assert not mine.takes_levels
