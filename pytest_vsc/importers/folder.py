"""A table of one's own with its pictures beside it: which column is which field, and what its values mean, is told.

CSV, TSV, JSON, JSON Lines, XLSX, Parquet; a folder of `datasets` (`save_to_disk`, or pictures with `metadata.csv`).
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from pytest_vsc.cases import CENTRICS, SIDES, VARIANTS, Centric, Side, Variant
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, slug
from pytest_vsc.errors import ReleaseError, expected, has, one_line
from pytest_vsc.findings import Findings
from pytest_vsc.importers.pictured import wanted
from pytest_vsc.releases import TABLE_ENDINGS, File, Release
from pytest_vsc.spelling import NAME
from pytest_vsc.tables import NOT_TEXT, Entry, entries, with_class_names

# A field -> the columns that it is looked for in where none is named.
COLUMNS = {
    "id": ("id",),
    "pair": ("pair",),
    "group": ("group",),
    "side": ("side",),
    "centric": ("centric",),
    "category": ("category",),
    "variant": ("variant",),
    "prompt": ("prompt",),
    "image": ("image", "file_name"),  # as `datasets` calls it in a metadata file beside pictures
    "images": ("images",),
    "tags": ("tags",),
}
NEEDED = ("side", "category", "prompt")
WORDS: Mapping[str, Sequence[str]] = {"side": SIDES, "centric": CENTRICS, "variant": VARIANTS}
# What `--value` and `--set` may speak of.
TRANSLATED = (*WORDS, "category")
CONSTANT = (*TRANSLATED, "prompt", "group", "tags")
NO_TABLES = ("state.json", "dataset_info.json", "dataset_dict.json", "dataset_infos.json")  # `datasets` writes these
_SHARD = re.compile(r"(.*?)(\d{5})-of-(\d{5})(\.\w+)")

ABOUT = About(
    title="a table of one's own",
    licence="not stated by the table",
    source="a table of one's own",
    description="Imported from a table by the columns that were named. A centric is paired if every case has its twin.",
    paired=None,
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """One case a row. Raises ReleaseError for a table that is not there, and for columns that it does not have."""
    _check(options)
    files = _table(release)
    rows = [row for file in files for row in with_class_names(release, file, entries(release, file))]
    if not rows:
        release.findings.add("missing", "rows", "the table has no row that can be used", files[0].path)
        return
    reading = Reading(options, _columns(files[0], rows, options), files[0].path.rpartition("/")[0], release.findings)
    _note_unused(rows, reading)
    yield from _sound_pairs([item for row in rows for item in _items(row, reading)], release.findings)


def _check(options: Options) -> None:
    """Refuse fields that there are not, those that are told twice, and words that a field cannot have."""
    told = [
        *(("--column", field, "", tuple(COLUMNS)) for field in options.columns),
        *(("--set", field, word, CONSTANT) for field, word in options.constants.items()),
        *(("--value", field, word, TRANSLATED) for (field, _), word in options.values.items()),
    ]
    for option, field, word, allowed in told:
        if field not in allowed:
            raise ReleaseError(f"{option}: unknown field '{one_line(field)}'; {expected(field, allowed)}")
        if word and field in WORDS and word not in WORDS[field]:
            raise ReleaseError(f"{option}: unknown {field} '{one_line(word)}'; {expected(word, WORDS[field])}")
        if option == "--set" and field in options.columns:
            raise ReleaseError(f"--set: field '{field}' has a column too; expected one of --column and --set")


# --- finding the table ---


def _table(release: Release) -> list[File]:
    """The files of the one table: the one that was named, else the only one there is, several if it is in shards."""
    found: dict[str, list[File]] = defaultdict(list)
    named = {_without_shard(path) for path in release.tables}
    for ending in TABLE_ENDINGS:
        for file in release.below("", ending):
            table = _without_shard(file.path)
            if table in named or not (named or _is_no_table(file.name)):
                found[table].append(file)
    if not found:
        raise ReleaseError(f"no table; expected a file that ends in one of {', '.join(TABLE_ENDINGS)}")
    if len(found) > 1:
        names = ", ".join(sorted(files[0].path for files in found.values())[:10])
        raise ReleaseError(f"{len(found)} tables ({names}); expected one: give the table's own file, or its folder")
    (files,) = found.values()
    _note_shards(files, release.findings)
    return files


def _without_shard(path: str) -> str:
    shard = _SHARD.fullmatch(path)
    return f"{shard[1]}of-{shard[3]}{shard[4]}" if shard else path


def _is_no_table(name: str) -> bool:
    """Whether it is one of the files that `datasets` writes beside its tables."""
    return name in NO_TABLES or (name.startswith("cache-") and name.endswith(".arrow"))


def _note_shards(files: Sequence[File], findings: Findings) -> None:
    if shard := _SHARD.fullmatch(files[0].path):
        there = {file.path for file in files}
        names = (f"{shard[1]}{number:05}-of-{shard[3]}{shard[4]}" for number in range(int(shard[3])))
        for name in names:
            if name not in there:
                findings.add("missing", "shard", "a part of the table is not there", name)


def _columns(file: File, rows: Sequence[Entry], options: Options) -> dict[str, str]:
    """field -> its column. Raises ReleaseError for a column that is not there, and for a field that needs one."""
    there = dict.fromkeys(column for row in rows for column in row.said)
    columns = dict(options.columns)
    for field, column in columns.items():
        if column not in there:
            what = f"no column '{one_line(column)}' for the field '{field}'"
            raise ReleaseError(f"{file.path}: {what}; {has(column, there)}")
    for field, names in COLUMNS.items():
        other = {"image": "images", "images": "image"}.get(field, field)
        found = [name for name in names if name in there]
        if found and field not in columns and other not in columns and field not in options.constants:
            columns[field] = found[0]
    for field in NEEDED:
        if field not in columns and field not in options.constants:
            what = f"no column for the field '{field}'; name it, --column {field}=COLUMN"
            same = "" if field == "prompt" else f", or --set {field}=WORD for all rows"
            raise ReleaseError(f"{file.path}: {what}{same}; {has(field, there)}")
    return columns


# --- rows into items ---


class Reading(NamedTuple):
    """How rows are read. columns: field -> column. folder: the table's own, "" at the top."""

    options: Options
    columns: Mapping[str, str]
    folder: str
    findings: Findings

    def cell(self, row: Entry, field: str) -> Any:
        """What the row says of a field, or what is said once for all; None where neither is."""
        if field in self.options.constants:
            return self.options.constants[field]
        return row.said.get(self.columns[field]) if field in self.columns else None

    def text(self, row: Entry, field: str) -> str:
        if field in self.options.constants:
            return self.options.constants[field]
        return row.text(self.columns[field]).strip() if field in self.columns else ""

    def word(self, row: Entry, field: str) -> str:
        """The suite's word for a cell: what it was said to mean, else itself."""
        text = self.text(row, field)
        word = self.options.values.get((field, text), text)
        return word.casefold() if field in WORDS else slug(word)


