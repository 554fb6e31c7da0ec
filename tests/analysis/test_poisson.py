import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from napari_tweedie.analysis.multigrid import Laplacian, PoissonSolver
from napari_tweedie.analysis.poisson import PoissonEditing

Image = NDArray[np.float64]
SHAPE = (70, 93)


def solved_directly(target: Image, source: Image, region: NDArray[np.bool_], gradients: str) -> Image:
    """The equations written pixel by pixel, solved by SciPy's sparse LU factorisation."""
    number = np.full(region.shape, -1)
    number[region] = np.arange(region.sum())
    rows, columns, values, right = [], [], [], np.zeros(region.sum())
    for y, x in np.argwhere(region):
        for ny, nx in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= ny < region.shape[0] and 0 <= nx < region.shape[1]):
                continue
            pasted, own = source[y, x] - source[ny, nx], target[y, x] - target[ny, nx]
            steeper = pasted if abs(pasted) > abs(own) else own
            v = {"replace": pasted, "maximum": steeper, "average": (pasted + own) / 2}[gradients]
            rows.append(number[y, x])
            columns.append(number[y, x])
            values.append(1.0)
            right[number[y, x]] += v
            if region[ny, nx]:
                rows.append(number[y, x])
                columns.append(number[ny, nx])
                values.append(-1.0)
            else:
                right[number[y, x]] += target[ny, nx]
    result = target.copy()
    result[region] = spsolve(coo_matrix((values, (rows, columns))).tocsc(), right)
    return result


def regions(rng: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return {
        "blobs": gaussian_filter(rng.normal(size=SHAPE), 5) > 0,
        "crumbs": rng.random(SHAPE) < 0.55,
        "ring": np.abs(np.hypot(y - 35, x - 46) - 25) < 6,
        "all but one": (y != 20) | (x != 30),
        "one": (y == 20) & (x == 30),
        "corner": (y > 30) & (x > 20 + y),
    }


@pytest.fixture
def images(rng: np.random.Generator) -> tuple[Image, Image]:
    target, source = (gaussian_filter(rng.normal(size=SHAPE), 2) for _ in range(2))
    return 100 + 50 * target / np.ptp(target), 50 * source / np.ptp(source)


@pytest.mark.parametrize("gradients", ["replace", "maximum", "average"])
@pytest.mark.parametrize("name", ["blobs", "crumbs", "ring", "all but one", "one", "corner"])
def test_irregular_regions_agree_with_a_direct_solve(
    name: str, gradients: str, images: tuple[Image, Image], rng: np.random.Generator
) -> None:
    target, source = images
    region = regions(rng)[name]
    expected = solved_directly(target, source, region, gradients)
    result = PoissonEditing(region=region, source=source, gradients=gradients)(target)
    value_range = max(np.ptp(target), np.ptp(expected))
    assert np.abs(result - expected).max() < 1e-4 * value_range
    np.testing.assert_array_equal(result[~region], target[~region].astype(np.float32))


def test_large_regions_agree_too(rng: np.random.Generator) -> None:
    """A harmonic function is what its values on the border say, whatever the size."""
    y, x = np.mgrid[:400, :300] / 100
    harmonic = np.exp(x) * np.sin(y) + x * y
    region = np.hypot(y - 2, x - 1.5) < 1.2 + 0.2 * np.sin(9 * np.arctan2(y - 2, x - 1.5))
    result = PoissonEditing(region=region)(np.where(region, 0, harmonic))
    assert np.abs(result - harmonic).max() < 1e-4 * np.ptp(harmonic)


def test_pasting_an_image_that_is_brighter_by_a_constant_changes_nothing(images: tuple[Image, Image], scene: Image) -> None:
    target, _ = images
    region = np.zeros(SHAPE, bool)
    region[5:40, 10:80] = True
    result = PoissonEditing(region=region, source=target + 37)(np.where(region, np.nan, target))
    np.testing.assert_allclose(result, target, atol=1e-3)


def test_a_ramp_is_filled_by_the_ramp() -> None:
    ramp = np.add.outer(np.arange(40.0), 2 * np.arange(50.0)).astype(np.uint16)
    region = np.zeros((40, 50), bool)
    region[10:30, 15:35] = True
    result = PoissonEditing(region=region)(np.where(region, 0, ramp))
    np.testing.assert_allclose(result, ramp, atol=2e-3)
    assert result.dtype == np.float32


def test_stacks_are_edited_plane_by_plane(images: tuple[Image, Image], rng: np.random.Generator) -> None:
    stack, sources = np.stack([images[0], images[0][::-1]]), np.stack([images[1], images[1][::-1]])
    region = regions(rng)["ring"]
    both = PoissonEditing(region=region, source=sources)(stack)
    np.testing.assert_allclose(both[1], PoissonEditing(region=region, source=sources[1])(stack[1]))
    planes = np.stack([region, np.zeros_like(region)])
    np.testing.assert_array_equal(PoissonEditing(region=planes, source=sources)(stack)[1], stack[1].astype(np.float32))


@pytest.mark.parametrize("shape", [(33, 40), (16, 64), (5, 90)])
def test_the_cycle_is_symmetric_and_positive(shape: tuple[int, int], rng: np.random.Generator) -> None:
    """As conjugate gradients need of a preconditioner."""
    region = rng.random(shape) < 0.8
    solver = PoissonSolver(region)
    u, v = (np.where(region, rng.normal(size=shape), 0).astype(np.float32) for _ in range(2))
    left, right = np.vdot(u, solver._cycle(0, v)), np.vdot(solver._cycle(0, u), v)
    assert left == pytest.approx(right, rel=1e-3, abs=1e-3 * float(np.vdot(u, u)))
    assert np.vdot(u, solver._cycle(0, u)) > 0


def test_the_operator_is_the_laplacian(rng: np.random.Generator) -> None:
    u = np.pad(rng.normal(size=(6, 7)), 1)
    region = np.pad(np.ones((6, 7), bool), 1)
    expected = 4 * u[1:-1, 1:-1] - u[:-2, 1:-1] - u[2:, 1:-1] - u[1:-1, :-2] - u[1:-1, 2:]
    np.testing.assert_allclose(Laplacian.of(region)(u)[1:-1, 1:-1], expected)


def test_it_survives_json_but_for_its_arrays(images: tuple[Image, Image]) -> None:
    method = PoissonEditing(region=images[0] > 100, source=images[1], gradients="maximum")
    described = json.loads(json.dumps(method.describe()))
    described.pop("name")
    again = PoissonEditing(**described).with_arrays(method.arrays())
    np.testing.assert_array_equal(again(images[0]), method(images[0]))
    with pytest.raises(ValueError, match="not at hand"):
        PoissonEditing(**described)(images[0])


def test_what_does_not_fit_is_refused(images: tuple[Image, Image]) -> None:
    with pytest.raises(ValueError, match="covers the whole image"):
        PoissonEditing(region=np.ones(SHAPE))(images[0])
    with pytest.raises(ValueError, match="the region has shape"):
        PoissonEditing(region=np.ones((3, 3)))(images[0])
    with pytest.raises(ValueError, match="the source has shape"):
        PoissonEditing(region=np.eye(70, 93), source=np.ones((3, 3)))(images[0])
    with pytest.raises(ValueError, match="not finite at the border of the region"):
        PoissonEditing(region=np.eye(70, 93))(np.full(SHAPE, np.nan))
