"""Read the files of a release, from folders and zip files as they were downloaded. Nothing in them is trusted.

Nothing is unpacked: members are read one by one, by name, up to a size. What is odd about a file becomes a finding;
what its words mean is not known here.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import stat
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pytest_vsc.errors import ReleaseError, one_line
from pytest_vsc.findings import Findings
from pytest_vsc.spelling import leads_out

LARGEST_FILE = 256 * 2**20  # bytes of one file once it is unpacked
LARGEST_PICTURE = 64 * 2**20
# A zip member that unpacks to more than this many times its size, and to more than ten mebibytes, is no release's:
# deflate reaches 1,032 at most, on nothing but zeros; metadata comes to about ten.
BOMB_RATIO, BOMB_SIZE = 200, 10 * 2**20
MOST_FILES = 1_000_000
TABLE_ENDINGS = (".csv", ".tsv", ".xlsx", ".jsonl", ".json", ".parquet", ".arrow")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
EARLIER_IMPORT = {"import.json", "suite.toml"}  # what the folder of an imported suite holds
_IGNORED = ("__MACOSX", ".git", "Thumbs.db", ".DS_Store")


class File(NamedTuple):
    """A file of a release. path: below its folder or zip, with forward slashes. size: in bytes, unpacked."""

    path: str
    size: int
    open: Callable[[], bytes]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Release:
    """The files of a release, wherever they lie below the places given. Later places fill in what earlier ones lack.

    A place that is a table stands for the folder that it lies in. tables: the paths of these tables. findings: what was
    odd about what was asked for. Raises ReleaseError for a place that cannot be read at all.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self.findings = Findings()
        self.tables: list[str] = []
        self._zips = contextlib.ExitStack()
        self._files: dict[str, File] = {}
        self._by_name: dict[str, list[str]] = defaultdict(list)
        try:
            for place in places:
                for file in self._listed(place):
                    if file.path not in self._files:
                        self._files[file.path] = file
                        self._by_name[file.name.casefold()].append(file.path)
        except BaseException:
            self.close()
            raise
        if not self._files:
            odd = "".join(f"; {one.name}: {', '.join(one.where[:3])}" for one in self.findings)
            raise ReleaseError(f"{_names(places)}: holds no file; expected a release's folder or its zip file{odd}")

    def close(self) -> None:
        self._zips.close()

    def __enter__(self) -> Release:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- finding files ---

    def find(self, *names: str) -> File | None:
        """The file at the first of these paths that is there, below any folder; None when there is none.

        Of several such files with the same bytes the first is taken. Files that differ are refused.
        """
        for name in names:
            found = sorted(self._ending_with(name), key=lambda path: (path.count("/"), path))
            if not found:
                continue
            first, *others = (self._files[path] for path in found)
            if not others or first.path == name:
                return first
            if any(other.size != first.size or self.read(other) != self.read(first) for other in others):
                self.findings.add(
                    "refused", "ambiguous-file", "several files of one name differ; which is meant is unknown", name
                )
                return None
            self.findings.add("noted", "file-twice", "a file is there several times, the same bytes each time", name)
            return first
        return None

    def find_picture(self, *names: str) -> File | None:
        """The picture at the first of these paths; failing that, one that differs in case or ending only."""
        if found := self.find(*names):
            return found
        for name in names:
            folder, _, last = name.rpartition("/")
            stem = last.rpartition(".")[0] or last
            prefix = f"{folder}/" if folder else ""
            same_case = [path for path in self._named_like(last) if _ends(path.casefold(), name.casefold())]
            if len(same_case) == 1:
                what = "a picture's file differs from its listed name in upper and lower case"
                self.findings.add("repaired", "name-case", what, name)
                return self._files[same_case[0]]
            endings = [path for end in PICTURE_ENDINGS for path in self._ending_with(f"{prefix}{stem}{end}")]
            if len(endings) == 1:
                self.findings.add(
                    "repaired", "other-ending", "a picture's file differs from its listed name in the ending", name
                )
                return self._files[endings[0]]
        return None

    def below(self, folder: str, ending: str = "") -> list[File]:
        """All files in a folder, wherever that lies, by path. ending: such as `.json`."""
        inside = f"/{folder.strip('/')}/" if folder else "/"
        return [
            file
            for path, file in sorted(self._files.items())
            if inside in f"/{path}" and path.casefold().endswith(ending)
        ]

    def _ending_with(self, name: str) -> list[str]:
        return [path for path in self._named_like(name.rpartition("/")[2]) if _ends(path, name)]

    def _named_like(self, name: str) -> list[str]:
        return self._by_name.get(name.casefold(), [])

    # --- reading them ---

    def read(self, file: File, most: int = LARGEST_FILE) -> bytes:
        """The bytes of a file. Raises ReleaseError when it cannot be read or is larger than `most` bytes."""
        if file.size > most:
            raise ReleaseError(f"{file.path}: {file.size:,} bytes; expected at most {most:,}")
        try:
            return file.open()
        except (OSError, RuntimeError, NotImplementedError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise ReleaseError(f"{file.path}: cannot be read: {one_line(error)}") from None
        except Exception as error:  # zlib.error, lzma.LZMAError: no common base
            raise ReleaseError(f"{file.path}: cannot be unpacked: {one_line(error)}") from None

    def text(self, file: File) -> str:
        """The text of a file: UTF-8, by its mark UTF-16, else Windows' Latin-1, which is a finding."""
        data = self.read(file)
        for mark, name in (
            (codecs.BOM_UTF8, "utf-8-sig"),
            (codecs.BOM_UTF16_LE, "utf-16"),
            (codecs.BOM_UTF16_BE, "utf-16"),
        ):
            if data.startswith(mark):
                self.findings.add("noted", "byte-order-mark", "a text file begins with a byte order mark", file.path)
                return self._decoded(data, name, file)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            what = "a text file is not UTF-8; read as Latin-1 (cp1252)"
            self.findings.add("repaired", "not-utf-8", what, f"{file.path}:{line}")
            return data.decode("cp1252", errors="replace")

    def json(self, file: File) -> Any:
        """What a JSON file says. Raises ReleaseError."""
        try:
            return self.parsed(self.text(file), file.path)
        except (ValueError, RecursionError) as error:
            raise ReleaseError(f"{file.path}: not JSON: {one_line(error)}") from None

    def parsed(self, text: str, where: str) -> Any:
        """What a JSON text says; the first of a key that an object has twice. Raises ValueError, RecursionError."""

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            said: dict[str, Any] = {}
            for key, value in pairs:
                if said.setdefault(key, value) != value:
                    what = "a key is there twice and says different things; the first is taken"
                    self.findings.add("refused", "key-twice", what, f"{where}: {key}")
            return said

        return json.loads(text, object_pairs_hook=once)

    def _decoded(self, data: bytes, encoding: str, file: File) -> str:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            raise ReleaseError(f"{file.path}: not {encoding} text at byte {error.start}") from None

    # --- listing ---

    def _listed(self, place: Path) -> Iterator[File]:
        if place.is_dir():
            listed = self._in_folder(place)
        elif place.is_file() and place.name.casefold().endswith(TABLE_ENDINGS):
            listed = self._beside_table(place)
        else:
            listed = self._in_zip(place)
        for number, file in enumerate(listed, 1):
            if number > MOST_FILES:
                raise ReleaseError(f"{place.name}: holds more than {MOST_FILES:,} files; is it the right folder?")
            if not any(part in _IGNORED or part.startswith("._") for part in file.path.split("/")):
                yield file

    def _in_folder(self, root: Path) -> Iterator[File]:
        inside = [root.resolve()]
        if root.resolve().parent.name == "snapshots":  # a hub's cache: a snapshot's files are links to its blobs
            inside.append(root.resolve().parents[1] / "blobs")
        for folder, folders, names in os.walk(root):
            folders.sort()
            if set(names) >= EARLIER_IMPORT and Path(folder) != root:
                what = "a folder is an earlier import, of this release perhaps; not read"
                self.findings.add("noted", "earlier-import", what, Path(folder).relative_to(root).as_posix())
                folders.clear()
                continue
            for name in folders:
                if (linked := Path(folder, name)).is_symlink():
                    where = linked.relative_to(root).as_posix()
                    self.findings.add("noted", "linked-folder", "a folder that is a link is not followed", where)
            for name in sorted(names):
                file = Path(folder, name)
                path = unicodedata.normalize("NFC", file.relative_to(root).as_posix())
                if file.is_symlink() and _leads_outside(file, inside):
                    what = "a file is a link that leads outside the release; never read"
                    self.findings.add("noted", "link-outside", what, path)
                    continue
                with contextlib.suppress(OSError):  # a link to nothing
                    found = file.stat()
                    if stat.S_ISREG(found.st_mode):
                        yield File(path, found.st_size, file.read_bytes)

    def _beside_table(self, place: Path) -> Iterator[File]:
        """The table, even where it is a link, and what else its folder holds, such as its pictures."""
        if place.name in self._files:
            raise ReleaseError(f"{place}: a place before it has a file of this name; name the table first")
        self.tables.append(place.name)
        yield File(place.name, place.stat().st_size, place.read_bytes)
        yield from (file for file in self._in_folder(place.parent) if file.path != place.name)

    def _in_zip(self, place: Path) -> Iterator[File]:
        try:
            opened = self._zips.enter_context(zipfile.ZipFile(place))
        except FileNotFoundError:
            raise ReleaseError(
                f"{place}: no such folder or file; expected a release's folder or its zip file"
            ) from None
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            what = one_line(getattr(error, "strerror", None) or error)
            raise ReleaseError(f"{place}: neither a folder nor a zip file ({what})") from None
        seen: dict[str, zipfile.ZipInfo] = {}
        for member in opened.infolist():
            if member.is_dir():
                continue
            path = clean_path(member.filename)
            if path is None:
                what = "a member of the zip file leads outside it; never read"
                self.findings.add("noted", "zip-path-outside", what, member.filename)
            elif stat.S_ISLNK(member.external_attr >> 16):
                self.findings.add("noted", "zip-link", "a member of the zip file is a link; never read", path)
            elif member.file_size > BOMB_SIZE and member.file_size > BOMB_RATIO * max(member.compress_size, 1):
                what = f"a member of the zip file unpacks to more than {BOMB_RATIO} times its size; never unpacked"
                self.findings.add("refused", "zip-bomb", what, f"{path} ({member.file_size:,} bytes)")
            elif (other := seen.setdefault(path, member)) is not member:
                self._tell_twice(path, (member.CRC, member.file_size) == (other.CRC, other.file_size))
            else:
                yield File(path, member.file_size, lambda member=member: opened.read(member))  # type: ignore[misc]

    def _tell_twice(self, path: str, alike: bool) -> None:
        if alike:
            self.findings.add("noted", "file-twice", "a file is there several times, the same bytes each time", path)
        else:
            what = "a zip file has two files of one path that differ; the first is taken"
            self.findings.add("refused", "zip-member-twice", what, path)


def _leads_outside(link: Path, inside: Sequence[Path]) -> bool:
    try:
        return not any(link.resolve().is_relative_to(one) for one in inside)
    except (OSError, RuntimeError):  # a link to itself: there is no file to read
        return False


def clean_path(name: str) -> str | None:
    """A path as metadata or a zip file writes it, with forward slashes; None when it leads outside its folder.

    Letters with accents are one character each, as metadata has them; some systems' file names have two.
    """
    written = name.strip().replace("\\", "/")
    path = PurePosixPath(written)
    return None if leads_out(written) or not path.parts else unicodedata.normalize("NFC", path.as_posix())


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f"/{name}")


def _names(places: Sequence[Path]) -> str:
    return ", ".join(str(place) for place in places)