def _items(row: Entry, reading: Reading) -> Iterator[Item]:
    """The row as an item; none, with a finding, where it cannot be one."""
    words = {field: reading.word(row, field) for field in TRANSLATED}
    pictures = tuple(_pictures(row, reading))
    words["centric"] = words["centric"] or ("image" if pictures and not words["variant"] else "text")
    if words["centric"] == "text" and not pictures:
        words["variant"] = words["variant"] or "plain"
    if doubt := _doubt(row, words, reading) or _misfit(words, bool(pictures)):
        name, what, value = doubt
        reading.findings.add("refused", name, what, f"{row.at}: {value}" if value else row.at)
    else:
        yield _item(row, words, pictures, reading)


def _doubt(row: Entry, words: Mapping[str, str], reading: Reading) -> tuple[str, str, str] | None:
    """Why the row cannot be an item, as (name, what, the value)."""
    for field, allowed in WORDS.items():
        if words[field] not in allowed and (words[field] or field == "side"):
            how = f"say what its values mean, such as --value {field}:0={allowed[0]}"
            return field, f"a row's {field} is none of {', '.join(allowed)}; {how}", reading.text(row, field)
    if not words["category"]:
        how = "say what it means, such as --value category:0=NAME, or one for all with --set category=NAME"
        return "category", f"a row's category has no letter or digit; {how}", reading.text(row, "category")
    if not isinstance(reading.cell(row, "prompt"), str | None):
        return "not-text", NOT_TEXT, reading.columns["prompt"]
    if "id" in reading.columns and not _name(reading.text(row, "id")):
        return "id", "a row has no id", ""
    return None


