"""Networks of one width: what the small architectures have in common beside their layers."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import nn


class OneWidthNetwork(nn.Module):
    """A network that predicts white noise and is described by its width and its number of blocks.

    Subclasses set `width` and `blocks`, and ``forward(x, sigma)`` returns the noise of x, shape (B, 1, Y, X).
    """

    kind: ClassVar[str]
    """Name of the architecture in weights files."""
    stride: ClassVar[int]
    """Height and width that are a multiple of it need no padding."""
    levels: ClassVar[int] = 1
    """Channels of noise levels: it knows white noise, which may differ from place to place."""
    jumps: ClassVar[bool] = False
    """Whether what it makes of an image depends on it in jumps, so that small differences say nothing of a derivative."""
    direct: ClassVar[bool] = False
    """It returns the noise, as a `UNet` does."""
    width: int
    blocks: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Its one width, as a `UNet` has several."""
        return (self.width,)

    @property
    def architecture(self) -> dict[str, Any]:
        """What its weights file says of it."""
        return {"name": self.kind, "width": self.width, "blocks": self.blocks}
