"""Does every objective minimise what its paper says?"""

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter
from torch import Tensor

from napari_tweedie.degradations.correlation import REACH, Correlation, draw_noise
from napari_tweedie.denoisers.exact import Gaussian
from napari_tweedie.denoisers.stepwise import in_steps
from napari_tweedie.training import objectives
from napari_tweedie.training.objectives import Patches
from napari_tweedie.training.objectives.blind_spot import extent, median_around
from napari_tweedie.training.objectives.neighbours import _draw, _of_cells

SIGMA = 0.2
PRIOR = Gaussian(std=0.3, slope=2.0)


def along_x(decay: float) -> Correlation:
    """Noise correlated by `decay` per pixel along x only."""
    near = np.zeros((REACH + 1, REACH + 1))
    near[0] = decay ** np.arange(REACH + 1)
    return Correlation(tuple(map(tuple, near)))


def patches(generator: torch.Generator, correlation: Correlation | None = None, count: int = 200) -> tuple[Tensor, Patches]:
    """Clean images of the prior, and what a step would be given of them."""
    white = torch.randn((count, 1, 16, 16), generator=generator)
    clean = white - PRIOR(white, 0.3)
    noisy = clean + SIGMA * draw_noise(clean, correlation, generator)
    return clean, Patches(noisy, torch.full((count,), SIGMA), torch.ones_like(noisy, dtype=torch.bool), correlation)


def squared_error(clean: Tensor, noisy: Tensor, sigma: float = SIGMA) -> float:
    return float((PRIOR(noisy, sigma) - clean).square().mean()) / SIGMA**2


@pytest.mark.parametrize("correlation", [None, along_x(0.6)])
def test_stein_estimates_the_squared_error_of_white_and_correlated_noise(
    generator: torch.Generator, correlation: Correlation | None
) -> None:
    clean, seen = patches(generator, correlation, 400)
    found = float(objectives.load("sure").loss(PRIOR, seen, generator))
    assert found == pytest.approx(squared_error(clean, seen.noisy), rel=0.05)


def steadier(generator: torch.Generator) -> Patches:
    """Noise alone, half as strong in one half of every patch."""
    levels = SIGMA * torch.tensor([0.5, 1.0]).repeat_interleave(8)[None, None, None].expand(3000, 1, 16, 16)
    noisy = levels * torch.randn(levels.shape, generator=generator)
    return Patches(noisy, torch.full((3000,), SIGMA), torch.ones_like(noisy, dtype=torch.bool), levels=levels)


@pytest.mark.parametrize("gain", [-0.5, 0.0, 0.5])
def test_errors_are_right_where_the_noise_level_differs_from_pixel_to_pixel(generator: torch.Generator, gain: float) -> None:
    """A gain on noise alone has its square as error: one below zero, which takes away more than the noise, is no better."""
    seen = steadier(generator)
    error, drawn = gain**2 * (0.25 + 1) / 2, torch.Generator().manual_seed(99)
    found = float(objectives.load("sure").loss(lambda x, sigma: gain * x, seen, drawn))
    assert found == pytest.approx(error, abs=0.02)
    alpha, share = 0.5, (0.25 + 1) / 2
    found = float(objectives.load("recorrupted2recorrupted", alpha=alpha).loss(lambda x, sigma: gain * x, seen, drawn))
    assert found == pytest.approx(error * (1 + alpha**2) + share * (1 + 1 / alpha**2), rel=0.02)


def test_noise_is_drawn_with_its_correlation(generator: torch.Generator) -> None:
    noise = draw_noise(torch.zeros(50, 1, 64, 64), along_x(0.6), generator)
    assert float(noise.std()) == pytest.approx(1, abs=0.02)
    assert float((noise[..., 1:] * noise[..., :-1]).mean()) == pytest.approx(0.6, abs=0.03)
    assert float((noise[:, :, 1:] * noise[:, :, :-1]).mean()) == pytest.approx(0, abs=0.03)


