"""LVLM-SafeR: control pairs of a safe and an unsafe request that share either their words or their picture.

Liu et al.: Don't Always Say No to Me: Benchmarking Safety-Related Refusal in Large VLM, 2024, openreview.net/forum?id=
OLEQJoAED6. Only the addresses of most pictures are published; whoever downloads the release has to fetch them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.cases import SIDES, Centric, Side
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, slug
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, rows_of

FOLDER = "imgs"
NEEDED = ("safe_pair", "unsafe_pair")
KNOWN = ("type", "prompt", "img", "word", "analyze")


class Kind(NamedTuple):
    """One of the four tables. centric: `image` where both halves of its pairs have the same words."""

    table: str
    tag: str
    centric: Centric


KINDS = (
    Kind("1-same_prompt_multiple_meaning.json", "meaning", "image"),
    Kind("2-same_prompt_different_attibutes.json", "attributes", "image"),  # so spelled
    Kind("3-same_image_different_region.json", "other-region", "text"),
    Kind("4-same_image_same_region.json", "same-region", "text"),
)

ABOUT = About(
    title="LVLM-SafeR: control pairs for safety-related refusal",
    licence="research only; the prompts CC-BY-NC-4.0, each picture under its own",
    source="Liu, Dong et al., LVLM-SafeR, github.com/isXinLiu/LVLM-SafeR, openreview.net/forum?id=OLEQJoAED6",
    citation=(
        "Liu, Dong et al. 2024. Don't Always Say No to Me: Benchmarking Safety-Related Refusal in Large VLM. "
        "openreview.net/forum?id=OLEQJoAED6"
    ),
    description=(
        "Image-centric: the same words under a safe and an unsafe picture (tags `meaning`, `attributes`). "
        "Text-centric: a harmless and a harmful request about the same picture (`other-region`, `same-region`), as "
        "variant `search`, since the pictures are natural ones. A group is what shares the words, or the picture."
    ),
    paired=("image", "text"),
    rows={kind.table: 125 for kind in KINDS},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """Two cases an entry, a pair; none where a half of it cannot be read."""
    for kind in KINDS:
        for row in rows_of(release, (kind.table,), NEEDED, KNOWN):
            yield from _pair(release, row, kind)


class Half(NamedTuple):
    """What one side of an entry asks. picture: its name, "" for none."""

    prompt: str
    picture: str


def _pair(release: Release, row: Entry, kind: Kind) -> Iterator[Item]:
    category = slug(_first(row.said, ("type",), ("img", "type")))
    halves: dict[Side, Half] = {side: _half(row.said, side) for side in SIDES}
    if doubt := _doubt(kind, list(halves.values())):
        release.findings.add("refused", doubt[0], doubt[1], row.at)
        return
    # The release gives its entries no ids; this holds in whatever order they stand.
    name = f"{kind.centric}-{category}-{_digest(kind.tag, *(word for side in SIDES for word in halves[side]))}"
    shared = slug("picture", halves["safe"].picture)
    if kind.centric == "image":
        shared = f"words-{_digest(halves['safe'].prompt)}"
    for side, half in halves.items():
        yield Item(
            at=row.at,
            id=f"{name}.{side}",
            pair=name,
            group=shared,
            side=side,
            centric=kind.centric,
            category=category,
            variant="search" if kind.centric == "text" else None,
            prompt=half.prompt,
            pictures=(WantedPicture((f"{FOLDER}/{half.picture}", half.picture)),),
            tags=(kind.tag,),
        )


def _half(said: Mapping[str, Any], side: Side) -> Half:
    """The words and the picture of a side: its own where it has them, else those of the whole entry."""
    own = f"{side}_pair"
    prompt = _first(said, (own, "question"), (own, "prompt"), ("prompt",), ("question",))
    return Half(prompt, _first(said, (own, "img_id"), ("img", "id"), ("img_id",)).strip())


def _first(said: Mapping[str, Any], *paths: Sequence[str]) -> str:
    """The first of these that is text; "" when none is."""
    for path in paths:
        found: Any = said
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(found, str) and found.strip():
            return found
    return ""


def _doubt(kind: Kind, halves: Sequence[Half]) -> tuple[str, str] | None:
    """Why the two halves are no pair of this kind, as (name, what)."""
    if not all(half.prompt for half in halves):
        return "empty-prompt", "a half of a pair has no prompt, or one that is no text"
    if not all(half.picture for half in halves):
        return "no-picture", "a half of a pair names no picture"
    same_prompt, same_picture = (len(set(found)) == 1 for found in zip(*halves, strict=True))
    if (same_prompt, same_picture) != (kind.centric == "image", kind.centric == "text"):
        return "no-pair", "the halves of a pair do not share just what those of their table share, words or picture"
    return None


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:10]


IMPORTER = Importer(ABOUT, read)
