"""Sequencing reads, denoised by their overlaps: a denoiser of categories in place of grey levels.

Reads of a sequence lie at known places of it, each base wrong with a probability that its quality score states. The posterior
mean of a base's indicator (A, C, G, T) given all reads that cover it is Bayes' rule: the product of what each read says, as
the denoiser f(x, σ) of an image is the mean of what its neighbours say. Its largest entry is the corrected base; no clean
sequence is used.

Run ``python examples/other_fields/reads.py``.
"""

import numpy as np


def reads(length: int = 2000, count: int = 200, read: int = 100, seed: int = 0) -> dict[str, float]:
    """Return the share of wrong bases in the reads, before and after, and what the posterior says that it is.

    Parameters
    ----------
    length, count, read : int
        Bases of the sequence, number of reads, bases of a read.
    seed : int
        Of all random numbers.
    """
    rng = np.random.default_rng(seed)
    sequence = rng.integers(0, 4, length)
    starts = rng.integers(0, length - read + 1, count)
    places = starts[:, None] + np.arange(read)
    quality = rng.uniform(5, 30, (count, read))
    wrong = 10 ** (-quality / 10)
    called = (sequence[places] + (rng.random(places.shape) < wrong) * rng.integers(1, 4, places.shape)) % 4
    votes = np.zeros((length, 4))
    for base in range(4):
        said = np.where(called == base, np.log1p(-wrong), np.log(wrong / 3))
        np.add.at(votes[:, base], places.ravel(), said.ravel())
    votes = np.exp(votes - votes.max(1, keepdims=True))
    posterior = votes / votes.sum(1, keepdims=True)
    corrected = posterior.argmax(1)[places]
    return {
        "before": float((called != sequence[places]).mean()),
        "after": float((corrected != sequence[places]).mean()),
        "stated": float((1 - posterior.max(1)[places]).mean()),
    }


if __name__ == "__main__":
    print(", ".join(f"{name}: {100 * share:.3f} %" for name, share in reads().items()))
