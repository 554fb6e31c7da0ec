"""What a sinogram tells of the scanner that measured it, and what is refused."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift
from skimage.transform import radon

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations.sinogram import line_integrals, spacing_of
from napari_tweedie.images.picture import Picture

SIZE = 48
ANGLES = 60


@pytest.fixture(scope="module")
def specimen() -> np.ndarray:
    """A specimen off the middle, with air around it."""
    y, x = np.indices((SIZE, SIZE)) - SIZE // 2
    image = (
        1.0 * (((y - 3) / 14) ** 2 + ((x + 2) / 9) ** 2 < 1)
        + 0.5 * (np.hypot(y - 6, x + 3) < 5)
        - 0.6 * (np.hypot(y + 5, x + 2) < 4)
    )
    return gaussian_filter(image, 0.7)


@pytest.fixture(scope="module")
def sinogram(specimen: np.ndarray) -> np.ndarray:
    """Its projections, by scikit-image."""
    return radon(specimen, theta=np.linspace(0, 180, ANGLES, endpoint=False), circle=True)


def measured(sinogram: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(sinogram.astype(np.float32))[None, None]


def moved(sinogram: np.ndarray, distance: float) -> np.ndarray:
    """Move every projection along the detector."""
    return shift(sinogram, (distance, 0), order=5)


@pytest.mark.parametrize("distance", [0.5, 1.0, -3.0, 6.3])
@pytest.mark.parametrize("limit", [180.0, 120.0])
def test_the_axis_of_rotation_is_found_and_told(
    distance: float, limit: float, specimen: np.ndarray, rng: np.random.Generator
) -> None:
    theta = np.linspace(0, limit, ANGLES, endpoint=False)
    y = moved(radon(specimen, theta=theta, circle=True), distance) + rng.normal(0, 0.1, (SIZE, ANGLES))
    operator = degradations.load("radon", limit=limit).fitted(measured(y))
    assert operator.axis == pytest.approx(distance, abs=0.15)  # type: ignore[attr-defined]
    assert any(f"lies {operator.axis:+.2f} px" in note for note in operator.notes(2))  # type: ignore[attr-defined]


def test_an_axis_in_the_middle_stays_there(sinogram: np.ndarray, rng: np.random.Generator) -> None:
    operator = degradations.load("radon").fitted(measured(sinogram + rng.normal(0, 0.1, sinogram.shape)))
    assert operator.axis == 0  # type: ignore[attr-defined]
    assert not any("axis" in note for note in operator.notes(2))


def test_projections_about_another_axis_are_those_moved_along_the_detector(specimen: np.ndarray) -> None:
    x = measured(specimen)
    plain, off = (degradations.load("radon", angles=ANGLES, axis=axis)(x)[0, 0].numpy() for axis in (0.0, 3.0))
    np.testing.assert_allclose(off, moved(plain, 3.0), atol=1e-3)


def test_an_object_wider_than_the_detector_leaves_the_axis_in_the_middle_and_says_so(sinogram: np.ndarray) -> None:
    operator = degradations.load("radon").fitted(measured(sinogram[14:-14]))
    assert operator.axis == 0  # type: ignore[attr-defined]
    assert any("wider than the detector: axis says another" in note for note in operator.notes(2))


def test_a_sinogram_with_its_angles_first_is_the_same_measurement(sinogram: np.ndarray) -> None:
    plain, turned = (degradations.load("radon").fitted(measured(y)) for y in (sinogram, sinogram.T))
    assert any("lie along Y" in note for note in turned.notes(2))
    x = plain.start(measured(sinogram))
    torch.testing.assert_close(turned.start(measured(sinogram.T)), x)
    torch.testing.assert_close(turned(x).transpose(-2, -1), plain(x))
    torch.testing.assert_close(turned.adjoint(measured(sinogram.T)), plain.adjoint(measured(sinogram)))


def test_a_detector_wider_than_the_image_sees_the_same(specimen: np.ndarray, sinogram: np.ndarray) -> None:
    wide = np.pad(sinogram, ((10, 10), (0, 0)))
    operator = degradations.load("radon", width=SIZE).fitted(measured(wide))
    narrow = degradations.load("radon").fitted(measured(sinogram))
    y = operator(measured(specimen))
    assert y.shape == (1, 1, SIZE + 20, ANGLES)
    torch.testing.assert_close(y[:, :, 10:-10], narrow(measured(specimen)), atol=1e-4, rtol=1e-4)
    other = torch.from_numpy(np.random.default_rng(0).normal(size=y.shape).astype(np.float32))
    left, right = float((y * other).sum()), float((measured(specimen) * operator.adjoint(other)).sum())
    assert left == pytest.approx(right, rel=1e-4)


def test_angles_may_be_any_in_degrees_or_radians(specimen: np.ndarray) -> None:
    theta = np.sort(np.random.default_rng(1).uniform(0, 180, 40))
    expected = radon(specimen, theta=theta, circle=True)
    for given in (theta, np.deg2rad(theta)):
        operator = degradations.load("radon", directions=given)
        np.testing.assert_allclose(operator(measured(specimen))[0, 0].numpy(), expected, atol=1e-3 * expected.max())
    assert any("taken as radians" in note for note in operator.fitted(measured(expected)).notes(2))
    assert np.corrcoef(operator.start(measured(expected))[0, 0].numpy().ravel(), specimen.ravel())[0, 1] > 0.95


def test_an_angle_stands_for_half_of_the_gaps_beside_it() -> None:
    np.testing.assert_allclose(np.rad2deg(spacing_of(np.arange(0, 180, 3.0))), 3)
    np.testing.assert_allclose(np.rad2deg(spacing_of(np.arange(0, 90, 3.0))), 3)  # a gap that was not measured stands for none
    uneven = np.array([0.0, 10, 30, 60, 90, 120, 150])
    np.testing.assert_allclose(np.rad2deg(spacing_of(uneven)), [20, 15, 25, 30, 30, 30, 30])


@pytest.mark.parametrize("turned", [False, True])
def test_counts_become_line_integrals_by_flat_and_dark_fields(
    turned: bool, sinogram: np.ndarray, rng: np.random.Generator
) -> None:
    flat, dark = rng.uniform(800, 1200, SIZE), rng.uniform(50, 60, SIZE)
    counts = dark[:, None] + (flat - dark)[:, None] * np.exp(-0.1 * sinogram)
    operator = degradations.load("radon", flat=np.stack([flat - 1, flat + 1]), dark=dark)
    given, expected = (counts.T, sinogram.T) if turned else (counts, sinogram)
    np.testing.assert_allclose(operator.corrected(given), 0.1 * expected, atol=1e-6)


@pytest.mark.parametrize(
    ("flat", "dark", "message"),
    [(np.ones(5), None, r"the flat field has shape \(5,\), the detector 8"), (np.ones(8), 2 * np.ones(8), "may be exchanged")],
)
def test_fields_that_do_not_fit_are_named(flat: np.ndarray, dark: np.ndarray | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        line_integrals(np.ones((8, 4)), flat, dark, 0)


def test_another_number_of_angles_is_named(sinogram: np.ndarray) -> None:
    with pytest.raises(ValueError, match="has 60 projections along X, but 20 angles are given"):
        degradations.load("radon", directions=np.arange(20)).fitted(measured(sinogram))


@pytest.mark.parametrize("distance", [0.5, 3.0])
def test_a_scan_is_restored_as_well_with_its_axis_off_the_middle(
    distance: float, specimen: np.ndarray, sinogram: np.ndarray
) -> None:
    noise = np.random.default_rng(3).normal(0, 0.05, sinogram[:, ::2].shape)
    errors = []
    for off in (0.0, distance):
        result = nt.restore(moved(sinogram[:, ::2], off) + noise, "radon", denoiser="unet-small")
        errors.append(float(np.sqrt(np.mean((result.image - specimen) ** 2))))
    start = degradations.load("radon", angles=30).start(measured(sinogram[:, ::2] + noise))[0, 0].numpy()
    assert errors[1] < 1.4 * errors[0]  # half a pixel that is not found triples it
    assert errors[0] < 0.8 * float(np.sqrt(np.mean((start - specimen) ** 2)))


def blobs(shape: int) -> list[tuple[float, float, float, float]]:
    """Return Gaussian blobs, (row, column, std, height) about the middle pixel: their line integrals are known."""
    return [(0.05 * shape, -0.1 * shape, 0.06 * shape, 1.0), (-0.15 * shape, 0.12 * shape, 0.04 * shape, 0.7)]


@pytest.mark.parametrize("source", [None, 80.0, 400.0])
def test_a_fan_of_rays_has_the_line_integrals_of_gaussian_blobs(source: float | None) -> None:
    n, theta = 64, np.arange(0, 360, 5.0)
    rows, columns = np.indices((n, n)) - n // 2
    image, expected = np.zeros((n, n)), np.zeros((n, len(theta)))
    d, angle = np.arange(n)[:, None] - n // 2, np.deg2rad(theta)
    towards, aside = np.stack([np.cos(angle), np.sin(angle)]), np.stack([-np.sin(angle), np.cos(angle)])
    for row, column, std, height in blobs(n):
        image += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * std**2))
        along, across = (row * axis[0] + column * axis[1] for axis in (towards, aside))
        distance = across - d if source is None else (across - d * (1 + along / source)) / np.sqrt(1 + (d / source) ** 2)
        expected += height * std * np.sqrt(2 * np.pi) * np.exp(-(distance**2) / (2 * std**2))
    operator = degradations.load("radon", at="0:360:5", axis=0.0, source=source)
    x = torch.from_numpy(image.astype(np.float32))[None, None]
    y = operator(x)
    np.testing.assert_allclose(y[0, 0], expected, atol=0.01 * expected.max())
    back = operator.start(y)[0, 0].numpy()
    assert np.abs(back - image)[np.hypot(rows, columns) < 0.4 * n].max() < 0.05
    other = torch.rand(y.shape, generator=torch.Generator().manual_seed(0))
    assert float((operator(x) * other).sum()) == pytest.approx(float((x * operator.adjoint(other)).sum()), rel=1e-4)


def test_the_norm_of_a_fan_is_a_bound() -> None:
    operator = degradations.load("radon", at="0:360:12", axis=0.0, source=50.0)
    x = torch.rand((1, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    for _ in range(20):
        x = operator.adjoint(operator(x))
        x = x / x.norm()
    assert float(operator(x).norm()) <= operator.norm((32, 32))


@pytest.mark.parametrize("turned", [False, True])
def test_pixels_of_the_detector_that_see_nothing_are_left_out(
    turned: bool, specimen: np.ndarray, sinogram: np.ndarray, rng: np.random.Generator
) -> None:
    y = sinogram + rng.normal(0, 0.05, sinogram.shape)
    y[[15, 21, 28]] = np.array([np.nan, 0.0, 3.0])[:, None]
    y[30, 7] = np.nan
    y = y.T if turned else y
    operator = degradations.load("radon", angles=ANGLES).fitted(measured(y))
    assert any("3 pixels of the detector see nothing and 1 further values are missing" in note for note in operator.notes(2))
    whole = degradations.load("radon", angles=ANGLES, axis=operator.axis)  # type: ignore[attr-defined]
    rows, columns = np.indices(specimen.shape) - SIZE // 2
    inside = np.hypot(rows, columns) < SIZE // 2 - 2
    starts = [each.start(measured(values))[0, 0].numpy() for each, values in ((operator, y), (whole, sinogram))]
    errors = [np.sqrt(np.mean((start - specimen)[inside] ** 2)) for start in starts]
    assert errors[0] < 0.05 + 1.5 * errors[1]
    seen = operator(measured(specimen))[0, 0].numpy()
    seen = seen.T if turned else seen
    assert not seen[[15, 21, 28]].any()
    assert seen[30, 7] == 0
    assert seen[30, 8] > 0


def test_a_sinogram_with_missing_values_is_restored(sinogram: np.ndarray) -> None:
    y = sinogram.copy()
    y[15] = np.nan
    quick = {"solver": {"name": "hqs", "iterations": 1}, "denoiser": "tikhonov"}
    result = nt.restore(y, "radon", angles=ANGLES, sigma=0.1, **quick)
    assert np.isfinite(result.image).all()
    assert any("1 pixels of the detector see nothing" in note for note in result.notes)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"at": "0:180"}, "write angles as numbers"),
        ({"at": "zero"}, "write angles as numbers"),
        ({"at": "0 1 2", "angles": 3}, "give one of them"),
    ],
)
def test_angles_that_cannot_be_read_are_named(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        degradations.load("radon", **parameters)


def test_the_size_of_a_pixel_says_what_the_values_are_per_length(sinogram: np.ndarray) -> None:
    picture = Picture(sinogram.astype(np.float32), "yx", (0.02, 1.0), "millimeter")
    result = nt.restore(picture, "radon", solver={"name": "hqs", "iterations": 1}, denoiser="tikhonov")
    assert any("divide by 0.02 for those per millimetre" in note for note in result.notes)
