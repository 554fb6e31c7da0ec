"""Removal of white Gaussian noise by the denoisers: PSNR, SSIM, time and memory; noise not clipped, peak 1, unrounded.

Usage: ``python benchmarks/denoising.py DATA [--quick] [--crop N] [--sets NAME …] [--denoiser NAME …] [--cost] [--figure FILE]``;
DATA holds folders ``set12``, ``bsd68`` and ``clean`` of grey images. Any registered denoiser can be named, and any of the
functions of other packages below. ``--quick`` takes a few images, cut to 128 × 128. The figure shows an image of ``sample_data``.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from memory import peak_memory
from skimage import io, restoration
from skimage.metrics import structural_similarity

from napari_tweedie import denoisers
from napari_tweedie.core import device

SETS = ("set12", "bsd68", "clean")
LEVELS = (15, 25, 50)
SEED = 0
LEFT_OUT = {"combined", "empirical", "file", "gaussian", "mixture"}
"""Priors of images that are none of these, models that are none of ours, and combinations of the others."""
PUBLISHED = {
    "BM3D": {"set12": "32.37 / 29.97 / 26.72", "bsd68": "31.08 / 28.57 / 25.60"},
    "DnCNN, one network per σ": {"set12": "32.86 / 30.44 / 27.18", "bsd68": "31.73 / 29.23 / 26.23"},
    "DRUNet, 32.6 M parameters": {"set12": "33.25 / 30.94 / 27.90", "bsd68": "31.91 / 29.48 / 26.59"},
}

Image = np.ndarray
Denoise = Callable[[torch.Tensor, float], torch.Tensor]


def of_arrays(function: Callable[[Image, float], Image]) -> Denoise:
    """Return a function of one array as a denoiser."""
    return lambda x, sigma: torch.from_numpy(np.asarray(function(x[0, 0].numpy(), sigma), np.float32))[None, None]


def drunet() -> Denoise:
    """Return deepinv's DRUNet with random weights: for its time only."""
    from deepinv.models import DRUNet

    return DRUNet(in_channels=1, out_channels=1, pretrained=None).eval()


OTHERS: dict[str, Callable[[], Denoise]] = {
    "scikit-image TV (λ = σ)": lambda: of_arrays(lambda x, s: restoration.denoise_tv_chambolle(x, weight=s)),
    "scikit-image wavelet (BayesShrink)": lambda: of_arrays(
        lambda x, s: restoration.denoise_wavelet(x, sigma=s, method="BayesShrink", rescale_sigma=False)
    ),
    "scikit-image NLM (h = 0.8 σ)": lambda: of_arrays(
        lambda x, s: restoration.denoise_nl_means(x, 5, 6, h=0.8 * s, sigma=s, fast_mode=True)
    ),
    **({"deepinv DRUNet (untrained)": drunet} if find_spec("deepinv") else {}),
}


def build(name: str) -> Denoise:
    """Return a registered denoiser, or a function of another package, by name."""
    return OTHERS[name]() if name in OTHERS else denoisers.load(name)


