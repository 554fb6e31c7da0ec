"""Maker of the sample images: ``python sample_data/make.py SOURCES`` makes them again, pixel for pixel.

SOURCES is a folder with the originals that README.md names. The images are written beside this script.
Grey levels of the simulated samples follow one model of a camera, ``offset + gain * Poisson(photons) + Normal(0, read_noise)``,
and their truths are what it gives without noise, ``offset + gain * photons``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.signal import fftconvolve
from scipy.special import j0

from napari_tweedie.images.files import read, write

HERE = Path(__file__).parent

ACTIN = {
    "source": "github.com/CellProfiler/examples, ExampleHuman, AS_09125_050116030001_D03f00d2",
    "licence": "CC0-1.0",
    "credit": "David Root and Jason Moffat; Moffat et al., Cell 124:1283 (2006)",
}
DIATOM = {
    "source": "github.com/scikit-image/skimage-tutorials, data/diatom-wild-000",
    "licence": "CC-BY-4.0",
    "credit": "Trofimov et al., npj Computational Materials 5:67 (2019)",
}
TEM = {
    "source": "github.com/hiroyasukatsuno/Fast-Improvement-Low-Dose-TEMimages, train/0001",
    "licence": "MIT",
    "credit": "Katsuno et al., Microscopy and Microanalysis 28:138 (2022)",
}
EXPOSURE = {
    "source": "GigaDB data set of Hagen et al., actin-20x-noise1 (8-bit copy)",
    "licence": "CC0-1.0",
    "credit": "Hagen et al., GigaScience 10:giab032 (2021)",
}
BRAIN = {
    "source": "github.com/mikgroup/sigpy-mri-tutorial, data/cartesian_ksp.npy",
    "licence": "BSD-3-Clause, copyright 2019 mikgroup",
    "credit": "mikgroup (Frank Ong, Michael Lustig and others)",
}
TOOTH = {
    "source": "github.com/tomopy/tomopy, source/tomopy/data/tooth.h5, one row",
    "licence": "licence of TomoPy (BSD-3-Clause with notice)",
    "credit": "UChicago Argonne, LLC; Gürsoy et al., Journal of Synchrotron Radiation 21:1188 (2014)",
}
OWN = {"source": "computed by sample_data/make.py", "licence": "BSD-3-Clause"}

RADII = np.array([3.0, 3.2, 3.2])
CENTRES = [
    (0.42, 0.42, 0.36), (0.55, 0.34, 0.72), (0.50, 0.72, 0.56), (0.62, 0.80, 0.18), (0.30, 0.10, 0.14), (0.70, 0.86, 0.92),
    (0.22, 0.38, 0.62), (0.84, 0.52, 0.38), (0.28, 0.62, 0.86), (0.26, 0.70, 0.22),
]  # fmt: skip
"""Radii of a cell in micrometres; where cells lie, in fractions of the volume."""


def camera(photons: NDArray[Any], gain: float, offset: float, read_noise: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return the counts that a camera reads where it expects `photons`; gain in counts a photon, the others in counts."""
    return counts(offset + gain * rng.poisson(photons) + rng.normal(0, read_noise, photons.shape))


