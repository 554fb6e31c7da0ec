"""Commands that train the small networks which go with the denoisers: how far these err, and what neighbours tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer
from rich.progress import Progress

from napari_tweedie.cli.training import (
    LICENCES,
    SHARES,
    Device,
    Drawn,
    Folders,
    Licences,
    Out,
    Packed,
    Settings,
    begun,
    sources_of,
)

if TYPE_CHECKING:
    from napari_tweedie.denoisers.error_network import ErrorNetwork
    from napari_tweedie.denoisers.fusion_network import FusionNetwork
    from napari_tweedie.training.data import Source
    from napari_tweedie.training.errors import ErrorTraining
    from napari_tweedie.training.fusing import FusionTraining

Told: TypeAlias = Callable[[str, int, float], None]
"""Is told what is being done, how much of it is done, and the loss."""

MOVING = {"photographs": 0.38, "microscopy": 0.54, "medical": 0.08}
"""Of what clips are made of: most that users have several frames of are micrographs."""

Even = Annotated[float, typer.Option(min=0, max=1, help="Share of images drawn on even ground.")]


def errors(
    out: Out,
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    packed: Packed = None,
    synthetic: Drawn = 0.2,
    even: Even = 0.25,
    licence: Licences = [*LICENCES],
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Train the network that knows how far denoisers err; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.core.sentences import sentences
    from napari_tweedie.training.errors import ErrorTraining, train_errors

    with sentences():
        chosen = ErrorTraining.model_validate_json(settings)
    sources = _with_even(packed, (photographs, microscopy, medical), licence, synthetic, even)
    place = devices.pick(device)
    _rehearsed(out, chosen, "patches", chosen.patches, lambda told: train_errors(chosen, sources, out, place, told))


def fusion(
    out: Out,
    photographs: Folders = [],
    microscopy: Folders = [],
    medical: Folders = [],
    packed: Packed = None,
    stacks: Folders = [],
    synthetic: Drawn = 0.2,
    even: Even = 0.15,
    licence: Licences = [*LICENCES],
    settings: Settings = "{}",
    device: Device = "auto",
) -> None:
    """Train the network that knows what neighbouring frames tell; the same command goes on after an interruption."""
    from napari_tweedie.core import device as devices
    from napari_tweedie.core.sentences import sentences
    from napari_tweedie.training.clips import Clips, read_stacks
    from napari_tweedie.training.fusing import FusionTraining, train_fusion

    with sentences():
        chosen = FusionTraining.model_validate_json(settings)
    sources = _with_even(packed, (photographs, microscopy, medical), licence, synthetic, even, MOVING)
    clips = Clips(sources, [stack for folder in stacks for stack in read_stacks(folder)])
    place = devices.pick(device)
    _rehearsed(out, chosen, "clips", chosen.examples, lambda told: train_fusion(chosen, clips, out, place, told))


def _rehearsed(
    out: Path,
    settings: ErrorTraining | FusionTraining,
    what: str,
    count: int,
    train: Callable[[Told], ErrorNetwork | FusionNetwork],
) -> None:
    """Train in a folder under a bar, and write the weights there."""
    from napari_tweedie.training.export import write_weights

    begun(out, settings)
    with Progress(transient=True) as bar:
        tasks = {"denoise": bar.add_task(f"denoise {what}", total=count), "learn": bar.add_task("learn", total=settings.steps)}
        network = train(lambda kind, done, _: bar.update(tasks[kind], completed=done))
    write_weights(network, out / "weights.safetensors", training=settings.model_dump_json())


def _with_even(
    packed: Path | None, folders: tuple[list[Path], list[Path], list[Path]], licence: list[str], synthetic: float, even: float,
    shares: Mapping[str, float] = SHARES,
) -> list[Source]:  # fmt: skip
    """Return where patches come from, images on even ground among them."""
    from napari_tweedie.training.synthetic import Even

    if synthetic + even > 1:
        raise ValueError(f"--synthetic and --even are shares, together at most 1 (got {synthetic:g} and {even:g})")
    taken = 0.0 if even == 1 else synthetic / (1 - even)
    found = [] if even == 1 else sources_of(packed, *folders, licence, taken, shares)
    return [*(dataclasses.replace(each, share=each.share * (1 - even)) for each in found), Even(even)]
