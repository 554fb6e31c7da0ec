"""Does work stop where it is asked to, and only there?"""

from collections.abc import Generator

import numpy as np
import pytest
import torch

from napari_tweedie import denoisers
from napari_tweedie.core.cancellation import cancellable, cancellation_point
from napari_tweedie.core.results import Cancelled
from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe


def steps() -> Generator[int, None, str]:
    for number in range(3):
        cancellation_point()
        yield number
    return "done"


def test_nobody_is_asked_outside() -> None:
    work = cancellable(steps(), lambda: True)
    cancellation_point()
    with pytest.raises(Cancelled):
        next(work)
    cancellation_point()


def test_between_the_steps_the_caller_goes_on() -> None:
    answers = iter([False, True])
    work = cancellable(steps(), lambda: next(answers))
    assert next(work) == 0
    cancellation_point()
    with pytest.raises(Cancelled):
        next(work)


def test_what_is_returned_is_passed_on() -> None:
    assert last(cancellable(steps(), lambda: False)) == "done"


def test_whoever_is_asked_around_it_is_asked_too() -> None:
    stop = False
    work = cancellable(cancellable(steps(), lambda: False), lambda: stop)
    assert next(work) == 0
    stop = True
    with pytest.raises(Cancelled):
        next(work)


def test_closing_closes_the_steps() -> None:
    ended = []

    def watched() -> Generator[None]:
        try:
            yield
        finally:
            ended.append(True)

    work = cancellable(watched(), lambda: False)
    next(work)
    work.close()
    assert ended


@pytest.mark.parametrize("name", ["unet", "unet-small", "lidia", "csc", "deep-ksvd", "total-variation", "perona-malik"])
def test_a_call_of_a_denoiser_can_be_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile may take many seconds: it is asked within it, and often."""
    monkeypatch.setattr("napari_tweedie.denoisers.unet.STRIP", 16)
    asked = []
    with pytest.raises(Cancelled):
        last(
            run(
                Recipe(denoiser=name, noise={"sigma": 0.1}),
                np.eye(64, dtype=np.float32),
                cancelled=lambda: len(asked) == 9 or asked.append(0),
            )
        )
    assert len(asked) == 9


def test_a_stopped_network_is_as_good_as_new() -> None:
    unet = denoisers.load("unet-small", precision="float32")
    x = torch.rand(1, 1, 160, 32, generator=torch.Generator().manual_seed(0))

    def call() -> Generator[torch.Tensor]:
        with torch.no_grad():
            yield unet(x, 0.1)

    expected = next(call())
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        next(cancellable(call(), lambda: next(answers)))
    torch.testing.assert_close(next(call()), expected, rtol=0, atol=0)