def counts(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Round to what a 16-bit camera can tell apart."""
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def actin(sources: Path) -> NDArray[Any]:
    """Return an image of actin in cells, as photons: 120 where it is brightest."""
    grey = read(sources / "cells_actin_2d.png").data.astype(float)
    return 120 * (grey - grey.min()) / (grey.max() - grey.min())


def fluorescence(sources: Path, rng: np.random.Generator) -> None:
    """Make a noisy fluorescence image."""
    photons = actin(sources)
    settings = {"gain": 2.0, "offset": 100.0, "read_noise": 12.0}
    write(HERE / "fluorescence.tif", camera(photons, **settings, rng=rng), "yx", metadata={**ACTIN, "noise": settings})
    write(HERE / "fluorescence_truth.tif", counts(100 + 2 * photons), "yx", metadata=ACTIN)


def bleaching(sources: Path, rng: np.random.Generator) -> None:
    """Make a time-lapse that fades, a frame every 30 s: the noise hardly changes, the signal falls to a quarter."""
    fading = np.exp(-np.linspace(0, np.log(4), 6))
    photons = fading[:, None, None] * actin(sources)[240:432, 160:352]
    settings = {"gain": 2.0, "offset": 100.0, "read_noise": 6.0}
    notes = {**ACTIN, "noise": settings}
    write(HERE / "bleaching.tif", camera(photons, **settings, rng=rng), "tyx", (30, 1, 1), metadata=notes)
    write(HERE / "bleaching_truth.tif", counts(100 + 2 * photons), "tyx", (30, 1, 1), metadata=ACTIN)


def widefield_psf(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], na: float, index: float, wavelength: float
) -> NDArray[Any]:
    """Compute the point-spread function of an ideal widefield microscope by Debye's scalar diffraction integral.

    ``h(r, z) = |int_0^alpha sqrt(cos t) J0(k n r sin t) exp(i k n z cos t) sin t dt|^2`` with ``n sin(alpha) = NA``.

    Parameters
    ----------
    shape : tuple of int
        Odd numbers of planes, rows and columns.
    spacing : tuple of float
        Distances of planes, rows and columns, in micrometres.
    na, index, wavelength : float
        Numerical aperture, refractive index of the immersion, wavelength of emission in micrometres.

    Returns
    -------
    ndarray
        Values at the centres of the voxels, of sum 1.
    """
    depth, y, x = (step * (np.arange(n) - n // 2) for n, step in zip(shape, spacing, strict=True))
    angle = np.linspace(0, np.arcsin(na / index), 400)
    k = 2 * np.pi * index / wavelength
    radius = np.linspace(0, np.hypot(y[-1], x[-1]), 800)
    lens = np.sqrt(np.cos(angle)) * np.sin(angle) * j0(k * np.outer(radius, np.sin(angle)))
    field = lens @ np.exp(1j * k * np.outer(np.cos(angle), depth))
    distance = np.hypot(y[:, None], x)
    psf = np.stack([np.interp(distance, radius, plane) for plane in np.abs(field.T) ** 2])
    return psf / psf.sum()


def cells(shape: tuple[int, int, int], spacing: tuple[float, float, float], rng: np.random.Generator) -> NDArray[Any]:
    """Draw cells: membranes, nuclei with chromatin, filaments and vesicles, in the volume and across its faces.

    Returns
    -------
    ndarray
        Brightness, from 0 to about 2.
    """
    step = np.array(spacing)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) * step
    chromatin = smooth_noise(shape, 0.18 / step, rng)
    dents = smooth_noise(shape, 1.0 / step, rng)
    image, filaments, vesicles = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for centre in np.array(CENTRES) * shape * step:
        radii = RADII * rng.uniform(0.85, 1.1, 3)
        distance = np.linalg.norm((grid - centre) / radii, axis=-1) + 0.06 * dents
        image += 0.35 * np.exp(-(((distance - 1) / 0.03) ** 2))
        image += (0.06 + 0.20 * np.clip(0.3 + 0.6 * chromatin, 0, 1.2)) / (1 + np.exp((distance - 0.55) / 0.015))
        for _ in range(50):
            draw(filaments, (centre + radii * curve(rng)) / step)
        draw(vesicles, (centre + radii * rng.uniform(0.65, 0.9, (16, 1)) * directions(16, rng)) / step)
    filaments = gaussian_filter(np.minimum(filaments, np.quantile(filaments[filaments > 0], 0.9)), 0.08 / step)
    vesicles = gaussian_filter(vesicles, 0.11 / step)
    return image + 0.50 * filaments / np.quantile(filaments, 0.999) + 2 * vesicles / vesicles.max()


def smooth_noise(shape: tuple[int, ...], sigma: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    """Draw Gaussian noise that is correlated over `sigma` voxels, of standard deviation 1."""
    noise = gaussian_filter(rng.normal(size=shape), sigma)
    return noise / noise.std()


def directions(count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Draw unit vectors, shape (count, 3)."""
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def curve(rng: np.random.Generator) -> NDArray[Any]:
    """Draw the points of a bent line between a nucleus and the membrane of a cell of radius 1, shape (n, 3)."""
    towards, sideways = directions(2, rng) * (0.4, 1, 1)
    along = np.linspace(0, rng.uniform(1.0, 2.5), 400)[:, None]
    bend = rng.uniform(0.1, 0.4) * np.sin(3 * along + rng.uniform(0, 6)) * np.cross(towards, sideways)
    line = towards * np.cos(along) + sideways * np.sin(along) + bend
    return (
        line
        / np.linalg.norm(line, axis=-1, keepdims=True)
        * np.linspace(rng.uniform(0.58, 0.95), rng.uniform(0.58, 0.95), 400)[:, None]
    )


def draw(volume: NDArray[Any], points: NDArray[Any]) -> None:
    """Add 1 to the voxels that `points` (in voxels, shape (n, 3)) fall into."""
    voxels = np.rint(points).astype(int)
    inside = ((voxels >= 0) & (voxels < volume.shape)).all(axis=-1)
    np.add.at(volume, tuple(voxels[inside].T), 1)


def stack(rng: np.random.Generator) -> None:
    """Make a blurred stack of cells; it is cut from a larger one, so that light from outside reaches in."""
    shape, spacing, unit = (32, 128, 128), (0.3, 0.1, 0.1), "micrometer"
    optics = {"na": 1.3, "index": 1.515, "wavelength": 0.52}
    psf = widefield_psf((25, 51, 51), spacing, **optics).astype(np.float32)
    around = tuple(n + m - 1 for n, m in zip(shape, psf.shape, strict=True))
    photons = 1000 * cells(around, spacing, rng)
    blurred = np.maximum(fftconvolve(photons, psf.astype(float), mode="valid"), 0)
    inner = photons[tuple(slice(m // 2, m // 2 + n) for n, m in zip(shape, psf.shape, strict=True))]
    settings = {"gain": 1.0, "offset": 100.0, "read_noise": 0.0}
    notes = {**OWN, "optics": optics, "noise": settings}
    write(HERE / "stack.tif", camera(blurred, **settings, rng=rng), "zyx", spacing, unit, notes)
    write(HERE / "stack_psf.tif", psf, "zyx", spacing, unit, {**OWN, "optics": optics})
    write(HERE / "stack_truth.tif", counts(100 + inner), "zyx", spacing, unit, OWN)


def beads(rng: np.random.Generator) -> None:
    """Make beads, far smaller than the resolution and anywhere between voxels, as the microscope of the stack sees them."""
    shape, spacing, unit, fine = (32, 96, 96), (0.3, 0.1, 0.1), "micrometer", (3, 2, 2)
    optics = {"na": 1.3, "index": 1.515, "wavelength": 0.52}
    psf = widefield_psf((75, 103, 103), tuple(step / n for step, n in zip(spacing, fine, strict=True)), **optics)  # type: ignore[arg-type]
    photons = np.full(shape, 3.0)
    for row, column in np.ndindex(3, 3):
        place = np.array([15.5, 32 * row + 16, 32 * column + 16]) + rng.uniform(-2, 2, 3)
        voxels = (np.indices(shape).T - place).T
        there = [along * n + size // 2 for along, n, size in zip(voxels, fine, psf.shape, strict=True)]
        photons += 60000 * np.prod(fine) * rng.uniform(0.7, 1) * map_coordinates(psf, there, order=1)
    settings = {"gain": 1.0, "offset": 100.0, "read_noise": 0.0}
    notes = {**OWN, "optics": optics, "noise": settings}
    write(HERE / "beads.tif", camera(photons, **settings, rng=rng), "zyx", spacing, unit, notes)


def missing(sources: Path, rng: np.random.Generator) -> None:
    """Make an image of a diatom of which scattered pixels, some lines and some spots were not recorded."""
    truth = read(sources / "sem_diatom.png").data[20:532, 230:742]
    mask = rng.random(truth.shape) < 0.4
    mask[rng.choice(512, 5, replace=False)] = True
    mask[:, 341:343] = True
    row, column = np.ogrid[:512, :512]
    for centre in rng.uniform(20, 492, (12, 2)):
        mask |= np.hypot(row - centre[0], column - centre[1]) < rng.uniform(3, 7)
    write(HERE / "missing.tif", np.where(mask, 0, truth).astype(np.uint8), "yx", metadata=DIATOM)
    write(HERE / "missing_mask.tif", mask, "yx", metadata=OWN)
    write(HERE / "missing_truth.tif", truth, "yx", metadata=DIATOM)


def short_exposure(sources: Path) -> None:
    """Write a short and a long exposure of one field."""
    for made, original in (("short_exposure", "raw"), ("short_exposure_truth", "gt")):
        write(HERE / f"{made}.tif", read(sources / f"actin-20x-noise1_{original}.png").data, "yx", metadata=EXPOSURE)


def low_dose_tem(sources: Path) -> None:
    """Copy an electron micrograph of very low dose, for which there is no truth."""
    write(HERE / "low_dose_tem.tif", read(sources / "tem_lowdose_1.png").data, "yx", metadata=TEM)


def ct_sinogram(sources: Path) -> None:
    """Write the projections of a tooth as line integrals, detector positions by angles, about the middle of the detector."""
    with np.load(sources / "ct_sinogram_tooth.npz") as scan:
        light = (scan["proj"] - scan["dark"]) / (scan["white"] - scan["dark"])
    integrals = -np.log(light)[:, 1:589].reshape(len(light), 294, 2).mean(-1)  # the axis of rotation is at 295.5 of 640
    write(HERE / "ct_sinogram.tif", integrals.T.astype(np.float32), "yx", metadata=TOOTH)


def mri_kspace(sources: Path) -> None:
    """Write the k-space of a brain as real and imaginary part of one coil after the other, zero where nothing was measured."""
    with np.load(sources / "mri_brain_8coil_kspace.npz") as scan:
        coils = scan["ksp"]
    parts = np.stack([coils.real, coils.imag], 1).reshape(-1, *coils.shape[1:])
    write(HERE / "mri_kspace.tif", parts.astype(np.float32), "qyx", metadata=BRAIN)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path, help="folder with the originals")
    folder = parser.parse_args().sources
    fluorescence(folder, np.random.default_rng(1))
    stack(np.random.default_rng(2))
    missing(folder, np.random.default_rng(3))
    bleaching(folder, np.random.default_rng(4))
    short_exposure(folder)
    low_dose_tem(folder)
    ct_sinogram(folder)
    mri_kspace(folder)
    beads(np.random.default_rng(5))
