"""What are neighbouring frames and planes worth? PSNR of time-lapses and stacks with known truth, traces, and flicker.

Usage: ``python benchmarks/neighbours.py DATA [--only NAME] [--denoiser NAME] [--bm4d] [--std] [--picture FILE]``; DATA holds
``bench/deconv3d/rlf_test.tif``, ``bench/pairs_oct`` and ``real/microscopy``; ``bleaching`` is the sample of this repository.
Moving scenes are real time-lapses, reduced 2 × 2 to lower their own noise, with simulated photon noise: their 99.9 percentile
has 5 or 20 photons. Neighbours: with what a network learnt that they tell; averaged: without it. bm4d, which needs the package
of that name, is given the stack as a volume, stabilised as ours is, on the middle 96 × 96 pixels; the column beside it is ours
there. The mean over all planes is that of a still scene. ``--std`` prints how true the standard deviations are instead, also of
drawn scenes whose truth has no noise of its own.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter, shift
from skimage.io import imread

from napari_tweedie import engine
from napari_tweedie.images.stabilisation import keep_light
from napari_tweedie.recipe import Recipe
from napari_tweedie.training.synthetic import Scene, cells, dead_leaves, filaments

SAMPLES = Path(__file__).parents[1] / "sample_data"
SIDE, CROP = 160, 96
KNOWN = ("unet", "unet-small")
"""Denoisers for which it was learnt what neighbours tell beyond their average."""


@dataclass(frozen=True)
class Case:
    """A stack, its truth, and how its axes are read; of `scored` planes alone the truth is known."""

    noisy: np.ndarray
    truth: np.ndarray
    recipe: Recipe
    scored: slice = field(default_factory=lambda: slice(None))

    def psnr(self, image: np.ndarray, place: tuple[slice, ...] = ()) -> float:
        """Return the PSNR in dB against the range of the truth."""
        truth = self.truth.astype(float)
        error = (image[self.scored] - truth)[(slice(None), *place)]
        return float(10 * np.log10(np.ptp(truth) ** 2 / np.mean(error**2)))


def reduced(stack: np.ndarray) -> np.ndarray:
    """Return the means over 2 × 2 pixels of every plane."""
    planes, height, width = stack.shape
    return stack[:, : height // 2 * 2, : width // 2 * 2].reshape(planes, height // 2, 2, width // 2, 2).mean((2, 4))


def counted(stack: np.ndarray, peak: float, denoiser: str) -> Case:
    """Return a time-lapse as photons are counted."""
    clean = np.clip(stack - np.percentile(stack, 0.5), 0, None)
    clean *= peak / np.percentile(clean, 99.9)
    noisy = np.random.default_rng(0).poisson(clean).astype(np.float32)
    return Case(noisy, clean, Recipe(axes="tyx", denoiser=denoiser))


def cases(data: Path, denoiser: str) -> dict[str, Case]:
    """Return all cases by name."""
    found = {}
    noisy, truth = (tifffile.imread(SAMPLES / f"{name}.tif") for name in ("bleaching", "bleaching_truth"))
    found["bleaching (sample)"] = Case(noisy, truth, Recipe(axes="tyx", denoiser=denoiser))
    moving = {
        "dividing nuclei": ("drosophila_histone_seq1.tif", (slice(0, 128), slice(60, 220))),
        "embryo, sparse frames": ("drosophila_motion.tif", (slice(40, 200), slice(40, 200))),
    }
    for name, (file, place) in moving.items():
        stack = reduced(tifffile.imread(data / "real" / "microscopy" / file).astype(float))[:9, *place]
        for peak in (5, 20):
            found[f"{name}, {peak} photons"] = counted(stack, peak, denoiser)
    beads = tifffile.imread(data / "bench" / "deconv3d" / "rlf_test.tif").astype(float)
    low, high = np.percentile(beads, (0.1, 99.9))
    beads = ((beads - low) / (high - low) * 255)[48:96, 48:96, 48:96]
    for name, aspect in (("beads, isotropic", 1), ("beads, planes 3 × apart", 3)):
        clean = beads.reshape(48 // aspect, aspect, 48, 48).mean(1)
        noisy = clean + np.random.default_rng(0).normal(0, 25, clean.shape)
        recipe = Recipe(axes="zyx", spacing=(aspect, 1, 1), denoiser=denoiser, noise={"name": "gaussian", "sigma": 25})
        found[name] = Case(noisy.astype(np.float32), clean, recipe)
    folder = data / "bench" / "pairs_oct"
    scans, average = tifffile.imread(folder / "oct_02_neighbours.tif"), imread(folder / "oct_02_gt.png")
    scans, average = scans[:, 150:310, 300:460], average[150:310, 300:460]
    found["OCT, five scans"] = Case(scans, average[None], Recipe(axes="zyx", neighbours="z", denoiser=denoiser), slice(2, 3))
    return found


def done(case: Case, **changes: object) -> np.ndarray:
    """Return the stack denoised."""
    return engine.last(engine.run(case.recipe.model_copy(update=changes), case.noisy)).images["denoised"]


def bm4d(case: Case, place: tuple[slice, ...]) -> np.ndarray:
    """Return what bm4d makes of a crop, as if time were depth."""
    from bm4d import bm4d as denoise

    if not hasattr(np, "trapz"):
        np.trapz = np.trapezoid  # the package asks for the name that numpy gave up
    (channel,) = engine.measure(case.recipe, case.noisy)
    crop = case.noisy[(slice(None), *place)]
    clean = denoise(channel.intensity.forward(crop).astype(float), channel.pixel_level)
    result = channel.intensity.back(np.asarray(clean).reshape(crop.shape))
    return keep_light(result, crop) if channel.is_stabilised else result


def flash(denoiser: str) -> None:
    """Print how a flash of three frames, the trace of a region, and the flicker of still background come out."""
    truth = tifffile.imread(SAMPLES / "bleaching_truth.tif")[0].astype(float)[:SIDE, :SIDE]
    stack = np.stack([(truth - truth.min()) / np.ptp(truth) * 20 + 2] * 9)
    grid = np.mgrid[:SIDE, :SIDE]
    spot = (grid[0] - 80) ** 2 + (grid[1] - 80) ** 2 < 8**2
    stack[3:6, spot] += 20
    noisy = np.random.default_rng(0).poisson(stack).astype(np.float32)
    case = Case(noisy, stack, Recipe(axes="tyx", denoiser=denoiser))
    still = stack[0] < np.percentile(stack[0], 40)
    region = np.zeros_like(still)
    region[20:60, 100:140] = True
    print("| | peak of the flash, % of the true one | largest error of the trace of a region, % | flicker of the background |")
    print("| --- | --- | --- | --- |")
    chosen = {"frames alone": {"neighbours": "none"}, "averaged": {"fusion": "averaged"}, "neighbours": {}}
    for name, choice in chosen.items():
        found = done(case, **choice)
        rise = (found[3:6, spot].mean() - found[[0, 1, 7, 8]][:, spot].mean()) / (stack[3:6, spot] - stack[0, spot]).mean()
        measured = (noisy[3:6, spot].mean() - noisy[[0, 1, 7, 8]][:, spot].mean()) / (stack[3:6, spot] - stack[0, spot]).mean()
        trace = np.abs(found[:, region].mean(1) / noisy[:, region].mean(1) - 1).max()
        flicker = found[:, still].std(0).mean()
        print(f"| {name} | {100 * rise:.1f} (raw counts: {100 * measured:.1f}) | {100 * trace:.2f} | {flicker:.3f} |", flush=True)


def drawn_scene(kind: Scene, speed: float, seed: int) -> np.ndarray:
    """Draw seven frames of a still scene over which another moves by a number of pixels a frame, in a random direction."""
    rng = np.random.default_rng(seed)
    still, moving = (gaussian_filter(kind(CROP, rng).astype(float), 0.7) for _ in range(2))
    angle = rng.uniform(0, 2 * np.pi)
    step = speed * np.array([np.sin(angle), np.cos(angle)])
    moved = [shift(moving, (frame - 3) * step, order=3, mode="nearest").clip(0) for frame in range(7)]
    return 0.5 * still + 0.5 * np.stack(moved)


def held(case: Case, **changes: object) -> str:
    """Return which share of the pixels 90 % intervals hold, and the largest error in standard deviations."""
    result = engine.last(engine.run(case.recipe.model_copy(update={"probes": 8, "outliers": "keep", **changes}), case.noisy))
    error = result.images["denoised"][case.scored].astype(float) - case.truth
    z = np.abs(error) / result.images["std"][case.scored]
    return f"{100 * np.mean(z <= 1.645):.1f} % | {z.max():.1f}"


def spreads(data: Path, denoiser: str) -> None:
    """Print how true standard deviations are, of frames alone and of those that help each other."""
    print("| | alone: 90 % interval covers | largest error / std | with neighbours | largest |\n|" + " --- |" * 5)
    chosen = {name: case for name, case in cases(data, denoiser).items() if name.startswith(("bleaching", "dividing"))}
    for name, kind in {"cells": cells, "leaves": dead_leaves, "fibres": filaments}.items():
        for speed in (0.0, 0.7, 1.5):
            for sigma in (0.05, 0.2):
                truth = drawn_scene(kind, speed, 50)
                noisy = truth + np.random.default_rng(0).normal(0, sigma, truth.shape)
                recipe = Recipe(axes="tyx", denoiser=denoiser, noise={"name": "gaussian", "sigma": sigma})
                chosen[f"{name}, {speed} pixels a frame, σ = {sigma}"] = Case(noisy.astype(np.float32), truth, recipe)
    for name, case in chosen.items():
        print(f"| {name} | {held(case, neighbours='none')} | {held(case, neighbours='t')} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--denoiser", default="unet")
    parser.add_argument("--bm4d", action="store_true")
    parser.add_argument("--std", action="store_true")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.std:
        spreads(given.data, given.denoiser)
        return
    columns = (
        "PSNR, dB",
        "noisy",
        "alone",
        "averaged",
        "neighbours",
        "three directions",
        "mean of all",
        "bm4d, crop",
        "ours there",
        "seconds",
    )
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for name, case in cases(given.data, given.denoiser).items():
        if given.only not in name:
            continue
        middle = tuple(slice((n - min(n, CROP)) // 2, (n + min(n, CROP)) // 2) for n in case.noisy.shape[1:])
        started = time.monotonic()
        alone = done(case, neighbours="none")
        between = time.monotonic()
        ours = done(case)
        seconds = f"{between - started:.1f} / {time.monotonic() - between:.1f}"
        averaged = done(case, fusion="averaged") if given.denoiser in KNOWN else ours
        volume = f"{case.psnr(done(case, neighbours='none', volume=True)):.2f}" if case.recipe.axes[0] == "z" else ""
        mean = np.broadcast_to(case.noisy.mean(0), case.noisy.shape)
        row = [f"{case.psnr(image):.2f}" for image in (case.noisy, alone, averaged, ours)] + [volume, f"{case.psnr(mean):.2f}"]
        if given.bm4d:
            crop = Case(case.noisy[(slice(None), *middle)], case.truth[(slice(None), *middle)], case.recipe, case.scored)
            row += [f"{crop.psnr(bm4d(case, middle)):.2f}", f"{crop.psnr(ours[(slice(None), *middle)]):.2f}"]
        else:
            row += ["", ""]
        print(f"| {name} | {' | '.join(row)} | {seconds} |", flush=True)
        if given.picture and name.startswith("dividing nuclei, 5"):
            _picture(given.picture, [case.noisy[4], alone[4], averaged[4], ours[4], case.truth[4]])
    if not given.only:
        flash(given.denoiser)


def _picture(path: Path, images: list[np.ndarray]) -> None:
    """Write a frame: noisy, alone, averaged with its neighbours, with what else these tell, the truth."""
    from skimage.io import imsave

    top = np.percentile(images[-1], 99.8)
    row = np.concatenate([np.kron(np.clip(image / top, 0, 1) ** 0.7, np.ones((2, 2))) for image in images], 1)
    imsave(path, (255 * row).astype(np.uint8), check_contrast=False)


main()
