"""Restoration of stacks that others measured or simulated: untouched next to Richardson–Lucy of ours and of scikit-image.

    python benchmarks/deconvolution.py [DATA] [--denoiser unet-small] [--beads] [--arrays OUT] [--picture OUT.png]

DATA has the folder `deconv3d`: the bars of the EPFL (object, blurred with noise, function) and the beads of RedLionfish (object,
counts, measured function), of which 64³ voxels are taken. PSNR is for the peak of the object, after a gain and an offset are
fitted, without a rim of 8 voxels. Widths are the full widths at half maximum of the brightest beads along Z, Y and X; "best"
takes the truth to choose the count. Without DATA it is the sample stack, which is simulated. The picture shows the middle plane,
and below it the plane across Y, of the measurement, the untouched result, plain Richardson–Lucy at its best, and the object.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy.ndimage import gaussian_filter, maximum_filter
from skimage.restoration import richardson_lucy

import napari_tweedie as nt
from napari_tweedie import degradations, solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.problem import Problem

RIM, BEADS, REACH = 8, 12, 6
COUNTS = (1, 2, 4, 7, 10, 14, 20, 28, 40, 60, 90, 120)
TOTAL_VARIATION = 0.002
SAMPLE_NOISE = {"gain": 1.0, "offset": 100.0, "read_noise": 0.1}
SAMPLES = Path(nt.__file__).parent / "sample_data"


def fitted(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, float]:
    """Return an image with the gain and offset that bring it nearest to the truth, and its PSNR."""
    inner = (slice(RIM, -RIM),) * 3
    known = np.stack([image[inner].ravel(), np.ones(image[inner].size)], 1)
    gain, offset = np.linalg.lstsq(known, truth[inner].ravel(), rcond=None)[0]
    near = gain * image + offset
    return near, float(20 * np.log10(truth.max()) - 10 * np.log10(((near - truth)[inner] ** 2).mean()))


def peaks(truth: np.ndarray) -> np.ndarray:
    """Return where the brightest beads are that stand apart."""
    smooth = gaussian_filter(truth, 1)
    found = (smooth == maximum_filter(smooth, 2 * REACH + 1)) & (smooth > 0.2 * smooth.max())
    places = np.argwhere(found)
    inside = [place for place in places if all(RIM <= at < n - RIM for at, n in zip(place, truth.shape, strict=True))]
    return np.array(sorted(inside, key=lambda place: -smooth[tuple(place)])[:BEADS])


def widths(image: np.ndarray, places: np.ndarray) -> tuple[float, ...]:
    """Return the median full widths at half maximum of beads along Z, Y, X, above the darkest voxel of each profile."""
    found = []
    for place in places:
        near = tuple(slice(at - 1, at + 2) for at in place)
        top = np.array(np.unravel_index(image[near].argmax(), image[near].shape)) + place - 1
        row = []
        for axis in range(3):
            line = image[tuple(slice(None) if other == axis else top[other] for other in range(3))]
            line = line[max(0, top[axis] - 2 * REACH) : top[axis] + 2 * REACH + 1]
            half, middle, ends = (line.max() + line.min()) / 2, int(line.argmax()), []
            for side in (line[middle:], line[middle::-1]):
                below = np.flatnonzero(side < half)
                if len(below):
                    at = below[0]
                    ends.append(at - 1 + (side[at - 1] - half) / (side[at - 1] - side[at]))
            row.append(sum(ends) if len(ends) == 2 else np.nan)
        found.append(row)
    return tuple(np.nanmedian(found, axis=0))


def ours(measured: np.ndarray, psf: np.ndarray, noise: Poisson, smoothing: float) -> dict[int, np.ndarray]:
    """Return plain Richardson–Lucy of ours after some counts, of light with a known noise."""
    scale = float(measured.max())
    blur = degradations.load("psf-blur", psf=psf)
    known = Poisson(gain=noise.gain / scale, offset=noise.offset / scale, read_noise=noise.read_noise / scale)
    problem = Problem(torch.from_numpy(measured.astype(np.float32) / scale)[None, None], blur, known)
    plain = solvers.load("richardson-lucy", iterations=max(COUNTS), smoothing=smoothing, early=False, accelerated=False)
    states = plain(problem, lambda x, sigma: x)
    return {s.iteration: blur.crop(s.estimate)[0, 0].numpy().copy() for s in states if s.iteration in COUNTS}


def theirs(measured: np.ndarray, psf: np.ndarray) -> dict[int, np.ndarray]:
    """Return Richardson–Lucy of scikit-image after the same counts."""
    light, kernel = np.clip(measured, 0, None) / measured.max(), psf / psf.sum()
    return {count: richardson_lucy(light, kernel, num_iter=count, clip=False, filter_epsilon=1e-6) for count in COUNTS}


def draw(path: Path, images: dict[str, tuple[np.ndarray, float]], truth: np.ndarray, zoom: int = 3) -> None:
    """Save the middle plane, and below it the one across Y, of images side by side, each with its name and PSNR."""
    from PIL import Image, ImageDraw, ImageFont

    low, high = np.percentile(truth, [1, 99.9])
    columns, font = [], ImageFont.load_default(13)
    for name, (image, score) in images.items():
        seen = np.clip((image - low) / (high - low), 0, 1) ** 0.7
        across = np.repeat(seen[:, seen.shape[1] // 2], max(1, seen.shape[1] // (2 * len(seen))), 0)
        both = np.concatenate([seen[len(seen) // 2], np.ones((2, seen.shape[2])), across])
        column = Image.fromarray((255 * np.repeat(np.repeat(both, zoom, 0), zoom, 1)).astype(np.uint8))
        labelled = Image.new("L", (column.width + 6, column.height + 22), 255)
        labelled.paste(column, (3, 20))
        told = name if np.isinf(score) or image is truth or name == "truth" else f"{name}: {score:.1f} dB"
        ImageDraw.Draw(labelled).text((4, 2), told, fill=0, font=font)
        columns.append(np.asarray(labelled))
    Image.fromarray(np.concatenate(columns, 1)).save(path, optimize=True)


def main() -> None:
    """Print the table of one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="none: the sample stack")
    parser.add_argument("--denoiser", default="unet-small")
    parser.add_argument("--beads", action="store_true", help="the beads, else the bars")
    parser.add_argument("--arrays", type=Path, help="keep the arrays, as .npz")
    parser.add_argument("--picture", type=Path, help="draw the results, as .png")
    given = parser.parse_args()
    if given.data is None:
        folder, names = SAMPLES, ("stack_truth.tif", "stack.tif", "stack_psf.tif")
    else:
        folder, names = given.data / "deconv3d", ("bars_actual.tif", "bars_data.tif", "bars_kernel.tif")
    if given.beads:
        names = ("rlf_test.tif", "rlf_gendata_psfconv_poiss.tif", "rlf_PSF_RFI_8bit.tif")
    truth, measured, psf = (tifffile.imread(folder / name).astype(np.float32) for name in names)
    if given.beads:
        truth, measured = (image[40:104, 40:104, 40:104] for image in (truth, measured))
    results, seconds = {"measured": measured}, {}
    begun = time.process_time()
    run = nt.restore(measured, "psf-blur", psf=psf, volume=True, axes="zyx", denoiser=given.denoiser)
    results["untouched"], seconds["untouched"] = run.image, time.process_time() - begun
    print(*run.notes, sep="\n")
    noise = Poisson(**SAMPLE_NOISE) if given.data is None else Poisson(gain=1.0, offset=0.0, read_noise=0.1)
    for name, count_of in {
        "richardson-lucy, best": lambda: ours(measured, psf, noise, 0.0),
        "with total variation, best": lambda: ours(measured, psf, noise, TOTAL_VARIATION),
        "scikit-image, best": lambda: theirs(measured, psf),
    }.items():
        begun = time.process_time()
        counts = count_of()
        took = time.process_time() - begun
        best = max(counts, key=lambda count: fitted(counts[count], truth)[1])
        results[f"{name} ({best})"] = counts[best]
        share = best / (sum(COUNTS) if "scikit" in name else max(COUNTS))
        seconds[f"{name} ({best})"] = took * share
    places = peaks(truth) if given.beads else None
    print("| | PSNR, dB | full width Z, Y, X, px | CPU s |\n| --- | ---: | ---: | ---: |")
    for name, image in {"object": truth, **results}.items():
        near, score = fitted(image, truth)
        told = "" if places is None else " × ".join(f"{width:.2f}" for width in widths(near, places))
        took = f"{seconds[name]:.1f}" if name in seconds else ""
        print(f"| {name} | {'' if image is truth else f'{score:.2f}'} | {told} | {took} |")
    if given.arrays:
        np.savez(given.arrays, object=truth, **results)
    if given.picture:
        best = next(name for name in results if name.startswith("richardson-lucy"))
        named = {
            "measured": measured, "napari-tweedie, untouched": results["untouched"],
            f"Richardson-Lucy, best of {max(COUNTS)} updates": results[best], "truth": truth,
        }  # fmt: skip
        draw(given.picture, {name: fitted(image, truth) for name, image in named.items()}, truth)


if __name__ == "__main__":
    main()
