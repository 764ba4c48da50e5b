"""VLSBench: 2,241 requests whose risk shows in the picture only, since the words were written not to give it away.

Hu et al.: VLSBench: Unveiling Visual Leakage in Multimodal Safety, arXiv 2411.19939. Its descriptions of pictures and
reasons are not imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, has_id, is_text, rows_of

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
    for row in rows_of(release, (TABLE,), NEEDED, KNOWN):
        if is_text(release, row, "instruction", empty=True) and has_id(release, row, "instruction_id"):
            yield _item(row)


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
        pictures=(WantedPicture((picture, f"{FOLDER}/{_name(picture)}")),) if picture else (),
        tags=tuple(f"{kind}:{word}" for kind, word in tags.items() if word),
    )


def _name(picture: str) -> str:
    return picture.replace("\\", "/").rpartition("/")[2]


IMPORTER = Importer(ABOUT, read)
