"""Geometry-adaptive bases: a denoiser's own basis on an image, in which that image is sparser than in any fixed one.

A denoiser without biases is locally linear, ``f(y, σ) ≈ J y`` with J its Jacobian: it shrinks y in the eigenvectors of J, which
follow the contours of the image, oscillate along them and fade where there is nothing (Kadkhodaie, Guth, Simoncelli and Mallat,
ICLR 2024). How many of them it keeps is the trace of J.

Oracles: how far J y is from f(y, σ); the closed form of the eigenvalues of a denoiser that is linear; and the energy of the
clean image, less its mean, that the first k vectors of the basis hold, against the first k and the best k cosines.

Run ``python examples/other_fields/adaptive_bases.py [IMAGE]``: half a minute. Of an image, the middle square is taken.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.fft import dctn

import napari_tweedie as nt
from napari_tweedie import denoisers

sys.path.append(str(Path(__file__).parents[1]))
from picture import draw


def regions(side: int) -> np.ndarray:
    """Return an image of smooth regions with sharp, bent contours, from 0 to 1."""
    y, x = np.mgrid[:side, :side] / side
    inside = np.hypot(y - 0.45, x - 0.4) < 0.27 + 0.06 * np.sin(3 * np.arctan2(y - 0.45, x - 0.4))
    return 0.3 + 0.15 * y - 0.1 * np.cos(3 * x) + 0.5 * inside + 0.25 * (y + 0.5 * x**2 > 0.95)


def jacobian(denoiser: Any, y: torch.Tensor, sigma: float, batch: int = 64) -> torch.Tensor:
    """Return the Jacobian of f(·, σ) at y, shape (pixels, pixels), a row for every pixel of the result."""
    pixels = y.numel()
    rows = []
    for start in range(0, pixels, batch):
        ones = torch.eye(pixels)[start : start + batch]
        x = y.expand(len(ones), 1, *y.shape[2:]).clone().requires_grad_()
        (products,) = torch.autograd.grad(denoiser(x, sigma), x, ones.view_as(x))
        rows.append(products.flatten(1))
    return torch.cat(rows)


def adaptive_bases(
    image: str | Path | None = None, side: int = 32, sigma: float = 0.1, denoiser: str = "unet-small", seed: int = 0
) -> dict[str, Any]:
    """Return what the basis of a denoiser on a noisy image holds.

    Parameters
    ----------
    image : path, optional
        A clean image, of which the middle square is taken; by default one of smooth regions with bent contours.
    side : int
        Pixels a side.
    sigma : float
        Noise level, where the image has a range of 1.
    denoiser : str
        Name of a denoiser.
    seed : int
        Of the noise.
    """
    plane = np.asarray(nt.read(image).data, float) if image else regions(side)
    top, left = ((length - side) // 2 for length in plane.shape)
    clean = plane[top : top + side, left : left + side]
    clean = (clean - clean.min()) / np.ptp(clean)
    noisy = clean + sigma * np.random.default_rng(seed).normal(size=clean.shape)
    y = torch.tensor(noisy, dtype=torch.float32)[None, None]
    f = denoisers.load(denoiser, precision="float32") if denoiser.startswith("unet") else denoisers.load(denoiser)

    j = jacobian(f, y, sigma)
    with torch.no_grad():
        denoised = f(y, sigma)
    off = float((j @ y.flatten() - denoised.flatten()).norm() / denoised.norm())
    values, vectors = torch.linalg.eigh((j + j.T) / 2)
    values, vectors = values.flip(0).numpy(), vectors.flip(1).numpy()
    asymmetry = float((j - j.T).norm() / (j + j.T).norm())

    kept = max(1, round(float(j.trace())))
    detail = (clean - clean.mean()).ravel()
    cosines = dctn(clean - clean.mean(), norm="ortho").ravel() ** 2
    smooth = np.argsort(np.hypot(*np.mgrid[:side, :side]).ravel(), kind="stable")
    energy = np.square(detail).sum()
    return {
        "kept (trace)": kept,
        "J y off f(y), %": 100 * off,
        "asymmetry, %": 100 * asymmetry,
        "left by k own vectors, %": 100 * (1 - np.square(vectors[:, :kept].T @ detail).sum() / energy),
        "left by the first k cosines, %": 100 * (1 - cosines[smooth[:kept]].sum() / energy),
        "left by the best k cosines, %": 100 * (1 - np.sort(cosines)[::-1][:kept].sum() / energy),
        "noise passed, %": 100 * float((j**2).sum()) / j.shape[0],
        "eigenvalues": values,
        "vectors": vectors.T.reshape(-1, side, side),
        "images": {"clean": clean, "noisy": noisy, "denoised": denoised[0, 0].numpy()},
    }


def panels(found: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the images, and vectors of the basis from 0 to 1, grey where they are zero."""
    kept, images = found["kept (trace)"], found["images"]
    chosen = {f"vector {n}": found["vectors"][n - 1] for n in sorted({2, 6, max(3, kept // 3), kept})}
    return images | {name: 0.5 + 0.5 * vector / np.abs(vector).max() for name, vector in chosen.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="?", help="a clean plane; by default smooth regions with bent contours")
    parser.add_argument("--picture", type=Path, help="PNG to write")
    given = parser.parse_args()
    found = adaptive_bases(given.image)
    for name, value in found.items():
        if isinstance(value, (int, float)):
            print(f"{name}: {value:.4g}")
    if given.picture:
        draw(panels(found)).save(given.picture)
