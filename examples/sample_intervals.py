"""Samples of the posterior of a noisy image, and the interval in which each pixel's truth lies with 90 % probability.

![noisy, one sample, their mean, interval width, truth](pictures/sample_intervals.png)
"""

import numpy as np

import napari_tweedie as nt
from picture import SAMPLES, Panels, finish

SIGMA = 15.0


def sample_intervals(denoiser: str = "unet", side: int = 112, samples: int = 16) -> Panels:
    """Draw images that agree with a measurement, and see how often their interval holds the truth."""
    truth = nt.read(SAMPLES / "missing_truth.tif").data[:side, :side].astype(float)
    noisy = truth + np.random.default_rng(0).normal(0, SIGMA, truth.shape)

    result = nt.sample(noisy, samples=samples, denoiser=denoiser, sigma=SIGMA)

    lower, upper = result.images["lower 90 %"], result.images["upper 90 %"]
    print(f"the 90 % interval holds the truth of {np.mean((lower <= truth) & (truth <= upper)):.1%} of the pixels")
    one = result.images["samples"][0]
    return {"noisy": noisy, "one sample": one, "mean": result.image, "interval width": upper - lower, "truth": truth}


if __name__ == "__main__":
    finish(sample_intervals)
