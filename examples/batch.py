"""Batch: a folder of images denoised, with a log of the outcome of each, also of one that is damaged.

![two frames, each beside its result](pictures/batch.png)
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import napari_tweedie as nt
from napari_tweedie.files.batch import SUMMARY, find, run_batch
from picture import SAMPLES, Panels, finish


def batch(denoiser: str = "unet", side: int = 192, count: int = 2) -> Panels:
    """Run one recipe on every image of a folder; the command is ``napari-tweedie batch FOLDER RESULTS recipe.json``."""
    frames = nt.read(SAMPLES / "bleaching.tif").data[:, :side, :side]
    recipes = {"denoised": nt.Recipe(job="denoise", denoiser=denoiser)}
    with TemporaryDirectory() as folder:
        images, results = Path(folder) / "images", Path(folder) / "results"
        images.mkdir()
        for number in range(count):
            nt.write(images / f"frame{number}.tif", frames[-1 - number], "yx")
        (images / "damaged.tif").write_bytes(b"no image")
        for _ in run_batch(find(images), recipes, results):
            pass
        print((results / SUMMARY).read_text())
        panels = {}
        for number in range(count):
            panels[f"frame {number}"] = frames[-1 - number]
            panels[f"frame {number}, denoised"] = nt.read(results / f"frame{number}_denoised.tif").data
    return panels


if __name__ == "__main__":
    finish(batch)
