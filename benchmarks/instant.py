"""Instant standard deviation of denoised images: how often its interval holds the truth, and its agreement with samples.

Drawn cells and beads on even ground, at some photons at their brightest and with Gaussian noise, go through ``nt.denoise`` as a
user's image does, and so do the middles of photographs and micrographs, which also tell how it correlates with the standard
deviation of 64 samples.

Usage: ``python benchmarks/instant.py DATA [--denoiser NAME] [--images N] [--only PART …] [--sets NAME …]``, the parts being
``phantoms``, ``pictures``, ``volumes`` and ``agreement``; ``correlated``, noise that correlates, untouched; ``real``, real images
untouched, against averages of many, whose own noise is counted; and ``denoisers``, which goes through other bundled denoisers.
DATA holds the sets ``bsd68`` and ``clean``, and ``pairs_microscopy`` and ``pairs_w2s``.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from denoising import centre, images_of
from numpy.typing import NDArray
from real_pairs import SCALED, pairs
from scipy.ndimage import gaussian_filter

import napari_tweedie as nt
from napari_tweedie.training.synthetic import cells

Image = NDArray[np.float64]
SIDE, SIDE_OF_REAL, DEPTH = 96, 256, 16
NOISES: dict[str, tuple[dict[str, Any], float]] = {
    **{f"{n} photons": ({"name": "poisson", "gain": 1.0, "offset": 0.0, "read_noise": 0.0}, n) for n in (3, 20, 100)},
    **{f"σ = {sigma}": ({"name": "gaussian", "sigma": sigma}, 1.0) for sigma in (0.03, 0.1)},
}
"""Noise, and the grey level of the brightest pixel."""


def drawn_cells(seed: int, side: int = SIDE) -> Image:
    """Draw cells on a ground of a twentieth of their brightness."""
    image = gaussian_filter(cells(side, np.random.default_rng(seed)), 0.8)
    return np.asarray(0.05 + 0.95 * image / image.max())


def beads(seed: int, dimmest: float, ground: float = 0.03, side: int = SIDE) -> Image:
    """Draw 25 beads, the dimmest a share of the brightest, on even ground."""
    rng, points = np.random.default_rng(seed), np.zeros((side, side))
    for y, x in rng.integers(4, side - 4, (25, 2)):
        points[y, x] += rng.uniform(dimmest, 1)
    image = gaussian_filter(points, 1.5)
    return np.asarray(ground + (1 - ground) * image / image.max())


PHANTOMS: dict[str, Callable[..., Image]] = {
    "cells": drawn_cells,
    "beads, equal": lambda seed, side=SIDE: beads(seed, 0.9, side=side),
    "beads, also dim ones": lambda seed, side=SIDE: beads(seed, 0.3, side=side),
}


def noisy(image: Image, noise: dict[str, Any], rng: np.random.Generator) -> Image:
    """Return an image with noise."""
    return rng.poisson(image) * 1.0 if noise["name"] == "poisson" else image + rng.normal(0, noise["sigma"], image.shape)


HEAD = "| | noise | 90 % interval covers | of each image | largest error / std | std is zero at | error / std, rms | nats |"


def row(title: str, what: str, truths: list[Image], noise: dict[str, Any], denoiser: str) -> None:
    """Print how true the instant interval of some images is.

    The last column is by how much their errors are better told than by one standard deviation for all, the true one: the mean
    logarithm of the likelihood ratio, a pixel.
    """
    errors, stds = [], []
    for seed, truth in enumerate(truths):
        y = noisy(truth, noise, np.random.default_rng(seed))
        result = nt.denoise(y, denoiser, std=True, noise=noise, outliers="keep")
        errors.append(np.ravel(result.image - truth))
        stds.append(np.ravel(result.std))
    held = [np.mean(np.abs(error) <= 1.645 * std) for error, std in zip(errors, stds, strict=True)]
    error, std = np.concatenate(errors), np.maximum(np.concatenate(stds), 1e-12)
    z, rms = np.abs(error) / std, np.sqrt((error**2).mean() / (std**2).mean())
    nats = 0.5 * (1 + np.log((error**2).mean())) - 0.5 * np.mean(z**2 + 2 * np.log(std))
    cells = f"{100 * np.mean(held):.1f} % | {100 * min(held):.0f}–{100 * max(held):.0f} % | {z.max():.1f}"
    print(f"| {title} | {what} | {cells} | {100 * (std <= 1e-12).mean():.1f} % | {rms:.2f} | {nats:.2f} |", flush=True)


def phantoms(denoiser: str, images: int) -> None:
    """Print how true the instant interval of drawn images is."""
    print(HEAD + "\n| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for title, draw in PHANTOMS.items():
        for what, (noise, brightest) in NOISES.items():
            row(title, what, [brightest * draw(100 + seed) for seed in range(images)], noise, denoiser)


def pictures(folder: Path, sets: list[str], denoiser: str, images: int) -> None:
    """Print how true it is on the middles of photographs and micrographs."""
    print("\n" + HEAD + "\n| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |")
    for name in sets:
        chosen = middles(folder / name, images)
        for what, (noise, brightest) in NOISES.items():
            row(name, what, [brightest * image for image in chosen], noise, denoiser)


def middles(folder: Path, images: int, side: int = SIDE) -> list[Image]:
    """Return the middles of some images of a set, with grey levels up to 1, those without structure left out."""
    found = [centre(image, side) for _, image in images_of(folder) if min(image.shape[2:]) >= side]
    found = [image[0, 0].double().numpy() for image in found if image.std() > 0.03]
    return [found[k] for k in np.unique(np.linspace(0, len(found) - 1, images).astype(int))]


def drawn_volume(seed: int) -> Image:
    """Draw ellipsoids of even brightness, blurred a little, on a ground of a twentieth of their brightness."""
    rng, image = np.random.default_rng(seed), np.full((DEPTH, SIDE // 2, SIDE // 2), 0.05)
    grid = np.indices(image.shape).reshape(3, -1).T
    for _ in range(8):
        middle, radii = rng.uniform(0, image.shape), rng.uniform((2, 4, 4), (6, 12, 12))
        image.ravel()[(((grid - middle) / radii) ** 2).sum(1) < 1] = rng.uniform(0.4, 1)
    return np.asarray(gaussian_filter(image, 0.8))


def volumes(denoiser: str, images: int) -> None:
    """Print how true intervals of stacks treated as volumes are: instant, of samples, and of means of cubes."""
    print("\n| drawn stacks, 16 × 48², σ = 0.1 | 90 % interval covers | of each | largest error / std | error / std, rms |")
    print("| --- | ---: | --- | ---: | ---: |")
    found: dict[str, list[tuple[Image, Image]]] = {}
    cubes = np.arange(DEPTH)[:, None, None] // 8 * 36 + np.arange(48)[:, None] // 8 * 6 + np.arange(48) // 8 + 1
    for seed in range(images):
        truth = drawn_volume(seed)
        y = truth + np.random.default_rng(seed).normal(0, 0.1, truth.shape)
        given: dict[str, Any] = {"denoiser": denoiser, "sigma": 0.1, "volume": True, "axes": "zyx", "spacing": (1.0, 1.0, 1.0)}
        instant = nt.denoise(y, std=True, outliers="keep", **given)
        sampled = nt.sample(y, samples=16, outliers="keep", **given)
        means = [each for each in nt.measure(y, cubes, outliers="keep", **given) if each.name == "mean"]
        exact = np.array([truth[cubes == each.region].mean() for each in means])
        found.setdefault("instant, pixels", []).append((instant.image - truth, instant.std))
        found.setdefault("16 samples, pixels", []).append((sampled.image - truth, sampled.std))
        pairs = np.array([[each.value, each.std] for each in means]).T
        found.setdefault("instant, means of 8 × 8 × 8", []).append((pairs[0] - exact, pairs[1]))
    for title, errors in found.items():
        held = [np.mean(np.abs(error) <= 1.645 * std) for error, std in errors]
        largest = max(np.max(np.abs(error) / std) for error, std in errors)
        rms = np.sqrt(sum((error**2).sum() for error, _ in errors) / sum((std**2).sum() for _, std in errors))
        each = ", ".join(f"{100 * share:.0f}" for share in held)
        print(f"| {title} | {100 * np.mean(held):.1f} % | {each} % | {largest:.1f} | {rms:.2f} |", flush=True)


def agreement(folder: Path, sets: list[str], denoiser: str, images: int) -> None:
    """Print how the instant standard deviation agrees with that of 64 samples."""
    print("\n| middles, 96 × 96 | σ | correlation with 64 samples, each | of all | median ratio |")
    print("| --- | ---: | --- | ---: | ---: |")
    for name in sets:
        chosen = [255 * image for image in middles(folder / name, images)]
        for sigma in (25.0,):
            instant, sampled = [], []
            for number, truth in enumerate(chosen):
                y = truth + np.random.default_rng(number).normal(0, sigma, truth.shape)
                instant.append(nt.denoise(y, denoiser, sigma=sigma, std=True).std)
                sampled.append(nt.sample(y, samples=64, denoiser=denoiser, sigma=sigma).std)
            each = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(instant, sampled, strict=True)]
            whole = np.corrcoef(np.ravel(instant), np.ravel(sampled))[0, 1]
            ratio = np.median(np.array(instant) / np.array(sampled))
            print(f"| {name} | {sigma:.0f} | {' '.join(f'{r:.2f}' for r in each)} | {whole:.2f} | {ratio:.2f} |", flush=True)


OTHERS = ("csc", "deep-ksvd", "lidia", "bm3d", "nlm", "wavelet", "total-variation")
"""Denoisers beside the U-Nets; the standard deviation of the last four follows from their Jacobian."""


def others(folder: Path, sets: list[str], names: list[str], images: int) -> None:
    """Print what 90 % intervals of other denoisers hold over all noises, and the factor at which the middle row would hold it."""
    kinds = {title: [draw(100 + seed) for seed in range(images)] for title, draw in PHANTOMS.items()}
    kinds |= {name: middles(folder / name, images) for name in sets}
    print(f"\n| denoiser | {' | '.join(kinds)} | largest | factor for 90 % |\n|{' --- |' * (len(kinds) + 3)}")
    for denoiser in names:
        cells, wanted, largest = [], [], 0.0
        for truths in kinds.values():
            shares = []
            for noise, brightest in NOISES.values():
                z = np.concatenate([standardised(brightest * truth, noise, denoiser, n) for n, truth in enumerate(truths)])
                shares.append(100 * np.mean(z <= 1.645))
                wanted.append(float(np.quantile(z, 0.9)) / 1.645)
                largest = max(largest, float(z.max()))
            cells.append(f"{np.mean(shares):.1f} ({min(shares):.0f}–{max(shares):.0f})")
        factor = f"{np.median(wanted):.2f} ({min(wanted):.2f}–{max(wanted):.2f})"
        print(f"| {denoiser} | {' | '.join(cells)} | {largest:.1f} | {factor} |", flush=True)


def standardised(truth: Image, noise: dict[str, Any], denoiser: str, seed: int) -> NDArray[np.float64]:
    """Return the errors of a denoised image, each over its standard deviation."""
    y = noisy(truth, noise, np.random.default_rng(seed))
    result = nt.denoise(y, denoiser, std=True, noise=noise, outliers="keep")
    return np.ravel(np.abs(result.image - truth) / np.maximum(result.std, 1e-12))


CORRELATED: dict[str, tuple[float, float]] = {
    "blurred by 0.5 px": (0.5, 0.5),
    "blurred by 1 px": (1.0, 1.0),
    "blurred by 1.5 px along x": (0.0, 1.5),
}
"""Standard deviations along Y and X, in pixels, of the blur of white noise."""
LARGER = 160
"""Height and width of images of whose noise also the correlation has to be found."""


def correlated(folder: Path, sets: list[str], denoiser: str, images: int) -> None:
    """Print how true the instant interval is where nothing is said of the noise, which correlates."""
    print("\n| | noise | σ | 90 % interval covers | of each image | largest error / std |\n|" + " --- |" * 6)
    kinds = {title: [draw(100 + seed, side=LARGER) for seed in range(images)] for title, draw in PHANTOMS.items()}
    kinds |= {name: middles(folder / name, images, LARGER) for name in sets}
    for title, truths in kinds.items():
        for what, blur in CORRELATED.items():
            for sigma in (0.05, 0.15):
                found = []
                for seed, truth in enumerate(truths):
                    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(truth.shape), blur, mode="wrap")
                    result = nt.denoise(truth + sigma * noise / noise.std(), denoiser, std=True, outliers="keep")
                    found.append(np.abs(result.image - truth) / np.maximum(result.std, 1e-12))
                held = [100 * np.mean(z <= 1.645) for z in found]
                cells = f"{np.mean(held):.1f} % | {min(held):.0f}–{max(held):.0f} % | {np.max(found):.1f}"
                print(f"| {title} | {what} | {sigma} | {cells} |", flush=True)


FRAMES = {"pairs_microscopy": 50, "pairs_w2s": 400}
"""Frames of which the truth of real images is the mean."""


def real(folder: Path, denoiser: str, images: int) -> None:
    """Print how true the instant interval of real images is, untouched, the noise of their truth counted."""
    print("\n| | 90 % interval covers | with the noise of the truth | largest error / std |\n|" + " --- |" * 4)
    for name, frames in FRAMES.items():
        found = [each for each in pairs(folder / name, 1) if not each[0].startswith("flim")]
        for title, raw, truth in found[:: max(1, len(found) // (2 * images))]:
            raw, truth = (middle(each) for each in (raw, truth))
            result = nt.denoise(raw, denoiser, std=True)
            terms = np.stack([result.image.ravel(), np.ones(raw.size)], 1).astype(np.float64)
            slope, ground = np.linalg.lstsq(terms, truth.ravel(), rcond=None)[0] if name in SCALED else (1.0, 0.0)
            error, std = np.abs(slope * result.image + ground - truth), abs(slope) * result.std
            own = slope**2 * np.var(raw - result.image) / frames + 1 / 12  # grey levels of truths are whole numbers
            whole = np.sqrt(std**2 + own)
            held = [100 * np.mean(error <= 1.645 * each) for each in (std, whole)]
            print(f"| {title} | {held[0]:.1f} % | {held[1]:.1f} % | {(error / whole).max():.1f} |", flush=True)


def middle(image: Image) -> Image:
    """Return the middle of a plane."""
    return centre(torch.from_numpy(image.astype(np.float64))[None, None], SIDE_OF_REAL)[0, 0].numpy()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--denoiser", default="unet")
    parser.add_argument("--denoisers", nargs="*", default=OTHERS)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=["phantoms", "pictures", "volumes", "agreement"])
    parser.add_argument("--sets", nargs="*", default=["bsd68", "clean"])
    options = parser.parse_args()
    if "phantoms" in options.only:
        phantoms(options.denoiser, options.images)
    if "pictures" in options.only:
        pictures(options.folder, options.sets, options.denoiser, options.images)
    if "volumes" in options.only:
        volumes(options.denoiser, options.images)
    if "denoisers" in options.only:
        others(options.folder, options.sets, options.denoisers, options.images)
    if "correlated" in options.only:
        correlated(options.folder, options.sets, options.denoiser, options.images)
    if "real" in options.only:
        real(options.folder, options.denoiser, options.images)
    if "agreement" in options.only:
        agreement(options.folder, options.sets, options.denoiser, options.images)


if __name__ == "__main__":
    main()
