"""What is gained by learning from the image at hand, or from many, without a clean one? PSNR in dB before and after.

Usage: ``python benchmarks/learning.py DATA PART [--start unet] [--steps N] [--objective auto]``; PART is

- ``far``: a page of text and a field of galaxies (scikit-image's page and hubble_deep_field), white noise of 50 of 255;
- ``single``: single frames of DATA/bench/pairs_w2s and FLIM of DATA/bench/pairs_microscopy, each learnt from alone;
- ``many``: 60 single frames of DATA/train/w2s_raw learnt from together, tested on every sixth pair of DATA/bench/pairs_w2s;
- ``targets``: the same with their averages DATA/train/w2s as targets;
- ``samples``: a sampler (PSCGAN) and a regression that learnt from some of these pairs, tested on every twelfth pair: the mean of
  16 samples, one sample, the 90 % interval, and power spectra relative to that of the truth, in ten bands.

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


def pairs_to_learn(folder: Path, count: int) -> tuple[list[str], list[str]]:
    """Return some of the single frames of W2S and their averages, evenly spread."""
    frames = sorted((folder / "train" / "w2s_raw").glob("*.png"))
    frames = frames[:: max(1, len(frames) // count)][:count]
    targets = [next((folder / "train" / "w2s").glob(f"{path.stem.removesuffix('_raw')}_gt.*")) for path in frames]
    return [str(path) for path in frames], [str(path) for path in targets]


def spectrum(image: np.ndarray) -> np.ndarray:
    """Return the power of an image, its borders faded out, in ten bands up to Nyquist's frequency along an axis."""
    faded = (image - image.mean()) * np.multiply.outer(*(np.hanning(length) for length in image.shape))
    power = np.abs(np.fft.fft2(faded)) ** 2
    waves = np.hypot(*np.meshgrid(*(np.fft.fftfreq(length) for length in image.shape), indexing="ij"))
    return np.array([power[(waves >= low) & (waves < low + 0.05)].mean() for low in np.arange(10) * 0.05])


def samples(folder: Path, settings: dict[str, Any], start: str, count: int, out: Path) -> None:
    """Learn a regression and a sampler from some pairs, and print how good, how sharp and how sure they are on others."""
    images, targets = pairs_to_learn(folder, count)
    for objective in ("regression", "pscgan"):
        path = out / f"{objective}.safetensors"
        if not path.exists():
            steps = round(settings["steps"] * (1 if objective == "pscgan" else 0.25))
            given = {**settings, "objective": objective, "start": start, "steps": steps}
            began = time.perf_counter()
            made = nt.learn(images, path, targets=targets, **given)
            print(f"{objective}: {made.text} ({time.perf_counter() - began:.0f} s)", flush=True)
    rows, spectra = [], []
    for name, raw, truth in pairs(folder / "bench" / "pairs_w2s", 12):
        raw, truth = raw[128:384, 128:384], truth[128:384, 128:384]
        regression = nt.denoise(raw, {"name": "file", "path": str(out / "regression.safetensors")}).image
        found = nt.sample(raw, sampler={"name": "trained", "path": str(out / "pscgan.safetensors")})
        mean, draws = found.image, found.images["samples"]
        terms = np.stack([mean.ravel(), np.ones(mean.size)], 1)  # grey levels are scaled apart
        slope, offset = np.linalg.lstsq(terms, truth.ravel().astype(float), rcond=None)[0]
        lower, upper = (slope * found.images[f"{end} 90 %"] + offset for end in ("lower", "upper"))
        scores = [score(image, truth, True) for image in (raw, regression, mean, draws[0])]
        held = 100 * np.mean((truth >= lower) & (truth <= upper))
        rows.append([*scores, held])
        spectra.append([spectrum(image.astype(float)) for image in (truth, slope * regression, slope * mean, slope * draws[0])])
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in rows[-1])} |", flush=True)
    print(f"| mean | {' | '.join(f'{value:.2f}' for value in np.mean(rows, axis=0))} |")
    truth_power, *others = np.sum(spectra, axis=0)
    for name, power in zip(("regression", "mean of 16", "a sample"), others, strict=True):
        print(f"{name}: {' '.join(f'{100 * share:.0f}' for share in power / truth_power)} % of the power of the truth")


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("part", choices=["far", "single", "many", "targets", "samples"])
    parser.add_argument("--start", default="unet")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--objective", default="auto")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--pairs", type=int, default=20, help="Pairs that samples are learnt from.")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()), help="Where the weights of samples are written.")
    chosen = parser.parse_args()
    settings = {"start": chosen.start, "steps": chosen.steps, "objective": chosen.objective, "learning_rate": chosen.rate}
    start = "unet" if chosen.start == "fresh" else chosen.start
    if chosen.part == "samples":
        given = {"steps": chosen.steps, "learning_rate": chosen.rate, "patience": 0}
        samples(chosen.data, given, start, chosen.pairs, chosen.out)
    elif chosen.part in ("many", "targets"):
        many(chosen.data, settings, start, chosen.part == "targets")
    else:
        alone(far() if chosen.part == "far" else single(chosen.data), settings, start)


if __name__ == "__main__":
    main()
