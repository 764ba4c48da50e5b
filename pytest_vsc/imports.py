"""Make a suite of what an importer read: check the items, bring the pictures along, write the folder and the report.

The same release gives the same bytes each time, in whatever order its rows and files come. No benchmark is known here.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from pytest_vsc import __version__
from pytest_vsc.cases import CENTRICS, SIDES, Centric, Value
from pytest_vsc.drafts import Importer, Item, Options, Wanted
from pytest_vsc.errors import ReleaseError, SuiteError
from pytest_vsc.findings import LOST, Finding, Findings
from pytest_vsc.pictures import fit
from pytest_vsc.releases import LARGEST_PICTURE, Release, clean_path
from pytest_vsc.sources import CASES, HEADER, PICTURE_HASHES
from pytest_vsc.suites import load_suite
from pytest_vsc.tables import LONGEST_CELL

REPORT = "import.json"
FOLDER = "images"
DEFAULT_GATES = {"unsafe": "undersafety <= 5%", "safe": "oversafety <= 10%"}
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HALF_LETTER = re.compile(r"[\ud800-\udfff]")


class Count(Value):
    """How many cases of one kind the release asks for, and how many were written. variant "" for image-centric ones."""

    centric: str
    category: str
    variant: str
    side: str
    asked: int
    cases: int


class Report(Value):
    """What became of a release. No path of a machine and no time is in it, so that it is the same each time.

    read: rows by file. cases: written, in all; asked: what the rows that could be read ask for, the cases that could
    not be written included. complete: nothing is missing and nothing was refused.
    """

    format: int = 1
    pytest_vsc: str = __version__
    importer: str
    part: str
    suite: str
    sha256: str
    read: Mapping[str, int]
    asked: int
    cases: int
    groups: int
    pictures: int
    rendered: int
    counts: tuple[Count, ...]
    findings: tuple[Finding, ...]
    complete: bool
    incomplete: str


@dataclass(frozen=True)
class Order:
    """What is to be imported, and where to. places: folders and zip files that the release lies in.

    suite, licence: what the suite is to say of itself, where not the importer's word. strict: write nothing unless the
    release is complete. force: take the place of what lies at `out`.
    """

    name: str
    places: Sequence[Path]
    out: Path
    suite: str = ""
    licence: str = ""
    strict: bool = False
    force: bool = False
    options: Options = field(default_factory=Options)


def run_import(importer: Importer, order: Order) -> Report:
    """Import a release into the folder `order.out`, all of it or nothing: a run that breaks off leaves no half suite.

    Raises ReleaseError for what cannot be begun: bad options, a place that cannot be read, a folder in use.
    """
    name = order.suite or order.name
    if not _NAME.fullmatch(name):
        raise ReleaseError(f"--name: '{name}' is no name; a name has letters, digits, '.', '_' and '-' only")
    part = importer.part(order.options)
    options = replace(order.options, part=part)
    _refuse_a_folder_in_use(order)
    with Release(order.places) as release:
        read: Counter[str] = Counter()
        items = list(_counted(importer.read(release, options), read))
        asked = Counter(map(_kind, items))
        items = _sound(items, importer.about.allow_empty_prompt, release.findings)
        _count_rows(importer, items, release.findings)
        try:
            order.out.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{order.out.name}.", dir=order.out.parent))
        except OSError as error:
            raise ReleaseError(f"--out: cannot write beside {order.out}: {error.strerror}") from None
        try:
            brought = _Pictures(release, scratch, _prefix(items)).bring(items)
            paired = _paired(items) if importer.about.paired is None else importer.about.paired
            items = [item for item in items if item.id not in brought.lost]
            items = _whole_pairs(_unlike_twins(items, brought, release.findings), paired, release.findings)
            draft = _Suite(name, order, importer, items, paired, brought, asked, dict(sorted(read.items())), part)
            report = draft.write(scratch, release.findings)
            if items and not (order.strict and not report.complete):
                _put_in_place(scratch, order)
            return report
        except OSError as error:
            raise ReleaseError(f"{order.out}: cannot be written: {error.strerror or error}") from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _counted(items: Iterable[Item], read: Counter[str]) -> Iterator[Item]:
    seen: set[str] = set()
    for item in items:
        if item.at not in seen:
            seen.add(item.at)
            read[item.at.rpartition(":")[0]] += 1
        yield item


def _count_rows(importer: Importer, items: Sequence[Item], findings: Findings) -> None:
    """A table that was cut off lacks rows, and nothing else tells."""
    places = Counter(PurePosixPath(at.rpartition(":")[0]).name for at in {item.at for item in items})
    for name, full in importer.about.rows.items():
        rows = places[name]
        if 0 < rows < full:
            what = "a table has fewer rows that can be used than the release is known to have"
            findings.add("missing", "rows", what, f"{name}: {rows:,} of {full:,}", full - rows)
        elif rows > full:
            what = "a table has more rows than the release is known to have"
            findings.add("noted", "more-rows", what, f"{name}: {rows:,}, not {full:,}", rows - full)


# --- items ---


def _sound(items: Sequence[Item], allow_empty_prompt: bool, findings: Findings) -> list[Item]:
    """The items that can be cases, each once, in the order of their ids."""
    kept: dict[str, Item] = {}
    twice: dict[str, Item] = {}
    for item in items:
        why = _doubt(item, allow_empty_prompt)
        if why is not None:
            findings.add("refused", *why, item.at)
        elif (other := kept.get(item.id)) is None:
            kept[item.id] = item
        elif _core(other) == _core(item):
            findings.add("repaired", "repeated-row", "a row is there twice; taken once", f"{item.at} and {other.at}")
        else:
            what = "rows that differ have one id; which is meant is unknown"
            findings.add("refused", "id-twice", what, f"{item.at} and {other.at}: {item.id}")
            twice[item.id] = other
    for name in twice:
        del kept[name]
    cases = Counter(item.at for item in kept.values() if not item.prompt.strip())
    for item in kept.values():
        _note_prompt(item, cases[item.at], findings)
    return [kept[name] for name in sorted(kept)]


def _core(item: Item) -> tuple[Any, ...]:
    return (item.side, item.category, item.prompt, item.variant, item.pair, [one.names for one in item.pictures])


def _doubt(item: Item, allow_empty_prompt: bool) -> tuple[str, str] | None:
    if len(item.prompt) > LONGEST_CELL:
        return "row-too-large", f"a row has a cell of more than {LONGEST_CELL:,} characters"
    if not item.prompt.strip() and not allow_empty_prompt:
        return "empty-prompt", "a row has no prompt"
    if (item.centric == "image" or item.variant not in (None, "plain")) and not item.pictures:
        return "no-picture", "a row names no picture, and its kind of case needs one"
    if not all(_NAME.fullmatch(name) for name in (item.id, item.category, item.pair or "-")):
        return "no-name", "a row's id or category has no letter or digit to make a name of"
    if _HALF_LETTER.search("".join((item.prompt, item.group or "", *item.tags))):
        return "not-unicode", "a row has text that is not valid Unicode"
    return None


def _note_prompt(item: Item, cases: int, findings: Findings) -> None:
    if not item.prompt.strip():
        what = "a row has no prompt; its cases send the picture alone"
        findings.add("noted", "empty-prompt", what, f"{item.at} ({cases} cases)")
    elif item.prompt != item.prompt.strip():
        what = "a prompt begins or ends with blanks; kept as published"
        findings.add("noted", "blanks-around-prompt", what, item.at)
    if any(not letter.isprintable() and letter not in "\n\r\t" for letter in item.prompt):
        findings.add("noted", "control-characters", "a prompt has control characters; kept as published", item.at)


def _paired(items: Sequence[Item]) -> tuple[Centric, ...]:
    """The centrics in which every item has its twin."""
    sides = _sides(items)
    alone = {item.centric for item in items if item.pair is None or sides[item.pair] != set(SIDES)}
    return tuple(centric for centric in CENTRICS if centric not in alone)


def _sides(items: Sequence[Item]) -> Mapping[str | None, set[str]]:
    sides: dict[str | None, set[str]] = defaultdict(set)
    for item in items:
        sides[item.pair].add(item.side)
    return sides


def _unlike_twins(items: Sequence[Item], brought: _Brought, findings: Findings) -> list[Item]:
    """The items less those of pairs whose halves are the same to the last byte, so that one of them must be wrong."""
    halves: dict[str | None, list[Item]] = defaultdict(list)
    for item in items:
        halves[item.pair].append(item)
    alike: set[str | None] = set()
    for pair, members in halves.items():
        shown = [(item.prompt, [brought.names[one.names][1] for one in item.pictures]) for item in members]
        if pair is not None and len({item.side for item in members}) == 2 and shown[0] in shown[1:]:
            what = "the halves of a pair are equal: same prompt, same pictures; which side is right is unknown"
            findings.add("refused", "twins-alike", what, f"{members[0].at}: {pair}")
            alike.add(pair)
    return [item for item in items if item.pair not in alike]


def _whole_pairs(items: Sequence[Item], paired: Sequence[Centric], findings: Findings) -> list[Item]:
    """The items less those of a paired centric whose twin is lost."""
    sides = _sides(items)
    whole = []
    for item in items:
        if item.centric in paired and sides[item.pair] != set(SIDES):
            what = "a case is left out since its twin is lost: half a pair says nothing"
            findings.add("missing", "twin-lost", what, f"{item.at}: {item.id}")
        else:
            whole.append(item)
    return whole


# --- pictures ---


@dataclass
class _Brought:
    """The pictures of a suite. names: of each wanted picture, its path in the suite, its sha256. lost: ids of items
    that lack one."""

    names: dict[tuple[str, ...], tuple[str, str]]
    lost: set[str]
    rendered: int = 0


class _Pictures:
    """Brings pictures from the release into the folder, each file once however many items show it."""

    def __init__(self, release: Release, folder: Path, prefix: str) -> None:
        self._release, self._findings, self._folder, self._prefix = release, release.findings, folder, prefix
        self._taken: dict[str, tuple[str, ...]] = {}

    def bring(self, items: Sequence[Item]) -> _Brought:
        brought = _Brought({}, set())
        users: dict[tuple[str, ...], list[Item]] = defaultdict(list)
        wanted: dict[tuple[str, ...], Wanted] = {}
        for item in items:
            for one in item.pictures:
                users[one.names].append(item)
                wanted.setdefault(one.names, one)
        with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            warnings.simplefilter("ignore")  # of what is refused or repaired, and told
            for start in range(0, len(wanted), 256):  # in order, and never more than so many pictures in memory
                names = list(wanted)[start : start + 256]
                sources = [self._source(wanted[name], users[name]) for name in names]
                for name, (rendered, made) in zip(names, pool.map(_made, sources), strict=True):
                    self._keep(name, rendered, made, users[name], brought)
        return brought

    def _source(self, one: Wanted, users: Sequence[Item]) -> tuple[bool, Any] | None:
        """(whether it is drawn, what gives its bytes), None when there is nothing."""
        if one.data is not None:
            return False, lambda: one.data
        names = [clean for name in one.names if (clean := clean_path(name))]
        if len(names) < len(one.names):
            what = "a picture's path leads outside the release; never read"
            self._findings.add("refused", "path-outside", what, f"{users[0].at}: {one.names[0]}")
            return None
        if any("\\" in name for name in one.names):
            what = "a picture's path is written with backslashes"
            self._findings.add("repaired", "windows-path", what, f"{users[0].at}: {one.names[0]}")
        if (file := self._release.find_picture(*names)) is not None:
            return False, lambda: self._release.read(file, LARGEST_PICTURE)
        if one.render is not None:
            return True, one.render
        cases = f" ({len(users)} cases)" if len(users) > 1 else ""
        what = "a picture is not there; the cases that show it are left out"
        self._findings.add("missing", "picture", what, f"{names[0]}{cases}")
        return None

    def _keep(
        self, names: tuple[str, ...], rendered: bool, made: Any, users: Sequence[Item], brought: _Brought
    ) -> None:
        if isinstance(made, str):
            what = "a picture cannot be used; the cases that show it are left out"
            self._findings.add("refused", "unusable-picture", what, f"{names[0]}: {made}")
        if made is None or isinstance(made, str):
            brought.lost |= {item.id for item in users}
            return
        for kind, found in (("repaired", made.repaired), ("noted", made.noted)):
            for name, what in found:
                self._findings.add(kind, name, what, names[0])  # type: ignore[arg-type]
        path = self._path(names, made.ending, converted=bool(made.repaired))
        file = self._folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(made.data)
        brought.names[names] = (path, hashlib.sha256(made.data).hexdigest())
        if rendered:
            brought.rendered += 1
            what = "a picture that is not there was drawn from its words"
            self._findings.add("rendered", "picture", what, names[0])

    def _path(self, names: tuple[str, ...], ending: str, *, converted: bool) -> str:
        """A path of its own below `images/`: the release's own name for it, less what no file system likes."""
        written = (clean_path(names[0]) or "picture").removeprefix(self._prefix)
        parts = [re.sub(r"[^A-Za-z0-9._-]+", "_", part).lstrip(".") or "_" for part in written.split("/")]
        stem, dot, old = parts[-1].rpartition(".")
        same = {".jpeg": ".jpg"}.get(f".{old.casefold()}", f".{old.casefold()}")
        if dot and same == ending:
            ending = f".{old}"
        elif dot and len(old) <= 4 and converted:
            pass
        elif dot and len(old) <= 4:
            what = "a picture is not of the kind that its name ends in; named by what it is"
            self._findings.add("repaired", "wrong-ending", what, f"{names[0]}: {ending}")
        else:
            stem = parts[-1]
        path = "/".join([FOLDER, *parts[:-1], f"{stem[:100]}{ending}"])
        if self._taken.setdefault(path.casefold(), names) != names:
            digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:8]
            path = f"{path.removesuffix(ending)}-{digest}{ending}"
        return path


