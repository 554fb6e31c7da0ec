"""Does any recipe on any array give a result that is one, or a sentence?"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import given

from .strategies import check, fuzzed, images, recipes


@pytest.mark.slow
@fuzzed(25)
@given(recipes(), images())
def test_any_recipe_on_any_array_gives_a_result_or_a_sentence(recipe: dict[str, Any], drawn: tuple[np.ndarray, str]) -> None:
    check(recipe, *drawn)


@pytest.mark.parametrize(
    ("recipe", "image"),
    [
        pytest.param({"job": "restore", "denoiser": "perona-malik"}, np.array([[np.nan, 0.4736]], np.float16), id="two pixels"),
        pytest.param(
            {"job": "restore", "noise": {"name": "poisson"}, "degradation": {"name": "gaussian-blur", "std": 50.0}},
            np.zeros((1, 1), np.uint8), id="one pixel without light",
        ),
        pytest.param(
            {"job": "restore", "degradation": {"name": "motion-blur"}, "noise": {"sigma": 1.0}},
            np.full((1, 11), -1e4, np.float16), id="sums beyond half precision",
        ),
        pytest.param({"denoiser": "wavelet"}, np.full((7, 28), 1e37, np.float32), id="sums beyond single precision"),
        pytest.param(
            {"axes": "tyx"}, np.linspace(4e36, 9e36, 3 * 22 * 22, dtype=np.float32).reshape(3, 22, 22),
            id="frames whose sums are beyond single precision",
        ),
        pytest.param(
            {
                "job": "restore", "degradation": {"name": "psf-blur", "boundary": "circular"}, "noise": {"sigma": 0.1},
                "solver": {"name": "tikhonov", "non_negative": False},
            },
            np.full((1, 1), 107, np.int32), id="no neighbours to take differences from",
        ),
        pytest.param(
            {"job": "inspect", "inspection": {"name": "ideal", "probes": 3}, "noise": {"sigma": 1e6}},
            np.full((1, 1), 67, np.uint8),
            id="one pixel inspected",
        ),
        pytest.param(
            {"job": "degrade", "degradation": {"name": "microscope-psf", "pixel": 1e-6}}, np.ones((9, 9), bool),
            id="pixels smaller than atoms",
        ),
        pytest.param(
            {"job": "degrade", "noise": {"name": "poisson", "gain": 1.0}, "degradation": {"name": "gaussian-blur"}},
            np.linspace(100, 1e36, 800, dtype=np.float32).reshape(25, 32), id="more photons than can be counted",
        ),
        pytest.param(
            {"job": "restore", "degradation": {"name": "fourier-mask"}}, np.full((1, 1), 105, np.uint8), id="no components"
        ),
        pytest.param(
            {"job": "sample", "sampler": {"name": "dps", "samples": 2, "iterations": 2, "start": 0.01}},
            np.eye(4, 6, dtype=np.float32),
            id="little noise to start from",
        ),
        pytest.param(
            {"job": "denoise", "denoiser": "wavelet", "noise": {"sigma": 1e-6}, "probes": 1},
            np.array([[5.2514606e19, 4.7357901e19]], np.float32), id="hardly noise next to huge numbers",
        ),
    ],
)  # fmt: skip
def test_what_fuzzing_found(recipe: dict[str, Any], image: np.ndarray) -> None:
    check({"denoiser": "tikhonov", "device": "cpu"} | recipe, image, recipe.get("axes", "yx"))
