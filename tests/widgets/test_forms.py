import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot

from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.core import registry as registries
from napari_tweedie.core.method import Parameter
from napari_tweedie.core.registry import Registry
from napari_tweedie.degradations.blur import GaussianBlur
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.degradations.noise import registry as noises
from napari_tweedie.solvers.splitting import HalfQuadraticSplitting
from napari_tweedie.widgets.forms.method_form import Chooser, Form


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


def test_a_form_shows_defaults_units_limits_and_descriptions(qtbot: QtBot, viewer: ViewerModel) -> None:
    form = Form(GaussianBlur, ["std", "axial_std"], viewer.layers)
    qtbot.addWidget(form)
    std = form.editors["std"].widget
    assert std.text() == "1.6 px"
    assert std.toolTip() == GaussianBlur.model_fields["std"].description
    std.setValue(1000)
    assert std.value() == 50
    std.setValue(-1)
    assert std.value() > 0
    assert form.values()["axial_std"] == 0
    GaussianBlur(**form.values())


def test_every_whole_number_has_the_limits_and_the_default_of_its_parameter(qtbot: QtBot, viewer: ViewerModel) -> None:
    seen = 0
    for registry in (degradations.registry, denoisers.registry, noises, solvers.registry, samplers.registry):
        for name, method in registry.all().items():
            for field, info in method.model_fields.items():
                if info.annotation is not int or info.is_required():
                    continue
                form = Form(method, [field], viewer.layers)
                qtbot.addWidget(form)
                assert form.values() == {field: info.default}, f"{name} {field}"
                lowest = [
                    limit.ge if hasattr(limit, "ge") else limit.gt + 1
                    for limit in info.metadata
                    if hasattr(limit, "ge") or hasattr(limit, "gt")
                ]
                assert form.editors[field].widget.minimum() == lowest[0], f"{name} {field}"
                seen += 1
    assert seen > 20


def test_an_estimate_is_shown_until_the_user_gives_a_value(qtbot: QtBot, viewer: ViewerModel) -> None:
    form = Form(Gaussian, ["sigma"], viewer.layers)
    qtbot.addWidget(form)
    sigma = form.editors["sigma"].widget
    sigma.show_estimate(12.4)
    assert form.values() == {"sigma": None}
    assert sigma.number.text() == "12.4"
    form.show_grey_unit("counts")
    assert sigma.number.text() == "12.4 counts"
    number = sigma.number
    assert number.minimumSizeHint().width() > number.fontMetrics().horizontalAdvance("12.4 counts")
    assert not sigma.number.isEnabled()
    with qtbot.waitSignal(form.changed):
        sigma.automatic.setChecked(False)
    assert form.values() == {"sigma": pytest.approx(12.4)}
    sigma.show_estimate(99.0)
    assert form.values() == {"sigma": pytest.approx(12.4)}


@pytest.mark.slow
@pytest.mark.parametrize("registry", [degradations.registry, denoisers.registry, solvers.registry])
def test_every_method_that_needs_no_layer_comes_out_of_its_form_with_its_defaults(
    qtbot: QtBot, viewer: ViewerModel, registry: Registry
) -> None:
    names = [name for name in registry.names() if not registry.method(name).is_composed()]
    chooser = Chooser("Method", "", registry, names[0], viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    for name in names:
        chooser.choose(name)
        if not registry.method(name).inputs():
            assert chooser.method() == registry.load(name)


def test_advanced_parameters_are_kept_apart(qtbot: QtBot, viewer: ViewerModel) -> None:
    chooser = Chooser("Solver", "", solvers.registry, "hqs", viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    assert list(chooser.form.editors) == ["iterations"]
    assert isinstance(chooser.method(), HalfQuadraticSplitting)


def test_a_layer_is_found_by_its_name(qtbot: QtBot, viewer: ViewerModel) -> None:
    chooser = Chooser("Degradation", "", degradations.registry, "psf-blur", viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    viewer.add_image(np.ones((9, 9)), name="cells")
    with pytest.raises(ValueError, match="choose a layer for PSF"):
        chooser.method()
    viewer.add_image(np.ones((3, 3)), name="my PSF")
    assert chooser.method().psf.name == "my PSF"
    viewer.layers.remove("my PSF")
    with pytest.raises(ValueError, match="choose a layer for PSF"):
        chooser.method()


def test_an_array_that_is_not_needed_may_be_left_out(qtbot: QtBot, viewer: ViewerModel) -> None:
    chooser = Chooser("Degradation", "", degradations.registry, "fourier-mask", viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    viewer.add_image(np.ones((9, 9)), name="cells")
    assert chooser.method().missing_inputs() == []
    assert chooser.chosen_layers() == {}
    viewer.add_image(np.ones((2, 9, 9)), name="coil sensitivity")
    assert list(chooser.chosen_layers()) == ["sensitivity"]


def test_a_file_is_typed_or_chosen(qtbot: QtBot, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = Chooser("Denoiser", "", denoisers.registry, "file", viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    edit = chooser.form.editors["path"].widget
    assert (edit.text.text(), chooser.method().path) == ("", Path())
    monkeypatch.setattr("napari_tweedie.widgets.forms.editors.own_networks", list)
    monkeypatch.setattr("napari_tweedie.widgets.forms.editors.QFileDialog.getOpenFileName", lambda *_: ("models/net.pt", ""))
    with qtbot.waitSignal(chooser.changed):
        edit.browse.click()
    assert chooser.method().path == Path("models/net.pt")


class Odd(solvers.Solver):
    """A solver of others, with a parameter that no widget edits."""

    name: ClassVar[str] = "odd"
    title: ClassVar[str] = "Odd"

    weights: tuple[float, ...] = Parameter((1.0, 2.0), "Some weights.")
    iterations: int = Parameter(3, "Turns.", ge=1, le=10)


def test_methods_of_others_are_offered_and_what_cannot_be_used_is_named(
    qtbot: QtBot, viewer: ViewerModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ModuleType("third_party")
    theirs.Odd = Odd  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "third_party", theirs)
    group = "napari_tweedie.solvers"
    added = EntryPoints([EntryPoint("odd", "third_party:Odd", group), EntryPoint("gone", "third_party:Gone", group)])
    found = registries.entry_points
    monkeypatch.setattr(registries, "entry_points", lambda **chosen: EntryPoints([*found(**chosen), *added.select(**chosen)]))
    chooser = Chooser("Solver", "", Registry(group, solvers.Solver), "hqs", viewer.layers)
    qtbot.addWidget(chooser)
    qtbot.addWidget(chooser.advanced)
    assert chooser.left_out.text().startswith("The solver 'gone' cannot be used: AttributeError")
    assert not chooser.left_out.isHidden()
    chooser.choose("odd")
    chooser.form.editors["iterations"].set(5)
    assert chooser.method() == Odd(iterations=5)
    usual = Chooser("Noise", "", noises, "gaussian", viewer.layers)
    qtbot.addWidget(usual)
    assert usual.left_out.isHidden()
