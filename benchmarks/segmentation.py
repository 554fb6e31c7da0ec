"""Segmentation of nuclei after denoising, and whether the F1 score of a classical method rises.

    python benchmarks/segmentation.py DATA [--quick] [--denoiser unet]

Otsu's threshold and a watershed of the distance to the background (scikit-image) segment simulated nuclei of known labels,
and real ones (DATA/sample_candidates/cells_dna_2d.png), whose labels are those that the same method finds without noise. Photon
noise of some photons where nuclei are bright, and read noise of one photon, are added. Compared are the noisy image, Gaussian
filters of it, and the untouched denoiser. An object is found where its overlap over union with one of the truth exceeds one half.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.measure import label
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed

import napari_tweedie as nt

SIDE, RADIUS = 256, 9.0
PHOTONS = (2, 5, 10, 30)


def nuclei(rng: np.random.Generator, count: int = 45) -> tuple[np.ndarray, np.ndarray]:
    """Return nuclei, as photons where 1 is bright, and their labels; some touch."""
    y, x = np.mgrid[:SIDE, :SIDE]
    image, labels = np.full((SIDE, SIDE), 0.08), np.zeros((SIDE, SIDE), int)
    texture = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2)
    texture /= texture.std()
    places: list[np.ndarray] = []
    while len(places) < count:
        place = rng.uniform(0, SIDE, 2)
        if any(np.hypot(*(place - other)) < 1.75 * RADIUS for other in places):
            continue
        places.append(place)
        angle, (a, b) = rng.uniform(0, np.pi), RADIUS * rng.uniform(0.75, 1.2, 2)
        u = (y - place[0]) * np.cos(angle) + (x - place[1]) * np.sin(angle)
        v = (x - place[1]) * np.cos(angle) - (y - place[0]) * np.sin(angle)
        inside = ((u / a) ** 2 + (v / b) ** 2 < 1) & (labels == 0)
        labels[inside] = len(places)
        image[inside] = rng.uniform(0.5, 1.0) * (1 + 0.12 * texture[inside])
    return gaussian_filter(image, 1.0), labels


def segment(image: np.ndarray) -> np.ndarray:
    """Return labels by Otsu's threshold, and a watershed of the distance from the background."""
    mask = remove_small_objects(image > threshold_otsu(image), max_size=30)
    distance = gaussian_filter(distance_transform_edt(mask), 1.0)
    seeds = np.zeros(image.shape, int)
    peaks = peak_local_max(distance, min_distance=6, labels=label(mask), exclude_border=False)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, seeds, mask=mask)


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    """Return 2 TP / (2 TP + FP + FN) of objects whose overlap over union exceeds one half, which pairs them one to one."""
    table = np.histogram2d(found.ravel(), truth.ravel(), (np.arange(found.max() + 2), np.arange(truth.max() + 2)))[0]
    union = table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table
    true = int((table / np.maximum(union, 1) > 0.5)[1:, 1:].sum())
    objects = sum(len(np.setdiff1d(np.unique(labels), 0)) for labels in (found, truth))
    return 2 * true / max(objects, 1)


def scored(image: np.ndarray, truth: np.ndarray, photons: float, denoiser: str, rng: np.random.Generator) -> dict[str, float]:
    """Return the F1 of every way to treat the noise."""
    noisy = rng.poisson(photons * image) + rng.normal(0, 1, image.shape)
    ways = {"noisy": noisy, "Gaussian 1": gaussian_filter(noisy, 1.0), "Gaussian 2": gaussian_filter(noisy, 2.0)}
    ways |= {"untouched": nt.denoise(noisy, denoiser).image, "without noise": image}
    return {name: f1(segment(each), truth) for name, each in ways.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--denoiser", default="unet")
    given = parser.parse_args()
    count = 1 if given.quick else 3
    real = nt.read(given.data / "sample_candidates" / "cells_dna_2d.png").data.astype(float)
    real = (real - np.percentile(real, 1)) / (np.percentile(real, 99.5) - np.percentile(real, 1))
    crops = [real[y : y + SIDE, x : x + SIDE].clip(0) for y in (0, SIDE) for x in (0, SIDE)][:count]
    print(
        "| nuclei | photons | " + " | ".join(names := ["noisy", "Gaussian 1", "Gaussian 2", "untouched", "without noise"]) + " |"
    )
    print("| --- | --: " + "| --: " * len(names) + "|")
    for kind in ("simulated", "real"):
        images = [nuclei(np.random.default_rng(n)) for n in range(count)]
        if kind == "real":
            images = [(crop, segment(crop)) for crop in crops]
        for photons in PHOTONS:
            found = [scored(*each, photons, given.denoiser, np.random.default_rng(n)) for n, each in enumerate(images)]
            means = [f"{np.mean([each[name] for each in found]):.3f}" for name in names]
            print(f"| {kind} | {photons} | {' | '.join(means)} |", flush=True)


if __name__ == "__main__":
    main()
