"""How often is the noise of an image mistaken? Decisions of the automatic noise and alarms about given noise, on known truth.

Usage: ``python benchmarks/noise_kind.py DATA [--side N] [--every N] [--verbose]``; DATA holds ``bsd68`` and ``clean``. The
middle of every image gets every noise. *correlated*, whole lines among it, and *photon* count what was found so, *level* how
often the level at the mean of the image is off by more than 1.3 times. *alarms* count the advice given to a user who told the
true noise (all of it false), and *missed* how often somebody who told a wrong one (Gaussian instead of photon noise, white
instead of correlated, twice the level) is left without. Photon noise that grows less than twice from dark to bright may be
called either way, and counts in neither.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from coloured import draw
from denoising import centre, images_of

from napari_tweedie.analysis.noise_kind import NoiseKind, identify_noise
from napari_tweedie.degradations.noise import Gaussian, Poisson

OFF = 1.3
SURE = 2.0
"""How many times photon noise grows from dark to bright where it must be found."""


@dataclass(frozen=True)
class Case:
    """A noise: its model, and how neighbours share it."""

    name: str
    photons: float = 0.0
    sigma: float = 0.0
    shape: str = "white"
    offset: float = 0.0

    def of(self, clean: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Gaussian | Poisson]:
        """Return the noisy image in grey levels, and the truth about its noise."""
        correlated = self.shape != "white"
        noise, _ = draw(self.shape, clean.shape, rng) if correlated else (rng.standard_normal(clean.shape), None)
        if not self.photons:
            return 255 * clean + self.sigma * noise, Gaussian(sigma=self.sigma, correlated=correlated)
        light = self.photons * clean
        truth = Poisson(gain=1.0, offset=self.offset, read_noise=self.sigma, correlated=correlated)
        if correlated:
            return light + np.sqrt(light + self.sigma**2) * noise + self.offset, truth
        return rng.poisson(light) + self.sigma * noise + self.offset, truth


CASES = [
    *(Case(f"Gaussian {sigma}", sigma=sigma) for sigma in (5, 15, 25, 50)),
    *(Case(f"{photons} photons", photons, 0.5, offset=100.0) for photons in (5, 20, 100, 1000)),
    *(Case(f"Gaussian 20, {shape}", sigma=20, shape=shape) for shape in ("blur 0.5", "blur 1.0", "×2 upsampled")),
    *(Case(f"Gaussian 20, {shape}", sigma=20, shape=shape) for shape in ("stripes along x", "line jitter")),
    *(Case(f"50 photons, {shape}", 50, 0.5, shape, 100.0) for shape in ("blur 0.5", "stripes along x")),
]


def alarms(kind: NoiseKind, truth: Gaussian | Poisson, planes: list[np.ndarray]) -> tuple[bool, list[bool]]:
    """Return whether whoever told the truth is warned, and whether those who told something else are not."""
    level, correlated = float(truth.level(float(planes[0].mean())) or 0.0), truth.correlated
    wrong: list[tuple[Gaussian | Poisson, bool]] = [(Gaussian(sigma=2 * level), correlated)]
    if isinstance(truth, Poisson):
        wrong = [(Gaussian(sigma=level), correlated)]
    if correlated:
        wrong.append((truth, False))
    return bool(kind.advice(truth, correlated, planes)), [not kind.advice(*told, planes) for told in wrong]


def growth(truth: Poisson, clean: np.ndarray) -> float:
    """Return how many times photon noise grows from the 1st to the 99th percentile of brightness."""
    levels = [truth.level(float(np.percentile(clean, share))) or 0.0 for share in (1, 99)]
    return levels[1] / max(levels[0], 1e-9)


def main() -> None:
    """Print a row for every noise, and sums."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args()
    images = [pair for name in ("clean", "bsd68") for pair in images_of(chosen.data / name)[:: chosen.every]]
    print(
        f"| {len(images)} images of {chosen.side}², per cent | correlated | photon | level off | false alarms | missed alarms |"
    )
    print("| --- | --: | --: | --: | --: | --: |")
    total: defaultdict[str, list[bool]] = defaultdict(list)
    for case in CASES:
        rng, found = np.random.default_rng(0), defaultdict[str, list[bool]](list)
        for name, image in images:
            clean = centre(image, chosen.side)[0, 0].numpy().astype(float)
            clean = (clean - clean.min()) / np.ptp(clean)
            noisy, truth = case.of(clean, rng)
            kind = identify_noise([noisy])
            is_photon, grows = isinstance(kind.noise, Poisson), isinstance(truth, Poisson)
            false, missed = alarms(kind, truth, [noisy])
            ratio = kind.noise.level(float(noisy.mean())) / truth.level(float(noisy.mean()))
            sure = not grows or growth(truth, truth.gain * case.photons * clean + case.offset) > SURE
            correlated = kind.correlation is not None or bool(kind.lines)
            found["correlated"].append(correlated)
            if sure:
                found["photon"].append(is_photon)
                found["missed"] += missed
                found["false"].append(false)
            found["level"].append(not 1 / OFF < ratio < OFF)
            wrong = (correlated != truth.correlated, sure and is_photon != grows, found["level"][-1])
            if chosen.verbose and (any(wrong) or false):
                print(f"    {case.name} {name} {wrong} level {ratio:.2f}: {kind.sentence()}", flush=True)
            for key in ("missed", "false"):
                total[key] += found[key][-len(missed) :] if key == "missed" and sure else [false] * (key == "false" and sure)
        columns = [found[key] for key in ("correlated", "photon", "level", "false", "missed")]
        print(f"| {case.name} | {' | '.join(f'{100 * np.mean(c):.1f}' if c else '' for c in columns)} |", flush=True)
    print(f"| **all** | | | | **{100 * np.mean(total['false']):.1f}** | **{100 * np.mean(total['missed']):.1f}** |")


if __name__ == "__main__":
    main()
