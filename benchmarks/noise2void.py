"""Learning from noisy frames alone next to Noise2Void of CAREamics, on the same frames in the same time.

Usage: ``python benchmarks/noise2void.py DATA [--frames N] [--seconds S] [--only NAME …]`` in an environment that has careamics,
too. A few of the 60 single frames of DATA/train/w2s_raw are learnt from, each time for S seconds of processor time on one thread,
and the middle 256 × 256 pixels of every twelfth pair of DATA/bench/pairs_w2s are denoised. The truth is looked at by the scores
alone. CAREamics runs with its defaults (patches of 64 × 64, 16 a batch), as Noise2Void and as N2V2; it imports
torchvision, but Noise2Void needs none: where that is missing, an empty module takes its place.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import types
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from real_pairs import pairs, score

import napari_tweedie as nt
from napari_tweedie.engine.learning import learn_from
from napari_tweedie.engine.learning_session import Session, sources_of
from napari_tweedie.images.files import read
from napari_tweedie.training.export import write_weights
from napari_tweedie.training.learning import Learning

MANY = 100_000
"""Epochs, and steps, that are not reached in the time."""
OURS: dict[str, dict[str, Any]] = {
    "fresh": {"start": "fresh"},
    "noise2void, fresh": {"objective": "noise2void", "start": "fresh"},
    "sure, fresh": {"objective": "sure", "start": "fresh"},
    "from unet-small": {"start": "unet-small"},
}
TIMED, SPENT = 10, 0.9
"""Steps that tell how many fit into the time, and the share of it that is for steps, not comparisons."""


def peer(frames: list[np.ndarray], seconds: float, use_n2v2: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Train CAREamics, and return what it makes of an image."""
    import torchmetrics  # noqa: F401 - asks whether torchvision is there

    if "torchvision" not in sys.modules:
        names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
        parts = [types.ModuleType(name) for name in names]
        for part, inner in pairwise(parts):
            setattr(part, inner.__name__.rpartition(".")[2], inner)
        parts[0].__version__ = "none"  # type: ignore[attr-defined]
        sys.modules |= {part.__name__: part for part in parts}
    from careamics import CAREamist
    from careamics.config.factories import create_advanced_n2v_config
    from lightning.pytorch import Callback

    began = time.process_time()

    class Enough(Callback):
        def on_train_batch_end(self, trainer: Any, *others: Any) -> None:
            trainer.should_stop = time.process_time() - began > seconds

    config = create_advanced_n2v_config(
        "n2v", "array", "SYX", [64, 64], 16, num_epochs=MANY, num_steps=50, use_n2v2=use_n2v2, num_workers=0, seed=1,
        trainer_params={"accelerator": "cpu"},
    )  # fmt: skip
    careamist = CAREamist(config, work_dir=tempfile.mkdtemp(), callbacks=[Enough()], enable_progress_bar=False)
    careamist.train(train_data=np.stack(frames).astype(np.float32))

    def denoised(image: np.ndarray) -> np.ndarray:
        found, _ = careamist.predict(image[None].astype(np.float32), axes="SYX")
        return np.asarray(found[0], np.float64).reshape(image.shape)

    return denoised


def ours(frames: list[np.ndarray], seconds: float, settings: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Learn here, and return what the network as it is at the end makes of an image, whether or not it would be kept."""
    path = Path(tempfile.mkdtemp()) / "learnt.safetensors"
    sources, times = sources_of(frames), []
    for _ in learn_from(sources, Learning(**settings, steps=MANY), "cpu"):
        times.append(time.process_time())
        if len(times) > TIMED:
            break
    steps = int(seconds * SPENT / np.median(np.diff(times)))
    session = Session(sources, Learning(**settings, steps=steps, patience=0), path, device="cpu")
    for _ in session.states():
        pass
    assert session.last is not None
    print(f"  {session.last.step} steps; {session.store().text}")
    last = path.with_name("last.safetensors")
    write_weights(session.last.current, last)
    return lambda image: nt.denoise(image, {"name": "file", "path": str(last)}).image


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--only", nargs="*", default=["careamics n2v", "careamics n2v2", *OURS, "unet-small", "unet"])
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    paths = sorted((chosen.data / "train" / "w2s_raw").glob("*.png"))
    frames = [np.asarray(read(path).data) for path in paths[:: len(paths) // chosen.frames][: chosen.frames]]
    middle = np.s_[128:384, 128:384]
    test = [(raw[middle], truth[middle]) for _, raw, truth in pairs(chosen.data / "bench" / "pairs_w2s", 12)]
    print("| what | PSNR, dB | seconds of training |\n| --- | --: | --: |")
    for name in chosen.only:
        began = time.process_time()
        if name.startswith("careamics"):
            denoised = peer(frames, chosen.seconds, name.endswith("n2v2"))
        elif name in OURS:
            denoised = ours(frames, chosen.seconds, OURS[name])
        else:
            denoised = lambda image, name=name: nt.denoise(image, name).image  # noqa: E731
        seconds = time.process_time() - began
        found = np.mean([score(denoised(raw), truth, True) for raw, truth in test])
        print(f"| {name} | {found:.2f} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
