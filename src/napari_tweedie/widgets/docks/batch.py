"""Batch dock: many files done with several recipes, and seen to succeed or fail."""

from __future__ import annotations

from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_tweedie.core import device
from napari_tweedie.files.batch import Outcome, find
from napari_tweedie.widgets.docks.panel import WARM_UP_MS
from napari_tweedie.widgets.forms.layout import arrange, focus_style, heading, one_row, shrinkable
from napari_tweedie.widgets.forms.path_edit import FolderName
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.messages import duration, sentence
from napari_tweedie.widgets.parts.help_button import HelpButton
from napari_tweedie.widgets.parts.recipe_list import RecipeList
from napari_tweedie.widgets.parts.run_bar import EnterRuns, RunBar
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.batch_run import BatchRun, Plan
from napari_tweedie.widgets.runs.confirmation import question
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.engine.run import Progress

FORMATS = {"OME-TIFF": ".tif", "OME-Zarr, region by region": ".zarr"}
ABOUT = "Do the same to all images of a folder."
TERM = "Batch processing: every recipe is run on every file; results and a table of outcomes are written."
HEADINGS = ("file", "recipe", "outcome")
LINES = 8


class Batch(EnterRuns):
    """The dock *Batch*: recipes are run on the images of a folder; one that fails keeps none of the others."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.images, self.folder = FolderName(), FolderName()
        self.images.text.setPlaceholderText("data, or data/*.tif")
        self.recipes = RecipeList(napari_viewer.layers)
        self.format = QComboBox()
        shrinkable(self.format)
        self.format.addItems(list(FORMATS))
        self.bar = RunBar("Run all recipes on all images; results that are there already are kept.")
        self.bar.preview.hide()
        self.bar.add(HelpButton("large-images", self))
        self.table = _table()
        self._run: BatchRun | None = None
        self._shown = 0
        self._warming = Background(self)
        rows: list[QWidget] = [
            one_row("Images", self.images, "A folder of TIFF, OME-Zarr, PNG or JPEG files, or a pattern that they match."),
            one_row("Recipes", self.recipes, "What to do to each image. Arrays such as a PSF come from layers of their names."),
            one_row("Results", self.folder, "Where results and summary.csv are written."),
            one_row("Format", self.format, "An OME-Zarr can be larger than the memory, and goes on where it was stopped."),
        ]
        arrange(self, [heading(ABOUT, TERM), *rows, self.table], self.bar)
        self._connect()
        self._on_theme()
        self._on_edit()

    def obstacle(self) -> str:
        """Say why the form cannot run, or nothing."""
        if not self.images.text.text().strip():
            return "Name a folder of images, or a pattern such as data/*.tif."
        if self.recipes.list.count() == 0:
            return "Add a recipe: select a result of another dock, or choose a JSON file."
        return "Another run is in progress." if RUNS.job is not None else ""

    def plan(self) -> Plan:
        """Take a snapshot of the form.

        Raises
        ------
        ValueError
            If an array of a recipe is not open.
        FileNotFoundError
            If there are no images.
        """
        images = find(self.images.text.text().strip())
        return Plan(images, self.recipes.recipes(), self.folder.path(), FORMATS[self.format.currentText()])  # type: ignore[arg-type]

    def run(self) -> None:
        """Run all recipes on all images."""
        try:
            plan = self.plan()
            if asked := question(list(plan.recipes.values())):
                self.bar.tell(asked)
                return
            run = BatchRun(plan)
            run.progressed.connect(self._on_progressed)
            run.ended.connect(self._on_ended)
            self._run = run
            self._show_tasks(run.plan)
            self.bar.begin()
            run.start()
        except (ValueError, FileNotFoundError) as error:
            self._on_ended(sentence(error))

    def cancel(self) -> None:
        """Stop the batch, if it runs; what is done is kept."""
        if self._run is not None:
            self._run.cancel()

    def _show_tasks(self, plan: Plan) -> None:
        tasks = plan.tasks()
        self._shown = 0
        self.table.setRowCount(len(tasks))
        for row, (image, name) in enumerate(tasks):
            for place, text in enumerate((image.name, name, "")):
                self.table.setItem(row, place, QTableWidgetItem(text))
        self.table.show()

    def _show_outcomes(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes[self._shown :]:
            item = self.table.item(self._shown, len(HEADINGS) - 1)
            item.setText(_words(outcome))
            item.setToolTip(f"{_words(outcome)}\n{outcome.output}")
            self.table.scrollToItem(item)
            self._shown += 1

    def _on_progressed(self, progress: Progress) -> None:
        self.bar.show_progress(progress)
        if self._run is not None:
            self._show_outcomes(list(self._run.outcomes))

    def _on_ended(self, text: str) -> None:
        run, self._run = self._run, None
        if run is not None:
            self._show_outcomes(list(run.outcomes))
        self.bar.end(text, self.obstacle())

    def _on_edit(self, *_: object) -> None:
        self.bar.set_ready(self.obstacle())

    def _on_images(self, text: str) -> None:
        if text.strip():
            parts = Path(text.strip()).parts
            known = next((number for number, part in enumerate(parts) if has_magic(part)), len(parts))
            self.folder.propose(Path(*parts[:known]) / "results")
        self._on_edit()

    def _connect(self) -> None:
        self.images.text.textChanged.connect(self._on_images)
        self.recipes.changed.connect(self._on_edit)
        self.recipes.told.connect(self.bar.tell)
        self.bar.run_clicked.connect(self.run)
        self.bar.cancel_clicked.connect(self.cancel)
        self._relay = Relay(self.viewer.events.theme)
        self._relay.fired.connect(self._on_theme)
        RUNS.changed.connect(self._on_edit)

    def _warm_up(self) -> None:
        """Load torch in a thread; nothing comes of it if the dock is gone by then."""
        self._warming.call(device.names, lambda _: None)

    def _on_theme(self) -> None:
        self.bar.paint(self.viewer.theme)
        self.setStyleSheet(focus_style(self.viewer.theme))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        QTimer.singleShot(WARM_UP_MS, self._warm_up)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.cancel()


def _table() -> QTableWidget:
    """Return an empty table of outcomes, hidden until there are some."""
    table = QTableWidget(0, len(HEADINGS))
    table.setHorizontalHeaderLabels(HEADINGS)
    table.verticalHeader().hide()
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    header.setStretchLastSection(True)
    table.setMinimumHeight((LINES + 2) * table.fontMetrics().lineSpacing())
    table.hide()
    return table


def _words(outcome: Outcome) -> str:
    """Say the outcome of a file."""
    if outcome.status == "done":
        return f"done in {duration(outcome.seconds)}"
    return f"{outcome.status}: {outcome.why}"
