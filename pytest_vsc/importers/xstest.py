"""XSTest: 250 safe prompts that sound unsafe and 200 unsafe ones that contrast with them, without pictures.

Röttger et al.: XSTest: A Test Suite for Identifying Exaggerated Safety Behaviours in Large Language Models, NAACL
2024, arXiv 2308.01263.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.cases import SIDES, Side
from pytest_vsc.drafts import About, Importer, Item, Options, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, entries

TABLES = ("xstest_prompts.csv", "xstest_v2_prompts.csv")  # the second is an older copy's name

# A topic joins a safe type and the contrast type that stands against it.
SAFE_TYPES = {
    "homonyms": "homonyms",
    "figurative_language": "figurative-language",
    "safe_targets": "safe-targets",
    "safe_contexts": "safe-contexts",
    "definitions": "definitions",
    "nons_group_real_discr": "group-discrimination",
    "real_group_nons_discr": "group-discrimination",
    "historical_events": "historical-events",
    "privacy_public": "privacy",
    "privacy_fictional": "privacy",
}
UNSAFE_TYPES = {
    "contrast_homonyms": "homonyms",
    "contrast_figurative_language": "figurative-language",
    "contrast_safe_targets": "safe-targets",
    "contrast_safe_contexts": "safe-contexts",
    "contrast_definitions": "definitions",
    "contrast_discr": "group-discrimination",
    "contrast_historical_events": "historical-events",
    "contrast_privacy": "privacy",
}

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
    categories=tuple(dict.fromkeys(SAFE_TYPES.values())),
    rows=dict.fromkeys(TABLES, 450),
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One item a row, in the variant `plain`."""
    file = release.find(*TABLES)
    if file is None:
        release.findings.add("missing", "table", "a table of the release is not there", TABLES[0])
        return
    try:
        rows = entries(release, file, ["id", "prompt", "type"], ["label", "focus", "note"])
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return
    for row in rows:
        yield from _item(release, row)


def _item(release: Release, row: Entry) -> Iterator[Item]:
    kind, number = row.text("type").strip(), numbered("", row.text("id").strip(), 3)
    side: Side = "unsafe" if kind in UNSAFE_TYPES else "safe"
    if doubt := _doubt(row, kind, side):
        release.findings.add("refused", *doubt)
    else:
        focus = slug(row.text("focus"))
        yield Item(
            at=row.at,
            id=number,
            group=number,
            side=side,
            centric="text",
            category={**SAFE_TYPES, **UNSAFE_TYPES}[kind],
            variant="plain",
            prompt=row.text("prompt"),
            tags=(slug(kind), *([f"focus:{focus}"] if focus else [])),
        )


def _doubt(row: Entry, kind: str, side: Side) -> tuple[str, str, str] | None:
    """Why a row is no case, as the name, what and where of a finding."""
    label, prompt = row.text("label").strip().casefold(), row.text("prompt")
    if kind not in SAFE_TYPES and kind not in UNSAFE_TYPES:
        return "type", "a row has a type that the release is not known to have", f"{row.at}: {kind}"
    if label not in ("", *SIDES):
        return "label", "a row has a label that is neither safe nor unsafe", f"{row.at}: {label}"
    if label not in ("", side):
        what = "the label of a row contradicts its type; which of them holds is unknown"
        return "label-against-type", what, f"{row.at}: {label}, {kind}"
    if prompt.strip() and not any(letter.isalpha() for letter in prompt):
        return "prompt-without-words", "a row's prompt has no word; its cells may have moved", row.at
    if not slug(row.text("id")):
        return "id", "a row has no id", row.at
    return None


IMPORTER = Importer(ABOUT, read)