def images_of(folder: Path) -> list[tuple[str, torch.Tensor]]:
    """Return the planes of a folder, the middle one of stacks, grey levels in [0, 1], shape (1, 1, Y, X), with names."""
    images = []
    for path in sorted(folder.iterdir()):
        if path.suffix in {".png", ".tif"} and "psf" not in path.name:
            image = io.imread(path)
            plane = image[len(image) // 2] if image.ndim == 3 else image
            low, high = (0, 255) if image.dtype == np.uint8 else (plane.min(), plane.max())
            images.append((path.name, torch.from_numpy((plane.astype(np.float32) - low) / (high - low))[None, None]))
    return images


def centre(image: torch.Tensor, size: int) -> torch.Tensor:
    """Return the size × size pixels in the middle, fewer where there are not as many."""
    y, x = (max(0, n - size) // 2 for n in image.shape[2:])
    return image[..., y : y + size, x : x + size]


def psnr(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of images whose peak is 1; the estimate is not rounded."""
    return float(-10 * torch.log10((estimate - truth).square().mean()))


def ssim(estimate: torch.Tensor, truth: torch.Tensor) -> float:
    """Return the structural similarity (Wang et al. 2004)."""
    return float(
        structural_similarity(
            estimate[0, 0].numpy(),
            truth[0, 0].numpy(),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def measure(denoise: Denoise, images: list[torch.Tensor]) -> tuple[str, str, float]:
    """Return mean PSNR and mean SSIM at every level, and mean seconds a call."""
    generator = torch.Generator().manual_seed(SEED)
    values, seconds = [], 0.0
    for level in LEVELS:
        for clean in images:
            noisy = clean + level / 255 * torch.randn(clean.shape, generator=generator)
            started = time.perf_counter()
            with torch.no_grad():
                estimate = denoise(noisy, level / 255)
            seconds += time.perf_counter() - started
            values.append((psnr(estimate, clean), ssim(estimate, clean)))
    means = np.array(values).reshape(len(LEVELS), len(images), 2).mean(1)
    return " / ".join(f"{v:.2f}" for v in means[:, 0]), " / ".join(f"{v:.3f}" for v in means[:, 1]), seconds / len(values)


def cost(name: str, size: int) -> tuple[float, float]:
    """Return the seconds of one call on size × size pixels, and the MB that it adds to a fresh process's peak memory (Linux)."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_cost, (name, size))


def _cost(name: str, size: int) -> tuple[float, float]:
    device.keep_freed_memory()
    denoise = build(name)
    x = torch.rand((1, 1, size, size), generator=torch.Generator().manual_seed(SEED))
    with torch.no_grad():
        denoise(x[..., :32, :32], 0.1)
        before = peak_memory()
        denoise(x, 0.1)
        added = (peak_memory() - before) / 2**20
        started = time.perf_counter()
        denoise(x, 0.1)
    return time.perf_counter() - started, added


def draw(file: Path, names: list[str]) -> None:
    """Draw what the denoisers make of one noisy image that may be shown."""
    import matplotlib.pyplot as plt
    import PIL.Image

    plane = io.imread(Path(__file__).parents[1] / "sample_data" / "missing_truth.tif")[176:272, 208:304]
    clean = torch.from_numpy(plane.astype(np.float32) / 255)[None, None]
    noisy = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(SEED))
    shown = {"truth": clean, "noisy, σ = 25": noisy}
    with torch.no_grad():
        shown |= {name: build(name)(noisy, 25 / 255) for name in names}
    columns = 6
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * 1.6, rows * 1.9), dpi=100)
    for place in axes.flat:
        place.axis("off")
    for place, (name, image) in zip(axes.flat, shown.items(), strict=False):
        place.imshow(image[0, 0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        place.set_title(name if image is clean else f"{name.partition(' (')[0]}\n{psnr(image, clean):.2f} dB", fontsize=7)
    figure.tight_layout(pad=0.3)
    figure.canvas.draw()
    grey = PIL.Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., 0])
    grey.quantize(64).save(file, optimize=True)


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--quick", action="store_true", help="a few images, cut to 128 × 128")
    arguments.add_argument("--crop", type=int, default=0, help="side of the middle of each image that is used; 0: all")
    arguments.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    arguments.add_argument("--cost", action="store_true", help="time and memory of one call only")
    arguments.add_argument("--denoiser", nargs="*", default=[*(n for n in denoisers.names() if n not in LEFT_OUT), *OTHERS])
    arguments.add_argument("--figure", type=Path, help="a PNG to draw")
    options = arguments.parse_args()
    device.keep_freed_memory()  # as the engine does
    crop = 128 if options.quick else options.crop
    for name in () if options.cost else options.sets:
        images = [image for _, image in images_of(options.folder / name)]
        if options.quick:
            images = images[:: len(images) // 3][:3]
        if crop:
            images = [centre(image, crop) for image in images]
        size = f"{len(images)} images{f' of {crop} × {crop}' if crop else ''}"
        print(f"\n| {name}, {size} | PSNR, dB, at σ = 15 / 25 / 50 | SSIM | seconds a call |\n| --- | --- | --- | ---: |")
        for method in options.denoiser:
            decibels, similarity, seconds = measure(build(method), images)
            trained = "untrained" not in method
            print(f"| {method} | {decibels if trained else ''} | {similarity if trained else ''} | {seconds:.2f} |", flush=True)
        for method, values in PUBLISHED.items() if not crop else ():
            if name in values:
                print(f"| {method} (published) | {values[name]} | | |")
    costs = {method: cost(method, 512) for method in options.denoiser}
    longest = costs["bm3d"][0] if "bm3d" in costs else None
    print("\n| one call on 512 × 512 | seconds | times as fast as bm3d | peak memory above what is loaded, MB |")
    print("| --- | ---: | ---: | ---: |")
    for method, (seconds, megabytes) in costs.items():
        ratio = f"{longest / seconds:.1f}" if longest else ""
        print(f"| {method} | {seconds:.3f} | {ratio} | {megabytes:.0f} |")
    if options.figure:
        draw(options.figure, [name for name in options.denoiser if "untrained" not in name])


if __name__ == "__main__":
    main()
