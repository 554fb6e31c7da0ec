"""Do planes help each other only where they tell of each other?"""

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_tweedie import engine
from napari_tweedie.engine import relation
from napari_tweedie.files.run_to_file import run_to_file
from napari_tweedie.images.files import read
from napari_tweedie.large.lazy_array import lazy
from napari_tweedie.recipe import Recipe

TOLD = "too little of each other"
RECIPE = Recipe(axes="tyx", denoiser="unet-small")


def scene(seed: int, side: int = 96) -> np.ndarray:
    """Return a textured plane of 2 to some 30 photons."""
    fine, coarse = (
        gaussian_filter(np.random.default_rng(seed + n).standard_normal((side, side)), width) for n, width in ((0, 1), (9, 5))
    )
    return np.clip(10 + 10 * coarse / coarse.std() * (1 + fine / fine.std()), 2, None)


def frames(unrelated: bool, photons: bool) -> np.ndarray:
    clean = np.stack([scene(100 * n if unrelated else 0) for n in range(8)])
    rng = np.random.default_rng(1)
    return (rng.poisson(clean) if photons else clean + 6 * rng.standard_normal(clean.shape)).astype(np.float32)


@pytest.mark.parametrize("photons", [True, False])
@pytest.mark.parametrize("unrelated", [True, False])
def test_frames_help_each_other_where_they_show_the_same(unrelated: bool, photons: bool) -> None:
    result = engine.last(engine.run(RECIPE, frames(unrelated, photons)))
    assert result.provenance["recipe"]["neighbours"] == ("none" if unrelated else "t")
    assert any(TOLD in note for note in result.notes) == unrelated


def test_who_insists_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relation, "_gain", None)
    recipe = RECIPE.model_copy(update={"neighbours": "t"})
    assert engine.last(engine.run(recipe, frames(True, True)[:3, :32, :32])).provenance["recipe"]["neighbours"] == "t"


def test_empty_frames_and_channels_are_passed_over() -> None:
    stack = frames(False, True)[:, None].repeat(2, 1)
    stack[3] = np.nan
    stack[:, 1] = np.nan
    result = engine.last(engine.run(RECIPE.model_copy(update={"axes": "tcyx"}), stack))
    assert result.provenance["recipe"]["neighbours"] == "t"
    assert np.isfinite(result.image[[0, 1, 2, 4], 0]).all()


def test_files_and_lazy_layers_decide_alike(tmp_path: Path) -> None:
    stack = frames(True, True)
    tifffile.imwrite(tmp_path / "in.ome.tif", stack, metadata={"axes": "TYX"})
    engine.last(run_to_file(RECIPE, tmp_path / "in.ome.tif", tmp_path / "out.ome.zarr"))
    written = read(tmp_path / "out.ome.zarr")
    alone = engine.last(engine.run(RECIPE.model_copy(update={"neighbours": "none"}), stack)).image
    assert written.metadata["recipe"]["neighbours"] == "none"
    assert any(TOLD in note for note in written.metadata["notes"])
    np.testing.assert_allclose(np.asarray(written.data), alone, atol=1e-3 * np.ptp(alone))
    np.testing.assert_allclose(np.asarray(lazy(RECIPE, da.from_array(stack))[3]), alone[3], atol=1e-3 * np.ptp(alone))
