"""Are packages as the BioImage Model Zoo describes them opened, and others refused with a reason?"""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from napari_tweedie import denoisers

X = 5 + 3 * torch.rand((2, 1, 32, 48), generator=torch.Generator().manual_seed(0))
AXES_5 = [{"type": "batch"}, {"type": "channel", "channel_names": ["c"]}, *({"type": "space", "id": axis} for axis in "yx")]


class Half(nn.Module):
    """f(x) = x / 2."""

    def forward(self, x: Tensor) -> Tensor:
        return x / 2


def package(folder: Path, before: Any = (), after: Any = (), axes: Any = "bcyx", **changes: Any) -> Path:
    """Write a package with TorchScript weights and return its path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(Half()).save(str(folder / "weights.pt"))
    description = {
        "type": "model",
        "inputs": [{"axes": axes, "preprocessing": list(before)}],
        "outputs": [{"axes": axes, "postprocessing": list(after)}],
        "weights": {"torchscript": {"source": "weights.pt"}},
    }
    path = folder / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rdf.yaml" if isinstance(axes, str) else "bioimageio.yaml", yaml.safe_dump({**description, **changes}))
        archive.write(folder / "weights.pt", "weights.pt")
    return path


def denoised(path: Path) -> Tensor:
    with torch.no_grad():
        return denoisers.load("file", path=path)(X, 0.1)


@pytest.mark.parametrize("axes", ["bcyx", AXES_5])
def test_a_network_without_steps_is_used_as_it_is(axes: Any, tmp_path: Path) -> None:
    torch.testing.assert_close(denoised(package(tmp_path, axes=axes)), X / 2)


def test_a_normalisation_is_undone_where_the_package_does_not(tmp_path: Path) -> None:
    """Half of the standardised image, in grey levels: the mean stays and the contrast is halved."""
    mean = X.mean((1, 2, 3), keepdim=True)
    expected = mean + (X - mean) / 2
    for step in (
        {"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "yx"}},
        {"id": "zero_mean_unit_variance"},
    ):
        torch.testing.assert_close(denoised(package(tmp_path, [step])), expected)


def test_percentiles_and_fixed_values_are_those_of_the_description(tmp_path: Path) -> None:
    low = torch.quantile(X.flatten(1), 0.01, dim=1).view(-1, 1, 1, 1)
    ranged = {"id": "scale_range", "kwargs": {"min_percentile": 1, "max_percentile": 99}}
    torch.testing.assert_close(denoised(package(tmp_path, [ranged])), low + (X - low) / 2)
    fixed = {"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 6.0, "std": 2.0}}
    torch.testing.assert_close(denoised(package(tmp_path, [fixed])), 6 + (X - 6) / 2)


def test_steps_after_the_network_are_done_instead(tmp_path: Path) -> None:
    before = {"id": "scale_linear", "kwargs": {"gain": 2.0, "offset": 1.0}}
    after = {"id": "scale_linear", "kwargs": {"gain": [3.0], "offset": [-1.0]}}
    torch.testing.assert_close(denoised(package(tmp_path, [before], [{"id": "ensure_dtype"}, after])), 3 * (2 * X + 1) / 2 - 1)
    matched = denoised(package(tmp_path, [before], [{"id": "scale_mean_variance", "kwargs": {"reference_tensor": "raw"}}]))
    torch.testing.assert_close(matched, X, rtol=1e-4, atol=1e-4)


def test_a_network_of_one_noise_level_is_scaled_to_others(tmp_path: Path) -> None:
    fixed = {"id": "fixed_zero_mean_unit_variance", "kwargs": {"mean": 6.0, "std": 2.0}}
    path = package(tmp_path, [fixed])
    scaled = denoisers.load("file", path=path, trained_sigma=0.05)(X, 0.1)
    torch.testing.assert_close(scaled, 2 * (6 + (X / 2 - 6) / 2))


def test_packages_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"weights": {"keras_hdf5": {"source": "w.h5"}, "onnx": {"source": "w.onnx"}}},
            "as keras_hdf5, onnx, not",
        ),
        ({"axes": "bczyx"}, "works on axes b, c, z, y, x: only planes"),
        ({"before": [{"name": "binarize", "kwargs": {"threshold": 0.5}}]}, "wants the step binarize: known are scale_linear"),
        ({"before": [{"name": "scale_range", "kwargs": {"mode": "per_dataset"}}]}, r"wants the step scale_range \(per_dataset\)"),
        ({"weights": {"torchscript": {"source": "absent.pt"}}}, "no bioimage.io package that can be read .*absent.pt"),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            denoised(package(tmp_path, **changes))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "milk")
    (tmp_path / "text.zip").write_text("milk")
    for name, message in (("other.zip", "holds none of bioimageio.yaml, rdf.yaml"), ("text.zip", "can be read")):
        with pytest.raises(ValueError, match=message):
            denoised(tmp_path / name)