def test_recorrupted_pairs_differ_from_the_squared_error_by_a_constant(generator: torch.Generator) -> None:
    """E‖f(y + αz) − (y − z/α)‖² = E‖f(y + αz) − x‖² + σ²(1 + 1/α²): the noises of both are independent."""
    alpha = 0.5
    clean, seen = patches(generator)
    found = float(objectives.load("recorrupted2recorrupted", alpha=alpha).loss(PRIOR, seen, generator))
    level = SIGMA * (1 + alpha**2) ** 0.5
    noisier = clean + level * torch.randn(clean.shape, generator=generator)
    assert found == pytest.approx(squared_error(clean, noisier, level) + 1 + 1 / alpha**2, rel=0.03)


def test_noise_is_added_and_taken_away_with_both_signs(generator: torch.Generator) -> None:
    _, seen = patches(generator, count=2)
    shown: list[Tensor] = []

    def remember(x: Tensor, sigma: Tensor) -> Tensor:
        shown.append(x)
        return torch.zeros_like(x)

    objectives.load("recorrupted2recorrupted", alpha=0.5).loss(remember, seen, generator)
    one, other = shown
    assert float((one - other).std()) == pytest.approx(2 * 0.5 * SIGMA, rel=0.1)
    torch.testing.assert_close((one + other) / 2, seen.noisy)


def test_a_partner_is_what_noise2noise_estimates(generator: torch.Generator) -> None:
    clean, seen = patches(generator)
    with_clean = Patches(seen.noisy, seen.sigma, seen.counts, partner=clean)
    assert float(objectives.load("noise2noise").loss(PRIOR, with_clean, generator)) == pytest.approx(
        squared_error(clean, seen.noisy), rel=1e-4
    )


