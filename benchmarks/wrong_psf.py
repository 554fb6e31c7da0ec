"""Wrong point-spread functions: how often they are doubted, what they cost, and what the width that is proposed gives.

    python benchmarks/wrong_psf.py DATA [--side 128] [--every 1] [--factors 0.7,1,1.2,1.4,2] [--volumes]

DATA has the folders `set12` (photographs), `clean` (micrographs) and `deconv3d`. Blurred by a Gaussian of std 1.6 pixels,
with what lies beyond the border; noise is Gaussian, of 1, 4 and 12 of 255, or of 100 and 1000 photons where it is brightest.
Restored untouched but for the noise, which is known, with blurs so many times as wide. Stacks are blurred by a microscope.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from skimage.io import imread
from skimage.transform import downscale_local_mean

import napari_tweedie as nt
from napari_tweedie import degradations

STD, BORDER, RIM = 1.6, 24, 10
PHOTOGRAPHS = ("01", "02", "04", "07", "09", "10")
MICROGRAPHS = ("hela_c0", "hela_c1", "fly_POS218_F", "fly_POS218_R", "vnc_s1_17", "vnc_s1_19")
NOISES = ("1", "4", "12", "100 photons", "1000 photons")


def planes(data: Path, side: int) -> dict[str, np.ndarray]:
    """Return the middles of photographs, micrographs and drawn scenes, with a border, from 0 to 255."""
    images = {name: imread(data / "set12" / f"{name}.png") for name in PHOTOGRAPHS}
    images |= {name: downscale_local_mean(_grey(imread(data / "clean" / f"{name}.png")), (2, 2)) for name in MICROGRAPHS}
    rng, whole = np.random.default_rng(1), side + 2 * BORDER
    images["beads"] = np.zeros((whole, whole))
    images["beads"][tuple(rng.integers(0, whole, (2, whole * whole // 300)))] = rng.uniform(1, 5, whole * whole // 300)
    images["discs"] = np.zeros((whole, whole))
    for y, x in rng.uniform(0, whole, (40, 2)):
        away = np.hypot(*(np.indices((whole, whole)) - np.array([y, x])[:, None, None]))
        images["discs"][away < rng.uniform(5, 12)] += rng.uniform(1, 4)
    return {name: _middle(np.asarray(image, float), whole) for name, image in images.items()}


def _grey(image: np.ndarray) -> np.ndarray:
    return np.asarray(image[..., 0] if image.ndim == 3 else image, float)


def _middle(image: np.ndarray, whole: int) -> np.ndarray:
    y, x = ((n - whole) // 2 for n in image.shape)
    crop = image[y : y + whole, x : x + whole]
    return (crop - crop.min()) / (crop.max() - crop.min()) * 255


def stacks(data: Path) -> dict[str, np.ndarray]:
    """Return stacks of 16 x 64 x 64 voxels, from 0 to 1: cells of the sample, pollen, balls, beads."""
    shape, rng = (16, 64, 64), np.random.default_rng(3)
    cells = tifffile.imread(Path(nt.__file__).parent / "sample_data" / "stack_truth.tif").astype(float)
    pollen = tifffile.imread(data / "deconv3d" / "pollen_gt.tif").astype(float)
    found = {"cells": cells[8:24, 64:, 64:], "pollen": pollen[8:24, 96:160, 96:160]}
    places = rng.uniform(0, 1, (25, 3)) * shape
    away = [np.linalg.norm((np.indices(shape) - place[:, None, None, None]).T * (1, 1, 3), axis=-1).T for place in places]
    found["balls"] = gaussian_filter((np.min(away, 0) < 4).astype(float), (0.3, 1, 1))
    points = np.zeros(shape)
    points[tuple(rng.integers(0, n, 15) for n in shape)] = 1
    found["beads"] = gaussian_filter(points, (0.3, 0.8, 0.8))
    return {name: (image - image.min()) / (image.max() - image.min()) for name, image in found.items()}


def noisy(light: np.ndarray, noise: str, rng: np.random.Generator) -> tuple[np.ndarray, dict, float]:
    """Return a measurement of light from 0 to 255, the noise of it, and its grey level without light."""
    if "photons" not in noise:
        return light + rng.normal(0, float(noise), light.shape), {"name": "gaussian", "sigma": float(noise)}, 0.0
    gain = light.max() / float(noise.split()[0])
    known = {"name": "poisson", "gain": gain, "offset": 20 * gain, "read_noise": 2 * gain}
    counts = rng.poisson(np.maximum(light, 0) / gain) + rng.normal(20, 2, light.shape)
    return counts * gain, known, 20 * gain


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio, of planes without a rim."""
    inner: tuple[slice, ...] = (slice(RIM, -RIM),) * 2 if image.ndim == 2 else ()
    return float(20 * np.log10(truth.max()) - 10 * np.log10(((image - truth)[inner] ** 2).mean()))


