"""Point-spread functions that vary over the field: mixtures of those on a grid, as direct sums say, and with an exact adjoint."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.core.testing import check_degradation
from napari_tweedie.degradations.varying_blur import hats, part_of_grid
from napari_tweedie.recipe import Recipe


def gaussian(std: float, side: int, ndim: int = 2) -> np.ndarray:
    square = sum((grid - side) ** 2 for grid in np.indices((2 * side + 1,) * ndim))
    psf = np.exp(-0.5 * square / std**2)
    return psf / psf.sum()


def field(stds: np.ndarray, side: int, ndim: int = 2) -> np.ndarray:
    return np.array([[gaussian(std, side, ndim) for std in row] for row in stds])


STDS = np.array([[1.6, 1.2, 1.6], [1.2, 0.7, 1.2], [1.6, 1.2, 1.6]])


@pytest.mark.parametrize("boundary", ["pad", "circular"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_it_is_a_linear_operator_with_an_exact_adjoint(boundary: str, ndim: int) -> None:
    psf = field(STDS[:2], 2, ndim)
    check_degradation(degradations.load("psf-blur", psf=psf, boundary=boundary), (16, 20, 18)[-ndim:])


@pytest.mark.parametrize("boundary", ["pad", "circular"])
def test_every_point_spreads_its_light_with_the_mixture_of_its_place(boundary: str) -> None:
    """Summed point by point: bilinear interpolation between the functions, by the place in the field of view."""
    psf = field(STDS, 4)
    operator = degradations.load("psf-blur", psf=psf, boundary=boundary)
    y, margin = (21, 25), 4 if boundary == "pad" else 0
    shape = tuple(n + 2 * margin for n in y)
    for place in ((margin, margin), (margin + 10, margin + 12), (margin + 5, margin + 17), (margin + 7, margin + 2)):
        x = torch.zeros((1, 1, *shape))
        x[(0, 0, *place)] = 1
        at = [(p - margin) / (n - 1) * 2 for p, n in zip(place, y, strict=True)]
        low = [min(int(a), 1) for a in at]
        (u, v), (i, j) = [a - n for a, n in zip(at, low, strict=True)], low
        expected = (
            (1 - u) * (1 - v) * psf[i, j] + (1 - u) * v * psf[i, j + 1] + u * (1 - v) * psf[i + 1, j] + u * v * psf[i + 1, j + 1]
        )
        canvas = np.zeros(tuple(n + 8 for n in shape))
        canvas[place[0] : place[0] + 9, place[1] : place[1] + 9] = expected
        if boundary == "circular":
            wrapped = np.zeros(shape)
            np.add.at(wrapped, tuple((grid - 4) % n for grid, n in zip(np.indices(canvas.shape), shape, strict=True)), canvas)
            expected = wrapped
        else:
            expected = canvas[8:-8, 8:-8]
        np.testing.assert_allclose(operator(x)[0, 0].numpy(), expected, atol=1e-6)


def test_equal_functions_blur_as_one_does(rng: np.random.Generator) -> None:
    one, x = gaussian(1.3, 5), torch.from_numpy(rng.random((2, 1, 40, 37), np.float32))
    many = degradations.load("psf-blur", psf=np.broadcast_to(one, (3, 2, 11, 11)))
    torch.testing.assert_close(many(x), degradations.load("psf-blur", psf=one)(x), atol=1e-6, rtol=1e-5)


def test_weights_add_up_to_one_everywhere() -> None:
    weights = hats(4, 50, 7)
    np.testing.assert_allclose(weights.sum(0), 1)
    assert weights.shape == (4, 64)
    assert weights.min() == 0
    np.testing.assert_array_equal(weights[:, 7], [1, 0, 0, 0])
    np.testing.assert_array_equal(weights[:, 56], [0, 0, 0, 1])


def test_a_part_of_the_field_has_the_functions_of_its_place() -> None:
    psf = field(STDS, 4)
    corner = part_of_grid(psf, (0, 0), (26, 26), (51, 51))
    np.testing.assert_allclose(corner[0, 0], psf[0, 0])
    np.testing.assert_allclose(corner[2, 2], psf[1, 1], atol=1e-12)
    np.testing.assert_allclose(corner[0, 2], psf[0, 1], atol=1e-12)
    np.testing.assert_allclose(part_of_grid(psf, (0, 0), (51, 51), (51, 51)), psf)


def test_it_is_told_and_nothing_else_takes_it_for_one_function() -> None:
    operator = degradations.load("psf-blur", psf=field(STDS, 4))
    assert "varies over the field, between 3 × 3" in operator.notes(2)[0]
    assert operator.reach(2) is None
    assert "where it varies" in operator.svd_obstacle()
    assert Recipe(job="restore", degradation=operator).kernel is None
    wide = operator.wider(2.0)
    assert wide.kernels(2).shape[2] > operator.kernels(2).shape[2]
    with pytest.raises(ValueError, match="4 axes"):
        operator(torch.zeros(1, 1, 12, 30, 30))


@pytest.mark.parametrize("solver", ["hqs", "richardson-lucy", "tikhonov", "pnp-admm", "denoised-richardson-lucy"])
def test_solvers_restore_more_with_the_functions_of_every_place_than_with_their_mean(
    solver: str, rng: np.random.Generator
) -> None:
    truth = gaussian_filter((rng.random((64, 64)) > 0.97).astype(float), 0.6) * 1500 + 100
    psf = field(2 * STDS - 0.6, 9)
    varying = degradations.load("psf-blur", psf=psf)
    x = torch.from_numpy(np.pad(truth, 9, mode="symmetric").astype(np.float32))[None, None]
    measured = rng.poisson(varying(x)[0, 0].numpy()).astype(np.float32)
    errors = {}
    for name, given in (("varying", psf), ("mean", varying.kernel(2))):
        restored = nt.restore(measured, "psf-blur", solver, psf=given, denoiser="unet-small").image
        errors[name] = np.sqrt(np.mean((restored - truth) ** 2))
    assert errors["varying"] < min(errors["mean"], np.sqrt(np.mean((measured - truth) ** 2)))