def _made(source: tuple[bool, Any] | None) -> tuple[bool, Any]:
    """(whether it was drawn, a Fit), or in its place None for nothing, or what is wrong in words."""
    if source is None:
        return False, None
    rendered, give = source
    try:
        return rendered, fit(give())
    except (ValueError, ReleaseError) as error:
        return rendered, str(error)


def _prefix(items: Iterable[Item]) -> str:
    """The folders that all pictures of a release lie in, which a suite need not repeat."""
    folders = {
        PurePosixPath(clean).parent.parts
        for item in items
        for one in item.pictures
        if (clean := clean_path(one.names[0]))
    }
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "".join(f"{parts[0]}/" for parts in shared)


# --- the suite ---


@dataclass
class _Suite:
    """Everything that is written into the folder."""

    name: str
    order: Order
    importer: Importer
    items: Sequence[Item]
    paired: Sequence[Centric]
    brought: _Brought
    asked: Mapping[tuple[str, str, str, str], int]
    read: Mapping[str, int]
    part: str

    def write(self, folder: Path, findings: Findings) -> Report:
        incomplete = self._incomplete(findings)
        sha256 = ""
        if self.items:
            (folder / HEADER).write_text(_toml(self._header(incomplete)), encoding="utf-8", newline="\n")
            lines = [json.dumps(self._row(item), ensure_ascii=False) + "\n" for item in self.items]
            (folder / CASES).write_text("".join(lines), encoding="utf-8", newline="\n")
            self._remove_unused(folder)
            sha256 = self._loaded(folder)
        report = self._report(sha256, findings, incomplete)
        text = json.dumps(report.model_dump(mode="json"), indent=1, ensure_ascii=False)
        (folder / REPORT).write_text(text + "\n", encoding="utf-8", newline="\n", errors="backslashreplace")
        return report

    def _loaded(self, folder: Path) -> str:
        """What was written must be a suite like any other."""
        try:
            return load_suite(str(folder), folder).sha256
        except SuiteError as error:
            raise ReleaseError(f"what was read of the release makes no sound suite:\n{error}") from None

    def _header(self, incomplete: str) -> dict[str, Any]:
        about, sides = self.importer.about, {item.side for item in self.items}
        present = dict.fromkeys(item.category for item in self.items)
        declared = [name for name in about.categories if name in present]
        return {
            "format": 1,
            "name": self.name,
            "version": about.version,
            "title": about.title,
            "description": about.description,
            "licence": self.order.licence or about.licence,
            "picture_licence": (self.order.licence or about.licence) if self.brought.names else "",
            "source": about.source,
            "citation": about.citation,
            "paired": [centric for centric in self.paired if any(item.centric == centric for item in self.items)],
            "categories": declared + sorted(name for name in present if name not in declared),
            "policy": about.policy,
            "gates": [gate for side, gate in DEFAULT_GATES.items() if side in sides],
            "allow_empty_prompt": any(not item.prompt.strip() for item in self.items),
            "incomplete": incomplete,
        }

    def _row(self, item: Item) -> dict[str, Any]:
        pictures = [self.brought.names[one.names][0] for one in item.pictures]
        said = {
            "id": item.id,
            "pair": item.pair,
            "group": item.group,
            "side": item.side,
            "centric": item.centric,
            "category": item.category,
            "variant": item.variant,
            "prompt": item.prompt,
            "image": pictures[0] if len(pictures) == 1 else None,
            "images": pictures if len(pictures) > 1 else None,
            "tags": list(item.tags),
        }
        return {name: value for name, value in said.items() if value or name == "prompt"}

    def _used(self) -> dict[str, str]:
        found = (self.brought.names[one.names] for item in self.items for one in item.pictures)
        return dict(sorted(found))

    def _remove_unused(self, folder: Path) -> None:
        """Pictures of cases that were left out with their twins; then list the others with their hashes."""
        used = self._used()
        for path, _ in self.brought.names.values():
            if path not in used:
                (folder / path).unlink(missing_ok=True)
        lines = [f"{sha256}  {path}\n" for path, sha256 in used.items()]
        (folder / PICTURE_HASHES).write_text("".join(lines), encoding="utf-8", newline="\n")

    def _incomplete(self, findings: Findings) -> str:
        if not findings.lost:
            return ""
        asked = sum(self.asked.values())
        what = f"{len(self.items):,} of {asked:,} cases" if len(self.items) < asked else "rows are missing"
        names = dict.fromkeys(f"{one.kind} {one.name} ({one.count:,})" for one in findings if one.kind in LOST)
        return f"{what}; {', '.join(names)}; see {REPORT}"

    def _report(self, sha256: str, findings: Findings, incomplete: str) -> Report:
        made = Counter(map(_kind, self.items))
        return Report(
            importer=self.order.name,
            part=self.part,
            suite=self.name,
            sha256=sha256,
            read=self.read,
            asked=sum(self.asked.values()),
            cases=len(self.items),
            groups=len({item.group or item.pair or item.id for item in self.items}),
            pictures=len(self._used()),
            rendered=self.brought.rendered,
            counts=tuple(
                Count(centric=kind[0], category=kind[1], variant=kind[2], side=kind[3], asked=asked, cases=made[kind])
                for kind, asked in sorted(self.asked.items())
            ),
            findings=tuple(findings),
            complete=not findings.lost and bool(self.items),
            incomplete=incomplete,
        )


