"""Table of rings: sinograms of a detector whose pixels have errors, restored as they are, filtered before, and untouched.

    python benchmarks/rings.py [DATA] [--size 96] [--angles 90] [--iterations 24] [--denoiser unet-small] [--picture rings.png]

Simulated: PSNR in decibels inside the circle that all projections see, noise 0.5 % of the largest integral. Errors, in noise
levels unless said otherwise: none; offsets of 1 and 3; offsets of 2 that drift by 1 from the first to the last angle; gains of
2 %; six pixels that are off by 15; offsets of 2 beside two dead pixels. Filters before: the mean along the angles less its
median over 9 pixels (after Boin & Haibel 2006), and wavelets whose stripes are damped (Münch et al. 2009: db5, 3 levels, 2).

With DATA, the folder with ``bench/ct/tooth.h5`` (needs h5py): two rows of a detector that see nearly the same slice of a tooth
with errors of their own. Where rings are gone, the two slices differ less: root mean square of their difference, finer than 4
pixels, next to that of the mean of the two, by filtered back-projection.
"""

import argparse
from pathlib import Path

import numpy as np
import pywt
import torch
from scipy.ndimage import gaussian_filter, median_filter
from skimage import data, transform

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations.sinogram import line_integrals

Image = np.ndarray


def median_of_columns(sinogram: Image) -> Image:
    """Take off what the mean of each detector pixel has above the median of its neighbours."""
    mean = sinogram.mean(1)
    return sinogram - (mean - median_filter(mean, 9, mode="nearest"))[:, None]


def fourier_wavelet(sinogram: Image, levels: int = 3, width: float = 2.0) -> Image:
    """Damp the lowest frequencies along the angles of the wavelet coefficients that hold stripes."""
    rest, details = sinogram, []
    for _ in range(levels):
        rest, (stripes, other, diagonal) = pywt.dwt2(rest, "db5", mode="symmetric")
        frequency = np.fft.fftfreq(stripes.shape[1]) * stripes.shape[1]
        damped = np.fft.fft(stripes, axis=1) * (1 - np.exp(-(frequency**2) / (2 * width**2)))
        details.append((np.fft.ifft(damped, axis=1).real, other, diagonal))
    for each in reversed(details):
        rest = pywt.idwt2((rest[: each[0].shape[0], : each[0].shape[1]], each), "db5", mode="symmetric")
    return rest[: sinogram.shape[0], : sinogram.shape[1]]


def restored(sinogram: Image, method: dict[str, object], rings: str, **geometry: object) -> Image:
    """Return the slice."""
    return nt.restore(sinogram.astype(np.float32), "radon", rings=rings, **method, **geometry).image


def errors_of(kind: str, sinogram: Image, noise: float, random: np.random.Generator) -> Image:
    """Return what a detector adds to a sinogram."""
    pixels, angles = sinogram.shape
    own = random.normal(size=(pixels, 1))
    if kind == "drift":
        return noise * (2 * own + random.normal(size=(pixels, 1)) * np.linspace(-1, 1, angles))
    if kind == "gain":
        return 0.02 * own * sinogram
    if kind == "few":
        chosen = random.choice(np.arange(5, pixels - 5), 6, replace=False)
        return np.where(np.isin(np.arange(pixels), chosen)[:, None], 15 * noise * np.sign(own), 0)
    return {"none": 0, "1": 1, "3": 3, "dead": 2}[kind] * noise * own


def simulated(size: int, angles: int, method: dict[str, object]) -> None:
    """Print the table of simulated errors."""
    y, x = np.indices((size, size)) - size // 2
    seen = np.hypot(y, x) < 0.46 * size
    coins = transform.resize(data.coins()[:300, :300] / 255.0, (size, size), anti_aliasing=True) * seen
    phantom = transform.resize(data.shepp_logan_phantom(), (size, size), anti_aliasing=True)
    operator = degradations.load("radon", angles=angles)
    print("| slice | errors | kept | median filter | Fourier and wavelets | untouched | without errors |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, truth in {"phantom": phantom, "coins": coins}.items():
        clean = operator(torch.from_numpy(truth.astype(np.float32))[None, None])[0, 0].double().numpy()
        random = np.random.default_rng(1)
        noise = 0.005 * clean.max()
        noisy = clean + noise * random.normal(size=clean.shape)

        def score(sinogram: Image, rings: str = "keep", truth: Image = truth) -> str:
            image = restored(sinogram, method, rings, angles=angles, axis=0.0)
            return f"{10 * np.log10(np.ptp(truth[seen]) ** 2 / np.mean((image - truth)[seen] ** 2)):.2f}"

        best = score(noisy)
        for kind in ("none", "1", "3", "drift", "gain", "few", "dead"):
            bad = noisy + errors_of(kind, clean, noise, random)
            filled = bad.copy()
            if kind == "dead":
                bad[[size // 3, size // 3 + 1]] = np.nan
                for row in (size // 3, size // 3 + 1):
                    filled[row] = (filled[size // 3 - 1] + filled[size // 3 + 2]) / 2
            cells = [score(bad), score(median_of_columns(filled)), score(fourier_wavelet(filled)), score(bad, "auto")]
            print(f"| {name} | {kind} | {' | '.join(cells)} | {best} |", flush=True)


def measured(folder: Path, picture: Path | None, binning: int = 2) -> None:
    """Print how far two rows of a real detector agree, and save what they show."""
    import h5py

    with h5py.File(folder / "bench/ct/tooth.h5") as file:
        counts, dark, flat, theta = (file[f"exchange/{name}"][:] for name in ("data", "data_dark", "data_white", "theta"))
    sinograms = [line_integrals(counts[:, row], flat[:, row], dark[:, row], 1).T for row in range(2)]
    sinograms = [each.reshape(-1, binning, len(theta)).mean(1) for each in sinograms]
    shown = []
    print("\n| filtered back-projection of a tooth | two rows differ by |\n| --- | ---: |")
    for name, filtered in (
        ("as it is", np.asarray),
        ("median filter", median_of_columns),
        ("Fourier and wavelets", fourier_wavelet),
        ("without the errors that are found", None),
    ):
        both = []
        for sinogram in sinograms:
            y = torch.from_numpy(sinogram)[None, None]
            operator = degradations.load("radon", directions=theta).fitted(y)
            y = (
                torch.from_numpy(operator.evened(y.numpy()))
                if filtered is None
                else torch.from_numpy(filtered(sinogram))[None, None]
            )
            both.append(operator.start(y.float())[0, 0].numpy())
        y, x = np.indices(both[0].shape) - len(both[0]) // 2
        seen = np.hypot(y, x) < 0.35 * len(both[0])
        fine = [each - gaussian_filter(each, 4) for each in both]
        print(f"| {name} | {(fine[0] - fine[1])[seen].std() / ((fine[0] + fine[1]) / 2)[seen].std():.3f} |", flush=True)
        shown.append(both[0])
    if picture is not None:
        from PIL import Image as Picture

        low, high = np.percentile(shown[0], [5, 99.5])
        row = np.concatenate([np.clip((each - low) / (high - low), 0, 1) for each in shown], 1)
        Picture.fromarray((255 * row).astype(np.uint8)).save(picture)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--angles", type=int, default=90)
    parser.add_argument("--iterations", type=int, default=24)
    parser.add_argument("--denoiser", default="unet-small")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    if arguments.data is not None:
        measured(arguments.data, arguments.picture)
    solver = {"name": "hqs", "iterations": arguments.iterations}
    simulated(arguments.size, arguments.angles, {"denoiser": arguments.denoiser, "solver": solver})


if __name__ == "__main__":
    main()
