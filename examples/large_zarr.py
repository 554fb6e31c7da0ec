"""Large images: an OME-Zarr denoised region by region, cut off half-way, and gone on with.

![noisy, denoised: where four regions meet](pictures/large_zarr.png)
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import napari_tweedie as nt
from napari_tweedie.core.results import Cancelled
from napari_tweedie.large.run_file import run_file
from picture import SAMPLES, Panels, finish


def large_zarr(denoiser: str = "unet-small", side: int = 512, copies: int = 4, tile: int = 512) -> Panels:
    """Denoise an image of which one region at a time lies in memory, as ``napari-tweedie denoise IN.zarr OUT.zarr`` does."""
    cell = nt.read(SAMPLES / "fluorescence.tif").data[:side, :side]
    recipe = nt.Recipe(job="denoise", denoiser=denoiser, tile=tile)
    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "large.zarr", Path(folder) / "clean.zarr"
        nt.write(source, np.tile(np.block([[cell, cell[:, ::-1]], [cell[::-1], cell[::-1, ::-1]]]), (copies // 2,) * 2), "yx")
        shares = []
        try:
            for progress in run_file(recipe, source, target, cancelled=lambda: bool(shares) and shares[-1] > 0.4):
                shares.append(progress.share)
        except Cancelled:
            print(f"cancelled when {shares[-1]:.0%} was done")
        for progress in run_file(recipe, source, target):  # the same again: only what is missing is computed
            shares.append(progress.share)
        print(f"{len(shares)} chunks in all, each computed once, of an image of {nt.read(target).data.shape}")
        middle = (slice(side * copies // 2 - side // 4, side * copies // 2 + side // 4),) * 2
        return {name: np.asarray(nt.read(path).data[middle]) for name, path in {"noisy": source, "denoised": target}.items()}


if __name__ == "__main__":
    finish(large_zarr)
