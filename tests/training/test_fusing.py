"""The network that mends fused planes, in training: its loss, what it learns, runs that go on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tweedie.training.clips import Clips
from napari_tweedie.training.fusing import Examples, FusionTraining, relative_error, train_fusion
from napari_tweedie.training.synthetic import Even

CPU = torch.device("cpu")
CLIPS = Clips([Even(1.0)])
SMALL = {
    "denoisers": ("unet-small",), "width": 6, "widths": (8, 12), "examples": 4, "held": 0, "patch": 48, "crop": 48, "batch": 2,
    "least_sigma": 0.1,
}  # fmt: skip


def nothing(what: str, done: int, loss: float) -> None:
    """Be told of progress."""


def test_the_loss_is_one_where_nothing_is_added_and_falls_with_the_error(generator: torch.Generator) -> None:
    missing = torch.randn((2, 1, 40, 40), generator=generator)
    torch.testing.assert_close(relative_error(torch.zeros_like(missing), missing), torch.ones(2))
    torch.testing.assert_close(relative_error(0.5 * missing, missing), torch.full((2,), 0.25), rtol=0.01, atol=0)


def test_it_learns_to_mend_what_it_saw(tmp_path: Path) -> None:
    settings = FusionTraining(**SMALL, steps=120, learning_rate=1e-2, average=0.9)
    network = train_fusion(settings, CLIPS, tmp_path, CPU, nothing)
    batch = Examples(settings, CLIPS, tmp_path).batch(np.arange(4), CPU)
    with torch.no_grad():
        added = network(batch.own, batch.beside, batch.facts, batch.kinds)
    assert float(relative_error(added, batch.missing).mean()) < 0.9


def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_tweedie.training.rehearsal.SAVE_SECONDS", 0.0)
    monkeypatch.setattr("napari_tweedie.training.rehearsal.EVERY", 5)
    settings = FusionTraining(**SMALL, steps=10)

    def cut(what: str, done: int, loss: float) -> None:
        if (what, done) in (("denoise", 2), ("learn", 5)):
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_fusion(settings, CLIPS, tmp_path / "cut", CPU, cut)
    resumed = train_fusion(settings, CLIPS, tmp_path / "cut", CPU, nothing)
    straight = train_fusion(settings, CLIPS, tmp_path / "straight", CPU, nothing)
    for one, other in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert one.equal(other)


def test_examples_that_are_held_back_tell_how_much_is_gained(tmp_path: Path) -> None:
    train_fusion(FusionTraining(**{**SMALL, "held": 2}, steps=1), CLIPS, tmp_path, CPU, nothing)
    assert "gain" in (tmp_path / "log.jsonl").read_text()
