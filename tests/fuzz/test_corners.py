"""Does every job have a result or a sentence for images that hold next to nothing, or too much?"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from .strategies import check

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 1, (12, 14))
WITH_HOLE = np.full((9, 9), 5.0)
WITH_HOLE[4, 4] = np.nan
ONE_KNOWN = np.full((6, 6), np.nan)
ONE_KNOWN[2, 3] = 7.0
BRIGHT = np.zeros((11, 11))
BRIGHT[5, 5] = 1000.0
HALF_EMPTY = np.concatenate([np.zeros((8, 8)), RNG.poisson(20, (8, 8))])
IMAGES = {
    "dark frame": np.zeros((12, 12), np.uint16),
    "dark frame of floats": np.zeros((12, 12)),
    "flat field": np.full((10, 12), 1234, np.uint16),
    "flat field below zero": np.full((10, 12), -3.5),
    "flat field of light": RNG.poisson(1000, (12, 12)).astype(np.uint16),
    "saturated": np.full((9, 9), 65535, np.uint16),
    "saturated bytes": np.full((9, 9), 255, np.uint8),
    "all equal but for what is missing": WITH_HOLE,
    "one pixel known": ONE_KNOWN,
    "one pixel": np.full((1, 1), 7, np.uint8),
    "one row": NOISE[:1],
    "one column": NOISE[:, :1],
    "two pixels": np.array([[0.0, 1.0]]),
    "one bright pixel": BRIGHT,
    "half empty": HALF_EMPTY,
    "nothing missing but infinity": np.where(NOISE > 2, np.inf, NOISE),
    "tiny range": 1e-30 * NOISE,
    "huge range": 1e35 * NOISE,
    "small range far from zero": 1e6 + 0.5 * NOISE,
    "whole numbers of 64 bits": (2**52 + 1000 * NOISE).astype(np.int64),
    "two levels": NOISE > 0,
}
JOBS: dict[str, dict[str, Any]] = {
    "denoise": {},
    "denoise with std": {"probes": 2},
    "restore": {"job": "restore", "degradation": {"name": "gaussian-blur"}},
    "richardson-lucy": {
        "job": "restore", "degradation": {"name": "gaussian-blur"}, "solver": {"name": "richardson-lucy", "iterations": 3},
    },
    "sample": {"job": "sample", "sampler": {"name": "moment-matched", "samples": 2}},
    "decompose": {"job": "decompose", "decomposition": {"levels": 2}},
    "degrade": {"job": "degrade", "degradation": {"name": "gaussian-blur"}},
    "inspect": {"job": "inspect", "inspection": {"name": "ideal", "probes": 2}},
}  # fmt: skip
NOISES: dict[str, dict[str, Any]] = {
    "auto": {}, "photons": {"name": "poisson"}, "none": {"sigma": 0.0}, "strong": {"sigma": 1e6},
    "correlated": {"correlated": True},
}  # fmt: skip


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_a_result_or_a_sentence_for(job: str, noise: str) -> None:
    for name, image in IMAGES.items():
        recipe = {"denoiser": "tikhonov", "device": "cpu", "noise": NOISES[noise], **JOBS[job]}
        try:
            check(recipe, image, "yx")
        except BaseException as error:
            error.add_note(f"the image is {name!r}")
            raise
