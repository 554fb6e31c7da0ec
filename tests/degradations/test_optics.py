"""Kernels that are computed: motion and microscopes."""

import sys

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.special import j1

from napari_tweedie import degradations
from napari_tweedie.recipe import Recipe


@pytest.mark.parametrize(("length", "angle"), [(6.0, 0.0), (7.5, 90.0), (5.0, 30.0), (9.0, -120.0), (0.0, 0.0)])
def test_motion_is_the_mean_of_shifted_images(length: float, angle: float, rng: np.random.Generator) -> None:
    image = rng.random((40, 36))
    operator = degradations.load("motion-blur", length=length, angle=angle, boundary="circular")
    way = (np.arange(400) + 0.5) / 400 * length - length / 2
    turn = np.deg2rad(angle)
    shifts = [(-s * np.sin(turn), s * np.cos(turn)) for s in way]
    expected = np.mean([ndimage.shift(image, shift, order=1, mode="grid-wrap") for shift in shifts], axis=0)
    np.testing.assert_allclose(operator(torch.from_numpy(image)[None, None])[0, 0], expected, atol=2e-3)


def test_motion_stays_in_the_plane(rng: np.random.Generator) -> None:
    operator = degradations.load("motion-blur", length=5.0, angle=45.0)
    kernel = operator.kernel(3)
    assert kernel.shape[0] == 1
    np.testing.assert_array_equal(kernel[0], operator.kernel(2))


def test_a_point_in_focus_is_the_airy_pattern() -> None:
    psf = degradations.load("microscope-psf", na=1.2, wavelength=520, pixel=50).psf(2)
    side = psf.shape[0] // 2
    v = 2 * np.pi * 1.2 / 520 * 50 * np.arange(1, side + 1)
    np.testing.assert_allclose(psf[side, side + 1 :], (2 * j1(v) / v) ** 2, atol=1e-9)
    assert psf[side, side] == pytest.approx(1)


def test_a_point_on_the_axis_is_the_paraxial_sinc_at_low_aperture() -> None:
    optics = {"na": 0.1, "wavelength": 500, "refractive_index": 1.0}
    z = np.linspace(-2e5, 2e5, 101)
    along = degradations.load("microscope-psf", **optics).diffraction(np.zeros(1), z, 500)[:, 0]
    np.testing.assert_allclose(along, np.sinc(z * 0.1**2 / (2 * 500)) ** 2, atol=3e-3)


def test_widefield_keeps_the_light_of_every_plane_and_others_do_not() -> None:
    sums = {}
    for modality in ("widefield", "confocal", "light-sheet"):
        psf = degradations.load("microscope-psf", modality=modality).psf(3)
        sums[modality] = psf.sum((1, 2)) / psf.sum((1, 2)).max()
    assert sums["widefield"].min() > 0.97
    assert sums["confocal"][0] < 0.05
    centre = len(sums["light-sheet"]) // 2
    assert sums["light-sheet"][centre + 5] == pytest.approx(0.5, rel=0.02)  # five planes of 200 nm: half of the sheet's width


def test_confocal_is_narrower_than_widefield() -> None:
    wide, confocal = (degradations.load("microscope-psf", modality=m, pixel=5).psf(2) for m in ("widefield", "confocal"))
    widths = [(psf[len(psf) // 2] > 0.5).sum() for psf in (wide, confocal)]  # of products of Gaussians: 1 / √(1 + (520 / 488)²)
    assert widths[1] / widths[0] == pytest.approx((1 + (520 / 488) ** 2) ** -0.5, rel=0.05)


def test_an_aperture_that_lets_no_light_pass_is_refused() -> None:
    with pytest.raises(ValueError, match=r"na must be below the refractive index 1.33 \(got 1.4\)"):
        degradations.load("microscope-psf", na=1.4)


@pytest.mark.parametrize("modality", ["widefield", "confocal"])
def test_the_gaussian_approximation_has_the_width_of_diffraction(modality: str) -> None:
    """At low aperture, where the approximation was derived."""
    optics = {"na": 0.5, "pixel": 40, "step": 200, "modality": modality}
    exact, approximate = (degradations.load("microscope-psf", model=model, **optics).psf(3) for model in ("scalar", "gaussian"))
    for axis in range(3):
        middle = [tuple(slice(None) if a == axis else n // 2 for a, n in enumerate(psf.shape)) for psf in (exact, approximate)]
        wide, narrow = ((psf[where] > 0.5).sum() for psf, where in zip((exact, approximate), middle, strict=True))
        assert narrow == pytest.approx(wide, rel=0.15)


def test_the_vectorial_model_agrees_with_the_scalar_one_at_low_aperture_only() -> None:
    pytest.importorskip("psfmodels")

    def difference(na: float) -> float:
        optics = {"na": na, "pixel": 60, "step": 300, "refractive_index": 1.515, "modality": "light-sheet", "sheet": 1000}
        scalar, vectorial = (
            degradations.load("microscope-psf", model=model, **optics).psf(3) for model in ("scalar", "vectorial")
        )
        return float(np.abs(scalar - vectorial).max())

    assert difference(0.4) < 0.02 < 0.05 < difference(1.4)


def test_the_vectorial_model_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = degradations.load("microscope-psf", model="vectorial")
    with pytest.raises(ValueError, match=r"square pixels \(got 90 × 100 nm\)"):
        operator.with_spacing((90.0, 100.0), 1.0).psf(2)
    monkeypatch.setitem(sys.modules, "psfmodels", None)
    with pytest.raises(ValueError, match=r"pip install 'napari-tweedie\[psf\]', or choose scalar"):
        operator.psf(2)


def test_widefield_says_that_a_single_plane_leaves_out_what_is_not_in_focus() -> None:
    recipe = Recipe(job="restore", degradation={"name": "microscope-psf", "pixel": 100, "step": 200})
    assert [note for note in recipe.notes if "light from above and below" in note] == recipe.notes != []
    assert recipe.model_copy(update={"volume": True}).notes == []
    confocal = Recipe(job="restore", degradation={"name": "microscope-psf", "modality": "confocal", "pixel": 100})
    assert confocal.notes == []


def test_the_pixels_of_the_layer_are_taken_unless_others_are_given() -> None:
    plain = degradations.load("microscope-psf")
    assert plain.voxel() == (200, 100, 100)
    assert "100 nm were assumed" in plain.notes(3)[0]
    known = plain.with_spacing((0.3, 0.09, 0.08), 1000)
    assert known.voxel() == pytest.approx((300, 90, 80))
    assert known.notes(3) == []
    assert plain.with_spacing((0.3, 0.09, 0.08), None).voxel() == plain.voxel()
    assert degradations.load("microscope-psf", pixel=65.0).with_spacing((80.0, 80.0), 1).voxel() == (200, 65, 65)


def test_restored_pixels_are_finer_than_those_of_the_layer() -> None:
    """Downsampled microscope: the optics act on the pixels that are restored, not on those of the camera."""
    both = {"name": "composition", "outer": "downsample", "inner": "microscope-psf"}
    sizes = {"spacing": (0.2, 0.2), "unit": "micrometer"}
    voxels = [
        Recipe(job=job, degradation=both, **sizes).with_inputs().degradation.inner.voxel() for job in ("restore", "degrade")
    ]
    assert voxels == [pytest.approx((200, 100, 100)), pytest.approx((200, 200, 200))]
    outside = {"name": "composition", "outer": "microscope-psf", "inner": "downsample"}
    seen = Recipe(job="degrade", degradation=outside, **sizes).with_inputs().degradation.outer
    assert seen.voxel() == pytest.approx((200, 400, 400))
