"""From memorisation to generalisation: a denoiser of few images returns those images, one of many denoises new ones.

Images are drawn from a Gaussian field whose exact denoiser is known, a Wiener filter in the Fourier domain. The denoiser that
is best on a training set of n images is their mean, weighted by likelihood: it memorises. The best linear one knows of the
images their covariance alone. As n grows, its error on new images falls from that of a memory to that of the exact denoiser,
and its error on its own images rises to the same.

Run ``python examples/other_fields/memorisation.py``.
"""

import numpy as np

SIZES = (4, 16, 64, 256, 1024, 4096)


def memorisation(side: int = 8, sigma: float = 0.5, sizes: tuple[int, ...] = SIZES, seed: int = 0) -> dict[int, dict[str, float]]:
    """Return, for every size of the training set, mean squared errors on new images over that of the exact denoiser.

    Parameters
    ----------
    side : int
        Pixels a side.
    sigma : float
        Noise level, where images have a standard deviation of 1.
    sizes : tuple of int
        Numbers of images in the training set.
    seed : int
        Of all random numbers.
    """
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    spectrum = 1 / (0.05 + frequency) ** 3
    spectrum /= spectrum.mean()

    def draw(count: int) -> np.ndarray:
        white = np.fft.fft2(rng.normal(size=(count, side, side)))
        return np.asarray(np.fft.ifft2(white * np.sqrt(spectrum)).real).reshape(count, -1)

    new = draw(400)
    noisy = new + sigma * rng.normal(size=new.shape)
    exact = np.fft.ifft2(np.fft.fft2(noisy.reshape(-1, side, side)) * spectrum / (spectrum + sigma**2)).real.reshape(new.shape)
    best = np.square(exact - new).mean()
    found = {}
    for size in sizes:
        known = draw(size)
        weight = noisy @ known.T / sigma**2 - np.square(known).sum(1) / (2 * sigma**2)
        weight = np.exp(weight - weight.max(1, keepdims=True))
        memory = weight / weight.sum(1, keepdims=True) @ known
        covariance = known.T @ known / size
        linear = noisy @ np.linalg.solve(covariance + sigma**2 * np.eye(side**2), covariance)
        own = known[: min(size, 64)]
        seen = own + sigma * rng.normal(size=own.shape)
        again = seen @ np.linalg.solve(covariance + sigma**2 * np.eye(side**2), covariance)
        found[size] = {
            "memory": float(np.square(memory - new).mean() / best),
            "linear": float(np.square(linear - new).mean() / best),
            "linear, on its own images": float(np.square(again - own).mean() / best),
        }
    return found


if __name__ == "__main__":
    for size, errors in memorisation().items():
        print(f"{size:5d} images: " + ", ".join(f"{name} {value:.2f}" for name, value in errors.items()))
