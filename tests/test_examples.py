"""The examples, on small crops and with the small network: each does what its picture shows."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = (
    "denoise", "photon_noise", "deblur_3d", "inpaint", "super_resolve", "sample_intervals", "calibrate", "large_zarr", "batch",
    "own_denoiser",
)  # fmt: skip

Panels = dict[str, np.ndarray]


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Panels]:
    """Run an example, as ``python examples/NAME.py`` does, with smaller settings."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def run(name: str, **settings: object) -> Panels:
        return runpy.run_path(str(EXAMPLES / f"{name}.py"))[name](**settings)

    return run


def gain(panels: Panels, before: str, after: str) -> float:
    """Return by how many dB one panel is nearer to the truth than another."""
    truth = panels["truth"].astype(float)
    near, far = (peak_signal_noise_ratio(truth, panels[name].astype(float), data_range=255) for name in (after, before))
    return float(near - far)


def test_denoise_takes_the_noise_away(example: Callable[..., Panels]) -> None:
    panels = example("denoise", denoiser="unet-small", side=96)
    assert gain(panels, "noisy", "denoised") > 5
    assert panels["standard deviation"].min() >= 0


def test_photon_noise_goes_from_the_darkest_frame(example: Callable[..., Panels], capsys: pytest.CaptureFixture[str]) -> None:
    assert gain(example("photon_noise", denoiser="unet-small", side=128, frames=2), "last frame", "denoised") > 5
    assert 1.4 < float(re.findall(r"gain ([\d.]+)", capsys.readouterr().out)[0]) < 2.8


def test_deblur_3d_sharpens_a_stack(example: Callable[..., Panels]) -> None:
    assert gain(example("deblur_3d", denoiser="unet-small", planes=8, side=48), "blurred", "restored") > 0.5


def test_inpaint_fills_in_what_is_missing(example: Callable[..., Panels]) -> None:
    assert gain(example("inpaint", denoiser="unet-small", side=64), "incomplete", "inpainted") > 15


def test_super_resolve_beats_cubic_interpolation(example: Callable[..., Panels]) -> None:
    assert gain(example("super_resolve", denoiser="unet-small", side=64), "cubic interpolation", "super-resolved") > 0.5


def test_the_mean_of_samples_is_nearer_to_the_truth_than_one(example: Callable[..., Panels]) -> None:
    panels = example("sample_intervals", denoiser="unet-small", side=48, samples=4)
    assert gain(panels, "one sample", "mean") > 1
    assert panels["interval width"].min() > 0


def test_calibrated_intervals_hold_the_truth_of_another_image(
    example: Callable[..., Panels], capsys: pytest.CaptureFixture[str]
) -> None:
    panels = example("calibrate", denoiser="unet-small", side=40, samples=4, iterations=10)
    assert panels["interval width"].min() > 0
    numbers = re.search(r"once ([\d.]+) times.*another image ([\d.]+)%, and ([\d.]+)%", capsys.readouterr().out, re.DOTALL)
    assert numbers
    factor, before, after = map(float, numbers.groups())
    assert (after >= before) == (factor >= 1)
    assert after == pytest.approx(90, abs=15)


def test_a_large_image_is_gone_on_with(example: Callable[..., Panels], capsys: pytest.CaptureFixture[str]) -> None:
    panels = example("large_zarr", denoiser="heat", side=256, copies=2, tile=128)
    told = capsys.readouterr().out
    done, regions = (int(re.findall(pattern, told)[0]) for pattern in (r"cancelled when (\d+)%", r"(\d+) chunks"))
    assert 0 < done < 100
    assert regions > 4
    assert np.diff(panels["denoised"], axis=0).std() < 0.5 * np.diff(panels["noisy"].astype(float), axis=0).std()


def test_a_batch_goes_on_where_one_image_fails(example: Callable[..., Panels], capsys: pytest.CaptureFixture[str]) -> None:
    assert len(example("batch", denoiser="unet-small", side=64, count=2)) == 4
    assert [row.split(",")[2] for row in capsys.readouterr().out.splitlines()[1:4]] == ["failed", "done", "done"]


def test_a_function_denoises_and_deblurs(example: Callable[..., Panels]) -> None:
    panels = example("own_denoiser", side=64)
    assert gain(panels, "noisy", "denoised") > 3
    assert gain(panels, "blurred", "restored") > 1


@pytest.mark.parametrize("name", NAMES)
def test_an_example_opens_with_its_picture_and_is_listed(name: str) -> None:
    shown = f"](pictures/{name}.png)"
    assert shown in (EXAMPLES / f"{name}.py").read_text().split('"""')[1]
    assert shown in (EXAMPLES / "README.md").read_text()
    assert (EXAMPLES / "pictures" / f"{name}.png").stat().st_size < 300_000


def test_every_script_here_is_tested() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*NAMES, "picture"}
