"""Does a model that is a program of others run only once the user has said so?"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from napari.viewer import Viewer

from napari_tweedie.denoisers.file import is_program
from napari_tweedie.widgets.docks.denoise import Denoise
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.runs.run import RUNS

Press = Callable[[Panel], str]


class Half(torch.nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return x - self.factor * (x - x.mean())


def saved(path: Path, factor: float) -> Path:
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.save(torch.jit.script(Half(factor)), path)
    return path


def test_a_program_of_others_runs_at_the_second_press(
    viewer: Viewer, denoise: Denoise, press: Press, tmp_path: Path, rng: np.random.Generator
) -> None:
    model = saved(tmp_path / "model.pt", 0.125)
    viewer.add_image(rng.normal(100, 5, (32, 32)).astype(np.float32))
    denoise.choosers["denoiser"].fill({"name": "file", "path": str(model)})
    denoise.bar.run.click()
    assert RUNS.job is None
    assert len(viewer.layers) == 1
    assert "model.pt (SHA-256 " in denoise.bar.status.toolTip()
    assert "press Run again" in denoise.bar.status.toolTip()
    press(denoise)
    assert len(viewer.layers) == 2
    press(denoise)
    assert len(viewer.layers) == 3


def test_another_version_of_it_is_asked_about_again(
    viewer: Viewer, denoise: Denoise, press: Press, tmp_path: Path, rng: np.random.Generator
) -> None:
    viewer.add_image(rng.normal(100, 5, (32, 32)).astype(np.float32))
    for factor in (0.25, 0.375):
        denoise.choosers["denoiser"].fill({"name": "file", "path": str(saved(tmp_path / f"{factor}.pt", factor))})
        denoise.bar.run.click()
        assert RUNS.job is None
        assert "press Run again" in denoise.bar.status.toolTip()


def test_plain_weights_are_no_program(tmp_path: Path) -> None:
    torch.save({"head.weight": torch.zeros(3)}, tmp_path / "weights.pt")
    (tmp_path / "text.pt").write_text("no archive")
    assert not is_program(tmp_path / "weights.pt")
    assert not is_program(tmp_path / "text.pt")
    assert is_program(saved(tmp_path / "model.pt", 0.5))
