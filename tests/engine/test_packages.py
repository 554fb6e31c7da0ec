"""Are networks written as packages that other programs run with the same numbers?"""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

import napari_tweedie as nt
from napari_tweedie import denoisers
from napari_tweedie.denoisers.levels import SCALES
from napari_tweedie.denoisers.network import denoise, load_network, weights_file
from napari_tweedie.denoisers.package import load_package
from napari_tweedie.denoisers.unet import UNet, initialise
from napari_tweedie.training.export import write_weights

CPU = torch.device("cpu")
SIGMA = 25.0


@pytest.fixture
def image(scene: np.ndarray) -> np.ndarray:
    """An image of grey levels between about 300 and 500, with noise."""
    noise = np.random.default_rng(0).normal(0, SIGMA, (160, 168))
    missing = [(0, length - side) for length, side in zip((160, 168), scene.shape, strict=True)]
    return (300 + 200 * np.pad(scene, missing, "reflect") + noise).astype(np.float32)


def held(path: Path, name: str) -> np.ndarray:
    with zipfile.ZipFile(path) as archive, archive.open(name) as file:
        return np.lib.format.read_array(file)


def test_a_package_makes_what_the_network_makes(image: np.ndarray, tmp_path: Path) -> None:
    """Also of images of another size than it was written for."""
    path = nt.write_package(image, tmp_path / "a.zip", "unet-small", sigma=SIGMA)
    network, package = load_network(weights_file("unet-small"), CPU), load_package(path, CPU)
    offset, high = np.percentile(image, (0.1, 99.9))
    for x in (image, image[:120, 16:]):
        x = torch.from_numpy(x[None, None])
        scaled = (x - offset) / (high - offset)
        expected = denoise(network, scaled.float(), SIGMA / (high - offset), torch.float32) * (high - offset) + offset
        with torch.no_grad():
            torch.testing.assert_close(package(x), expected.float(), rtol=0, atol=0.01)


@pytest.mark.filterwarnings("ignore")  # of a library that is not ours
def test_another_program_makes_of_a_package_what_we_make(image: np.ndarray, tmp_path: Path) -> None:
    """The library of bioimage.io runs it by its own reading of the description, on an image mirrored at its borders."""
    core = pytest.importorskip("bioimageio.core")
    path = nt.write_package(image, tmp_path / "a.zip", "unet-small", sigma=SIGMA)
    model = core.load_model_description(path, perform_io_checks=True)
    tested = core.test_model(model)
    assert tested.status == "passed", [error.msg for detail in tested.details for error in detail.errors]
    halo = denoisers.registry.method("unet-small").halo
    high, low = np.percentile(image, (99.9, 0.1))
    for given in (image, image[:136, 16:160]):
        made = core.predict(model=model, inputs={model.inputs[0].id: given[None, None]})
        (found,) = (np.asarray(tensor.data) for tensor in made.members.values())
        mirrored = torch.from_numpy((np.pad(given, halo, "symmetric") - low) / (high - low))[None, None]
        level = SIGMA / (high - low)
        clean = denoisers.load("unet-small", precision="float32")(mirrored.float(), level)[0, 0, halo:-halo, halo:-halo]
        np.testing.assert_allclose(found[0, 0], clean.detach().numpy() * (high - low) + low, rtol=0, atol=0.02)


def test_read_back_as_a_denoiser_it_denoises_as_before(image: np.ndarray, tmp_path: Path) -> None:
    path = nt.write_package(image, tmp_path / "a.zip", "unet-small", sigma=SIGMA)
    before = nt.denoise(image, {"name": "unet-small", "precision": "float32"}, sigma=SIGMA).image
    after = nt.denoise(image, {"name": "file", "path": str(path)}, sigma=SIGMA).image
    np.testing.assert_allclose(after, before, atol=0.05)
    doubled = nt.denoise(2 * image, {"name": "file", "path": str(path)}, sigma=2 * SIGMA).image
    np.testing.assert_allclose(doubled, 2 * before, atol=0.1)


