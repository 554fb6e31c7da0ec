"""Attention keys, cleaned along the principal direction of their noise: retrieval from an associative memory is restored.

A memory of n pairs answers a query with the value whose key is nearest in direction, as attention does at low temperature.
Keys that a compressed cache returns carry noise that is far from white: nearly all of it lies along one direction. The
denoiser of a Gaussian prior under Gaussian noise of covariance C is a matrix, the Wiener filter ``f(k) = S (S + C)⁻¹ k``,
with S the covariance of clean keys. C is unknown: its dominant direction is the first principal component of the noisy keys,
where they spread far more than clean keys, which lie evenly on a sphere, would.

Run ``python examples/other_fields/attention_keys.py``.
"""

import numpy as np


def attention_keys(
    count: int = 512, width: int = 64, strength: float = 3.0, floor: float = 0.02, seed: int = 0
) -> dict[str, float]:
    """Return the share of queries that find their value, with clean, noisy and cleaned keys, and the angle that was found.

    Parameters
    ----------
    count, width : int
        Pairs in the memory, and length of a key.
    strength, floor : float
        Standard deviation of the noise along its direction, and in every other one, where a clean key has length 1.
    seed : int
        Of all random numbers.
    """
    rng = np.random.default_rng(seed)
    keys = rng.normal(size=(count, width))
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    direction = rng.normal(size=width)
    direction /= np.linalg.norm(direction)
    noisy = keys + strength * rng.normal(size=(count, 1)) * direction + floor * rng.normal(size=keys.shape)
    queries = keys + 0.05 * rng.normal(size=keys.shape)

    _, spread, axes = np.linalg.svd(noisy - noisy.mean(0), full_matrices=False)
    variance = spread**2 / count
    clean = np.median(variance)  # of clean keys, along every direction
    noise = max(variance[0] - clean, 0.0)
    first = axes[0]
    cleaned = noisy - (noisy @ first)[:, None] * first * noise / (clean + noise)
    cosine = abs(float(first @ direction))
    return {
        "clean": retrieved(queries, keys),
        "noisy": retrieved(queries, noisy),
        "cleaned": retrieved(queries, cleaned),
        "degrees off": float(np.degrees(np.arccos(min(cosine, 1.0)))),
    }


def retrieved(queries: np.ndarray, keys: np.ndarray) -> float:
    """Return the share of queries whose nearest key, by the cosine of the angle, is their own."""
    scores = queries @ (keys / np.linalg.norm(keys, axis=1, keepdims=True)).T
    return float((scores.argmax(1) == np.arange(len(keys))).mean())


if __name__ == "__main__":
    for name, value in attention_keys().items():
        print(f"{name}: {value:.3f}")
