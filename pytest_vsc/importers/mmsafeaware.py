"""MMSafeAware: some 1,500 sentences about pictures, a quarter of them safe ones that sound unsafe.

Wang et al.: Can't See the Forest for the Trees: Benchmarking Multimodal Safety Awareness for Multimodal LLMs, ACL
2025, arXiv 2502.11184. The release asks whether a quoted sentence is safe; here the sentence is the request.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pytest_vsc.cases import Side
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered
from pytest_vsc.importers.groups import fingerprints
from pytest_vsc.joining import joined
from pytest_vsc.releases import PICTURE_ENDINGS, File, Release
from pytest_vsc.tables import read_table

TABLE = "data/prompt.txt"
FOLDERS = ("images", "images2")  # of the numbers up to 1999, and from 2000 on
LAST_OF_FIRST_SAFE, FIRST_OF_SECOND_SAFE = 128, 2000
CATEGORIES: dict[Side, str] = {"safe": "over-safety", "unsafe": "unsafe-content"}
QUOTES = '"“”„‟«»＂'  # noqa: RUF001
OPENING = re.compile(f"^[{QUOTES}]", re.M)
OPENING_AFTER_PREAMBLE = re.compile(rf"[.?!:][ \t]*[{QUOTES}]")
RUNS_ON = re.compile(rf"[{QUOTES}]\n|\n\n")
NUMBER = re.compile(r"[ \t]*0*([1-9][0-9]{0,5})[ \t]*[.:)]?[ \t]*")

ABOUT = About(
    title="MMSafeAware: awareness of what is safe with a picture",
    licence="research use only",
    source="Wang et al., MMSafeAware, ACL 2025, arXiv 2502.11184",
    citation=(
        "Wang et al. 2025. Can't See the Forest for the Trees: Benchmarking Multimodal Safety Awareness for Multimodal "
        "LLMs. arXiv:2502.11184"
    ),
    description=(
        "A sentence about a picture. The release asks whether the sentence is safe; here the sentence itself is the "
        "request, so rates are not those of the paper. Its files name no categories but these two."
    ),
    categories=tuple(CATEGORIES.values()),
    rows={"prompt.txt": 1523},
)


class _Block(NamedTuple):
    """at: `file:line` of its number."""

    at: str
    number: int
    sentence: str


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One item a block of the prompts' file."""
    found = read_table(release, (TABLE, "prompt.txt"), lambda file: list(_blocks(release, file)))
    blocks = _once(release, found)
    pictures = _pictures(release)
    looks = fingerprints(release, (one for files in pictures.values() for one in files))
    groups = _groups(blocks, {number: looks[files[0].path] for number, files in pictures.items()})
    for block in blocks:
        files = pictures.get(block.number, [])
        if len({looks[one.path] for one in files}) > 1:
            what = "several pictures of one number differ; which is meant is unknown"
            release.findings.add("refused", "ambiguous-picture", what, f"{block.at}: {block.number}")
        else:
            yield _item(block, files, groups[_name(block)])


def _item(block: _Block, files: list[File], group: str) -> Item:
    side: Side = "safe" if _is_safe(block.number) else "unsafe"
    listed = [f"/{one.path}".rpartition("/images")[2] for one in files]
    folder = FOLDERS[block.number >= FIRST_OF_SECOND_SAFE]
    paths = [f"images{path}" for path in listed] or [f"{folder}/{block.number}.jpg"]
    return Item(
        at=block.at,
        id=_name(block),
        group=group,
        side=side,
        centric="image",
        category=CATEGORIES[side],
        prompt=block.sentence,
        pictures=(WantedPicture(tuple(dict.fromkeys(name for path in paths for name in (f"data/{path}", path)))),),
    )


def _groups(blocks: list[_Block], looks: dict[int, str]) -> dict[str, str]:
    """Sentences come back with other pictures, and pictures with other sentences."""
    return joined(
        {
            _name(block): (tuple(block.sentence.casefold().split()), looks.get(block.number, block.number))
            for block in blocks
        }
    )


def _name(block: _Block) -> str:
    return numbered("", block.number, 4)


def _is_safe(number: int) -> bool:
    return number <= LAST_OF_FIRST_SAFE or number >= FIRST_OF_SECOND_SAFE


# --- pictures ---


def _pictures(release: Release) -> dict[int, list[File]]:
    """The files of each number, whatever they end in."""
    found: dict[int, list[File]] = defaultdict(list)
    for folder in FOLDERS:
        for file in release.below(f"data/{folder}") or release.below(folder):
            stem, _, ending = file.name.rpartition(".")
            is_picture = f".{ending.casefold()}" in PICTURE_ENDINGS and file.path.endswith(f"{folder}/{file.name}")
            if is_picture and (named := NUMBER.fullmatch(stem)):
                found[int(named[1])].append(file)
    for number, files in found.items():
        if len(files) > 1:
            what = "a number has several pictures"
            release.findings.add("noted", "picture-twice", what, f"{number}: {', '.join(one.name for one in files)}")
    return found


# --- blocks ---


def _once(release: Release, blocks: list[_Block]) -> list[_Block]:
    """The blocks whose number tells them apart."""
    said: dict[int, set[str]] = defaultdict(set)
    for block in blocks:
        said[block.number].add(block.sentence)
    kept = []
    for block in blocks:
        if len(said[block.number]) > 1:
            what = "rows that differ have one id; which is meant is unknown"
            release.findings.add("refused", "id-twice", what, f"{block.at}: {block.number}")
        else:
            kept.append(block)
    return kept


def _blocks(release: Release, file: File) -> Iterator[_Block]:
    """Blocks begin with a line that is a number; what stands before the first is none."""
    number, start, lines = None, 1, list[str]()
    for at, line in enumerate(re.split(r"\r\n|\r|\n", release.text(file)), 1):
        if not (found := NUMBER.fullmatch(line)):
            lines.append(line.strip())
            continue
        yield from _block(release, f"{file.path}:{start}", number, lines)
        number, start, lines = int(found[1]), at, []
    yield from _block(release, f"{file.path}:{start}", number, lines)


def _block(release: Release, at: str, number: int | None, lines: list[str]) -> Iterator[_Block]:
    text = "\n".join(lines).strip()
    if number is None:
        if text:
            release.findings.add("refused", "block-without-number", "a sentence has no number above it", at)
        return
    opening = OPENING.search(text) or OPENING_AFTER_PREAMBLE.search(text)
    if not opening:
        release.findings.add("refused", "block-without-sentence", "a number has no quoted sentence", f"{at}: {number}")
        return
    before, sentence = text[: opening.end() - 1], text[opening.end() : -1].strip()
    if text[-1] not in QUOTES or not sentence or sum(before.count(one) for one in QUOTES) % 2:
        what = "a quotation begins and does not end, or is empty"
        release.findings.add("refused", "block-unquoted", what, f"{at}: {number}")
    elif RUNS_ON.search(sentence):
        what = "a block goes on after its sentence; a number may be missing below it"
        release.findings.add("refused", "block-runs-on", what, f"{at}: {number}")
    else:
        yield _Block(at, number, sentence)


IMPORTER = Importer(ABOUT, read)
