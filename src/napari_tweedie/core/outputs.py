"""What kind of image is a result?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Output:
    """One image that a job returns.

    Parameters
    ----------
    name : str
        Its name among the results.
    kind : str
        An "image" in grey levels; a "difference" of images, around zero; or a "spread", a standard deviation.
    count : int
        How many images of that name lie along a new first axis; 0 for one image without such an axis.
    power : int
        Power of the grey level in its unit: 1 for images, −1 for a score, 0 for what has no unit.
    """

    name: str
    kind: Literal["image", "difference", "spread"] = "image"
    count: int = 0
    power: int = 1
