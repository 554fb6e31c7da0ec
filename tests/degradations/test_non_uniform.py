"""Is the transform on a trajectory the sum that it should be, and does it make images of radial scans?"""

import numpy as np
import pytest
import torch
from skimage.data import shepp_logan_phantom
from skimage.transform import resize

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.core.testing import check_degradation
from napari_tweedie.degradations.gridding import Gridding
from napari_tweedie.degradations.non_uniform import NonUniformFourier
from napari_tweedie.degradations.trajectory import diameters, in_cycles


@pytest.mark.parametrize("side", [15, 16])
def test_values_and_images_are_those_of_the_sum(side: int, rng: np.random.Generator) -> None:
    points = rng.uniform(-0.5, 0.5, (120, 2))
    points[:3] = [[-0.5, 0.5], [0, 0], [0.5, 0.1]]
    x = rng.normal(size=(2, side, side)) + 1j * rng.normal(size=(2, side, side))
    place = np.arange(side) - side // 2
    terms = np.exp(-2j * np.pi * (points[:, :1, None] * place[:, None] + points[:, 1:, None] * place)) / side
    gridding = Gridding(points, side)
    expected = np.einsum("myx,byx->bm", terms, x)
    np.testing.assert_allclose(gridding(torch.from_numpy(x)).numpy(), expected, atol=3e-5 * abs(expected).max())
    y = rng.normal(size=(2, 120)) + 1j * rng.normal(size=(2, 120))
    back = np.einsum("myx,bm->byx", terms.conj(), y)
    np.testing.assert_allclose(gridding.adjoint(torch.from_numpy(y)).numpy(), back, atol=3e-5 * abs(back).max())


def test_on_the_grid_it_is_the_fft(rng: np.random.Generator) -> None:
    frequency = np.fft.fftshift(np.fft.fftfreq(16))
    points = np.stack(np.meshgrid(frequency, frequency, indexing="ij"), -1).reshape(-1, 2)
    x = rng.normal(size=(16, 16))
    fft = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(x), norm="ortho"))
    found = Gridding(points, 16)(torch.from_numpy(x.astype(complex))).numpy().reshape(16, 16)
    np.testing.assert_allclose(found, fft, atol=3e-5 * abs(fft).max())


def test_the_operator_of_real_images_is_one() -> None:
    check_degradation(NonUniformFourier(lines=20))
    given = diameters(11, 24)
    check_degradation(NonUniformFourier(trajectory=given, width=16))


@pytest.mark.parametrize(("factor", "told"), [(1, ""), (2 * np.pi, "radians"), (32, "32 pixels")])
def test_units_of_a_trajectory_are_told(factor: float, told: str) -> None:
    given = diameters(8, 32)
    found, note = in_cycles(given * factor, None)
    np.testing.assert_allclose(found, given, atol=0.5 / 30)
    assert told in note


def test_a_trajectory_beyond_the_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="pixels show up to 8 periods a side"):
        in_cycles(diameters(8, 32) * 32, 16)
    with pytest.raises(ValueError, match=r"give \(lines, samples, 2\)"):
        in_cycles(np.zeros((3, 4)), None)


def test_a_radial_scan_of_coils_and_phase_becomes_its_image(rng: np.random.Generator) -> None:
    """Better than transforming back: 40 diameters of 64 pixels, a third of those that a circle asks for, four coils."""
    n = 64
    truth = resize(shepp_logan_phantom(), (n, n)).clip(0, 1)
    y, x = (np.mgrid[:n, :n] - n / 2) / n
    maps = np.stack(
        [np.exp(-2 * ((y - a) ** 2 + (x - b) ** 2) + 2j * (a * y - b * x)) for a, b in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    )
    maps *= np.exp(1j * (1 + 2 * x + y))
    maps /= np.sqrt((abs(maps) ** 2).sum(0))
    points = diameters(40, n)
    kspace = Gridding(points.reshape(-1, 2), n)(torch.from_numpy(maps * truth)).numpy().reshape(4, 40, n)
    kspace = kspace + 0.01 * (rng.normal(size=kspace.shape) + 1j * rng.normal(size=kspace.shape))
    operator = degradations.load("non-uniform-fourier", trajectory=points)
    measured = torch.view_as_real(torch.from_numpy(kspace)).movedim(-1, 1).flatten(0, 1)[None].float()
    fitted = operator.fitted(measured)
    before = fitted.shown(fitted.start(measured))[0, 0].numpy()
    solver = {"name": "pnp-admm", "iterations": 8}
    result = nt.restore(kspace.astype(np.complex64), operator, solver, denoiser="unet-small")
    errors = [float(np.sqrt(((image - truth) ** 2).mean())) for image in (before, result.image)]
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.05
    assert any("4 coils were estimated" in note for note in result.notes)
