"""Check whether a supposed object and a supposed point-spread function explain what was measured, and what would mend it.

    python benchmarks/supposed_psf.py DATA [--beads]

DATA has the folder `deconv3d`: bars of the EPFL, and beads of RedLionfish. The object blurred by the function as it is given, its
middle pixel the origin, is brought onto the measurement by gain and offset, then also by what its derivatives along every axis
can do (a shift: the first; another width: the second, in added variance), by weighted least squares. What is left is given over
the noise: of counts the root of the model, of the bars that of third differences. A rim of half the function is left out.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
from scipy.fft import irfftn, next_fast_len, rfftn

ROUNDS = 4
LEAST, BRIGHT = 0.3, 5.0


def blurred(image: np.ndarray, psf: np.ndarray) -> np.ndarray:
    """Return the image blurred by a function of sum 1, without what is outside."""
    grid = tuple(next_fast_len(n + m) for n, m in zip(image.shape, psf.shape, strict=True))
    whole = irfftn(rfftn(image, grid) * rfftn(psf / psf.sum(), grid), grid)
    return whole[tuple(slice(m // 2, m // 2 + n) for n, m in zip(image.shape, psf.shape, strict=True))]


def second(image: np.ndarray, axis: int) -> np.ndarray:
    """Return the second derivative along an axis."""
    return np.gradient(np.gradient(image, axis=axis), axis=axis)


def main() -> None:
    """Print the table of one set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--beads", action="store_true", help="the beads, else the bars")
    given = parser.parse_args()
    names = ("bars_actual.tif", "bars_data.tif", "bars_kernel.tif")
    if given.beads:
        names = ("rlf_test.tif", "rlf_gendata_psfconv_poiss.tif", "rlf_PSF_RFI_8bit.tif")
    truth, measured, psf = (tifffile.imread(given.data / "deconv3d" / name).astype(np.float32) for name in names)
    inner = tuple(slice(min(m, n // 4) // 2, -(min(m, n // 4) // 2)) for n, m in zip(truth.shape, psf.shape, strict=True))
    seen = measured[inner].ravel()
    level = 0.0 if given.beads else float(1.4826 * np.median(np.abs(np.diff(measured, 3, axis=2))) / 20**0.5)
    print("| what may differ | left, over the noise | where bright | shift, px | added variance, px² |")
    print("| --- | ---: | ---: | --- | --- |")
    for name, function in {"function": psf, "function, upside down": psf[::-1]}.items():
        model = blurred(truth, function)
        terms = {
            "shift": [np.gradient(model, axis=axis) for axis in range(3)],
            "width": [second(model, axis) for axis in range(3)],
        }
        for what in ((), ("shift",), ("width",), ("shift", "width")) if name == "function" else ((),):
            columns = [model, np.ones_like(model), *(column for term in what for column in terms[term])]
            known = np.stack([column[inner].ravel() for column in columns], 1).astype(np.float64)
            weights = np.full(len(known), 1 / level**2 if level else 1.0)
            for _ in range(ROUNDS):
                heavy = known * weights[:, None]
                found = np.linalg.solve(heavy.T @ known, heavy.T @ seen)
                fitted = known @ found
                weights = weights if level else 1 / np.maximum(fitted, LEAST)
            left = (seen - fitted) * np.sqrt(weights)
            bright = fitted > (BRIGHT if given.beads else np.quantile(fitted, 0.9))
            told = dict(zip(what, (found[2:].reshape(-1, 3) / found[0]).tolist(), strict=True))
            cells = [
                ", ".join(f"{factor * value:+.2f}" for value in told.get(term, []))
                for term, factor in (("shift", -1), ("width", 2))
            ]
            scores = " | ".join(f"{np.sqrt(np.mean(left[where] ** 2)):.2f}" for where in (slice(None), bright))
            print(f"| {', '.join([name, *what])} | {scores} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
