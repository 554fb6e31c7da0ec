"""Picture of a few images side by side, as every example opens with: ``--picture`` writes it, ``--napari`` shows the layers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
SAMPLES = HERE.parent / "sample_data"
SIDE, MARGIN, TITLE = 224, 6, 24
OWN_RANGE = ("standard deviation", "interval width", "reliability")
"""Panels that are no grey levels of the image: each has the range of its own values."""

Panels = Mapping[str, np.ndarray]


def finish(example: Callable[[], Panels]) -> None:
    """Run an example from the command line."""
    parser = argparse.ArgumentParser(description=example.__doc__)
    parser.add_argument("--picture", action="store_true", help="write the picture into examples/pictures")
    parser.add_argument("--napari", action="store_true", help="show the images in napari")
    chosen = parser.parse_args()
    panels = example()
    if chosen.picture:
        path = HERE / "pictures" / f"{Path(example.__code__.co_filename).stem}.png"
        draw(panels).save(path, optimize=True)
        print(f"wrote {path}")
    if chosen.napari:
        import napari

        viewer = napari.Viewer()
        for name, image in panels.items():
            viewer.add_image(image, name=name)
        viewer.grid.enabled = True
        napari.run()


def draw(panels: Panels) -> Image.Image:
    """Return planes (Y, X) side by side under their names, grey levels on one scale: that of the truth, or else of the first."""
    page = Image.new("L", (len(panels) * (SIDE + MARGIN) + MARGIN, SIDE + TITLE + MARGIN), 255)
    reference = panels.get("truth", next(iter(panels.values())))
    for number, (name, image) in enumerate(panels.items()):
        low, high = np.percentile(image if name in OWN_RANGE else reference, (0.5, 99.5))
        grey = np.uint8(np.clip((image - low) / (high - low), 0, 1) * 255)
        left = MARGIN + number * (SIDE + MARGIN)
        page.paste(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, TITLE))
        ImageDraw.Draw(page).text((left, 4), name, 0, ImageFont.load_default(14))
    return page


def psnr(image: np.ndarray, truth: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB; the peak is the range of the truth."""
    error = np.mean((np.asarray(image, float) - truth) ** 2)
    return float(10 * np.log10(float(np.ptp(truth)) ** 2 / error))
