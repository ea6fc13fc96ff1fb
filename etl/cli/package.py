"""How a folder of files that ships with the program is written out, filled in, over nothing that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Template

import click


def write(package: Path, folder: Path, values: Mapping[str, str], more: Mapping[str, str] | None = None) -> list[str]:
    """Write every file of `package` into `folder`; the names, relative to it. `more`: name -> text to put behind it.

    A folder that holds anything is left as it is. Raises a usage error.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise click.UsageError(f"{folder} exists already and is left as it is; choose another folder.")
        sources = sorted(path for path in package.rglob("*") if path.is_file())
        return [
            _written(source, source.relative_to(package).as_posix(), folder, values, more or {}) for source in sources
        ]
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be written: {error.strerror}.") from error


def _written(source: Path, name: str, folder: Path, values: Mapping[str, str], more: Mapping[str, str]) -> str:
    text = Template(source.read_text(encoding="utf-8")).substitute(values) + more.get(name, "")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("x", encoding="utf-8") as file:
        file.write(text)
    return name
