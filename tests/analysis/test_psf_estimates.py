"""Point-spread functions found in images of beads, and widths of blurs found in images of anything."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import napari_tweedie as nt
from napari_tweedie.analysis.beads import psf_of_beads, widths_of
from napari_tweedie.cli import app

FWHM = 2 * np.sqrt(2 * np.log(2))


def beads(
    shape: tuple[int, ...], std: tuple[float, ...], count: int, rng: np.random.Generator, brightness: float = 2000
) -> np.ndarray:
    """Gaussian spots at any places, parts of a pixel apart from its middle, on a background, with photon noise."""
    grids = np.indices(shape)
    image = np.full(shape, 100.0)
    margins = [4 * s + 2 for s in std]
    for _ in range(count):
        place = [rng.uniform(m, n - 1 - m) for m, n in zip(margins, shape, strict=True)]
        distance = sum(((g - p) / s) ** 2 for g, p, s in zip(grids, place, std, strict=True))
        image += brightness * rng.uniform(0.5, 1) * np.exp(-0.5 * distance)
    return rng.poisson(image).astype(np.float64)


@pytest.mark.parametrize(("shape", "std"), [((160, 160), (1.6, 1.6)), ((160, 160), (1.2, 2.2)), ((40, 96, 96), (2.5, 1.5, 1.5))])
def test_beads_give_the_widths_of_the_function_they_were_made_with(
    shape: tuple[int, ...], std: tuple[float, ...], rng: np.random.Generator
) -> None:
    found = psf_of_beads(beads(shape, std, 14, rng))
    np.testing.assert_allclose(found.fwhm, FWHM * np.array(std), rtol=0.05)
    assert found.psf.sum() == pytest.approx(1)
    assert all(n % 2 for n in found.psf.shape)
    centre = [(found.psf * grid).sum() - n // 2 for grid, n in zip(np.indices(found.psf.shape), found.psf.shape, strict=True)]
    np.testing.assert_allclose(centre, 0, atol=0.1)
    grids = np.indices(found.psf.shape)
    expected = np.exp(-0.5 * sum(((g - n // 2) / s) ** 2 for g, n, s in zip(grids, found.psf.shape, std, strict=True)))
    assert np.corrcoef(found.psf.ravel(), expected.ravel())[0, 1] > 0.995


def test_light_that_a_microscope_spreads_widely_is_part_of_the_function(rng: np.random.Generator) -> None:
    """Of a narrow spot and a wide one with as much light, neither is cut off; a narrow spot alone keeps its small box."""
    narrow, wide = beads((200, 200), (1.3, 1.3), 9, rng), np.zeros((200, 200))
    places = psf_of_beads(narrow).places
    box = psf_of_beads(narrow).psf.shape
    for place in places:
        wide += 2000 * (1.3 / 5) ** 2 * np.exp(-((np.indices(wide.shape).T - place) ** 2).sum(-1).T / 50)
    found = psf_of_beads(narrow + rng.poisson(wide))
    assert found.psf.shape > box
    middle = [n // 2 for n in found.psf.shape]
    distance = np.hypot(*(np.indices(found.psf.shape).T - middle).T)
    assert found.psf[distance > 4].sum() == pytest.approx(0.41, abs=0.08)  # exp(-4² / 50) of the wide spot, 0.57 of the light


def test_the_beads_sample_shows_the_function_of_the_stack_sample() -> None:
    sample = Path(str(files("napari_tweedie"))) / "sample_data"
    found, psf = nt.estimate_psf(sample / "beads.tif"), nt.read(sample / "stack_psf.tif").data
    assert found.spacing == pytest.approx((0.3, 0.1, 0.1))
    assert all(n >= 25 for n in found.psf.shape)
    inner = tuple(slice(m // 2 - n // 2, m // 2 + n // 2 + 1) for n, m in zip(found.psf.shape, psf.shape, strict=True))
    assert np.corrcoef(found.psf.ravel(), psf[inner].ravel())[0, 1] > 0.99


def test_noise_around_beads_is_no_part_of_their_function(rng: np.random.Generator) -> None:
    """Of noise whose negative values are cut off, a pedestal is left that blurs much wider than the beads."""
    found = psf_of_beads(beads((160, 160), (1.5, 1.5), 14, rng, 300), (12, 12))
    distance = np.hypot(*(np.indices(found.psf.shape) - 12))
    assert found.psf[distance > 7].sum() < 0.01


def test_saturated_beads_and_pairs_are_left_out_and_told(rng: np.random.Generator) -> None:
    image = beads((200, 200), (1.5, 1.5), 15, rng, 1000)
    y, x = np.mgrid[:200, :200]
    image += 60000 * np.exp(-0.5 * ((y - 30) ** 2 + (x - 170) ** 2) / 1.5**2)
    image = np.minimum(image, 4095)
    found = psf_of_beads(image, (8, 8))
    assert any("saturated" in note for note in found.notes)
    assert found.fwhm[0] == pytest.approx(1.5 * FWHM, rel=0.06)


def test_an_image_without_beads_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="no isolated bead was found"):
        psf_of_beads(rng.poisson(100, (96, 96)).astype(float))


@pytest.mark.parametrize(("count", "said"), [(1, "One bead alone was found"), (2, "Only 2 beads were found")])
def test_one_or_two_beads_give_their_widths_and_are_told(count: int, said: str, rng: np.random.Generator) -> None:
    image = np.full((64, 96), 100.0)
    grids = np.indices(image.shape)
    for place in ((30.3, 28.7), (33.6, 66.2))[:count]:
        image += 3000 * np.exp(-0.5 * sum((g - p) ** 2 for g, p in zip(grids, place, strict=True)) / 1.7**2)
    found = nt.estimate_psf(rng.poisson(image))
    np.testing.assert_allclose(found.fwhm, 1.7 * FWHM, rtol=0.06)
    assert found.notes[0].startswith(said)
    assert ("±" in found.notes[-1]) == (count > 1)


def test_of_a_file_that_holds_one_function_hardly_any_light_is_cut_off() -> None:
    """Of what a widefield microscope spreads out of focus, half lay outside of a box of the width of the spot."""
    truth = nt.read(Path(str(files("napari_tweedie"))) / "sample_data" / "stack_psf.tif").data.astype(float)
    found = nt.estimate_psf(np.pad(truth / truth.max() * 4000, 3)).psf
    inner = tuple(slice((m - n) // 2, (m - n) // 2 + n) for n, m in zip(found.shape, np.pad(truth, 3).shape, strict=True))
    assert np.pad(truth, 3)[inner].sum() > 0.9 * truth.sum()


def test_widths_are_those_of_a_gaussian() -> None:
    y, x = np.mgrid[-12:13, -12:13]
    np.testing.assert_allclose(widths_of(np.exp(-0.5 * ((y / 3) ** 2 + (x / 2) ** 2))), [3 * FWHM, 2 * FWHM], rtol=0.01)


def test_an_estimate_restores_the_beads_it_came_from(rng: np.random.Generator, tmp_path: Path) -> None:
    image = beads((128, 128), (1.6, 1.6), 10, rng)
    found = nt.estimate_psf(image)
    assert found.fwhm[0] == pytest.approx(1.6 * FWHM, rel=0.06)
    restored = nt.restore(image, "psf-blur", "richardson-lucy", psf=found.psf).image
    assert psf_of_beads(restored, (7, 7)).fwhm[0] < 0.9 * found.fwhm[0]
    assert restored.sum() == pytest.approx(image.sum(), rel=0.005)


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        ("beads", {"radius": 5}, "radius: should be a valid tuple"),
        ("beads", {"radius": (3,)}, "radius"),
        ("beads", {"radius": (3, 3, 3)}, "radius"),
        ("beads", {"radius": (0, 0)}, "radius.*greater than or equal to 2"),
        ("beads", {"radius": (2.5, 3)}, "radius.*valid integer"),
        ("beads", {"source": "bead"}, "source must be 'beads' or 'image'"),
        ("beads", {"source": "image", "sigma": "x"}, "sigma: should be a valid number"),
        ("beads", {"source": "image", "sigma": -1.0}, "sigma: should be greater than or equal to 0"),
        ("beads", {"source": "image", "sigma": 1e300}, "sigma: should be at most"),
        ("flat", {"source": "image"}, "no structure above its noise"),
        ("beads", {"source": "image", "degradation": "downsample"}, "'downsample' nothing is found.*'gaussian-blur'"),
        ("beads", {"source": "image", "unknown": "na"}, "unknown must be std of 'gaussian-blur'"),
        ("small", {"source": "image"}, "at least 48 × 48 pixels"),
        ("infinite", {"source": "image"}, "1 pixels are not finite"),
        ("infinite", {}, "1 pixels are not finite"),
        ("huge", {}, "holds grey levels up to"),
    ],
)
def test_what_no_function_can_be_found_with_is_named(image: str, options: dict[str, Any], message: str) -> None:
    made = beads((64, 64), (1.5, 1.5), 4, np.random.default_rng(0))
    images = {"beads": made, "flat": np.ones((64, 64)), "huge": 1e300 * made, "infinite": made.copy(), "small": made[:40]}
    images["infinite"][3, 3] = np.inf
    with pytest.raises(ValueError, match=message):
        nt.estimate_psf(images[image], **options)


def varying_beads(shape: tuple[int, int], stds: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Spots every 24 pixels, a part of one off, whose width grows from the centre to the corners."""
    image, grids = np.full(shape, 100.0), np.indices(shape)
    for y in range(12, shape[0] - 8, 24):
        for x in range(12, shape[1] - 8, 24):
            place = (y + rng.uniform(-1, 1), x + rng.uniform(-1, 1))
            r2 = sum((2 * p / (n - 1) - 1) ** 2 for p, n in zip(place, shape, strict=True)) / 2
            std = stds[0] + (stds[1] - stds[0]) * r2
            image += 30000 / std**2 / 6.3 * np.exp(-0.5 * sum((g - p) ** 2 for g, p in zip(grids, place, strict=True)) / std**2)
    return rng.poisson(image).astype(np.float64)


