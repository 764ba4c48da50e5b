"""Miniatures of releases for the tests of importers: drawn pictures, files, zips, and what an import makes of them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from pytest_vsc.drafts import Importer
from pytest_vsc.importers import open_importer
from pytest_vsc.imports import Order, Report, run_import

Files = Mapping[str, "bytes | str"]


def png(colour: str, size: tuple[int, int] = (8, 6)) -> bytes:
    """A picture of one colour, as PNG bytes."""
    return picture("PNG", colour=colour, size=size)


def picture(
    kind: str, mode: str = "RGB", colour: str = "teal", size: tuple[int, int] = (8, 6), frames: int = 1
) -> bytes:
    """A picture of one colour in a format and a mode of Pillow's; frames: how many, where the format takes several."""
    colours = [colour, *("black", "white") * frames][:frames]
    drawn = [Image.new("RGB", size, one).convert(mode) for one in colours]
    buffer = io.BytesIO()
    if frames > 1:
        drawn[0].save(buffer, kind, save_all=True, append_images=drawn[1:])
    else:
        drawn[0].save(buffer, kind)
    return buffer.getvalue()


def turned(kind: str) -> bytes:
    """A picture that lies on its side but for what its EXIF data says."""
    drawn, exif, buffer = Image.new("RGB", (8, 6), "teal"), Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    drawn.save(buffer, kind, exif=exif)
    return buffer.getvalue()


def write_files(folder: Path, files: Files) -> Path:
    """Write files below a folder, by their paths in it; text as UTF-8, its line ends as they are."""
    for name, said in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(said.encode() if isinstance(said, str) else said)
    return folder


def zipped(folder: Path) -> Path:
    """A zip file beside a folder with everything in it, below the folder's own name as downloads have it."""
    file = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                opened.write(path, path.relative_to(folder.parent))
    return file


def imported(importer: str | Importer, *places: Path, out: Path, **order: Any) -> tuple[Report, list[dict[str, Any]]]:
    """Import places into `out`: the report, and the rows of the suite that was written, [] when none was."""
    name = importer if isinstance(importer, str) else "miniature"
    opened = open_importer(importer) if isinstance(importer, str) else importer
    report = run_import(opened, Order(name=name, places=places, out=out, **order))
    cases = out / "cases.jsonl"
    rows = cases.read_text(encoding="utf-8").splitlines() if cases.is_file() else []
    return report, [json.loads(row) for row in rows]


def kinds(report: Report) -> dict[tuple[str, str], int]:
    """(kind, name) -> count of every finding."""
    return {(one.kind, one.name): one.count for one in report.findings}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path: to compare two imports byte for byte."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def odd(report: Report) -> dict[tuple[str, str], int]:
    """The same less the finding that a table has fewer rows than a complete release has, as every miniature's."""
    return {key: count for key, count in kinds(report).items() if key != ("missing", "rows")}
