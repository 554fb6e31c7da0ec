"""Recipes, arrays and damaged files as hypothesis draws them, and what must hold whatever is drawn."""

import json
import os
import time
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.analysis import inspections
from napari_tweedie.core.method import Method
from napari_tweedie.engine import last, run
from napari_tweedie.engine.gate import TOLD
from napari_tweedie.recipe import Recipe

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
"""Examples of every test; 0: a few, always the same."""
LONGEST = 20.0
"""Seconds of a core for the longest run that such images may need; the mean is 0.1."""
SHORT = {"iterations": 2, "max_iterations": 4, "samples": 2, "sweeps": 2, "burn_in": 1, "levels": 2}
"""Numbers of turns are not what is looked for: they make runs long and change nothing else."""


LARGEST = {"width": 48, "height": 48}
"""Sides of what is restored: as many pixels as a parameter asks for take as long as they do, with slow denoisers minutes."""


def fuzzed(few: int) -> Callable[[Any], Any]:
    """Return the settings of a test that tries a few examples every time, and many when asked."""
    every = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    return settings(
        max_examples=EXAMPLES or few, derandomize=not EXAMPLES, deadline=None, suppress_health_check=every, database=None,
        report_multiple_bugs=False,
    )  # fmt: skip


@st.composite
def methods(draw: st.DrawFn, kind: Any, names: list[str]) -> dict[str, Any]:
    """Draw a method by name, most parameters at their defaults, some anywhere within their limits or at them."""
    name = draw(st.sampled_from(names))
    found: dict[str, Any] = {"name": name}
    method: type[Method] = kind.registry.method(name)
    for field, info in method.model_fields.items():
        if field in SHORT:
            found[field] = SHORT[field]
        elif draw(st.integers(0, 3)) == 0 and (strategy := values(info, LARGEST.get(field, 10**3))) is not None:
            found[field] = draw(strategy)
    return found


def values(info: Any, most: int) -> st.SearchStrategy[Any] | None:
    """Return what a parameter may be, whole numbers up to `most`; None where it is neither a number nor a choice."""
    kinds = [kind for kind in (get_args(info.annotation) or (info.annotation,)) if kind is not type(None)]
    if get_origin(info.annotation) is Literal:
        return st.sampled_from(get_args(info.annotation))
    if bool in kinds:
        return st.booleans()
    limits = {name: getattr(limit, name) for limit in info.metadata for name in ("ge", "gt", "le", "lt") if hasattr(limit, name)}
    low, high = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
    if int in kinds:
        return st.integers(low if low is not None else -3, min(high, most) if high is not None else most)
    if float in kinds:
        edge = {"exclude_min": "gt" in limits, "exclude_max": "lt" in limits}
        if low is None or high is None:
            low, high = (-1e6 if low is None else low), (1e6 if high is None else high)
        ends = [value for value, open_ in ((low, "gt" in limits), (high, "lt" in limits)) if not open_]
        inside = st.floats(low, high, allow_nan=False, **edge)
        return st.one_of(inside, st.sampled_from([float(end) for end in ends])) if ends else inside
    return None


