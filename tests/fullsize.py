"""A full-size copy of the VSCBench release: its own metadata, its own file names, pictures drawn here.

`python -m tests.fullsize FOLDER [--zip]` makes one to look at; the metadata is read from `../shared/data/vscbench`.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import openpyxl
from PIL import Image, ImageDraw

METADATA = Path(__file__).parents[2] / "shared" / "data" / "vscbench"
NO_METADATA = "needs the metadata of the VSCBench release in ../shared/data/vscbench"
FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}


def picture(name: str) -> bytes:
    """A picture of its own for a name, of the kind that its ending says."""
    digest = hashlib.sha256(name.encode()).digest()
    drawn = Image.new("RGB", (64, 48), tuple(digest[:3]))
    pen = ImageDraw.Draw(drawn)
    for place in range(3, 23, 4):
        x, y, size, shade = digest[place : place + 4]
        pen.ellipse((x % 64, y % 48, x % 64 + size % 24, y % 48 + size % 24), fill=(shade, 255 - shade, x))
    buffer = io.BytesIO()
    drawn.save(buffer, FORMATS[name.rpartition(".")[2]])
    return buffer.getvalue()


def paths() -> Iterator[str]:
    """The path of every picture that the metadata lists, once."""
    seen: dict[str, None] = {}
    for row in _rows("vscbench_image_centric.xlsx"):
        for column, name in row.items():
            if "_img_" in column:
                seen[f"vscbench_image_centric_images/{row['Category']}/{name}"] = None
    for row in _rows("vscbench_text_centric.xlsx"):
        for variant in ("search", "typography", "concat", "figstep"):
            seen[f"vscbench_text_centric_images/{variant}/{row[f'{variant}_img']}"] = None
    yield from seen


def _rows(name: str) -> Iterator[dict[str, str]]:
    header, *rows = openpyxl.load_workbook(METADATA / name, read_only=True).worksheets[0].iter_rows(values_only=True)
    for row in rows:
        yield {str(column): str(cell) for column, cell in zip(header, row, strict=True) if column}


def make(folder: Path) -> Path:
    """Write the release into a folder and return that."""
    folder.mkdir(parents=True)
    for file in METADATA.iterdir():
        shutil.copyfile(file, folder / file.name)
    for path in paths():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(picture(path))
    return folder


def pack(folder: Path) -> Path:
    """The folder as a zip file beside it, in a top folder of its own, as downloads come."""
    packed = folder.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, f"VSCBench/{file.relative_to(folder).as_posix()}")
    return packed


if __name__ == "__main__":
    made = make(Path(sys.argv[1]))
    print(pack(made) if "--zip" in sys.argv else made)
