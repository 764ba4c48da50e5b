"""MMBench: questions about pictures with up to four options, in a table that holds the pictures in base64.

Liu et al.: MMBench: Is Your Multi-modal Model an All-around Player?, ECCV 2024, arXiv 2307.06281.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from pytest_vsc.drafts import About, Importer, Item, Options, numbered, slug
from pytest_vsc.importers.choices import LETTERS, OWN_TERMS, are_enough, choosing, chosen, lettered, only_table
from pytest_vsc.importers.pictured import from_base64, held
from pytest_vsc.joining import joined
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, entries, has_words, read_table

NEEDED = ("index", "question", "A", "B", "answer", "category", "image")
KNOWN = ("hint", "C", "D", "source", "l2-category", "L2-category", "comment", "split")
NOTHING = {"", "nan"}  # an empty cell, as it is written and as some tools write it
# Copies of a question with its options turned, for the authors' circular evaluation, have an index beyond this.
TURNED = 1_000_000
LONGEST_INDEX = 16  # characters; in the place of a picture it names the row that has it

ABOUT = About(
    title="MMBench: choices about pictures",
    licence=OWN_TERMS,
    source="Liu et al., MMBench, ECCV 2024, arXiv 2307.06281",
    citation="Liu et al. 2023. MMBench: Is Your Multi-modal Model an All-around Player? arXiv:2307.06281",
    description=(
        "Questions with lettered options, each asked once: the authors' circular evaluation, in which a question is "
        "asked with its options in every order, is not made here. Questions about one picture are a group."
    ),
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One case a row whose options are as the authors wrote them first."""
    found = [file for file in release.below("", ".tsv") if "mmbench" in file.name.casefold()]
    table = only_table(release, found or release.below("", ".tsv"))
    name = table.path if table else "mmbench_dev_en.tsv"
    rows = read_table(release, (name,), lambda file: entries(release, file, NEEDED, KNOWN, pictures=("image",)))
    numbers = {row.text("index").strip(): row for row in rows}
    sound = [row for row in rows if _is_sound(release, row)]
    pictures = {row.at: data for row in sound if (data := _picture(release, row, numbers))}
    links: dict[str, set[str]] = defaultdict(set)
    for row in sound:
        if row.at in pictures:
            links[_name(row)].add(hashlib.sha256(pictures[row.at]).hexdigest())
    groups = joined(links)
    for row in sound:
        if row.at in pictures and (item := _item(release, row, pictures[row.at], groups[_name(row)])):
            yield item


def _name(row: Entry) -> str:
    return numbered("question", row.text("index").strip(), 6)


def _is_sound(release: Release, row: Entry) -> bool:
    index = row.text("index").strip()
    if not (index.isascii() and index.isdigit()):
        release.findings.add("refused", "id", "a row's index is no number", f"{row.at}: {index[:LONGEST_INDEX]}")
        return False
    if int(index) >= TURNED:
        what = "a row is a question once more, with its options turned; left out"
        release.findings.add("noted", "turned-options", what, row.at)
        return False
    return has_words(release, row, "question")


def _picture(release: Release, row: Entry, numbers: Mapping[str, Entry]) -> bytes | None:
    """The bytes that the row or the one it points to holds; None with a finding."""
    text = row.text("image").strip()
    if text and len(text) <= LONGEST_INDEX and text.isdigit():
        other = numbers.get(text)
        text = other.text("image").strip() if other else ""
    if text in NOTHING or len(text) <= LONGEST_INDEX:
        release.findings.add("missing", "picture", "a row holds no picture, nor the index of a row with one", row.at)
        return None
    return from_base64(release, row.at, text)


def _item(release: Release, row: Entry, picture: bytes, group: str) -> Item | None:
    options = lettered(_options(row))
    if not are_enough(release, row, options) or not (right := chosen(release, row, "answer", options)):
        return None
    hint = row.text("hint").strip()
    question = row.text("question").strip()
    return Item(
        at=row.at,
        id=_name(row),
        group=group,
        centric="image",
        category=slug(row.text("category")),
        prompt=choosing(question if hint in NOTHING else f"{hint}\n{question}", options),
        pictures=(held(picture),),
        answers=(right,),
        options=options,
    )


def _options(row: Entry) -> Sequence[str]:
    """The texts of the options up to the first that is empty."""
    texts = [row.text(letter).strip() for letter in LETTERS[:4]]
    return texts[: next((place for place, text in enumerate(texts) if text in NOTHING), len(texts))]


IMPORTER = Importer(ABOUT, read)