def rows(scenes: dict[str, np.ndarray], noises: tuple[str, ...], blur: degradations.Degradation, factors: list[float]) -> list:
    """Return scene, noise, factor, dB measured, restored, and restored once more as was proposed, or nan where nothing was."""
    rng, found = np.random.default_rng(0), []
    for name, scene in scenes.items():
        kernel = blur.kernel(scene.ndim)
        light = fftconvolve(np.pad(scene, [(n // 2, n // 2) for n in kernel.shape], mode="symmetric"), kernel, mode="valid")
        light = light[tuple(slice(n) for n in scene.shape)]
        cut = (slice(BORDER, -BORDER),) * 2 if scene.ndim == 2 else ()
        truth, light = scene[cut], np.clip(light[cut], 0, None)
        for noise in noises:
            measured, known, dark = noisy(light, noise, rng)
            options = {"denoiser": "unet-small", "noise": known, "volume": scene.ndim == 3, "axes": "zyx"[-scene.ndim :]}
            for factor in factors:
                first = nt.restore(measured, blur.wider(factor), **options)
                doubted = any("point-spread function is wrong" in note for note in first.notes)
                scores = [psnr(measured - dark, truth), psnr(first.image - dark, truth), float("nan")]
                if (width := first.provenance.get("fitting_width")) is not None:
                    again = nt.restore(measured, blur.wider(width / blur.relative_width), **options)
                    scores[2] = psnr(again.image - dark, truth)
                found.append((name, noise, factor, doubted, *scores))
                print(*found[-1][:4], *(f"{score:.2f}" for score in scores), sep="  ", flush=True)
    return found


def table(found: list, noises: tuple[str, ...], factors: list[float]) -> None:
    """Print the rates."""
    print("| noise | times as wide | doubted | gain, dB | worse than measured | of these doubted | with the width proposed, dB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for noise in noises:
        for factor in factors:
            of = [row for row in found if row[1:3] == (noise, factor)]
            gains, worse = [row[5] - row[4] for row in of], [row for row in of if row[5] < row[4] - 0.1]
            again = [row[6] - row[4] for row in of if not np.isnan(row[6])]
            told = f"{np.mean(again):+.1f} ({min(again):+.1f} to {max(again):+.1f})" if again else ""
            cells = (
                f"{sum(row[3] for row in of)} of {len(of)}",
                f"{np.mean(gains):+.1f}",
                len(worse),
                sum(row[3] for row in worse),
            )
            print("|", " | ".join(map(str, (noise, f"{factor:g}", *cells, told))), "|")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--factors", default="0.7,1,1.2,1.4,2")
    parser.add_argument("--volumes", action="store_true")
    given = parser.parse_args()
    factors = [float(factor) for factor in given.factors.split(",")]
    if given.volumes:
        noises: tuple[str, ...] = NOISES[-2:]
        blur = degradations.load("microscope-psf", na=1.1, pixel=140.0, step=420.0)
        scenes = stacks(given.data)
    else:
        noises, blur, scenes = NOISES, degradations.load("gaussian-blur", std=STD), planes(given.data, given.side)
    scenes = dict(list(scenes.items())[:: given.every])
    table(rows(scenes, noises, blur, factors), noises, factors)


if __name__ == "__main__":
    main()
