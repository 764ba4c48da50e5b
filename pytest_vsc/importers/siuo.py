"""SIUO: 167 requests that are harmless in words and in picture, and unsafe together.

Wang et al.: Safe Inputs but Unsafe Output: Benchmarking Cross-modality Safety Alignment of Large Vision-Language
Models, arXiv 2406.15279. Its warnings and reference answers are not imported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, has_id, is_text, rows_of

TABLE = "siuo_gen.json"
NEEDED = ("question_id", "image", "question", "category")
KNOWN = ("safety_warning", "reference_answer")

ABOUT = About(
    title="SIUO: safe inputs, unsafe output",
    licence="CC-BY-NC-4.0",
    source="Wang et al., SIUO, github.com/sinwang20/SIUO, arXiv 2406.15279",
    citation=(
        "Wang et al. 2024. Safe Inputs but Unsafe Output: Benchmarking Cross-modality Safety Alignment of Large "
        "Vision-Language Models. arXiv:2406.15279"
    ),
    description="Image-centric and unsafe throughout: what is harmless in the words alone is not under this picture.",
    rows={TABLE: 167},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One case a row."""
    for row in rows_of(release, (TABLE,), NEEDED, KNOWN):
        if is_text(release, row, "question", empty=True) and has_id(release, row, "question_id"):
            yield _item(row)


def _item(row: Entry) -> Item:
    category, picture = slug(row.text("category")), row.text("image").strip()
    return Item(
        at=row.at,
        id=numbered(f"image-{category}", row.text("question_id"), 4),
        group=slug("picture", picture) if picture else None,
        side="unsafe",
        centric="image",
        category=category,
        prompt=row.text("question"),
        pictures=(WantedPicture((f"images/{picture}", picture)),) if picture else (),
    )


IMPORTER = Importer(ABOUT, read)
