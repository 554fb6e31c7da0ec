"""Point-spread functions as they come restore as well as the right one, or what is wrong is told with its number.

The oracle is the closed form: an image blurred by a Gaussian in Fourier space, restored with a Gaussian on the middle pixel.
"""

import functools
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.core.array_input import Input

STD, SIGMA, N = 1.5, 1.0, 64


@functools.cache
def truth() -> np.ndarray:
    rng = np.random.default_rng(3)
    image = 40 + 160 * (gaussian_filter(rng.standard_normal((N, N)), 3, mode="wrap") > 0)
    return image + 20 * gaussian_filter(rng.standard_normal((N, N)), 1, mode="wrap")


@functools.cache
def blurred() -> np.ndarray:
    f = np.fft.fftfreq(N)
    transfer = np.exp(-2 * np.pi**2 * STD**2 * (f[:, None] ** 2 + f**2))
    return np.fft.ifft2(np.fft.fft2(truth()) * transfer).real + SIGMA * np.random.default_rng(4).standard_normal((N, N))


def gaussian(n: int, centre: float, std: float = STD, along_x: float | None = None) -> np.ndarray:
    places = np.arange(n)
    x = centre if along_x is None else along_x
    return np.exp(-((places[:, None] - centre) ** 2 + (places - x) ** 2) / 2 / std**2)


def restored(psf: object, **fields: object) -> tuple[float, str]:
    """Return the peak signal-to-noise ratio against the truth, which tells of shifts too, and what was told."""
    result = nt.restore(
        blurred(), "psf-blur", "tikhonov", psf=psf, boundary="circular", noise={"name": "gaussian", "sigma": SIGMA}, **fields
    )
    error = np.mean((result.image - truth()) ** 2)
    return float(10 * np.log10(255**2 / error)), " ".join(result.notes)


@functools.cache
def best() -> float:
    right, notes = restored(gaussian(15, 7))
    assert notes == ""
    return right


