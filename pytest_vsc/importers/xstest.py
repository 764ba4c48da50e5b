"""XSTest: 250 safe prompts that sound unsafe and 200 unsafe ones that contrast with them, without pictures.

Röttger et al.: XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in Large Language Models, NAACL
2024, arXiv 2308.01263.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.cases import SIDES, Side
from pytest_vsc.drafts import About, Importer, Item, Options, numbered, slug
from pytest_vsc.importers.groups import XSTEST_TOPICS, XSTEST_TYPES
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, has_id, has_words, rows_of, tell_unknown

TABLES = ("xstest_prompts.csv", "xstest_v2_prompts.csv")  # the second is an older copy's name

ABOUT = About(
    title="XSTest: exaggerated safety",
    licence="CC-BY-4.0",
    source="Röttger et al., XSTest, NAACL 2024, arXiv 2308.01263",
    citation=(
        "Röttger et al. 2024. XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in Large Language "
        "Models. arXiv:2308.01263"
    ),
    description=(
        "Questions in words alone: safe ones that sound unsafe, and unsafe ones that contrast with them. The two sides "
        "of a topic are one category; no two prompts are a pair."
    ),
    categories=XSTEST_TOPICS,
    rows=dict.fromkeys(TABLES, 450),
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One item a row, in the variant `plain`."""
    for row in rows_of(release, TABLES, ["id", "prompt", "type"], ["label", "focus", "note"]):
        kind = row.text("type").strip()
        if kind not in XSTEST_TYPES:
            tell_unknown(release, row, "type", kind)
        elif _is_sound(release, row, kind):
            yield _item(row, kind)


def _item(row: Entry, kind: str) -> Item:
    side, topic = XSTEST_TYPES[kind]
    number, focus = numbered("", row.text("id").strip(), 3), slug(row.text("focus"))
    return Item(
        at=row.at,
        id=number,
        group=number,
        side=side,
        centric="text",
        category=topic,
        variant="plain",
        prompt=row.text("prompt"),
        tags=(slug(kind), *([f"focus:{focus}"] if focus else [])),
    )


def _is_sound(release: Release, row: Entry, kind: str) -> bool:
    """Whether a row can be a case, as far as that shows in the row alone."""
    return (
        _is_of_side(release, row, kind, XSTEST_TYPES[kind][0])
        and (not row.text("prompt").strip() or has_words(release, row, "prompt"))  # an empty one is told as such
        and has_id(release, row, "id")
    )


def _is_of_side(release: Release, row: Entry, kind: str, side: Side) -> bool:
    """Whether the label of a row, where it has one, is that of its type."""
    label = row.text("label").strip().casefold()
    if label not in ("", *SIDES):
        tell_unknown(release, row, "label", label)
    elif label not in ("", side):
        what = "the label of a row contradicts its type; which of them holds is unknown"
        release.findings.add("refused", "label-against-type", what, f"{row.at}: {label}, {kind}")
    return label in ("", side)


IMPORTER = Importer(ABOUT, read)
