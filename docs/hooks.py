"""Hooks of the documentation site: pages that are made from the program, and links that leave the documentation."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

TOP = Path(__file__).parents[1]
MADE = ("gallery.md", "commands.md", "methods.md")
"""Pages that are made when the site is."""
BRANCH = "main"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave pages out of the navigation that are not there."""
    config.nav = list(_there(config.nav or []))
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the program and from the examples."""
    from mkdocs.structure.files import File

    for name, text in (("gallery.md", gallery()), ("commands.md", commands()), ("methods.md", methods())):
        files.append(File.generated(config, name, content=text))
    for picture in sorted((TOP / "examples" / "pictures").glob("*.png")):
        files.append(File.generated(config, f"gallery/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Give links to files of the repository their address."""
    text = markdown.replace("](../examples/README.md)", "](gallery.md)")
    folder = (Path("docs") / page.file.src_uri).parent.as_posix()
    source = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]
    build = runpy.run_path(str(TOP / "hatch_build.py"))
    return build["with_addresses"](text, source, BRANCH, folder, kept="docs/")


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Mend what becomes of "array-like" where types are read as Python."""
    return re.sub(r"array\s+-\s+like", "array-like", html)


def gallery() -> str:
    """Return the list of examples, a heading and a picture each."""
    text = (TOP / "examples" / "README.md").read_text(encoding="utf-8")
    text = re.sub(
        r"^\| \[(\w+)\.py\]\((\w+\.py)\): (.*?) \|\n\| --- \|\n\| (!\[.*?\]\()pictures/(.*?\)) \|$",
        lambda m: f"## {m[3][0].upper()}{m[3][1:]}\n\n[{m[1]}.py](../examples/{m[2]})\n\n{m[4]}gallery/{m[5]}",
        text,
        flags=re.MULTILINE,
    )
    return (
        text.replace("# Examples", "# Gallery", 1)
        .replace("](extending)", "](extending.md)")
        .replace("](other_fields/", "](../examples/other_fields/")
        .replace("](notebooks/", "](../examples/notebooks/")
        .replace("](../docs/", "](")
    )


def commands() -> str:
    """Return every command with its arguments and options, as typer knows them."""
    import typer
    from typer.cli import get_docs_for_click

    from napari_tweedie.cli import app

    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="napari-tweedie"), name="napari-tweedie")
    return re.sub(r"^#+ `napari-tweedie`", "# Command line", text, count=1)


def methods() -> str:
    """Return every method with its parameters, a table each."""
    return "# Methods and parameters\n\n" + "\n".join(_methods())


def _methods() -> Iterator[str]:
    from napari_tweedie.cli.info import REGISTRIES

    yield "What `--set part.field=value`, recipes and the forms of the docks take. `napari-tweedie list` prints the same.\n"
    for registry in REGISTRIES:
        yield f"## {registry.kind.capitalize()}s\n"
        for name, method in registry.all().items():
            yield f"### {method.title} {{ #{registry.kind.replace(' ', '-')}-{name} }}\n"
            yield f"`{name}`: {(method.__doc__ or '').partition(chr(10))[0].strip()}\n"
            rows = [_row(method, field) for field in method.model_fields]
            if rows:
                yield "| parameter | default | limits | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"


def _row(method: Any, field: str) -> str:
    info, unit = method.model_fields[field], method.hint(field, "unit")
    default = (
        "needed" if method.needs(field) else f"`{info.default:.4g}`" if isinstance(info.default, float) else f"`{info.default}`"
    )
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "multiple_of": "multiple of"}
    limits = [f"{sign} {getattr(each, key)}" for each in info.metadata for key, sign in signs.items() if hasattr(each, key)]
    meaning = f"{info.description}{f' ({unit})' if unit else ''}".replace("|", "\\|")
    return f"| `{field}` | {default.replace('|', '&#124;')} | {', '.join(limits)} | {meaning} |"


def _there(nav: list[Any]) -> Iterator[Any]:
    for item in nav:
        title, value = next(iter(item.items())) if isinstance(item, dict) else (None, item)
        if isinstance(value, list):
            if inner := list(_there(value)):
                yield {title: inner}
        elif value in MADE or (TOP / "docs" / value).exists():
            yield item
