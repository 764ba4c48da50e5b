"""POPE: whether an object is in a picture, asked of objects that are and of such as are likely to be imagined.

Li et al.: Evaluating Object Hallucination in Large Vision-Language Models, EMNLP 2023, arXiv 2305.10355.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.importers.choices import OWN_TERMS, YES_OR_NO, yes_or_no
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, entries, has_id, has_words, is_text, lines_of

KINDS = ("random", "popular", "adversarial")
PARTS = ("coco", "aokvqa", "gqa")
NAME = re.compile(rf"(?:(\w+?)_)?pope_(?:seem_)?({'|'.join(KINDS)})\.jsonl?", re.IGNORECASE)
NEEDED = ("question_id", "image", "text", "label")
FOLDERS = ("val2014", "images")  # that the pictures may lie in

ABOUT = About(
    title="POPE: objects that are not there",
    licence=OWN_TERMS,
    source="Li et al., POPE, EMNLP 2023, arXiv 2305.10355",
    citation="Li et al. 2023. Evaluating Object Hallucination in Large Vision-Language Models. arXiv:2305.10355",
    description=(
        "Questions of yes or no about the objects in pictures; the three ways in which absent objects were chosen are "
        "the categories. All questions about a picture are a group. The pictures come apart from the questions, from "
        "the data set that the part is named by."
    ),
    categories=KINDS,
    parts=PARTS,
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """One case a line of the part's tables."""
    part = options.part or PARTS[0]
    found = [(file, kind) for file in release.below("") if (kind := _kind(file, part))]
    named = [(file, kind) for file, kind in found if file.path in release.tables]
    for kind in KINDS if not named else ():
        if kind not in {its for _, its in found}:
            what = "a table of the release is not there"
            release.findings.add("missing", "table", what, f"{part}_pope_{kind}.json")
    for file, kind in named or found:
        for row in _rows(release, file):
            if is_text(release, row, "image", "text") and has_words(release, row, "text"):
                answer = yes_or_no(release, row, "label")
                if answer and has_id(release, row, "question_id"):
                    yield _item(row, part, kind, answer)


def _kind(file: File, part: str) -> str:
    """How the absent objects of a table were chosen; "" for a file that is no table of the part."""
    found = NAME.fullmatch(file.name)
    return found[2].casefold() if found and (found[1] or PARTS[0]).casefold() == part else ""


def _rows(release: Release, file: File) -> list[Entry]:
    """The rows of a file of JSON lines, which the release names `.json`, or of a list."""
    try:
        as_list = release.text(file).lstrip().startswith("[")
        return (entries if as_list else lines_of)(release, file, NEEDED)
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return []


def _item(row: Entry, part: str, kind: str, answer: str) -> Item:
    picture = row.text("image").strip()
    return Item(
        at=row.at,
        id=numbered(f"{part}-{kind}", row.text("question_id"), 4),
        group=slug("picture", picture.rpartition(".")[0] or picture),
        centric="image",
        category=kind,
        prompt=row.text("text"),
        pictures=(WantedPicture((*(f"{folder}/{picture}" for folder in FOLDERS), picture)),) if picture else (),
        answers=(answer,),
        options=YES_OR_NO,
    )


IMPORTER = Importer(ABOUT, read)
