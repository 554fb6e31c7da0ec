"""Error of the learned score on images never seen, whose density is known: ``python benchmarks/score.py [COUNT]``.

Gaussian random fields (power falling as frequency^−2, mean 0.5) plus white noise: their true score is known in closed form.
"Error" is ‖s − s*‖² / ‖s*‖². "Excess" is the share by which the denoiser's squared error exceeds the smallest possible one.
"""

from __future__ import annotations

import sys

import torch

from napari_tweedie import denoisers
from napari_tweedie.analysis.score import check_score

SIDE = 128


@torch.no_grad()
def main(count: int) -> None:
    """Print the table."""
    unet = denoisers.load("unet", precision="float32")
    print(f"| {count} fields of {SIDE} × {SIDE} | σ | correlation of the scores | error | excess |")
    print("| --- | --- | --- | --- | --- |")
    for std in (0.1, 0.2):
        fields = denoisers.load("gaussian", std=std, slope=2.0)
        for sigma in (10 / 255, 25 / 255, 50 / 255):
            generator = torch.Generator().manual_seed(0)
            clean = fields.draw(torch.empty(count, 1, SIDE, SIDE), generator)
            x = clean + sigma * torch.randn(clean.shape, generator=generator)
            check = check_score(unet, fields, x, sigma, offset=0.5)
            best = (fields(x, sigma) - clean).square().mean()
            own = (unet(x + 0.5, sigma) - 0.5 - clean).square().mean()
            cells = f"{255 * sigma:.0f} | {check.correlation:.4f} | {check.error:.3f} | {float(own / best) - 1:.1%}"
            print(f"| std {255 * std:.0f} | {cells} |", flush=True)


main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
