"""The baselines against dense linear algebra and scikit-image."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import restoration

from napari_tweedie import degradations, solvers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.problem import Problem


def unused(x: torch.Tensor, sigma: float) -> torch.Tensor:
    raise AssertionError("a baseline called the denoiser")


def solve(name: str, y: torch.Tensor, degradation: degradations.Degradation, sigma: float, **parameters: object) -> torch.Tensor:
    return list(solvers.load(name, **parameters)(Problem(y, degradation, Gaussian(sigma=sigma)), unused))[-1].estimate


def dense(operator: degradations.Degradation, size: tuple[int, int]) -> np.ndarray:
    impulses = torch.eye(size[0] * size[1], dtype=torch.float64).view(-1, 1, *size)
    return operator(impulses).flatten(1).numpy().T


@pytest.mark.parametrize("penalty", ["gradient", "norm"])
@pytest.mark.parametrize("name", ["gaussian-blur", "downsample"])
def test_tikhonov_solves_its_normal_equations(name: str, penalty: str, rng: np.random.Generator) -> None:
    """Against a dense solution, with the matrix of differences along both axes written out."""
    operator, size = degradations.load(name), (8, 6)
    if name == "gaussian-blur":
        operator = degradations.load(name, std=0.7, boundary="circular")
    a = dense(operator, size)
    d_y, d_x = np.diff(np.eye(8), axis=0), np.diff(np.eye(6), axis=0)
    d = np.vstack([np.kron(d_y, np.eye(6)), np.kron(np.eye(8), d_x)])
    y = rng.random(a.shape[0])
    expected = np.linalg.solve(a.T @ a + 0.1 * (d.T @ d if penalty == "gradient" else np.eye(48)), a.T @ y)
    measurement = torch.from_numpy(y).view(1, 1, *operator.shape(size))
    x = solve("tikhonov", measurement, operator, 0.1, penalty=penalty, weight=0.1)
    assert np.linalg.norm(x.flatten().numpy() - expected) < 1e-3 * np.linalg.norm(expected)


@pytest.mark.parametrize("sigma", [0.02, 0.1])
def test_tikhonov_chooses_a_weight_near_the_best(sigma: float, scene: np.ndarray, generator: torch.Generator) -> None:
    blur, clean = degradations.load("gaussian-blur", std=1.2, boundary="circular"), torch.from_numpy(scene).float()[None, None]
    y = blur(clean) + sigma * torch.randn(clean.shape, generator=generator)

    def error(weight: float | None) -> float:
        return float(blur(solve("tikhonov", y, blur, sigma, weight=weight) - clean).square().mean())

    assert error(None) < 1.1 * min(error(10.0 ** (k / 2)) for k in range(-8, 3))


@pytest.mark.parametrize("name", ["gaussian-blur", "mask"])
@pytest.mark.parametrize("solver", ["wiener", "tikhonov"])
def test_baselines_undo_what_was_measured_without_noise(solver: str, name: str, scene: np.ndarray) -> None:
    """Rounding to 8 bits is assumed then: an exact inverse would amplify what lies beyond the borders."""
    clean = torch.from_numpy(scene).float()[None, None]
    options = {"mask": np.random.default_rng(0).random(scene.shape) < 0.7} if name == "mask" else {"std": 1.2}
    operator = degradations.load(name, **options)
    y = operator(operator.extend(clean))
    start, end = (operator.crop(x) - clean for x in (operator.start(y), solve(solver, y, operator, 0.0)))
    assert end.square().mean() < 0.8 * start.square().mean()


def test_richardson_lucy_agrees_with_scikit_image(rng: np.random.Generator) -> None:
    """An object on a dark ground, where borders do not matter."""
    clean = np.zeros((48, 44))
    clean[16:32, 14:30] = rng.random((16, 16)) + 0.1
    profile = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
    psf = np.outer(profile, profile) / profile.sum() ** 2
    y = ndimage.convolve(clean, psf, mode="constant")
    expected = restoration.richardson_lucy(y, psf, num_iter=20, clip=False)
    operator = degradations.load("psf-blur", psf=psf, boundary="circular")
    x = solve("richardson-lucy", torch.from_numpy(y)[None, None], operator, 0.0, iterations=20, smoothing=0, accelerated=False)
    assert np.abs(x[0, 0].numpy() - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize("smoothing", [None, 0.0, 0.05])
@pytest.mark.parametrize("boundary", ["circular", "pad"])
def test_richardson_lucy_keeps_the_total_and_is_never_negative(
    smoothing: float | None, boundary: str, scene: np.ndarray, generator: torch.Generator
) -> None:
    blur, clean = degradations.load("gaussian-blur", std=2.0, boundary=boundary), torch.from_numpy(scene).float()[None, None]
    y = blur(blur.extend(clean)) + 0.05 * torch.randn(clean.shape, generator=generator)
    x = solve("richardson-lucy", y, blur, 0.05, smoothing=smoothing)
    seen = y.clamp_min(0).sum()
    assert float(blur(x).sum()) == pytest.approx(float(seen), rel=1e-4)
    assert float(blur.crop(x).sum()) == pytest.approx(float(seen), rel=5e-3)
    assert float(x.min()) >= 0


@pytest.mark.parametrize("boundary", ["circular", "pad"])
def test_richardson_lucy_stops_where_noise_would_be_sharpened(
    boundary: str, scene: np.ndarray, generator: torch.Generator
) -> None:
    blur, clean = degradations.load("gaussian-blur", std=1.0, boundary=boundary), torch.from_numpy(scene).float()[None, None]
    y = blur(blur.extend(clean)) + 0.1 * torch.randn(clean.shape, generator=generator)
    problem, errors = Problem(y, blur, Gaussian(sigma=0.1)), []
    for early in (True, False):
        states = list(solvers.load("richardson-lucy", early=early)(problem, unused))
        assert states[-1].iteration == states[-1].total == len(states)
        assert [state.residual <= 0.97 * 0.1 for state in states[:-1]] == [False] * (len(states) - 1) or not early
        errors.append(float((blur.crop(states[-1].estimate) - clean).square().mean()))
    assert len(states) == 30
    assert errors[0] < 0.7 * errors[1]


def test_richardson_lucy_does_all_iterations_where_the_residual_says_nothing(scene: np.ndarray) -> None:
    """With fewer numbers than pixels, or without noise."""
    clean = torch.from_numpy(scene).float()[None, None]
    for operator, sigma in ((degradations.load("downsample"), 0.1), (degradations.load("gaussian-blur"), 0.0)):
        problem = Problem(operator(operator.extend(clean)), operator, Gaussian(sigma=sigma))
        assert len(list(solvers.load("richardson-lucy")(problem, unused))) == 30


def test_acceleration_gets_further_in_as_many_updates(scene: np.ndarray) -> None:
    """The Kullback–Leibler divergence from A x to y is what the updates lower."""
    blur, clean = degradations.load("gaussian-blur", std=2.0, boundary="circular"), torch.from_numpy(scene)[None, None]
    y = blur(clean)

    def objective(accelerated: bool, iterations: int) -> float:
        fit = blur(solve("richardson-lucy", y, blur, 0.0, smoothing=0, accelerated=accelerated, iterations=iterations))
        return float((fit - y * fit.log()).sum() - (y - y * y.log()).sum())

    assert objective(True, 30) < objective(False, 90)


def test_acceleration_keeps_to_projections_of_dark_surroundings(generator: torch.Generator) -> None:
    """Where the image is extrapolated below zero and cut off there, its projections are not those that are extrapolated."""
    along = torch.arange(48) - 24
    clean = torch.rand((1, 1, 48, 48), generator=generator) * (along[:, None].square() + along.square() < 20**2)
    radon = degradations.load("radon", angles=40)
    y = radon(clean)
    stated = Problem(y + 0.05 * torch.randn(y.shape, generator=generator), radon, Gaussian(sigma=0.05))
    *_, last = solvers.load("richardson-lucy")(stated, unused)
    assert last.iteration == 30
    assert not last.note
    assert (last.estimate - clean).norm() < (stated.start() - clean).norm()


def test_curvature_points_down_the_total_variation(rng: np.random.Generator) -> None:
    """The curvature is minus the gradient of Σ √(|∇x|² + ε²): against automatic differentiation."""
    from napari_tweedie.solvers.richardson_lucy import curvature

    x = torch.from_numpy(rng.random((1, 1, 7, 9))).requires_grad_()
    smallest = torch.tensor(0.1, dtype=torch.float64)
    down = torch.nn.functional.pad(x.diff(dim=2), (0, 0, 0, 1))
    right = torch.nn.functional.pad(x.diff(dim=3), (0, 1))
    (down.square() + right.square() + smallest**2 + 1e-12).sqrt().sum().backward()
    torch.testing.assert_close(curvature(x.detach(), smallest), -x.grad)


def test_richardson_lucy_refuses_negative_weights() -> None:
    operator = degradations.load("random-projection", ratio=0.5)
    y = operator(torch.rand(1, 1, 16, 16))
    with pytest.raises(ValueError, match="negative weights; 'random-projection' has some"):
        solve("richardson-lucy", y, operator, 0.01)
