"""VLSBench: 2,241 requests whose risk shows in the picture only, since the words were written not to give it away.

Hu et al.: VLSBench: Unveiling Visual Leakage in Multimodal Safety, arXiv 2411.19939. Its descriptions of pictures and
reasons are not imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, Wanted, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, entries

TABLE, FOLDER = "data.json", "imgs"
NEEDED = ("instruction_id", "instruction", "image_path", "category")
KNOWN = ("sub_category", "source", "image_description", "safety_reason")

ABOUT = About(
    title="VLSBench: multimodal safety without visual leakage",
    licence="none stated",
    source="Hu et al., VLSBench, github.com/AI45Lab/VLSBench, arXiv 2411.19939",
    citation="Hu et al. 2024. VLSBench: Unveiling Visual Leakage in Multimodal Safety. arXiv:2411.19939",
    description=(
        "Image-centric and unsafe throughout; some pictures are asked about more than once, and these cases are a "
        "group. Tags: the sub-category, and where a picture was taken from."
    ),
    rows={TABLE: 2241},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One case a row."""
    for row in _rows(release):
        if not isinstance(row.said["instruction"], str | None):
            release.findings.add("refused", "not-text", "a row's prompt is no text", row.at)
        elif not row.text("instruction_id").strip():
            release.findings.add("refused", "id", "a row has no id", row.at)
        else:
            yield _item(row)


def _rows(release: Release) -> list[Entry]:
    """The rows of the table; none, with a finding, where it is not there or cannot be used."""
    file = release.find(TABLE)
    if file is None:
        release.findings.add("missing", "table", "a table of the release is not there", TABLE)
        return []
    try:
        return entries(release, file, NEEDED, KNOWN)
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return []


def _item(row: Entry) -> Item:
    category, picture = slug(row.text("category")), row.text("image_path").strip()
    tags = {"sub": slug(row.text("sub_category")), "source": slug(row.text("source"))}
    return Item(
        at=row.at,
        id=numbered(f"image-{category}", row.text("instruction_id"), 4),
        group=slug("picture", _name(picture)) if picture else None,
        side="unsafe",
        centric="image",
        category=category,
        prompt=row.text("instruction"),
        pictures=(Wanted((picture, f"{FOLDER}/{_name(picture)}")),) if picture else (),
        tags=tuple(f"{kind}:{word}" for kind, word in tags.items() if word),
    )


def _name(picture: str) -> str:
    return picture.replace("\\", "/").rpartition("/")[2]


IMPORTER = Importer(ABOUT, read)
