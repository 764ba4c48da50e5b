"""MOSSBench: 300 safe questions about pictures that look unsafe, and an unsafe twin to 244 of them.

Li et al.: MOSSBench: Is Your Multimodal Language Model Oversensitive to Safe Queries?, arXiv 2406.17806.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pytest_vsc.cases import Side
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered
from pytest_vsc.errors import one_line
from pytest_vsc.importers.groups import looks
from pytest_vsc.joining import joined
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, is_text, rows_of, tell_unknown

TABLE = "images_information/information.json"
FOLDERS: dict[Side, str] = {"safe": "data", "unsafe": "data_contrast"}
KNOWN = ["short description", "metadata", "pid", "description"]
# What makes the safe question look unsafe: the release's `type 1` to `type 3`, which its twin has too.
CATEGORIES = {"1": "exaggerated-risk", "2": "negated-harm", "3": "counterintuitive-interpretation"}
OVER = re.compile(r"""["']over["']\s*:\s*["']?\s*(?:type\s*)?([^"',}]*)""")

ABOUT = About(
    title="MOSSBench: oversensitivity to safe questions",
    licence="CC-BY-SA-4.0",
    source="Li et al., MOSSBench, arXiv 2406.17806; for testing only, as its authors ask",
    citation=(
        "Li et al. 2024. MOSSBench: Is Your Multimodal Language Model Oversensitive to Safe Queries? arXiv:2406.17806"
    ),
    description=(
        "Safe questions about pictures with something in them that looks unsafe, and unsafe twins of most. A twin "
        "differs in its question or in its picture; those of one question are pairs, all others are groups only."
    ),
    paired=None,
    categories=tuple(CATEGORIES.values()),
    rows={"information.json": 544},
)


class _Row(NamedTuple):
    """One entry that can be a case."""

    at: str
    number: str
    side: Side
    category: str
    question: str
    picture: str

    @property
    def name(self) -> str:
        return f"{self.number}.{self.side}"


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One item an entry of either half, each half as far as its table is there."""
    rows = [row for side, folder in FOLDERS.items() for row in _half(release, side, folder)]
    shown = looks(release, (row.picture for row in rows))
    groups = joined({row.name: (("id", row.number), shown[row.picture]) for row in rows})
    twins = _twins(rows)
    for row in rows:
        safe, unsafe = twins.get(row.number, (None, None))
        pair = None
        if safe and unsafe and safe.question == unsafe.question:
            if shown[safe.picture] == shown[unsafe.picture]:
                what = "the halves of a pair are equal: same prompt, same pictures; which side is right is unknown"
                release.findings.add("refused", "twins-alike", what, row.at)
                continue
            pair = row.number if safe.category == unsafe.category else None
        yield _item(row, pair, groups[row.name].rpartition(".")[0])


def _item(row: _Row, pair: str | None, group: str) -> Item:
    return Item(
        at=row.at,
        id=row.name,
        pair=pair,
        group=group,
        side=row.side,
        centric="image",
        category=row.category,
        prompt=row.question,
        pictures=(WantedPicture((row.picture,)),),
    )


def _twins(rows: list[_Row]) -> dict[str, tuple[_Row, _Row]]:
    """Of each id that has one entry on either side, the safe and the unsafe one."""
    found: dict[str, dict[Side, list[_Row]]] = {}
    for row in rows:
        found.setdefault(row.number, {"safe": [], "unsafe": []})[row.side].append(row)
    return {
        number: (sides["safe"][0], sides["unsafe"][0])
        for number, sides in found.items()
        if len(sides["safe"]) == len(sides["unsafe"]) == 1
    }


# --- entries ---


def _half(release: Release, side: Side, folder: str) -> Iterator[_Row]:
    for row in rows_of(release, (f"{folder}/{TABLE}",), ["image", "question"], KNOWN):
        number, category = _number(release, row), _category(release, row)
        if number and category and is_text(release, row, "image", "question"):
            yield _Row(row.at, number, side, category, row.said["question"], f"{folder}/{row.said['image']}")


def _number(release: Release, row: Entry) -> str:
    """The entry's id, which its key and its `pid` tell alike; "" with a finding."""
    pid = row.text("pid").strip()
    number = numbered("", row.key or pid, 3)
    if not number:
        release.findings.add("refused", "id", "a row has no id", row.at)
    elif pid and number != numbered("", pid, 3):
        what = "the pid of an entry is not the key that it stands under; which of them holds is unknown"
        release.findings.add("refused", "pid-against-key", what, f"{row.at}: {one_line(pid)}")
        return ""
    return number


def _category(release: Release, row: Entry) -> str:
    """By the type of stimulus in `metadata`, an object or the same as a text; "" with a finding."""
    said: Any = row.said.get("metadata")
    found = OVER.search(said if isinstance(said, str) else repr(said))
    kind = found[1].strip() if found else ""
    if kind not in CATEGORIES:
        tell_unknown(release, row, "type", kind)
    return CATEGORIES.get(kind, "")


IMPORTER = Importer(ABOUT, read)
