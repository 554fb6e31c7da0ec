"""Do models from elsewhere become denoisers, and are unsafe or strange files refused with a way out?"""

import pickle
import warnings
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_tweedie import denoisers
from napari_tweedie.core import registry
from napari_tweedie.denoisers.network import WEIGHTS, load_network
from napari_tweedie.denoisers.unet import UNet
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe

X = torch.rand((2, 3, 17, 24), generator=torch.Generator().manual_seed(0))


class Blind(nn.Module):
    """f(x) = x³ / 2, whose scale shows in what it returns; it wants even sizes."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.avg_pool2d(x, 2), scale_factor=2.0) * 0 + x**3 / 2


class Smooth(nn.Module):
    """f(x), the means of 2 × 2 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.interpolate(nn.functional.avg_pool2d(x, 2), scale_factor=2.0)


class Levelled(nn.Module):
    """f(x, σ) = x − σ²."""

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return x - sigma.view(-1, 1, 1, 1) ** 2


class Numbered(nn.Module):
    """f(x, σ) with σ a number."""

    def forward(self, x: Tensor, sigma: float) -> Tensor:
        return x - sigma**2


def script(module: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(module).save(str(path))
    return path


@pytest.mark.parametrize("module", [Levelled(), Numbered()])
def test_a_torchscript_model_gets_the_level_in_the_form_it_wants(module: nn.Module, tmp_path: Path) -> None:
    denoiser = denoisers.load("file", path=script(module, tmp_path / "model.pt"))
    levels = torch.tensor([0.2, 0.5])
    torch.testing.assert_close(denoiser(X, levels), X - levels.view(-1, 1, 1, 1) ** 2)
    torch.testing.assert_close(denoiser(X, 0.3), X - 0.09)
    assert torch.equal(denoiser(X, 0.0), X)


def test_a_model_of_one_level_is_scaled_to_others(tmp_path: Path) -> None:
    path = script(Blind(), tmp_path / "model.ts")
    torch.testing.assert_close(denoisers.load("file", path=path)(X, 0.3), X**3 / 2)
    scaled = denoisers.load("file", path=path, trained_sigma=0.1)
    torch.testing.assert_close(scaled(X, 0.3), 3 * (X / 3) ** 3 / 2)
    torch.testing.assert_close(scaled(X, torch.tensor([0.1, 0.2]))[1], 2 * (X[1] / 2) ** 3 / 2)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_our_networks_are_used_as_they_are(suffix: str, tmp_path: Path) -> None:
    bundled, path = WEIGHTS / "unet.safetensors", tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save(load_network(bundled, torch.device("cpu")).state_dict(), path)
    else:
        path.write_bytes(bundled.read_bytes())
    expected = denoisers.load("unet", precision="float32")(X, 0.1)
    torch.testing.assert_close(denoisers.load("file", path=path)(X, 0.1), expected)


def test_weights_that_are_written_again_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    for name in ("unet-small", "unet"):
        path.write_bytes((WEIGHTS / f"{name}.safetensors").read_bytes())
        expected = denoisers.load(name, precision="float32")(X, 0.1)
        torch.testing.assert_close(denoisers.load("file", path=path)(X, 0.1), expected)


class Trap:
    """A pickle that runs code when it is opened."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import builtins; builtins.trapped = True",)


def test_pickled_code_is_refused_and_not_run(tmp_path: Path) -> None:
    import builtins

    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Trap()))
    torch.save(Trap(), tmp_path / "archive.pt")
    for name in ("plain.pth", "archive.pt"):
        with pytest.raises(ValueError, match=rf"{name} is neither TorchScript nor plain weights.*could run any code: export it"):
            denoisers.load("file", path=tmp_path / name)(X, 0.1)
    assert not hasattr(builtins, "trapped")


def test_files_that_hold_no_model_are_named_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("milk")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "model.onnx").write_text("")
    for name, message in {
        "text.safetensors": "no weights of this plugin's networks.*export other models as TorchScript",
        "other.pth": "weights, but not of this plugin's U-Net",
        "model.onnx": "no model that can be opened: give TorchScript",
        "absent.pt": "there is no model at",
    }.items():
        with pytest.raises(ValueError, match=message):
            denoisers.load("file", path=tmp_path / name)(X, 0.1)
    with pytest.raises(ValueError, match="choose a file"):
        denoisers.load("file")(X, 0.1)


def test_a_model_that_returns_something_else_is_explained(tmp_path: Path) -> None:
    path = script(nn.Sequential(nn.AvgPool2d(2)), tmp_path / "model.pt")
    with pytest.raises(
        ValueError, match=r"must return images as it takes them, shape \(6, 1, 32, 32\) \(it returned \(6, 1, 16, 16\)"
    ):
        denoisers.load("file", path=path)(X, 0.1)


def test_a_changed_file_is_read_again_and_told_apart_in_the_provenance(tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).random((32, 32))
    path, hashes = tmp_path / "model.pt", []
    for module in (Levelled(), Smooth()):
        path.unlink(missing_ok=True)
        recipe = Recipe(denoiser={"name": "file", "path": str(script(module, path))}, noise={"sigma": 0.2})
        result = last(run(recipe, noisy))
        hashes.append(result.provenance["denoiser"]["weights"])
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert len(set(hashes)) == 2
    assert np.ptp(result.images["denoised"]) < 0.9 * np.ptp(noisy)


def shifted(x: Tensor, sigma: Tensor) -> Tensor:
    """Subtract the noise level."""
    return x - sigma.view(-1, 1, 1, 1)


INSTANCE = Levelled()


@pytest.mark.parametrize("target", ["shifted", "Levelled", "INSTANCE"])
def test_what_third_parties_register_is_used_as_it_is(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function, a class of modules, a module."""
    import sys
    from types import ModuleType

    module = ModuleType("third_party")
    setattr(module, target, globals()[target])
    monkeypatch.setitem(sys.modules, "third_party", module)
    theirs = EntryPoint("theirs", f"third_party:{target}", "napari_tweedie.denoisers")
    found = registry.entry_points

    def with_theirs(**selection: str) -> EntryPoints:
        return EntryPoints([*found(**selection), *EntryPoints([theirs]).select(**selection)])

    monkeypatch.setattr(registry, "entry_points", with_theirs)
    assert "theirs" in denoisers.names()
    denoiser = denoisers.load("theirs")
    shift = 0.1 if target == "shifted" else 0.01
    torch.testing.assert_close(denoiser(X, 0.1), X - shift)
    assert denoiser == denoisers.load("theirs")
    recipe = Recipe(denoiser="theirs", noise={"sigma": 0.1})
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    assert isinstance(denoiser, denoisers.Denoiser)
    assert (denoiser.title, type(denoiser).__doc__) != ("", None)


def test_a_file_says_whether_its_network_takes_maps_and_levels(tmp_path: Path) -> None:
    for levels in (1, 10):
        path = tmp_path / f"{levels}.pth"
        torch.save(UNet(widths=(4, 6), blocks=1, levels=levels).state_dict(), path)
        denoiser = denoisers.load("file", path=path)
        assert denoiser.takes_map
        assert denoiser.takes_levels == (levels == 10)
        assert denoiser(X, torch.full((1, 10, 1, 1), 0.1)).shape == X.shape
    other = denoisers.load("file", path=script(Blind(), tmp_path / "model.ts"))
    assert not other.takes_map
    assert not denoisers.load("file").takes_levels