CLASSICAL = ["tikhonov", "laplacian", "heat", "perona-malik", "total-variation", "wavelet", "nlm", "gaussian", "mixture"]
SLOW = ["dictionary", "graph-laplacian"]
"""Denoisers that take a second where others take a hundredth of one: drawn more rarely."""
DENOISERS = ["unet-small", *2 * CLASSICAL, *SLOW]
PLAIN = ["identity", "gaussian-blur", "downsample", "motion-blur", "one-bit", "microscope-psf"]
MEASURED = ["fourier-mask", "radon", "random-projection"]
NAMING = ["mask", "psf-blur"]
"""Those that name an array."""
NOISES = st.one_of(
    st.just({}),
    st.builds(lambda sigma: {"sigma": sigma}, st.sampled_from([0.0, 1e-6, 0.1, 1.0, 30.0, 1e6])),
    st.sampled_from([{"name": "poisson"}, {"name": "poisson", "gain": 2.0}, {"name": "poisson", "offset": 1e6}]),
    st.sampled_from([{"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 1.0}, {"correlated": True}]),
)


JOBS = ["denoise", "denoise", "restore", "restore", "sample", "decompose", "degrade", "inspect", "synthesise"]


@st.composite
def recipes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a recipe, as JSON describes it."""
    job = draw(st.sampled_from(JOBS))
    recipe: dict[str, Any] = {"job": job, "denoiser": draw(methods(denoisers, DENOISERS)), "noise": draw(NOISES), "device": "cpu"}
    if job in ("restore", "sample", "degrade"):
        recipe["degradation"] = draw(methods(degradations, PLAIN + MEASURED + NAMING))
    if job == "restore" and draw(st.booleans()):
        recipe["solver"] = draw(methods(solvers, solvers.registry.names()))
    if job in ("sample", "synthesise"):
        recipe["sampler"] = {"samples": 2} | ({"iterations": 4} if job == "synthesise" else {})
    if job == "sample" and draw(st.booleans()):
        recipe["sampler"] = draw(methods(samplers, samplers.registry.names()))
    if job == "decompose":
        recipe["decomposition"] = {"levels": 2}
    if job == "inspect":
        recipe["inspection"] = draw(methods(inspections, inspections.registry.names()))
    if job == "denoise" and draw(st.integers(0, 7)) == 0:
        recipe["probes"] = 1
    if draw(st.integers(0, 5)) == 0:
        recipe |= {"outliers": "keep", "volume": draw(st.booleans())}
    if draw(st.integers(0, 4)) == 0:
        recipe |= {"seed": draw(st.integers(0, 2**63 - 1)), "tile": draw(st.sampled_from([0, 1, 16, 64]))}
    return recipe


SIDES = st.one_of(st.integers(1, 12), st.integers(1, 24))
"""Small images have every border and every odd case that large ones have, at a tenth of the time."""


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, str]:
    """Draw an image and its axes."""
    axes = draw(st.sampled_from(["yx", "yx", "yx", "zyx", "cyx", "tcyx", "yxs", "xy", "yxc"]))
    sizes = {"s": st.just(3), "y": SIDES, "x": SIDES}
    shape = tuple(draw(sizes.get(axis, st.integers(1, 3))) for axis in axes)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "counts", "constant", "sparse", "ramp", "steps", "hot"]))
    unit = {
        "noise": rng.normal(0.5, 0.2, shape),
        "counts": rng.poisson(draw(st.sampled_from([0.05, 3.0, 100.0])), shape) / 100,
        "constant": np.full(shape, draw(st.sampled_from([0.0, 1.0, -7.0]))),
        "sparse": (rng.random(shape) < 0.02).astype(float),
        "ramp": np.arange(np.prod(shape), dtype=float).reshape(shape) / np.prod(shape),
        "steps": rng.integers(0, 2, shape).astype(float),
        "hot": np.where(rng.random(shape) < 0.01, 1e6, rng.normal(0, 1, shape)),
    }[kind]  # fmt: skip
    dtype = draw(st.sampled_from(["u1", "u2", "i4", ">u2", "f2", "f4", ">f4", "f8", "?"]))
    with np.errstate(all="ignore"):
        if np.dtype(dtype).kind in "ui":
            image = np.clip(unit * 200, 0, 200).astype(dtype)
        else:
            scale = draw(st.sampled_from([1.0, 1e-20, 1e-3, 1e4, 1e20, 1e37])) if dtype in ("f4", ">f4", "f8") else 1.0
            image = (scale * unit + draw(st.sampled_from([0.0, 0.0, 100.0, -1e4]))).astype(dtype)
    if image.dtype.kind == "f" and draw(st.integers(0, 9)) == 0:
        image.flat[draw(st.integers(0, image.size - 1))] = draw(st.sampled_from([np.nan, np.inf]))
    layout = draw(st.sampled_from(["plain", "read-only", "fortran", "strided", "list"]))
    if layout == "fortran":
        image = np.asfortranarray(image)
    elif layout == "strided":
        image = np.repeat(image, 2, -1)[..., ::2]
    elif layout == "read-only":
        image.flags.writeable = False
    return image, axes


def is_a_sentence(error: BaseException) -> bool:
    """Tell whether an error is one sentence for people, and not a library's."""
    text = str(error)
    strange = (
        "Traceback",
        "torch.",
        "numpy.",
        "object at 0x",
        "dtype('",
        "index out of",
        "size mismatch",
        "broadcast",
        "singular matrix",
        "is singular",
    )
    return isinstance(error, ValueError | OSError | MemoryError) and bool(text) and "\n" not in text.strip() and not any(
        word in text for word in strange
    )  # fmt: skip


def arrays_of(recipe: Recipe, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the arrays that a recipe names: those which a careless user might give."""
    rng = np.random.default_rng(recipe.seed)
    known = {"mask": rng.random(shape[-2:]) < 0.7, "psf": rng.random((3, 3)), "maps": rng.random((2, *shape[-2:]))}
    return {name: known[name] for name in recipe.arrays() if name in known}


def check(recipe: dict[str, Any], image: np.ndarray, axes: str) -> None:
    """Run, and look whether the result is what any result must be, or the error a sentence."""
    before, started = image.copy(), time.process_time()
    try:
        made = Recipe.model_validate(recipe | {"axes": axes})
        result = last(run(made, image, **arrays_of(made, image.shape)))
    except Exception as error:
        if not is_a_sentence(error):
            raise
        return
    finally:
        np.testing.assert_array_equal(image, before)
        seconds = time.process_time() - started
        assert not EXAMPLES or seconds < LONGEST, f"{seconds:.0f} s"
    json.dumps(result.provenance, allow_nan=False)
    plain = before[..., :3].astype(float) if "s" in axes else before.astype(float)
    whole = bool(np.isfinite(plain).all())
    for name, found in result.images.items():
        if whole:
            assert np.isfinite(found).all(), name
        elif found.shape[-plain.ndim :] == plain.shape:
            known = np.isfinite(plain)
            known = known & known.all(-1, keepdims=True) if "s" in axes else known  # a colour is known or not
            assert np.isfinite(found[..., known]).all(), name
    if made.job == "denoise" and whole:
        found = result.images["denoised"]
        assert found.shape == plain.shape
        if made.denoiser.keeps_mean and not any("changed the mean" in note for note in result.notes):
            sigma = max(result.provenance["noise_levels"], default=0.0)
            room = TOLD * max(float(np.ptp(plain)), 1.0) + 6 * sigma + 1e-4 * float(abs(plain).max())
            assert abs(found.mean(dtype=float) - plain.mean()) <= room