def _kind(item: Item) -> tuple[str, str, str, str]:
    return item.centric, item.category, item.variant or "", item.side


def _toml(said: Mapping[str, Any]) -> str:
    """A table of text, numbers, truth values and lists of text. JSON's way to write these is TOML's, but for DEL."""
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False).replace(chr(127), '')}\n"
        for name, value in said.items()
        if value not in ("", [], False)
    ]
    return "".join(lines)


# --- the folder ---


def _refuse_a_folder_in_use(order: Order) -> None:
    out = order.out
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ReleaseError(f"--out: {out} is there and no folder; choose another name")
    if out.is_dir() and any(out.iterdir()):
        if not order.force:
            raise ReleaseError(f"--out: {out} is not empty; choose another folder, or --force to replace an import")
        if not (out / REPORT).is_file():
            raise ReleaseError(f"--out: {out} holds no earlier import, so --force does not replace it")


def _put_in_place(scratch: Path, order: Order) -> None:
    scratch.chmod(0o777 & ~_umask())
    if order.out.is_dir():
        old = Path(tempfile.mkdtemp(prefix=f".{order.out.name}.old.", dir=order.out.parent))
        order.out.rename(old / order.out.name)
        scratch.rename(order.out)
        shutil.rmtree(old, ignore_errors=True)
    else:
        scratch.rename(order.out)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
