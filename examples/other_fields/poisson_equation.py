"""Poisson's equation, solved by a conditional denoiser: reverse diffusion from noise gives the potential of a new charge.

The equation is ``Δφ = ρ`` on a square with φ = 0 on its border. A denoiser f(φ_noisy, σ | ρ) is trained on pairs (ρ, φ)
alone, whose potentials were measured with an error, and of the equation it is told nothing. Then noise is denoised at falling
levels, conditioned on charges that it never saw. The oracle is the solution by the sine transform, in which Δ is diagonal.

Potentials of Gaussian charges are Gaussian, so that the best denoiser is linear, and least squares find it::

    f(φ, σ | ρ) = A(σ) φ + B(σ) ρ

It learns to lean on φ at first and on ρ as far as a charge determines its potential. Where fields are not Gaussian, a network
takes the place of A and B; the rest stays.

Run ``python examples/other_fields/poisson_equation.py``.
"""

import numpy as np
from scipy.fft import dstn, idstn

LEVELS = np.geomspace(1.0, 1e-2, 12)
"""Noise levels of the reverse diffusion, where potentials have a standard deviation of 1."""


def poisson_equation(side: int = 16, pairs: int = 2000, error: float = 0.05, seed: int = 0) -> dict[str, float]:
    """Return the relative error of the potentials of new charges, against the sine transform.

    Parameters
    ----------
    side, pairs : int
        Pixels a side, and pairs to learn from.
    error : float
        Standard deviation of the error of the potentials to learn from, where they have 1; each is measured twice.
    seed : int
        Of all random numbers.
    """
    rng = np.random.default_rng(seed)
    rho = charges(rng, pairs, side)
    phi = solved(rho)
    scale = phi.std()
    once, again = (phi / scale + error * rng.normal(size=phi.shape) for _ in range(2))
    denoisers = [trained(once + level * rng.normal(size=once.shape), rho, again) for level in LEVELS]

    new = charges(rng, 16, side)
    given = new.reshape(16, -1)
    x = LEVELS[0] * rng.normal(size=given.shape)
    for level, below, (a, b) in zip(LEVELS, [*LEVELS[1:], 0.0], denoisers, strict=True):
        estimate, keep = x @ a + given @ b, (below / level) ** 2
        x = estimate + keep * (x - estimate) + below * np.sqrt(1 - keep) * rng.normal(size=x.shape)
    truth = solved(new)
    difference = scale * x.reshape(truth.shape) - truth
    return {"relative error": float(np.linalg.norm(difference) / np.linalg.norm(truth))}


def charges(rng: np.random.Generator, count: int, side: int) -> np.ndarray:
    """Return smooth random charges, shape (count, side, side), of standard deviation 1."""
    frequency = np.hypot(*np.mgrid[1 : side + 1, 1 : side + 1])
    rho = idstn(rng.normal(size=(count, side, side)) / (1 + (frequency / 4) ** 2), type=1, axes=(1, 2), norm="ortho")
    return np.asarray(rho / rho.std())


def solved(rho: np.ndarray) -> np.ndarray:
    """Return φ with ``Δφ = ρ`` and φ = 0 on the border, by the sine transform of the five-point Laplacian."""
    side = rho.shape[-1]
    one = -4 * np.sin(np.pi * np.arange(1, side + 1) / (2 * (side + 1))) ** 2
    return np.asarray(idstn(dstn(rho, type=1, axes=(1, 2)) / (one[:, None] + one), type=1, axes=(1, 2)))


def trained(noisy: np.ndarray, rho: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return A and B that predict φ from a noisy potential and ρ with the least squared error, side² × side² each."""
    count, size = len(phi), phi[0].size
    given = np.concatenate([noisy.reshape(count, -1), rho.reshape(count, -1)], axis=1)
    both = np.linalg.solve(given.T @ given + 1e-6 * count * np.eye(2 * size), given.T @ phi.reshape(count, -1))
    return both[:size], both[size:]


if __name__ == "__main__":
    print(f"relative error: {100 * poisson_equation()['relative error']:.2f} %")
