"""MSSBench: one question in a safe and in an unsafe situation, which a picture shows; parts `chat` and `embodied`.

Zhou et al.: Multimodal Situational Safety, arXiv 2410.06172.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.cases import SIDES, Side
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.importers.groups import looks
from pytest_vsc.joining import joined
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, entries_of, is_text, read_table

TABLE = "combined.json"
LONGEST_NAME = 60  # characters that an id takes of the names of its pictures


class _Part(NamedTuple):
    """Where a part's entries say what. words: of each side, the fields of its questions, the first that is there."""

    category: str
    pictures: Mapping[Side, str]
    words: Mapping[Side, tuple[str, ...]]


PARTS = {
    "chat": _Part(
        "Type", {"safe": "safe_image_path", "unsafe": "unsafe_image_path"}, dict.fromkeys(SIDES, ("queries",))
    ),
    "embodied": _Part(
        "category",
        {"safe": "safe", "unsafe": "unsafe"},
        {side: (f"{side}_instructions", f"{side}_instruction") for side in SIDES},
    ),
}

ABOUT = About(
    title="MSSBench: multimodal situational safety",
    licence="MIT",
    source="Zhou et al., Multimodal Situational Safety, arXiv 2410.06172",
    citation="Zhou et al. 2024. Multimodal Situational Safety. arXiv:2410.06172",
    description=(
        "Questions under a picture of a situation in which they are safe and one in which they are not. The words that "
        "the authors' programs put before each question are not part of the release, nor of the prompts here."
    ),
    paired=None,
    parts=tuple(PARTS),
)


class _Scene(NamedTuple):
    """An entry: its two pictures, and its questions of each side. looks: the same for pictures of the same bytes."""

    at: str
    name: str
    category: str
    pictures: Mapping[Side, str]
    looks: Mapping[Side, str]
    words: Mapping[Side, Sequence[str]]


def read(release: Release, options: Options) -> Iterator[Item]:
    """Two items a question of the part."""
    part = options.part or ABOUT.parts[0]
    rows = _rows(release, part, PARTS[part])
    scenes = list(_scenes(release, part, rows))
    groups = joined({scene.name: scene.looks.values() for scene in scenes})
    for scene in scenes:
        yield from _items(release, scene, groups[scene.name])


def _items(release: Release, scene: _Scene, group: str) -> Iterator[Item]:
    """The n-th question of either side are a pair where they are one, since then the picture alone decides."""
    if scene.looks["safe"] == scene.looks["unsafe"]:
        what = "the picture of the safe situation is that of the unsafe one; which of them it shows is unknown"
        release.findings.add("refused", "situations-alike", what, scene.at)
        return
    for side, words in scene.words.items():
        twins = scene.words["unsafe" if side == "safe" else "safe"]
        for number, question in enumerate(words, 1):
            name = numbered(scene.name, number, 2)
            yield Item(
                at=scene.at,
                id=f"{name}.{side}",
                pair=name if twins[number - 1 : number] == [question] else None,
                group=group,
                side=side,
                centric="image",
                category=scene.category,
                prompt=question,
                pictures=(WantedPicture((scene.pictures[side],)),),
            )


# --- entries ---


def _rows(release: Release, part: str, layout: _Part) -> list[Entry]:
    def read_part(file: File) -> list[Entry]:
        said = release.json(file)
        if not isinstance(said, dict) or part not in said:
            raise ReleaseError(f"{file.path}: has no part '{part}'")
        return entries_of(release, file, said[part], [layout.category, *layout.pictures.values()])

    return read_table(release, (TABLE,), read_part)


def _scenes(release: Release, part: str, rows: Sequence[Entry]) -> Iterator[_Scene]:
    layout = PARTS[part]
    sound = [(row, words) for row in rows if (words := _words(release, row, layout))]
    pictures = [{side: f"{part}/{row.said[field]}" for side, field in layout.pictures.items()} for row, _ in sound]
    shown = looks(release, (name for both in pictures for name in both.values()))
    for (row, words), both in zip(sound, pictures, strict=True):
        yield _Scene(
            at=row.at,
            name=_name(part, row, layout, words),
            category=slug(row.text(layout.category)),
            pictures=both,
            looks={side: shown[name] for side, name in both.items()},
            words=words,
        )


def _name(part: str, row: Entry, layout: _Part, words: Mapping[Side, Sequence[str]]) -> str:
    """Entries have no id: they go by their unsafe picture, and since several may share that, by what they say."""
    picture = slug(row.text(layout.pictures["unsafe"]).rpartition(".")[0])[:LONGEST_NAME]
    said = repr([row.text(field) for field in layout.pictures.values()] + [list(words[side]) for side in SIDES])
    return slug(part, picture, hashlib.sha256(said.encode()).hexdigest()[:8])


def _words(release: Release, row: Entry, layout: _Part) -> dict[Side, list[str]]:
    """The questions of each side; {} with a finding where an entry says something else."""
    if not is_text(release, row, layout.category, *layout.pictures.values()):
        return {}
    words = {side: _texts(row, fields) for side, fields in layout.words.items()}
    for side, texts in words.items():
        if texts is None:
            what = "an entry's questions are no list of texts"
            release.findings.add("refused", "no-questions", what, f"{row.at}: {layout.words[side][0]}")
            return {}
    if len({len(texts or ()) for texts in words.values()}) > 1:
        what = "an entry has more questions of one side than of the other; all are kept"
        release.findings.add("noted", "sides-uneven", what, row.at)
    return {side: texts or [] for side, texts in words.items()}


def _texts(row: Entry, fields: Sequence[str]) -> list[str] | None:
    said: Any = next((row.said[field] for field in fields if row.said.get(field)), None)
    texts = [said] if isinstance(said, str) else said
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    return texts


IMPORTER = Importer(ABOUT, read)
