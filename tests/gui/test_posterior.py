from collections.abc import Callable

import numpy as np
import pytest
from napari.viewer import Viewer
from pytestqt.qtbot import QtBot

from napari_tweedie.engine import last, run
from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.docks.posterior import Posterior

LIMIT = 300_000


@pytest.fixture
def dock(viewer: Viewer, qtbot: QtBot) -> Posterior:
    rng = np.random.default_rng(0)
    truth = 1000 + 50 * rng.standard_normal((48, 40))
    viewer.add_image(truth.astype(np.float32), name="truth")
    viewer.add_image((truth + 25 * rng.standard_normal(truth.shape)).astype(np.float32), name="cells", scale=(0.5, 0.5))
    dock = Posterior(viewer)
    dock.choosers["denoiser"].choose("unet-small")
    viewer.window.add_dock_widget(dock, name="How sure?")
    dock.choosers["denoiser"].choose("gaussian")
    dock.choosers["sampler"].form.editors["samples"].set(4)
    dock.noise.choose("gaussian")
    dock.noise.open["sigma"].set_value(25.0)
    return dock


def test_samples_and_their_summary_are_layers(dock: Posterior, finish: Callable[[Panel], str]) -> None:
    dock.run()
    finish(dock)
    layers = dock.viewer.layers
    names = {layer.name for layer in layers} - {"truth", "cells"}
    assert names == {f"cells · {what}" for what in ("mean", "std", "lower 90 %", "upper 90 %", "samples")}
    samples = layers["cells · samples"]
    assert samples.data.shape == (4, 48, 40)
    assert samples.axis_labels[0] == "sample"
    np.testing.assert_allclose(samples.scale, (1, 0.5, 0.5))
    assert layers["cells · std"].contrast_limits[0] == 0
    stored = layers["cells · std"].metadata["napari_tweedie"]
    again = last(run(Recipe.model_validate(stored["recipe"]), layers["cells"].data))
    np.testing.assert_array_equal(again.images["samples"], samples.data)


def test_what_samples_do_not_agree_on_and_the_relative_spread_are_layers_on_demand(
    dock: Posterior, finish: Callable[[Panel], str], qtbot: QtBot
) -> None:
    from napari_tweedie.analysis.support import unsupported

    assert not dock.derived.isVisibleTo(dock)
    dock.run()
    finish(dock)
    layers = dock.viewer.layers
    dock.derived.support.click()
    qtbot.waitUntil(lambda: "cells · not supported" in layers, timeout=LIMIT)
    marks = layers["cells · not supported"]
    np.testing.assert_array_equal(marks.data, unsupported(layers["cells · samples"].data))
    np.testing.assert_allclose(marks.scale, (0.5, 0.5))
    assert "% of the pixels show structure" in dock.bar.status.text()
    dock.derived.relative.click()
    relative = layers["cells · relative std"]
    np.testing.assert_allclose(relative.data, layers["cells · std"].data / layers["cells · mean"].data, rtol=1e-5)
    dock.derived.outline.click()
    qtbot.waitUntil(lambda: "cells · uncertain here" in layers, timeout=LIMIT)
    assert layers["cells · uncertain here"].contour > 0
    np.testing.assert_allclose(layers["cells · uncertain here"].scale, (0.5, 0.5))
    assert "standard deviation above" in dock.bar.status.text()
    mean, samples = layers["cells · mean"], layers["cells · samples"]
    dock.derived.play.click()
    assert (mean.visible, samples.visible) == (False, True)
    shown = dock.viewer.dims.current_step[0]
    dock.derived.cycle.step()
    assert dock.viewer.dims.current_step[0] != shown
    dock.derived.play.click()
    assert (mean.visible, samples.visible) == (True, False)
    layers.remove("cells · std")
    assert not dock.derived.outline.isVisibleTo(dock)
    layers.remove("cells · samples")
    assert not dock.derived.isVisibleTo(dock)


def test_a_stop_keeps_the_samples_that_are_complete(dock: Posterior, finish: Callable[[Panel], str], qtbot: QtBot) -> None:
    dock.viewer.add_image(np.random.default_rng(0).random((512, 600), np.float32), name="large")
    dock.choosers["sampler"].form.editors["samples"].set(200)
    dock.run()
    qtbot.waitUntil(lambda: any("samples" in layer.name for layer in dock.viewer.layers), timeout=LIMIT)
    qtbot.waitUntil(lambda: dock._run.trace[-1].get("finished", 0) >= 2, timeout=LIMIT)
    dock.cancel()
    assert "are kept" in finish(dock)
    (samples,) = [layer for layer in dock.viewer.layers if "· samples" in layer.name]
    assert 2 <= len(samples.data) < 200
    assert samples.data.std(0).min() > 0
    assert "stopped" in samples.name


def test_a_sampler_is_proposed_for_the_degradation(dock: Posterior) -> None:
    dock.choosers["degradation"].choose("gaussian-blur")
    assert dock.choosers["sampler"].name == "split-gibbs"
    dock.choosers["degradation"].choose("identity")
    assert dock.choosers["sampler"].name == "moment-matched"