def test_functions_that_vary_over_the_field_have_the_widths_of_their_places(rng: np.random.Generator) -> None:
    image = varying_beads((192, 168), (1.4, 2.6), rng)
    found = nt.estimate_psf(image, varying=True)
    assert found.psf.shape[:2] == (3, 3)
    assert found.ndim == 2
    assert found.axes == "tcyx"
    np.testing.assert_allclose(found.psf.sum((2, 3)), 1, rtol=1e-5)
    widths = np.array([[np.mean(widths_of(psf.astype(float))) for psf in row] for row in found.psf])
    expected = FWHM * np.array([[2.6, 2.0, 2.6], [2.0, 1.4, 2.0], [2.6, 2.0, 2.6]])
    np.testing.assert_allclose(widths, expected, rtol=0.15)
    assert found.places == ((0, 95.5, 191), (0, 83.5, 167))
    assert "3 × 3 functions" in found.notes[0]
    assert "differ over the field" in nt.estimate_psf(image).notes[-1]


def test_beads_that_are_alike_give_one_function_even_if_asked_for_more(rng: np.random.Generator) -> None:
    image = varying_beads((144, 144), (1.6, 1.6), rng)
    found = nt.estimate_psf(image, varying=True)
    assert found.psf.ndim == 2
    assert found.places == ()
    assert "alike over the field" in found.notes[0]
    assert found.fwhm[0] == pytest.approx(1.6 * FWHM, rel=0.06)
    assert not any("differ over the field" in note for note in nt.estimate_psf(image).notes)