def _misfit(words: Mapping[str, str], picture: bool) -> tuple[str, str, str] | None:
    """How centric, variant and picture do not fit together."""
    variant = words["variant"]
    if words["centric"] == "image":
        what = "an image-centric row has a variant, which only text-centric ones have"
        return ("variant-of-image", what, variant) if variant else None
    if picture and variant in ("", "plain"):
        shown = ", ".join(name for name in VARIANTS if name != "plain")
        what = f"a text-centric row with a picture has no variant that shows one; expected one of {shown}"
        return "picture-without-variant", what, variant
    if not picture and variant != "plain":
        what = "a text-centric row without a picture has a variant that shows one; expected plain"
        return "variant-without-picture", what, variant
    return None


def _item(row: Entry, words: Mapping[str, str], pictures: tuple[WantedPicture, ...], reading: Reading) -> Item:
    prompt = reading.cell(row, "prompt") or ""
    pair, group = (_name(reading.text(row, field)) or None for field in ("pair", "group"))
    # Without the side, so that a row that is there once as safe and once as unsafe is seen as one id twice.
    said = (words["category"], words["variant"], prompt, pair, group, [one.names[-1] for one in pictures])
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]
    return Item(
        at=row.at,
        id=_name(reading.text(row, "id")) or f"{words['centric']}-{words['category']}-{digest}",
        pair=pair,
        group=group,
        side=cast(Side, words["side"]),
        centric=cast(Centric, words["centric"]),
        category=words["category"],
        variant=cast(Variant, words["variant"]) if words["variant"] else None,
        prompt=prompt,
        pictures=pictures,
        tags=tuple(dict.fromkeys(_tags(reading.cell(row, "tags")))),
    )


def _tags(cell: Any) -> Iterator[str]:
    listed = cell if isinstance(cell, list) else re.split(r"[,;]", "" if cell is None else str(cell))
    for one in listed:
        if tag := one_line(one):
            yield tag


def _name(text: str) -> str:
    """The text where it is a name of letters, digits, '.', '_' and '-', else what can be made of it."""
    return text if NAME.fullmatch(text) else slug(text)


# --- pictures ---


def _pictures(row: Entry, reading: Reading) -> Iterator[WantedPicture]:
    for field in ("image", "images"):
        cell = reading.cell(row, field)
        for one in _listed(cell):
            yield from wanted(one, reading.folder)


def _listed(cell: Any) -> list[Any]:
    """The cell as a list: a list, a text that is one in JSON or in Python, or a cell alone."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        for parse in (json.loads, ast.literal_eval):
            with contextlib.suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
                found = parse(cell.strip())
                return found if isinstance(found, list) else [cell]
    return cell if isinstance(cell, list) else [cell]


# --- rows against each other ---


def _note_unused(rows: Sequence[Entry], reading: Reading) -> None:
    """A meaning of a value that no row has may be a slip of the pen."""
    for field, value in reading.options.values:
        if not any(reading.text(row, field) == value for row in rows):
            what = "a value was given a meaning, and no row has it"
            reading.findings.add("noted", "unused-value", what, f"{field}:{value}")


def _sound_pairs(items: Sequence[Item], findings: Findings) -> Iterator[Item]:
    """The items less those of pairs that are none."""
    pairs: dict[str | None, dict[tuple[str, str], Item]] = defaultdict(dict)
    for item in items:
        pairs[item.pair].setdefault((item.id, item.side or ""), item)
    doubts = {pair: _no_pair(list(halves.values())) for pair, halves in pairs.items() if pair}
    for item in items:
        if item.pair and (doubt := doubts[item.pair]):
            findings.add("refused", *doubt, f"{item.at}: {item.pair}")
        else:
            yield item


def _no_pair(halves: Sequence[Item]) -> tuple[str, str] | None:
    """Why these are no pair, as (name, what). A half alone may be one: its twin is lost, or not in this table."""
    if len(halves) > len({half.side for half in halves}):
        return "pair-sides", "the rows of a pair are not one safe and one unsafe"
    if len({(half.centric, half.category, half.variant) for half in halves}) > 1:
        return "pair-differs", "the halves of a pair differ in centric, category or variant"
    if halves[0].centric == "image" and len({half.prompt for half in halves}) > 1:
        return "pair-prompts", "an image-centric pair has different prompts; only the picture may differ"
    return None


IMPORTER = Importer(ABOUT, read, mapped=True)