def test_calibration_corrects_the_interval(dock: Posterior, finish: Callable[[Panel], str]) -> None:
    dock.choosers["denoiser"].form.editors["std"].set(0.02)  # far too sure of itself
    dock.reliability.layer.set_value(dock.viewer.layers["truth"])
    dock.calibrate()
    finish(dock)
    interval = dock.recipe().interval
    assert interval.factor > 1.5
    assert interval.coverage == pytest.approx(0.9, abs=0.05)
    assert "times as wide" in dock.reliability.said.text()
    dock.run()
    assert f"90 % interval, measured coverage {100 * interval.coverage:.1f} %" in finish(dock)
    stored = dock.viewer.layers["cells · mean"].metadata["napari_tweedie"]["recipe"]["interval"]
    assert stored["factor"] == interval.factor


def test_a_second_press_leaves_the_calibration_alone(dock: Posterior, finish: Callable[[Panel], str]) -> None:
    dock.reliability.layer.set_value(dock.viewer.layers["truth"])
    dock.calibrate()
    dock.calibrate()
    dock.run()
    finish(dock)
    assert dock.recipe().interval.coverage is not None
    assert "cells · mean" not in dock.viewer.layers


def test_a_guarantee_is_found_on_a_stack_of_clean_images_and_stated(dock: Posterior, finish: Callable[[Panel], str]) -> None:
    """α = ½ and δ = 0.2 take three images: two frames do not suffice, with two more they do."""
    rng = np.random.default_rng(1)
    for name in ("first", "second"):
        stack = (1000 + 50 * rng.standard_normal((2, 48, 40))).astype(np.float32)
        dock.viewer.add_image(stack, name=name, axis_labels=("time", "y", "x"), visible=False)
    dock.source.layer.set_value(dock.viewer.layers["cells"])
    dock.source.layer.pin()
    dock.guarantee.alpha.setValue(0.5)
    dock.guarantee.delta.setValue(0.2)
    for name in ("first", "second"):
        assert "alpha" not in dock.guarantee.fields(dock.correction.values()["factor"])
        dock.reliability.layer.set_value(dock.viewer.layers[name])
        dock.guarantee.button.click()
        finish(dock)
        if name == "first":
            assert dock.guarantee.said.text().startswith("2 of the 3 clean images so far")
    interval = dock.recipe().interval
    assert (interval.alpha, interval.delta, interval.images) == (0.5, 0.2, 4)
    assert "With 80 % confidence at most 50 % of the pixels lie outside" in dock.guarantee.said.text()
    dock.run()
    assert "with 80 % confidence at most 50 % of the pixels" in finish(dock)
    stored = Recipe.model_validate(dock.viewer.layers["cells · mean"].metadata["napari_tweedie"]["recipe"])
    dock.correction.editors["factor"].set(3.0)
    assert dock.recipe().interval.alpha is None  # another width, without the guarantee
    dock.fill(stored)
    assert dock.recipe().interval == interval


def test_a_second_exposure_corrects_the_interval_without_any_truth(
    dock: Posterior, finish: Callable[[Panel], str], qtbot: QtBot
) -> None:
    rng, truth = np.random.default_rng(5), dock.viewer.layers["truth"].data
    dock.viewer.add_image(truth + 25 * rng.standard_normal(truth.shape).astype(np.float32), name="again", visible=False)
    dock.source.layer.set_value(dock.viewer.layers["cells"])
    dock.source.layer.pin()
    dock.choosers["denoiser"].form.editors["std"].set(0.02)  # far too sure of itself
    dock.repeat.layer.set_value(dock.viewer.layers["again"])
    dock.repeat.button.click()
    assert "Run on the first exposure" in dock.repeat.said.text()
    dock.run()
    finish(dock)
    dock.repeat.button.click()
    qtbot.waitUntil(lambda: dock.recipe().interval.factor > 1, timeout=LIMIT)
    layers = dock.viewer.layers
    error = layers["cells · mean"].data - truth
    needed = float(np.sqrt((error**2).mean() / (layers["cells · std"].data ** 2).mean()))
    assert dock.recipe().interval.factor == pytest.approx(needed, rel=0.15)
    assert "times the stated standard deviation" in dock.repeat.said.text()


def test_calibration_without_a_clean_layer_says_what_to_do(dock: Posterior, finish: Callable[[Panel], str]) -> None:
    dock.reliability.layer.set_value(None)
    dock.calibrate()
    assert "clean layer" in dock.bar.status.text()


def test_a_pair_that_does_not_fit_is_refused_before_it_runs(dock: Posterior) -> None:
    dock.choosers["degradation"].choose("gaussian-blur")
    dock.choosers["sampler"].choose("moment-matched")
    assert "for 'gaussian-blur' choose split-gibbs" in dock.obstacle()
    assert not dock.bar.run.isEnabled()
    dock.choosers["sampler"].choose("split-gibbs")
    assert dock.bar.run.isEnabled()
