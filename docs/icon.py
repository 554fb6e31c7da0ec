"""Icon of the plugin: discs, under noise on the left and clean on the right. ``python docs/icon.py`` draws it again."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE, OVERSAMPLING = 256, 4
DISCS = ((0.36, 0.42, 0.20, 0.55), (0.62, 0.66, 0.17, 0.95), (0.70, 0.30, 0.11, 0.75), (0.28, 0.74, 0.10, 0.85))
"""Row, column, radius and brightness, in shares of the side and of the range."""
DARK, LIGHT = np.array([28, 34, 46]), np.array([126, 226, 196])
GRAIN, SQUARE, CORNER = 0.20, 8, 0.18
"""Noise level, side of a noisy square in pixels, radius of the rounded corners as a share of the side."""


def icon() -> Image.Image:
    """Return the icon, with transparent corners."""
    n = SIDE * OVERSAMPLING
    row, column = (np.mgrid[:n, :n] + 0.5) / n
    grey = np.full((n, n), 0.12)
    for y, x, radius, level in DISCS:
        grey = np.where(np.hypot(row - y, column - x) < radius, level, grey)
    grey = grey.reshape(SIDE, OVERSAMPLING, SIDE, OVERSAMPLING).mean((1, 3))
    count = SIDE // SQUARE
    noise = np.random.default_rng(0).normal(0, GRAIN, (count, count)).repeat(SQUARE, 0).repeat(SQUARE, 1)
    coarse = grey.reshape(count, SQUARE, count, SQUARE).mean((1, 3)).repeat(SQUARE, 0).repeat(SQUARE, 1)
    columns = np.arange(SIDE)
    grey = np.where(columns < SIDE // 2, coarse + noise, grey).clip(0, 1)[..., None]
    away = np.maximum(np.abs(columns - SIDE / 2 + 0.5) - SIDE * (0.5 - CORNER), 0)
    alpha = (SIDE * CORNER - np.hypot(away[:, None], away) + 0.5).clip(0, 1)[..., None]
    return Image.fromarray(np.uint8(np.concatenate([DARK + grey * (LIGHT - DARK), 255 * alpha], -1)), "RGBA")


if __name__ == "__main__":
    icon().save(Path(__file__).parent / "pictures" / "icon.png", optimize=True)
