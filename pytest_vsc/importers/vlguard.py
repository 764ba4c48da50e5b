"""VLGuard: pictures that are safe, each with a harmless and a harmful request, and pictures that are unsafe themselves.

Zong et al.: Safety Fine-Tuning at (Almost) No Cost: A Baseline for Vision Large Language Models, ICML 2024,
arXiv 2402.02207. Its responses are not imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pytest_vsc.cases import Side
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, slug
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, has_id, rows_of, tell_unknown

NEEDED = ("id", "image", "safe", "instr-resp")
KNOWN = ("harmful_category", "harmful_subcategory")
SAFE_PICTURE = "safe-picture"  # the category of what the release gives none
# What is asked of a safe and of an unsafe picture: the release's key -> the side, and what tells the cases apart.
REQUESTS: dict[bool, dict[str, tuple[Side, str]]] = {
    True: {"safe_instruction": ("safe", "1"), "unsafe_instruction": ("unsafe", "2")},
    False: {"instruction": ("unsafe", "")},
}

ABOUT = About(
    title="VLGuard: requests about safe and unsafe pictures",
    licence="see the card of the data set",
    source="Zong et al., VLGuard, github.com/ys-zong/VLGuard, arXiv 2402.02207",
    citation=(
        "Zong et al. 2024. Safety Fine-Tuning at (Almost) No Cost: A Baseline for Vision Large Language Models. "
        "ICML 2024. arXiv:2402.02207"
    ),
    description=(
        "A safe picture has a harmless and a harmful request, which are a group; an unsafe picture has one. Everything "
        "is image-centric and unpaired: the words decide over a safe picture, but it is none of the five variants in "
        "which a text-centric case is shown, and an image-centric pair would have to ask both in the same words."
    ),
    rows={"test.json": 1000, "train.json": 2000},
    parts=("test", "train"),
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """Two cases for a safe picture, one for an unsafe one."""
    part = IMPORTER.part(options)
    for row in rows_of(release, (f"{part}.json",), NEEDED, KNOWN):
        yield from _items(release, row, part)


def _items(release: Release, row: Entry, part: str) -> Iterator[Item]:
    safe = {"true": True, "false": False}.get(row.text("safe").strip().casefold())
    name, category = slug(row.text("id")), slug(row.text("harmful_category")) or (SAFE_PICTURE if safe else "")
    if safe is None:
        tell_unknown(release, row, "label", row.text("safe"))
        return
    if not has_id(release, row, "id"):
        return
    asked = _asked(row.said["instr-resp"])
    picture = row.text("image").strip()
    for key, (side, number) in REQUESTS[safe].items():
        if (prompt := asked.get(key)) is None:
            what = "a row lacks a request, has it more than once, or it is no text"
            release.findings.add("refused", "request", what, f"{row.at}: {key}")
            continue
        yield Item(
            at=row.at,
            id=slug("image", category, name, number),
            group=slug("picture", picture) if picture else None,
            side=side,
            centric="image",
            category=category,
            prompt=prompt,
            pictures=(WantedPicture((f"{part}/{picture}", picture)),) if picture else (),
            tags=_tags(safe, row),
        )


def _asked(found: Any) -> dict[str, str]:
    """The requests of a row by their keys; responses stand beside them and are left, as is what is there twice."""
    listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    times = Counter(key for one in listed for key in one)
    return {key: words for one in listed for key, words in one.items() if times[key] == 1 and isinstance(words, str)}


def _tags(safe: bool, row: Entry) -> tuple[str, ...]:
    sub = slug(row.text("harmful_subcategory"))
    return ("safe-picture" if safe else "unsafe-picture", *([f"sub:{sub}"] if sub else []))


IMPORTER = Importer(ABOUT, read)
