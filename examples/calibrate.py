"""Calibration of intervals: how often they hold the truth of a clean image, and the factor that corrects their width.

![blurred, posterior mean, interval width, truth, reliability before the correction](pictures/calibrate.png)
"""

import numpy as np
from PIL import Image, ImageDraw

import napari_tweedie as nt
from picture import SAMPLES, SIDE, Panels, finish

SIGMA, STD = 8.0, 1.6


def calibrate(denoiser: str = "unet-small", side: int = 64, samples: int = 8, iterations: int = 16) -> Panels:
    """Calibrate the intervals of deblurred images on one clean image, and use the factor on another one."""
    clean = nt.read(SAMPLES / "missing_truth.tif").data.astype(float)
    known, other = clean[:side, :side], clean[-side:, -side:]
    blur, noise = {"name": "gaussian-blur", "std": STD}, {"name": "gaussian", "sigma": SIGMA}
    sampler = {"name": "split-gibbs", "samples": samples, "iterations": iterations}
    how = {"degradation": blur, "denoiser": denoiser, "noise": noise}

    found = nt.run(nt.Recipe(job="calibrate", sampler=sampler, **how), known).provenance["read"]

    blurred = nt.run(nt.Recipe(job="degrade", **how), other).image
    interval = {"factor": found["factor"], "coverage": found["coverage_corrected"]}
    result = nt.run(nt.Recipe(job="sample", sampler=sampler, interval=interval, **how), blurred)

    lower, upper = result.images["lower 90 %"], result.images["upper 90 %"]
    off, half = np.abs(other - (lower + upper) / 2), (upper - lower) / 2
    factor = found["factor"]
    print(f"on the known image 90 % intervals hold {found['coverage']:.1%} of the pixels, 90 % once {factor:.2f} times as wide")
    print(f"on another image {np.mean(off <= half / factor):.1%}, and {np.mean(off <= half):.1%} with that factor")
    reliability = curve(found["levels"], found["coverages"])
    return {"blurred": blurred, "mean": result.image, "interval width": upper - lower, "truth": other, "reliability": reliability}


def curve(stated: list[float], measured: list[float]) -> np.ndarray:
    """Draw the measured coverage over the stated one, both from 0 to 1, and the diagonal on which they are equal."""
    page = Image.new("L", (SIDE, SIDE), 255)
    pen, last = ImageDraw.Draw(page), SIDE - 1
    pen.line([(0, last), (last, 0)], 190)
    pen.line([(x * last, (1 - y) * last) for x, y in zip(stated, measured, strict=True)], 0, 2)
    return np.asarray(page)


if __name__ == "__main__":
    finish(calibrate)
