"""Table of tomography: a third of the projections of a real tooth, against filtered back-projection of all.

    python benchmarks/tomography.py DATA [--binning 4] [--denoiser unet]

DATA is the folder with ``bench/ct/tooth.h5`` (needs h5py). 60 of 181 projections; the axis of rotation is found. PSNR inside the
circle that all projections see, against the filtered back-projection of all of them about the same axis. scikit-image is given
the sinogram moved by that axis: its filtered back-projection, and SART after as many sweeps as are best, which needs the truth.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import shift
from skimage.transform import iradon, iradon_sart

import napari_tweedie as nt
from napari_tweedie import degradations
from napari_tweedie.degradations.sinogram import line_integrals

SWEEPS = 6


def of_scikit_image(sinogram: np.ndarray, theta: np.ndarray) -> list[np.ndarray]:
    """Return its filtered back-projection, and SART after every sweep."""
    found = [iradon(sinogram, theta, circle=True)]
    image = None
    for _ in range(SWEEPS):
        image = iradon_sart(sinogram, theta, image)
        found.append(image)
    return found


def main() -> None:
    """Print the table."""
    import h5py

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--binning", type=int, default=4)
    parser.add_argument("--denoiser", default="unet")
    arguments = parser.parse_args()
    with h5py.File(arguments.data / "bench/ct/tooth.h5") as file:
        counts, dark, flat, theta = (file[f"exchange/{name}"][:] for name in ("data", "data_dark", "data_white", "theta"))
    print("| row | axis | not recentred | recentred | iradon | SART, best | restored |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in range(counts.shape[1]):
        whole = line_integrals(counts[:, row], flat[:, row], dark[:, row], 1).T
        whole = whole.reshape(-1, arguments.binning, len(theta)).mean(1)
        chosen = np.linspace(0, len(theta) - 1, 60).round().astype(int)
        few = torch.from_numpy(whole[:, chosen].astype(np.float32))[None, None]
        operator = degradations.load("radon", directions=theta[chosen]).fitted(few)
        everything = degradations.load("radon", directions=theta, axis=operator.axis)
        truth = everything.start(torch.from_numpy(whole.astype(np.float32))[None, None])[0, 0].numpy()
        y, x = np.indices(truth.shape) - len(truth) // 2
        inside = np.hypot(y, x) < len(truth) // 2 - 2
        plain = degradations.load("radon", directions=theta[chosen], axis=0.0)
        results = [each.start(few)[0, 0].numpy() for each in (plain, operator)]
        results.append(nt.restore(few[0, 0].numpy(), "radon", directions=theta[chosen], denoiser=arguments.denoiser).image)
        moved = shift(few[0, 0].double().numpy(), (-operator.axis, 0), order=1, mode="nearest")
        plain_one, *sweeps = of_scikit_image(moved, theta[chosen])
        best = min(sweeps, key=lambda image: np.mean((image - truth)[inside] ** 2))
        results[2:2] = [plain_one, best]
        errors = [np.mean((result - truth)[inside] ** 2) for result in results]
        cells = " | ".join(f"{10 * np.log10(np.ptp(truth[inside]) ** 2 / error):.2f}" for error in errors)
        print(f"| {row} | {operator.axis:+.2f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
