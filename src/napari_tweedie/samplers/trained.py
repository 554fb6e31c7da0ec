"""Trained sampler: one pass of a network that learnt from pairs is a sample of what the target may be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.network import learning_of, load_network, weights_hash
from napari_tweedie.denoisers.own_networks import own_networks
from napari_tweedie.denoisers.stepwise import told_level
from napari_tweedie.denoisers.tiling import Tiled
from napari_tweedie.samplers.sampler import Sampler, WhiteNoise

if TYPE_CHECKING:
    from torch import Tensor

    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.problem import Problem
    from napari_tweedie.denoisers.denoiser import Denoise

TILE, HALO = 512, 56
"""Pixels of a tile that the network gets at once, and around it."""


class Trained(Sampler):
    """Samples of the target of an image, by a network that learnt from pairs (*Learn*, objective PSCGAN): one pass a sample.

    It knows images like those it learnt from, with their noise, and nothing else. How far its samples must spread was measured on
    pixels held out of learning, and its intervals are as wide as that says.

    Notes
    -----
    Ohayon, Adrai, Vaksman, Elad, Milanfar, "High perceptual quality image denoising with a posterior sampling CGAN" (2021).
    """

    name: ClassVar[str] = "trained"
    title: ClassVar[str] = "Trained sampler"
    needs_uniform: ClassVar[bool] = True
    knows_noise: ClassVar[bool] = True

    path: Path = Parameter(Path(), "What learnt to sample, .safetensors of Learn with the objective PSCGAN.")
    sha256: str | None = Parameter(
        None, "Hash of its content: it is found by it whatever it is called now, and another content is refused.", advanced=True
    )

    def steps(self) -> int:
        return 1

    def obstacle_in(self, degradation: Degradation, denoiser: Denoise | None = None) -> str:
        if degradation.name != "identity":
            return f"{self.name} turns images into targets as it learnt to: choose no degradation, or split-gibbs"
        path = self._found()
        if path is None:
            given = self.path != Path() or self.sha256
            missing = f"there is no trained sampler at {self.path} as the recipe says" if given else "no trained sampler is given"
            return f"{missing}: choose a file that Learn wrote with the objective PSCGAN"
        if not learning_of(path).get("samples"):
            return f"{path.name} is no trained sampler: choose a file that Learn wrote with the objective PSCGAN"
        return ""

    def obstacle(self, problem: Problem, denoiser: Denoise | None = None) -> str:
        if problem.measurement.ndim != 4:
            return f"{self.name} draws planes, not volumes: choose moment-matched"
        return super().obstacle(problem, denoiser)

    def pinned(self) -> Self:
        path = self._found()
        return self if path is None else self.model_copy(update={"sha256": weights_hash(path)})

    def calibrated(self, level: float) -> tuple[float, float] | None:
        path = self._found()
        known: Any = learning_of(path).get("calibration") if path is not None else None
        if not known:
            return None
        return tuple(float(np.interp(level, known["levels"], known[name])) for name in ("factors", "coverages"))  # type: ignore[return-value]

    def notes(self) -> list[str]:
        path = self._found()
        count = len(learning_of(path).get("images", ())) if path is not None else 0
        many = "1 pair of images" if count == 1 else f"{count} pairs of images"
        return [f"Drawn by a trained sampler, which learnt from {many}; of images unlike these it says nothing."]

    def estimates(self, problem: Problem, denoiser: Denoise, white: WhiteNoise) -> Iterator[Tensor]:
        from napari_tweedie.denoisers.sampling_network import drawn

        path, y = self._found(), problem.measurement
        assert path is not None
        network: Any = load_network(path, y.device)
        scales = len(network.widths)
        noise = torch.stack([white(y) for _ in range(scales)], 2).flatten(0, 1)
        images = y.expand(len(white), *y.shape[1:]).flatten(0, 1).unsqueeze(1)

        def tile(both: Tensor, sigma: float | Tensor) -> Tensor:
            level = told_level(torch.as_tensor(sigma, dtype=y.dtype, device=y.device).expand(len(both)))
            return drawn(network, both[:, :1], level, both[:, 1:], torch.float32)

        made = Tiled(tile, TILE, HALO)(torch.cat([images, noise], 1), problem.noise_level)
        yield made[:, 0].view(len(white), *y.shape[1:])

    def _found(self) -> Path | None:
        """Return the file: that at the path or, where the hash is known and another one, the learnt network that has it."""
        if self.path.is_file() and (not self.sha256 or weights_hash(self.path) == self.sha256):
            return self.path
        candidates = own_networks() if self.sha256 else []
        return next((path for path in candidates if weights_hash(path) == self.sha256), None)
