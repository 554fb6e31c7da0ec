"""Measurements with intervals, and intervals with a guarantee: how often they hold the truth.

Middles of photographs and micrographs with Gaussian noise of 25 grey levels are sampled; sixteen square regions of each are
measured: mean, integrated intensity, and area and objects above Otsu's threshold of the truth. (At a grey level that many pixels
have, such as the black of even ground, no area is defined.) Means, intensities and profiles are also those of the denoised image,
without samples, there and on drawn cells and beads with photon noise. Then crops are calibrated by risk control on random halves.

Usage: ``python benchmarks/measurements.py DATA [--images N] [--others] [--denoiser NAME] [--only PART …]``, the parts being
``regions``, ``instant``, ``photons`` and ``risks``; DATA holds the folders ``bsd68`` and ``clean``; the others are images between
those on which it was seen what samples lack.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from denoising import centre, images_of
from instant import NOISES, PHANTOMS, noisy
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

import napari_tweedie as nt
from napari_tweedie.analysis.measurements import measure_regions
from napari_tweedie.analysis.profiles import line_profile
from napari_tweedie.analysis.risk_control import FACTORS, guarantee, outside_of
from napari_tweedie.engine.quantities import profile

Image = NDArray[np.float64]
SIGMA, SIDE, SQUARE, CROP = 25.0, 64, 16, 48
ALPHA = DELTA = 0.1


def middles(folder: Path, count: int, others: bool) -> list[Image]:
    """Return the middles of images of both folders, half of each, those without any structure left out."""
    chosen = []
    for name, share in (("clean", count // 2), ("bsd68", count - count // 2)):
        found = [255 * centre(image, SIDE)[0, 0].numpy() for _, image in images_of(folder / name) if min(image.shape[2:]) >= SIDE]
        found = [image for image in found if image.std() > 8]
        places = np.linspace(0, len(found) - 1, share).astype(int)
        between = (places[:-1] + places[1:]) // 2
        chosen += [found[k] for k in (np.setdiff1d(between, places) if others else np.unique(places))]
    return chosen


def squares(side: int = SIDE, square: int = SQUARE) -> NDArray[np.int64]:
    """Return labels of squares that tile an image."""
    place = np.arange(side) // square
    return np.asarray(1 + place[:, None] * (side // square) + place)


def regions(images: list[Image], denoiser: str) -> None:
    """Print how often the 90 % interval of every quantity holds the truth."""
    labels, held = squares(), {}
    for number, truth in enumerate(images):
        y = truth + np.random.default_rng(number).normal(0, SIGMA, truth.shape)
        threshold = float(threshold_otsu(truth))
        result = nt.sample(y, samples=16, denoiser=denoiser, sigma=SIGMA, outliers="keep")
        exact = measure_regions(np.repeat(truth[None], 4, 0), labels, threshold=threshold)
        for found, true in zip(measure_regions(result.images["samples"], labels, threshold=threshold), exact, strict=True):
            low, high = found.interval
            held.setdefault(found.name, []).append((number, low - 1e-6 <= true.value <= high + 1e-6))
    print(f"| quantity, 16 regions of {len(images)} images | 90 % interval holds the truth | standard error over images |")
    print("| --- | ---: | ---: |")
    for name, pairs in held.items():
        table = np.array(pairs)
        shares = [table[table[:, 0] == number, 1].mean() for number in range(len(images))]
        print(f"| {name} | {100 * np.mean(shares):.1f} % | {100 * np.std(shares) / len(shares) ** 0.5:.1f} % |", flush=True)


def instant(images: list[Image], denoiser: str) -> None:
    """Print how often intervals of denoised images hold the truth."""
    print("| without samples, σ = 25 | 90 % interval holds the truth | standard error over images | largest error / std |")
    print("| --- | ---: | ---: | ---: |")
    simulated = [(truth, truth + np.random.default_rng(n).normal(0, SIGMA, truth.shape)) for n, truth in enumerate(images)]
    print_held(simulated, (4, 8, 16, 32), "", denoiser=denoiser, sigma=SIGMA, outliers="keep")


def photons(denoiser: str, images: int) -> None:
    """Print the same for drawn images with photon noise."""
    print("| without samples | 90 % interval holds the truth | standard error over images | largest error / std |")
    print("| --- | ---: | ---: | ---: |")
    for title, draw in PHANTOMS.items():
        for what, (noise, brightest) in NOISES.items():
            truths = [brightest * draw(100 + seed) for seed in range(images)]
            pairs = [(truth, noisy(truth, noise, np.random.default_rng(seed))) for seed, truth in enumerate(truths)]
            print_held(pairs, (8, 16), f"{title}, {what}: ", denoiser=denoiser, noise=noise, outliers="keep")


def print_held(pairs: list[tuple[Image, Image]], sizes: tuple[int, ...], title: str, **fields: Any) -> None:
    """Print how often the truth of images lies in the intervals of the means of squares and of lines across the image."""
    for size in sizes:
        found = []
        for truth, y in pairs:
            labels = squares(len(truth), size)
            if size < SQUARE:  # a few of the many
                labels[np.isin(labels % (4 * (SQUARE // size) ** 2), (1, 2, 3, 4), invert=True)] = 0
            means = [each for each in nt.measure(y, labels, **fields) if each.name == "mean"]
            found.append([(truth[labels == each.region].mean() - each.value) / each.std for each in means])
        print_line(f"{title}means of {size} × {size}", found)
    found = []
    for truth, y in pairs:
        ends = ((len(truth) // 3, 2), (2 * len(truth) // 3, len(truth) - 3))
        line = profile(y, *ends, **fields)
        exact = line_profile(np.repeat(truth[None], 4, 0), *ends).mean
        found.append((exact - line.mean) / ((line.upper - line.lower) / 2 / 1.645))
    print_line(f"{title}points of a profile", found)


def print_line(title: str, found: list[Any]) -> None:
    """Print how often standardised errors, a list an image, are below those of a 90 % interval."""
    shares = [np.mean(np.abs(errors) <= 1.645) for errors in found]
    held = f"{100 * np.mean(shares):.1f} % | {100 * np.std(shares) / len(shares) ** 0.5:.1f} %"
    print(f"| {title} | {held} | {max(np.max(np.abs(errors)) for errors in found):.1f} |", flush=True)


def risks(folder: Path, denoiser: str) -> None:
    """Print in how many random splits of crops, an image each, the guarantee holds on the crops it was not calibrated on."""
    curves = np.array([curve for name in ("clean", "bsd68") for curve in curves_of(folder / name, denoiser)])
    rng = np.random.default_rng(0)
    print(
        f"\n| risk control, α = δ = 0.1, calibrated on n of {len(curves)} crops of {CROP} × {CROP}, 100 random splits |", end=""
    )
    print(" at most 10 % outside on the others | outside on the others, mean | factor | leaving one out |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for count in (10, 21, 22, 30, 41, 60):
        held, factors, spread = [], [], []
        for _ in range(100):
            order = rng.permutation(len(curves))
            try:
                found = guarantee(curves[order[:count]], ALPHA, DELTA)
            except ValueError as error:
                print(f"| n = {count} | {error} | | | |", flush=True)
                break
            place = int(np.argmin(np.abs(np.array(FACTORS) - found.factor)))
            held.append(curves[order[count:], place].mean())
            factors.append(found.factor)
            finite = [factor for factor in found.left_out if np.isfinite(factor)]
            spread.append(max(finite) / min(finite) if len(finite) == count else np.nan)
        else:
            share, risk = np.mean(np.array(held) <= ALPHA), np.mean(held)
            told = "other n do not suffice" if np.isnan(spread).all() else f"× {np.nanmedian(spread):.2f}"
            width = f"{np.mean(factors):.2f} ± {np.std(factors):.2f}"
            print(f"| n = {count} | {100 * share:.0f} % of the splits | {100 * risk:.1f} % | {width} | {told} |", flush=True)


def curves_of(folder: Path, denoiser: str) -> list[NDArray[np.float64]]:
    """Return which share of a crop of every image lies outside of instant intervals of every width."""
    curves = []
    for number, (_, image) in enumerate(images_of(folder)):
        truth = 255 * centre(image, CROP)[0, 0].numpy()
        y = truth + np.random.default_rng(number).normal(0, SIGMA, truth.shape)
        result = nt.denoise(y, denoiser, sigma=SIGMA, std=True, outliers="keep")
        curves.append(outside_of(np.abs(result.image - truth) / result.std, 1.645))
    return curves


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--denoiser", default="unet-small")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--only", nargs="*", default=["regions", "instant", "photons", "risks"])
    options = parser.parse_args()
    if "regions" in options.only:
        regions(middles(options.folder, options.images, options.others), options.denoiser)
    if "instant" in options.only:
        instant(middles(options.folder, options.images, options.others), options.denoiser)
    if "photons" in options.only:
        photons(options.denoiser, 3)
    if "risks" in options.only:
        risks(options.folder, options.denoiser)


if __name__ == "__main__":
    main()