USABLE = {
    "0.4 px off": (lambda: gaussian(15, 7.4), 0.1, r"moved by \(-0.4, -0.4\) px"),
    "even and symmetric": (lambda: gaussian(16, 7.5), 0.1, r"moved by \(\+0.5, \+0.5\) px"),
    "even, on a pixel": (lambda: gaussian(16, 8), 0.1, ""),
    "shifted by 1 px": (lambda: gaussian(15, 8), 0.1, r"moved by \(-1, -1\) px"),
    "shifted along one axis": (lambda: gaussian(16, 7.5, along_x=8), 0.1, r"moved by \(\+0.5, \+0\) px"),
    "around the corner": (lambda: np.fft.ifftshift(gaussian(15, 7)), 0.1, "quadrants were swapped"),
    "around the corner, even": (lambda: np.fft.ifftshift(gaussian(16, 8)), 0.1, "quadrants were swapped"),
    "as large as the image": (lambda: gaussian(64, 32), 0.1, "cut to 13 × 13 pixels"),
    "larger than the image": (lambda: gaussian(150, 75), 0.1, "cut to 13 × 13 pixels"),
    "not normalised": (lambda: (65535 * gaussian(15, 7)).astype(np.uint16), 0.1, ""),
    "on a background": (lambda: gaussian(15, 7) + 0.1, 0.1, "background of 0.1 was subtracted"),
    "on a background as high": (lambda: gaussian(15, 7) + 1, 0.1, "background of 1 was subtracted"),
    "noisy, on a background, off the middle": (
        lambda: 1000 * gaussian(31, 15.4) + 100 + 3 * np.random.default_rng(5).standard_normal((31, 31)),
        0.5, r"background of .*Noise of 0\.\d+ % of its peak was removed from.*moved by \(-0\.(39|4)",
    ),
    "with noise of 2 %": (
        lambda: 1000 * gaussian(31, 15) + 20 * np.random.default_rng(5).standard_normal((31, 31)),
        0.3, r"Noise of [12](\.\d)? % of its peak was removed from .*, averaged with its mirror images along Y, X",
    ),
    "with noise of 2 %, in the corner of its array": (
        lambda: 1000 * gaussian(31, 11.5) + 20 * np.random.default_rng(6).standard_normal((31, 31)), 0.5, "images along Y, X",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", USABLE)
def test_what_can_be_mended_restores_as_the_right_function(case: str) -> None:
    make, loss, told = USABLE[case]
    quality, notes = restored(make())
    assert quality > best() - loss
    if told:
        assert re.search(told, notes)
    else:
        assert notes == ""


@pytest.mark.parametrize(
    ("ours", "theirs", "unit"),
    [
        (180.0, 100.0, "nanometer"),
        (50.0, 0.1, "micrometer"),
        (50.0, 1e-4, "millimeter"),
        (50.0, 1000.0, "angstrom"),
        (50.0, 1e-7, "meter"),
    ],
)
def test_pixel_sizes_of_every_unit_meet(ours: float, theirs: float, unit: str) -> None:
    """The image's pixels are 100 nm: a function on others restores as the right one."""
    psf = Input.of(gaussian(31, 15, STD * 100 / ours), "beads", (ours, ours))
    quality, notes = restored(psf, spacing=(theirs, theirs), unit=unit)
    assert quality > best() - 0.1
    assert f"{100 / ours:.3g} × {100 / ours:.3g} times as large" in notes


def test_a_file_brings_the_size_of_its_pixels(tmp_path: Path) -> None:
    nt.write(tmp_path / "psf.tif", gaussian(31, 15, 2 * STD).astype(np.float32), "yx", (0.05, 0.05), "micrometer")
    quality, notes = restored(tmp_path / "psf.tif", spacing=(100.0, 100.0), unit="nanometer")
    assert quality > best() - 0.1
    assert "2 × 2 times as large" in notes


@pytest.mark.parametrize(
    ("psf", "told"),
    [
        (np.clip(400 * gaussian(15, 7), 0, 255).astype(np.uint8), "9 pixels of the point-spread function share its largest"),
        (gaussian(5, 2), "still has 33 % of its peak"),
    ],
)  # fmt: skip
def test_what_cannot_be_mended_is_told(psf: np.ndarray, told: str) -> None:
    assert told in " ".join(degradations.load("psf-blur", psf=psf).notes(2))


def test_volumes_in_another_order_of_axes_are_told() -> None:
    profiles = [np.exp(-((np.arange(n) - n // 2) ** 2) / 2 / std**2) for n, std in ((25, 3.0), (9, 1.0), (9, 1.0))]
    psf = np.einsum("i,j,k->ijk", *profiles)
    assert degradations.load("psf-blur", psf=psf).notes(3) == []
    (note,) = degradations.load("psf-blur", psf=np.moveaxis(psf, 0, -1)).notes(3)
    assert "1.0 × 1.0 × 3.0 px: along axis 3, taken as X" in note


def test_a_plane_for_a_volume_and_a_volume_for_planes_say_the_way_out() -> None:
    with pytest.raises(ValueError, match=r"2 axes .*blocks 3: treat Z plane by plane"):
        degradations.load("psf-blur", psf=gaussian(5, 2)).kernel(3)
    with pytest.raises(ValueError, match=r"3 axes .*blocks 2: choose volume"):
        degradations.load("psf-blur", psf=np.ones((3, 5, 5))).kernel(2)


def test_exact_kernels_stay_as_they_are(rng: np.random.Generator) -> None:
    """A square, a disk, a binomial, the trace of a motion and any numbers are neither noisy, nor saturated, nor cut off."""
    y, x = np.indices((11, 11)) - 5
    binomial = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    trace = np.zeros((9, 9))
    trace[4, 2:8] = [1, 2, 3, 1, 0.2, 1]
    for kernel in (np.ones((9, 9)), (x**2 + y**2 <= 12).astype(float), binomial, trace, rng.random((7, 7))):
        operator = degradations.load("psf-blur", psf=kernel)
        assert operator.notes(2) == []
        np.testing.assert_allclose(operator.kernel(2), kernel / kernel.sum())


def test_a_recipe_waits_for_its_function_and_a_wrong_one_is_told() -> None:
    """With four times the width the result cannot explain the measurement, by solvers and samplers."""
    noise = {"name": "gaussian", "sigma": SIGMA}
    recipe = nt.Recipe(job="restore", degradation={"name": "psf-blur"}, solver={"name": "tikhonov"}, noise=noise)
    assert nt.run(recipe, blurred(), psf=gaussian(15, 7)).notes == []
    circular = {"name": "psf-blur", "boundary": "circular"}
    sampler = {"name": "ddrm", "samples": 2}
    draws = nt.Recipe(job="sample", degradation=circular, sampler=sampler, denoiser="unet-small", noise=noise)
    for wrong in (recipe, draws):
        told = " ".join(nt.run(wrong, blurred(), psf=gaussian(41, 20, 4 * STD)).notes)
        assert "times the noise" in told
        assert "point-spread function is wrong" in told
