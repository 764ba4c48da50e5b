"""MMMU: questions of college subjects with their figures, most with options, some open.

Yue et al.: MMMU: A Massive Multi-discipline Multimodal Understanding and Reasoning Benchmark for Expert AGI, CVPR 2024,
arXiv 2311.16502.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.errors import ReleaseError, one_line
from pytest_vsc.importers.choices import OWN_TERMS, are_enough, choosing, chosen, lettered
from pytest_vsc.importers.pictured import wanted
from pytest_vsc.joining import joined
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, entries, has_words, is_text, tell_unknown

PARTS = ("validation", "dev", "test")
ENDINGS = (".parquet", ".jsonl", ".json", ".arrow")
NO_TABLES = ("state.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json")
NEEDED = ("id", "question", "options", "answer")
ID = re.compile(rf"({'|'.join(PARTS)})_(.+)_(\d+)")
KINDS = {"multiple-choice": True, "open": False}
PICTURES = tuple(f"image_{number}" for number in range(1, 8))

ABOUT = About(
    title="MMMU: college subjects",
    licence=OWN_TERMS,
    source="Yue et al., MMMU, CVPR 2024, arXiv 2311.16502",
    citation=(
        "Yue et al. 2023. MMMU: A Massive Multi-discipline Multimodal Understanding and Reasoning Benchmark for Expert "
        "AGI. arXiv:2311.16502"
    ),
    description=(
        "The figures of a question are sent in order before it; where it speaks of <image 1>, the first of them is "
        "meant. The answers to the part test are not published, so that it gives no case."
    ),
    parts=PARTS,
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """One case a row of the part. Questions that share a figure are a group."""
    part = options.part or PARTS[0]
    files = [file for ending in ENDINGS for file in release.below("", ending) if _is_table(release, file, part)]
    if not files:
        what = "a table of the release is not there"
        release.findings.add("missing", "table", what, f"{part}-00000-of-00001.parquet")
    rows = [(row, file.path.rpartition("/")[0]) for file in files for row in _rows(release, file)]
    items = [item for row, folder in rows if (item := _item(release, row, part, folder))]
    links: dict[str, set[str]] = defaultdict(set)
    for item in items:
        links[item.id].update(picture.names[-1] for picture in item.pictures)
    groups = joined(links)
    for item in items:
        yield replace(item, group=groups[item.id])


def _is_table(release: Release, file: File, part: str) -> bool:
    """Whether a file may hold rows of the part: it was named, or its name begins with no other part."""
    if release.tables:
        return file.path in release.tables
    name = file.name.casefold()
    return name not in NO_TABLES and not any(name.startswith(other) for other in PARTS if other != part)


def _rows(release: Release, file: File) -> list[Entry]:
    try:
        return entries(release, file, NEEDED)
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return []


def _item(release: Release, row: Entry, part: str, folder: str) -> Item | None:
    """The row as a case; None, with a finding, where it cannot be one, and where it is of another part."""
    name = ID.fullmatch(row.text("id").strip())
    if name is None:
        what = "a row's id is not PART_SUBJECT_NUMBER"
        release.findings.add("refused", "id", what, f"{row.at}: {one_line(row.text('id'))}")
        return None
    if name[1] != part or not is_text(release, row, "question") or not has_words(release, row, "question"):
        return None
    asked = _asked(release, row)
    pictures = _pictures(row, folder)
    if not pictures:
        release.findings.add("missing", "picture", "a row has no picture", row.at)
    if asked is None or not pictures:
        return None
    prompt, answers, options = asked
    return Item(
        at=row.at,
        id=numbered(slug(name[1], name[2]), name[3], 4),
        centric="image",
        category=slug(name[2]),
        prompt=prompt,
        pictures=pictures,
        tags=("multiple-choice" if options else "open",),
        answers=answers,
        options=options,
    )


def _asked(release: Release, row: Entry) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """(prompt, answers, options); None with a finding."""
    texts = _listed(row.said["options"])
    kind = row.text("question_type").strip() or ("multiple-choice" if texts else "open")
    if kind not in KINDS:
        tell_unknown(release, row, "question_type", one_line(kind))
        return None
    if texts is None:
        release.findings.add("refused", "options", "a row's options are no list of texts", row.at)
        return None
    if not KINDS[kind]:
        answers = _open_answers(row.said["answer"])
        if not answers:
            release.findings.add("refused", "answer", "a row has no answer that is published", row.at)
        return (row.said["question"], answers, ()) if answers else None
    options = lettered(texts)
    if not are_enough(release, row, texts) or not (right := chosen(release, row, "answer", options)):
        return None
    return choosing(row.said["question"], options), (right,), options


def _listed(cell: Any) -> list[str] | None:
    """A list of texts, or a text that is one in Python; None for anything else."""
    if isinstance(cell, str):
        with contextlib.suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            cell = ast.literal_eval(cell.strip())
    if not isinstance(cell, list) or not all(isinstance(text, str | int | float) for text in cell):
        return None
    return [str(text) for text in cell]


def _open_answers(cell: Any) -> tuple[str, ...]:
    """The accepted forms: one, or those of a list; none where it is withheld."""
    texts = _listed(cell)
    forms = texts if texts is not None else [str(cell or "")]
    return tuple(dict.fromkeys(form.strip() for form in forms if form.strip() not in ("", "?")))


def _pictures(row: Entry, folder: str) -> tuple[WantedPicture, ...]:
    return tuple(one for column in PICTURES for one in wanted(row.said.get(column), folder))


IMPORTER = Importer(ABOUT, read)