def test_a_hidden_pixel_is_not_seen(generator: torch.Generator) -> None:
    """What a network is shown does not depend on the pixels that it is to estimate, nor on those that share their noise."""
    _, seen = patches(generator, along_x(0.6), 4)
    shown: list[Tensor] = []

    def remember(x: Tensor, sigma: Tensor) -> Tensor:
        shown.append(x)
        return torch.zeros_like(x)

    spots = (torch.rand(seen.noisy.shape, generator=torch.Generator().manual_seed(3)) < 0.2).nonzero()
    n, _, y, x = (int(place) for place in spots[len(spots) // 2])
    counts = torch.zeros_like(seen.counts)
    counts[n, 0, y, x] = True
    other = seen.noisy.clone()
    other[n, 0, y, x] += 5
    reach = extent(seen.correlation)
    assert reach == (0, 4)  # 0.6⁴ = 0.13 is still correlated, 0.6⁵ = 0.08 is not
    objective = objectives.load("noise2void", share=0.2)
    for noisy in (seen.noisy, other):
        objective.loss(remember, Patches(noisy, seen.sigma, counts, seen.correlation), torch.Generator().manual_seed(3))
    torch.testing.assert_close(shown[0], shown[1])
    hidden = (shown[0] != seen.noisy)[n, 0].nonzero()
    assert hidden[:, 0].unique().tolist() == [y]
    assert 4 < len(hidden) <= 9


def test_the_error_of_hidden_pixels_alone_counts(generator: torch.Generator) -> None:
    _, seen = patches(generator, count=4)
    found = objectives.load("noise2void", share=0.05).loss(lambda x, sigma: 0 * x, seen, torch.Generator().manual_seed(1))
    spots = torch.rand(seen.noisy.shape, generator=torch.Generator().manual_seed(1)) < 0.05
    assert float(found) == pytest.approx(float((seen.noisy[spots] / SIGMA).square().mean()), rel=1e-5)


def test_the_median_is_that_of_the_neighbours(rng: np.random.Generator) -> None:
    image = rng.random((12, 15))
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    found = median_around(torch.from_numpy(image)[None, None], 2, (0, 0))[0, 0].numpy()
    expected = median_filter(image, footprint=ring, mode="mirror")
    lower = np.sort(np.stack([np.roll(image, (dy, dx), (0, 1)) for dy in range(-2, 3) for dx in range(-2, 3) if dy or dx]), 0)[11]
    np.testing.assert_allclose(found[2:-2, 2:-2], lower[2:-2, 2:-2])  # of an even number of values, the lower middle one
    assert np.abs(found - expected).max() < 0.3


def test_chosen_pixels_are_neighbours_of_one_cell(generator: torch.Generator) -> None:
    place = torch.arange(64.0).view(1, 1, 8, 8)
    one, other = _of_cells(place, _draw(place, generator))
    distance = (one - other).abs()
    assert set(distance.unique().tolist()) <= {1.0, 8.0}
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(4), indexing="ij")
    assert torch.equal(one[0, 0] // 16, rows.float())
    assert torch.equal(one[0, 0] % 8 // 2, columns.float())


def test_neighbours_of_a_constant_image_teach_averaging(generator: torch.Generator) -> None:
    """With γ = 0, and a constant scene, the loss is least for its mean: σ² of the other image, and nothing else."""
    noisy = SIGMA * torch.randn(50, 1, 32, 32, generator=generator)
    seen = Patches(noisy, torch.full((50,), SIGMA), torch.ones_like(noisy, dtype=torch.bool))
    objective = objectives.load("neighbor2neighbor", gamma=0)
    mean, identity = (float(objective.loss(f, seen, generator)) for f in (lambda x, s: 0 * x, lambda x, s: x))
    assert mean == pytest.approx(1, rel=0.03)
    assert identity == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("name", ["regression", "indi"])
def test_a_restorer_is_shown_mixtures_whose_noise_it_is_told(name: str, generator: torch.Generator) -> None:
    clean, seen = patches(generator, count=64)
    noise = seen.noisy - clean
    shown: list[tuple[Tensor, Tensor]] = []

    def remember(x: Tensor, sigma: Tensor) -> Tensor:
        shown.append((x, sigma))
        return x

    with_clean = Patches(seen.noisy, seen.sigma, seen.counts, partner=clean)
    found = float(objectives.load(name).loss(remember, with_clean, generator))
    (x, level), t = shown[0], (shown[0][1] / SIGMA).view(-1, 1, 1, 1)
    torch.testing.assert_close(x, clean + t * noise)
    assert found == pytest.approx(float((t * noise / SIGMA).square().mean()), rel=1e-4)
    assert (level == SIGMA).all() if name == "regression" else 0.1 < float((level == SIGMA).float().mean()) < 0.4


def test_steps_go_from_the_posterior_mean_to_the_spread_of_the_truth(generator: torch.Generator) -> None:
    """Of Gaussian pixels N(0, s²) in noise σ the end is known: y s²/(s² + σ²) in one step, y s/√(s² + σ²) in very many."""
    s, sigma = 0.3, 0.4
    y = torch.randn(1, 1, 8, 8, generator=generator)

    def mean(x: Tensor, level: Tensor) -> Tensor:
        return x * s**2 / (s**2 + level.view(-1, 1, 1, 1) ** 2)

    torch.testing.assert_close(in_steps(mean, y, sigma, 1), mean(y, torch.tensor([sigma])))
    torch.testing.assert_close(in_steps(mean, y, sigma, 400), y * s / (s**2 + sigma**2) ** 0.5, rtol=0.01, atol=1e-4)


def test_held_out_pixels_do_not_count(generator: torch.Generator) -> None:
    clean, seen = patches(generator, count=8)
    counts = seen.counts.clone()
    counts[..., :8] = False
    far = seen.noisy + 100 * ~counts
    for name in ("sure", "noise2void", "noise2noise", "recorrupted2recorrupted", "neighbor2neighbor"):
        one, other = (
            float(objectives.load(name).loss(
                lambda x, sigma: 0 * x, Patches(noisy, seen.sigma, counts, partner=clean), torch.Generator().manual_seed(0)
            ))
            for noisy in (seen.noisy, far)
        )  # fmt: skip
        assert one == pytest.approx(other, rel=1e-5), name