def test_the_test_image_and_its_result_go_along(image: np.ndarray, tmp_path: Path) -> None:
    path = nt.write_package(image, tmp_path / "a.zip", "unet-small")
    taken, made = (held(path, f"test_{name}.npy") for name in ("input", "output"))
    np.testing.assert_array_equal(taken[0, 0], image[:160, :168])
    with torch.no_grad():
        np.testing.assert_allclose(load_package(path, CPU)(torch.from_numpy(taken)).numpy(), made, rtol=0, atol=0.01)
    assert made.std() < 0.9 * taken.std()


def test_a_small_image_is_continued_to_test_the_package(image: np.ndarray, tmp_path: Path) -> None:
    path = nt.write_package(image[:40], tmp_path / "a.zip", "unet-small", sigma=SIGMA)
    taken = held(path, "test_input.npy")[0, 0]
    assert taken.shape == (128, 168)
    np.testing.assert_array_equal(taken[:80], np.concatenate([image[:40], image[39::-1]])[:, :168])


def test_it_says_what_it_is_for(image: np.ndarray, tmp_path: Path) -> None:
    path = nt.write_package(image, tmp_path / "cells, 25.zip", "unet-small", sigma=SIGMA, author="A. Nobody")
    with zipfile.ZipFile(path) as archive:
        said = yaml.safe_load(archive.read("rdf.yaml"))
        assert "deviation 25" in archive.read("README.md").decode()
    assert said["name"] == "cells  25 denoiser"
    assert said["license"] == "BSD-3-Clause"
    assert said["authors"] == [{"name": "A. Nobody"}]
    assert said["config"]["napari_tweedie"]["sigma"] == SIGMA


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning")  # of that library
def test_the_library_of_the_format_finds_nothing_wrong(
    image: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path / "cache"))
    spec = pytest.importorskip("bioimageio.spec")
    path = nt.write_package(image, tmp_path / "a.zip", "unet-small", author="A. Nobody")
    described = spec.load_description(path, perform_io_checks=True)
    assert not isinstance(described, spec.InvalidDescr), described.validation_summary.format()
    assert described.type == "model"
    assert described.validation_summary.status in ("passed", "valid-format"), described.validation_summary.format()


def test_learnt_networks_are_written_whatever_they_learnt_from(image: np.ndarray, tmp_path: Path) -> None:
    """Of noise at every scale, or blind to the pixel they estimate; a licence is theirs only if it is given."""
    x = torch.from_numpy(image[None, None])
    for number, options in enumerate(({"levels": len(SCALES)}, {"direct": True})):
        network = UNet(widths=(8, 16), blocks=1, **options)
        initialise(network, 0.5, torch.Generator().manual_seed(0))
        weights = tmp_path / f"{number}.safetensors"
        write_weights(network, weights)
        path = nt.write_package(image, tmp_path / f"{number}.zip", weights, sigma=SIGMA)
        offset, high = np.percentile(image, (0.1, 99.9))
        again = load_network(weights, CPU)
        scaled = ((x - offset) / (high - offset)).float()
        expected = denoise(again, scaled, SIGMA / (high - offset), torch.float32) * (high - offset) + offset
        with torch.no_grad():
            torch.testing.assert_close(load_package(path, CPU)(x), expected.float(), rtol=0, atol=0.01)
        with zipfile.ZipFile(path) as archive:
            assert "license" not in yaml.safe_load(archive.read("rdf.yaml"))


def test_what_cannot_be_a_package_is_refused_with_the_way_out(image: np.ndarray, tmp_path: Path) -> None:
    cases = [
        (("lidia", image, "a.zip"), "cannot be written as TorchScript.*give unet"),
        (("wavelet", image, "a.zip"), "wavelet has no weights"),
        (("absent.safetensors", image, "a.zip"), "no weights absent.safetensors"),
        (("unet-small", image, "a.tif"), "must end in .zip"),
    ]
    for (denoiser, given, name), message in cases:
        with pytest.raises(ValueError, match=message):
            nt.write_package(given, tmp_path / name, denoiser, sigma=SIGMA)
    assert not (tmp_path / "a.zip").exists()
    assert "unet-small" in denoisers.names()
