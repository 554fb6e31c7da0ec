"""What is gained by learning from the image at hand, or from many, without a clean one? PSNR in dB before and after.

Usage: ``python benchmarks/learning.py DATA PART [--start unet] [--steps N] [--objective auto]``; PART is

- ``far``: a page of text and a field of galaxies (scikit-image's page and hubble_deep_field), white noise of 50 of 255;
- ``single``: single frames of DATA/bench/pairs_w2s and FLIM of DATA/bench/pairs_microscopy, each learnt from alone;
- ``many``: 60 single frames of DATA/train/w2s_raw learnt from together, tested on every sixth pair of DATA/bench/pairs_w2s;
- ``targets``: the same with their averages DATA/train/w2s as targets.

The truth is looked at by the scores alone. *estimated* is the gain that is told to the user, of pixels held out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from real_pairs import pairs, score
from skimage import color, data

import napari_tweedie as nt

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGMA = 50.0


def far() -> Iterator[tuple[str, np.ndarray, np.ndarray, dict[str, Any]]]:
    """Yield name, noisy image, truth and what is known of the noise."""
    hubble = 255 * color.rgb2gray(data.hubble_deep_field())[200:584, 300:684]
    for name, truth in (("text", data.page().astype(float)), ("galaxies", hubble)):
        noisy = truth + np.random.default_rng(0).normal(0, SIGMA, truth.shape)
        yield name, noisy.astype(np.float32), np.rint(truth).astype(np.uint8), {"sigma": SIGMA}


def single(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, dict[str, Any]]]:
    """Yield the same of real single frames, whose noise is measured."""
    for name, raw, truth in list(pairs(folder / "bench" / "pairs_w2s", 20)):
        yield name, raw, truth, {}
    for name, raw, truth in pairs(folder / "bench" / "pairs_microscopy", 1):
        if name.startswith("flim"):
            yield name, raw, truth, {}


def learnt(images: Any, known: dict[str, Any], settings: dict[str, Any], targets: Any = None) -> tuple[Any, float]:
    """Learn from images; return how it went, and the seconds it took."""
    began = time.perf_counter()
    path = Path(tempfile.mkdtemp()) / "learnt.safetensors"
    made = nt.learn(images, path, targets=targets, **known, **settings)
    return made, time.perf_counter() - began


def denoised(image: np.ndarray, made: Any, start: str, known: dict[str, Any]) -> np.ndarray:
    """Return what the network that was learnt, or the one before where there is none, makes of an image."""
    denoiser = start if made is None or made.path is None else {"name": "file", "path": str(made.path)}
    return nt.denoise(image, denoiser, **known).image


def alone(images: Any, settings: dict[str, Any], start: str, scaled: tuple[str, ...] = ()) -> None:
    """Learn from every image alone, and print a row for each."""
    print("| PSNR, dB | before | after | gain | estimated | seconds |\n| --- | --: | --: | --: | --: | --: |")
    for name, noisy, truth, known in images:
        made, seconds = learnt(noisy, known, settings)
        fitted = name[:1].isdigit()
        before, after = (score(denoised(noisy, one, start, known), truth, fitted) for one in (None, made))
        print(f"| {name} | {before:.2f} | {after:.2f} | {after - before:+.2f} | {made.gain:.2f} | {seconds:.0f} |", flush=True)


def many(folder: Path, settings: dict[str, Any], start: str, with_targets: bool) -> None:
    """Learn from 60 frames together, and print the mean over pairs that were not learnt from."""
    frames = sorted((folder / "train" / "w2s_raw").glob("*.png"))
    targets = [next((folder / "train" / "w2s").glob(f"{path.stem.removesuffix('_raw')}_gt.*")) for path in frames]
    made, seconds = learnt(
        [str(path) for path in frames], {}, settings, [str(path) for path in targets] if with_targets else None
    )
    rows = [
        [score(denoised(raw, one, start, {}), truth, True) for one in (None, made)]
        for _, raw, truth in pairs(folder / "bench" / "pairs_w2s", 6)
    ]
    before, after = np.mean(rows, axis=0)
    print(
        f"| {len(rows)} pairs | {before:.2f} | {after:.2f} | {after - before:+.2f} | {made.gain:.2f} | {seconds:.0f} |",
        flush=True,
    )
    print(f"worst {min(b - a for a, b in rows):+.2f}, best {max(b - a for a, b in rows):+.2f}; {made.text}")


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("part", choices=["far", "single", "many", "targets"])
    parser.add_argument("--start", default="unet")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--objective", default="auto")
    parser.add_argument("--rate", type=float)
    chosen = parser.parse_args()
    settings = {"start": chosen.start, "steps": chosen.steps, "objective": chosen.objective, "learning_rate": chosen.rate}
    start = "unet" if chosen.start == "fresh" else chosen.start
    if chosen.part in ("many", "targets"):
        many(chosen.data, settings, start, chosen.part == "targets")
    else:
        alone(far() if chosen.part == "far" else single(chosen.data), settings, start)


if __name__ == "__main__":
    main()
