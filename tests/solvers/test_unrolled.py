"""A solver that was trained: its turns are those of half-quadratic splitting, and what it was not trained for is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie import degradations, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem
from napari_tweedie.denoisers.network import denoise, weights_file
from napari_tweedie.denoisers.schedule import FIRST, Schedule
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.export import write_weights

SIGMA = 0.02
BLUR = degradations.load("gaussian-blur", std=1.0)


@pytest.fixture
def network(generator: torch.Generator) -> UNet:
    made = UNet(widths=(8, 8), blocks=1).eval().requires_grad_(False)
    initialise(made, 0.3, generator)
    for weight in made.parameters():
        weight.copy_(weight.half().float())
    return made


@pytest.fixture
def path(network: UNet, tmp_path: Path) -> Path:
    """Three turns of half-quadratic splitting with weight 0.23, as of a training of no steps."""
    write_weights(network, tmp_path / "a.safetensors", unrolled=Schedule("gaussian-blur", (0, 0.5, 1), (0.23,) * 3).described())
    return tmp_path / "a.safetensors"


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    y = BLUR(torch.rand((1, 1, 40, 48), generator=generator))
    return Problem(y + SIGMA * torch.randn(y.shape, generator=generator), BLUR, Gaussian(sigma=SIGMA))


def test_untrained_turns_are_those_of_half_quadratic_splitting(network: UNet, path: Path, problem: Problem) -> None:
    hqs = solvers.load("hqs", iterations=3, start=FIRST, equivariant=False)
    expected = list(hqs(problem, lambda x, sigma: denoise(network, x, sigma, torch.float32)))
    states = list(solvers.load("unrolled", path=path)(problem, torch.nn.Identity()))
    assert [state.total for state in states] == [3, 3, 3]
    for state, other in zip(states, expected, strict=True):
        torch.testing.assert_close(state.estimate, other.estimate, rtol=1e-4, atol=1e-5)


def test_a_turn_goes_on_beyond_its_data_step_by_its_momentum(network: UNet, problem: Problem, tmp_path: Path) -> None:
    schedule = Schedule("gaussian-blur", (0.5, 1), (0.23, 0.1), momenta=(3.0, 0.7))
    write_weights(network, tmp_path / "a.safetensors", unrolled=schedule.described())
    states = list(solvers.load("unrolled", path=tmp_path / "a.safetensors")(problem, torch.nn.Identity()))
    last = SIGMA / max(1.0, problem.gain)
    middle = (FIRST * last) ** 0.5
    first = problem.prox(problem.start(), 0.23 * (SIGMA / middle) ** 2)  # there is no direction yet
    z = denoise(network, first, middle, torch.float32)
    second = problem.prox(z, 0.1 * (SIGMA / last) ** 2)
    expected = denoise(network, second + 0.7 * (second - first), last, torch.float32)
    torch.testing.assert_close(states[0].estimate, z, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[1].estimate, expected, rtol=1e-4, atol=1e-5)


def test_strengths_and_weights_go_with_the_noise_and_the_width(problem: Problem) -> None:
    slopes = {"noise": ((0.1, 0.0), (0.0, 0.0)), "std": ((0.0, 0.0), (0.0, 0.4))}
    schedule = Schedule(
        "gaussian-blur", (0.5, 1.0), (0.2, 0.3), {"std": (0.5, 2.0)}, most_sigma=4 * SIGMA, least_sigma=SIGMA, slopes=slopes
    )
    one, two = schedule.turns(problem)  # least noise, and the middle of the widths
    assert one == pytest.approx((0.4, 0.2, 0.0))
    assert two == pytest.approx((1.0, 0.3, 0.0))
    wide = Problem(
        problem.measurement, degradations.load("gaussian-blur", std=1.0, relative_width=2.0), Gaussian(sigma=8 * SIGMA)
    )
    one, two = schedule.turns(wide)  # beyond the largest noise counts as that
    assert one == pytest.approx((0.6, 0.2, 0.0))
    assert two == pytest.approx((1.0, 0.3 * np.exp(0.4), 0.0))


def test_other_patterns_and_accelerations_than_those_of_training_are_refused(network: UNet, tmp_path: Path) -> None:
    """Those of a simulation, and those that the zeros of a measurement tell."""
    ranges, choices = {"acceleration": (3.0, 5.0)}, {"pattern": "cartesian"}
    schedule = Schedule("fourier-mask", (0.5, 1), (0.2, 0.2), ranges, choices=choices)
    write_weights(network, tmp_path / "a.safetensors", unrolled=schedule.described())
    solver = solvers.load("unrolled", path=tmp_path / "a.safetensors")
    assert "trained for pattern 'cartesian' (got 'radial')" in solver.obstacle_in(
        degradations.load("fourier-mask", pattern="radial")
    )
    assert "acceleration from 3 to 5 (got 8)" in solver.obstacle_in(degradations.load("fourier-mask", acceleration=8.0))
    x = torch.rand((1, 1, 96, 96), generator=torch.Generator().manual_seed(0))
    for known, said in (({}, ""), ({"acceleration": 8.0}, "got 8"), ({"pattern": "random"}, "trained for pattern")):
        scan = degradations.load("fourier-mask", **known)
        measured = scan(x)
        problem = Problem(measured, degradations.load("fourier-mask").fitted(measured), Gaussian(sigma=0.01))
        obstacle = solver.obstacle(problem)
        assert said in obstacle
        assert bool(said) == bool(obstacle)


def test_measured_columns_are_measured_rows_of_the_image_turned(generator: torch.Generator) -> None:
    """By the bundled rows: a scan that took every column it took as rows before gives the turned image, to rounding.

    Taken as they are, by a network that knows rows, they differ by 0.04.
    """
    x = torch.from_numpy(gaussian_filter(np.random.default_rng(0).random((64, 48)), 2.0)).float()[None, None]
    rows = degradations.load("fourier-mask", seed=3).mask((64, 48))
    noise = 0.01 * torch.randn((1, 2, 64, 48), generator=generator)
    found = []
    for turned in (False, True):
        mask, image, added = (rows.T, x.mT, noise.mT) if turned else (rows, x, noise)
        scan = degradations.load("fourier-mask", sampling=mask.astype(np.float32))
        measured = scan(image)
        problem = Problem(measured + added * scan.observed(measured), scan, Gaussian(sigma=0.01))
        found.append([state.estimate for state in solvers.load("unrolled")(problem, torch.nn.Identity())])
    for upright, turned in zip(*found, strict=True):
        torch.testing.assert_close(upright, turned.mT, rtol=0, atol=1e-3)


def test_a_scan_is_restored_by_what_was_trained_for_its_pattern() -> None:
    """The recipe pins all that is bundled for scans; the measurement tells which is meant, points are refused."""
    image = gaussian_filter(np.random.default_rng(0).random((64, 64)), 2.0).astype(np.float32)
    solver, known = solvers.load("unrolled"), {}
    for pattern in ("cartesian", "radial", "random"):
        scan = degradations.load("fourier-mask", pattern=pattern, seed=1)
        y = scan(torch.from_numpy(image)[None, None])
        y = y + 0.01 * scan.observed(y) * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
        problem = Problem(y, degradations.load("fourier-mask").fitted(y), Gaussian(sigma=0.01))
        pinned = solver.pinned(degradations.load("fourier-mask"))
        known[pattern] = pinned.obstacle(problem)
        if not known[pattern]:
            expected = weights_file(f"unrolled-fourier-mask{'' if pattern == 'cartesian' else '-radial'}")
            *_, last = pinned(problem, torch.nn.Identity())
            *_, other = solvers.load("unrolled", path=expected)(problem, torch.nn.Identity())
            assert torch.equal(last.estimate, other.estimate)
    assert known["cartesian"] == known["radial"] == ""
    assert "(got 'points')" in known["random"]


def test_a_run_restores_an_image_and_its_recipe_pins_the_file(path: Path) -> None:
    image = torch.rand((48, 40), generator=torch.Generator().manual_seed(0)).numpy()
    result = nt.restore(image, "gaussian-blur", {"name": "unrolled", "path": str(path)}, std=1.0, sigma=0.01)
    solver = result.provenance["recipe"]["solver"]
    again = nt.run(result.provenance["recipe"], image)
    assert (again.image == result.image).all()
    write_weights(
        UNet(widths=(8,), blocks=1), path, unrolled=Schedule("gaussian-blur", (1.0,), (0.23,)).described(), of="something else"
    )
    with pytest.raises(ValueError, match="another content than the recipe says"):
        nt.run(result.provenance["recipe"], image)
    assert solver["sha256"]


def test_what_it_was_not_trained_for_is_refused(path: Path, problem: Problem, tmp_path: Path) -> None:
    solver = solvers.load("unrolled", path=path)
    motion = degradations.load("motion-blur", length=5)
    assert "trained for 'motion-blur', and" in solver.obstacle_in(motion)
    volume = Problem(torch.rand(1, 1, 4, 16, 16), BLUR, Gaussian(sigma=SIGMA))
    assert "needs planes" in solver.obstacle(volume)
    assert "nothing is bundled for it" in solvers.load("unrolled").obstacle_in(motion)
    assert "there is no file" in solvers.load("unrolled", path=tmp_path / "absent.safetensors").obstacle(problem)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"unrolled": "[]"},
        {"unrolled": '{"degradation": "x", "shares": [1], "weights": []}'},
        {"unrolled": '{"degradation": "x", "shares": [1], "weights": [1], "momenta": [0, 0]}'},
        {"unrolled": '{"degradation": "x", "shares": [1], "weights": [1], "slopes": {"std": [[0], [0]]}}'},
        {"unrolled": '{"degradation": "x", "shares": [1], "weights": [1], "slopes": {"noise": [[0], [0]]}}'},
    ],
)
def test_files_without_a_schedule_are_refused_in_a_sentence(said: dict[str, str], problem: Problem, tmp_path: Path) -> None:
    path = tmp_path / "b.safetensors"
    write_weights(UNet(widths=(8,), blocks=1), path, **said)
    obstacle = solvers.load("unrolled", path=path).obstacle(problem)
    assert "b.safetensors" in obstacle
    assert "holds no unrolled solver" in obstacle or "as many" in obstacle


def test_the_bundled_one_sharpens_in_three_calls_what_a_gaussian_has_blurred(scene: np.ndarray) -> None:
    """More than half-quadratic splitting does with as many calls of the network that it began as."""
    from napari_tweedie import denoisers

    clean, trained = torch.from_numpy(scene).float()[None, None], solvers.load("unrolled")
    blur = degradations.load("gaussian-blur", std=1.8)
    y = blur(blur.extend(clean))
    problem = Problem(y + SIGMA * torch.randn(y.shape, generator=torch.Generator().manual_seed(0)), blur, Gaussian(sigma=SIGMA))
    small = denoisers.load("unet-small", precision="float32")
    with torch.no_grad():
        states = list(trained(problem, torch.nn.Identity()))
        *_, other = solvers.load("hqs", iterations=3)(problem, small)
    assert len(states) == states[-1].total == 3
    errors = [float((blur.crop(state.estimate) - clean).square().mean()) for state in (states[-1], other)]
    assert errors[0] < errors[1]


def test_the_bundled_one_restores_from_a_quarter_of_the_frequencies_what_takes_splitting_many_turns(scene: np.ndarray) -> None:
    from napari_tweedie import denoisers

    clean, scan = torch.from_numpy(scene).float()[None, None], degradations.load("fourier-mask", seed=3)
    y = scan(clean)
    noise = torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    problem = Problem(y + SIGMA * noise * scan.observed(y), scan, Gaussian(sigma=SIGMA))
    with torch.no_grad():
        states = list(solvers.load("unrolled")(problem, torch.nn.Identity()))
        *_, other = solvers.load("hqs", iterations=12)(problem, denoisers.load("unet-small", precision="float32"))
    assert len(states) == states[-1].total == 6
    errors = [float((state.estimate - clean).square().mean()) for state in (states[-1], other)]
    assert errors[0] < 0.9 * errors[1]


def test_a_scan_with_a_phase_is_refused_in_words_that_fit(scene: np.ndarray) -> None:
    x = torch.from_numpy(scene).float()
    spectrum = torch.fft.fftshift(torch.fft.fft2(x * torch.exp(1j * x), norm="ortho"))
    rows = degradations.load("fourier-mask").mask(tuple(x.shape))
    with pytest.raises(ValueError, match="trained for 'complex-fourier', and nothing is bundled for it"):
        nt.restore(spectrum.numpy() * rows, "fourier-mask", "unrolled", sigma=0.01)


def test_the_bundled_one_refuses_other_widths_and_noise_and_is_pinned_by_its_hash(problem: Problem) -> None:
    trained = solvers.load("unrolled")
    assert "trained for std from 0.7 to 3 (got 5)" in trained.obstacle_in(degradations.load("gaussian-blur", std=5.0))
    assert "(got 4)" in trained.obstacle_in(degradations.load("gaussian-blur", std=2.0, relative_width=2.0))
    noisy = Problem(problem.measurement, BLUR, Gaussian(sigma=0.2))
    assert "noise of up to 8 % of the range (got 20 %)" in trained.obstacle(noisy)
    image = torch.rand((48, 40), generator=torch.Generator().manual_seed(0)).numpy()
    result = nt.restore(image, "gaussian-blur", "unrolled", std=1.0, sigma=0.01)
    recipe = result.provenance["recipe"]
    assert recipe["solver"]["sha256"]
    assert (nt.run(recipe, image).image == result.image).all()
    recipe["solver"]["sha256"] = "0" * 64
    with pytest.raises(ValueError, match="what is bundled has another content than the recipe says"):
        nt.run(recipe, image)