def test_too_few_beads_do_not_tell_how_a_function_varies(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="6 isolated beads or more"):
        nt.estimate_psf(varying_beads((64, 64), (1.5, 1.5), rng), varying=True)
    with pytest.raises(ValueError, match="no isolated bead was found"):
        nt.estimate_psf(rng.poisson(100, (96, 96)).astype(float), varying=True)
    with pytest.raises(ValueError, match="from beads alone"):
        nt.estimate_psf(varying_beads((64, 64), (1.5, 1.5), rng), "image", varying=True)


def test_the_command_writes_functions_that_vary_and_takes_them_back(rng: np.random.Generator, tmp_path: Path) -> None:
    files_ = {name: tmp_path / f"{name}.tif" for name in ("beads", "psf", "sharp")}
    nt.write(files_["beads"], varying_beads((120, 120), (1.2, 2.4), rng).astype(np.float32), "yx")
    runner = CliRunner()
    said = runner.invoke(app, ["psf", str(files_["beads"]), str(files_["psf"]), "--varying"])
    assert said.exit_code == 0, said.output
    assert nt.read(files_["psf"]).data.shape[:2] == (3, 3)
    options = ["--degradation", "psf-blur", "--psf", str(files_["psf"]), "--set", "denoiser=unet-small"]
    said = runner.invoke(app, ["restore", str(files_["beads"]), str(files_["sharp"]), *options])
    assert said.exit_code == 0, said.output
    assert nt.read(files_["sharp"]).data.max() > 1.5 * nt.read(files_["beads"]).data.max()


def test_beads_too_near_the_border_for_a_wider_box_still_give_one_function(rng: np.random.Generator) -> None:
    """A wide spot among narrow ones asks for boxes that hardly one of them has room for: nothing is said then of the field."""
    image, (y, x) = np.full((60, 90), 100.0), np.indices((60, 90))
    for place, std in (((30, 45), 6.0), *(((row, column), 1.0) for row in (9, 50) for column in (9, 34, 56, 80))):
        image += 30000 / (6.3 * std**2) * np.exp(-0.5 * ((y - place[0]) ** 2 + (x - place[1]) ** 2) / std**2)
    found = nt.estimate_psf(rng.poisson(image))
    assert found.fwhm[0] == pytest.approx(FWHM, rel=0.25)
