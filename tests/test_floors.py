"""Does every room import only from the floors below it?"""

import ast
from collections.abc import Iterator
from pathlib import Path

import napari_tweedie

FLOORS = (
    {"images"},
    {"core"},
    {"degradations"},
    {"denoisers"},
    {"samplers", "solvers", "training"},
    {"analysis"},
    {"recipe"},
    {"engine"},
    {"large"},
    {"files"},
    {"widgets"},
    {"cli"},
)
"""Rooms, from the ground up; those of one floor do not know each other. Imports for annotations alone do not count."""
SOURCE = Path(napari_tweedie.__file__).parent


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the rooms that some code imports, anywhere in it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.ImportFrom) and child.module == "napari_tweedie":
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and (child.module or "").startswith("napari_tweedie."):
            yield str(child.module).split(".")[1]
        yield from imported(child)


def test_a_room_imports_only_from_the_floors_below() -> None:
    level = {room: number for number, floor in enumerate(FLOORS) for room in floor}
    upwards = []
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for other in imported(ast.parse(path.read_text())):
            if other != room and level[other] >= level[room]:
                upwards.append(f"{path.relative_to(SOURCE)} imports {other}")
    assert upwards == []


def test_only_widgets_know_qt_and_layers() -> None:
    named = {
        path.relative_to(SOURCE).parts[0]
        for path in SOURCE.rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("from qtpy", "import qtpy", "from napari.", "import napari\n", "from napari import"))
    }
    assert named == {"widgets"}
