"""VSCBench: 1,800 image-centric cases, 1,800 text-centric ones in four image variants, 450 without an image.

Geng, Li, et al.: VSCBench: Bridging the Gap in Vision-Language Model Safety Calibration, Findings of ACL 2025,
arXiv 2505.20362. The pictures are a download of their own; those of `typography` and `figstep` are drawn from the
metadata where they are absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pytest_vsc.cases import Side, Variant
from pytest_vsc.drafts import About, Importer, Item, Options, Wanted, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.lettering import figstep, typography
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, entries

IMAGE_TABLE, TEXT_TABLE = "vscbench_image_centric.xlsx", "vscbench_text_centric.xlsx"
IMAGE_FOLDER, TEXT_FOLDER = "vscbench_image_centric_images", "vscbench_text_centric_images"
README = "README.md"
COLUMNS_A_SIDE = 3
SIDES: tuple[Side, ...] = ("safe", "unsafe")
IMAGE_COLUMNS = [f"{side}_img_{number}" for side in SIDES for number in range(COLUMNS_A_SIDE)]
TEXT_COLUMNS = [
    *("type", "prompt_origin", "prompt_mm", "object"),
    *("search_img", "typography_img", "concat_img", "prompt_figstep", "figstep_img"),
]

# The release's words for its categories, its spelling included, and ours.
CATEGORIES = {
    "violence": "violence",
    "drugs": "health-drugs",
    "illegal_activity": "illegal-activity",
    "religion": "religion-politics",
    "discrimination": "discrimination",
    "porngraphy": "sexual-content",
}
# The text-centric half is of XSTest's ten safe types and the eight contrast types that stand against them. A topic
# joins both sides: `contrast_privacy` stands against `privacy_public` and `privacy_fictional`.
TOPICS = {
    "homonyms": "homonyms",
    "figurative_language": "figurative-language",
    "safe_targets": "safe-targets",
    "safe_contexts": "safe-contexts",
    "definitions": "definitions",
    "nons_group_real_discr": "group-discrimination",
    "real_group_nons_discr": "group-discrimination",
    "discr": "group-discrimination",
    "historical_events": "historical-events",
    "privacy_public": "privacy",
    "privacy_fictional": "privacy",
    "privacy": "privacy",
}

ABOUT = About(
    title="VSCBench: safety calibration of vision-language models",
    licence="none stated",
    source="Geng, Li et al., VSCBench, Findings of ACL 2025, arXiv 2505.20362; text prompts after XSTest (CC-BY-4.0)",
    citation="Geng et al. 2025. VSCBench: Bridging the Gap in Vision-Language Model Safety Calibration. arXiv:2505.20362",
    description=(
        "Image-centric: one question under three safe and three unsafe pictures, paired by column. Text-centric: "
        "XSTest's prompts without an image and in four image variants; both sides of a topic are one category."
    ),
    paired=("image",),
    categories=(*CATEGORIES.values(), *dict.fromkeys(TOPICS.values())),
    policy="vscbench",
    allow_empty_prompt=True,
    rows={IMAGE_TABLE: 300, TEXT_TABLE: 450},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """Both halves, each as far as its table is there."""
    for name, columns, half in (
        (IMAGE_TABLE, ["Category", "Prompt", *IMAGE_COLUMNS], _image_centric),
        (TEXT_TABLE, TEXT_COLUMNS, _text_centric),
    ):
        file = release.find(name)
        if file is None:
            release.findings.add("missing", "table", "a table of the release is not there", name)
            continue
        try:
            rows = entries(release, file, columns, ["focus"])
        except ReleaseError as error:
            release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
            continue
        yield from half(release, rows)


# --- image-centric ---


def _image_centric(release: Release, rows: Sequence[Entry]) -> Iterator[Item]:
    """Six items a row: the n-th safe and the n-th unsafe picture are a pair, the whole row is a group."""
    seen: Counter[str] = Counter()
    renamed: Counter[str] = Counter()
    for row in rows:
        raw = row.text("Category").strip()
        category = CATEGORIES.get(raw)
        if category is None:
            what = "a row has a category that the release is not known to have"
            release.findings.add("refused", "category", what, f"{row.at}: {raw}")
            continue
        pictures = {column: row.text(column).strip() for column in IMAGE_COLUMNS}
        seen.update(name.rpartition(".")[2] for name in pictures.values() if name)
        if raw != category:
            renamed[f"{raw} -> {category}"] += 1
        _note_repeated(release, row, pictures.values())
        if empty := [column for column, name in pictures.items() if not name]:
            what = "a row names no picture in a column; the case is left out"
            release.findings.add("missing", "picture-name", what, f"{row.at}: {', '.join(empty)}", len(empty))
        yield from _image_row(row, raw, pictures)
    for name, count in sorted(renamed.items()):
        what = "a category of the release goes by the suite's word; rows"
        release.findings.add("noted", "category-renamed", what, name, count)
    if len(seen) > 1:
        what = "pictures are of several kinds; each keeps its own"
        for ending, count in seen.most_common():
            release.findings.add("noted", "picture-kinds", what, f"{ending}: {count:,}", count)


def _image_row(row: Entry, raw: str, pictures: dict[str, str]) -> Iterator[Item]:
    group = numbered(f"image-{CATEGORIES[raw]}", _row_number(row, pictures["unsafe_img_0"], raw), 3)
    for column, name in pictures.items():
        if not name:
            continue
        side, number = column.split("_img_")
        yield Item(
            at=row.at,
            id=f"{group}-{number}.{side}",
            pair=f"{group}-{number}",
            group=group,
            side="safe" if side == "safe" else "unsafe",
            centric="image",
            category=CATEGORIES[raw],
            prompt=row.text("Prompt"),
            pictures=(Wanted((f"{IMAGE_FOLDER}/{raw}/{name}", f"{raw}/{name}", name)),),
        )


def _row_number(row: Entry, picture: str, raw: str) -> str:
    """The number of a row in its category, which its pictures carry: rows keep it in whatever order they stand."""
    found = re.search(rf"{re.escape(raw)}_(\d+)_\d+\.\w+$", picture)
    return found[1] if found else f"row{row.at.rpartition(':')[2]}"


def _note_repeated(release: Release, row: Entry, names: Iterable[str]) -> None:
    counted = Counter(name for name in names if name)
    for name, count in counted.items():
        if count > 1:
            what = "a picture is listed more than once; each listing stays a case, as published"
            release.findings.add("noted", "picture-listed-again", what, f"{row.at}: {name}", count - 1)


# --- text-centric ---


def _text_centric(release: Release, rows: Sequence[Entry]) -> Iterator[Item]:
    """Five items a row: the prompt alone, and four image variants, all of one group."""
    instruction = _figstep_instruction(release)
    _note_shared_pictures(release, rows)
    for row in rows:
        kind = row.text("type").strip()
        topic = TOPICS.get(kind.removeprefix("contrast_"))
        if topic is None:
            what = "a row has a type that the release is not known to have"
            release.findings.add("refused", "type", what, f"{row.at}: {kind}")
            continue
        if "the image" in row.text("prompt_origin"):
            what = "a text-only prompt speaks of an image that is not there; kept as published"
            release.findings.add("noted", "prompt-without-its-image", what, row.at)
        yield from _text_row(release, row, kind, topic, instruction)


def _text_row(release: Release, row: Entry, kind: str, topic: str, instruction: str) -> Iterator[Item]:
    concat = row.text("concat_img").strip()
    number = re.match(r"(\d+)_", concat)
    name = numbered("", number[1], 3) if number else f"row{row.at.rpartition(':')[2]}"
    focus = slug(row.text("focus"))
    prompts: dict[Variant, str] = {
        "plain": row.text("prompt_origin"),
        "search": row.text("prompt_mm"),
        "typography": row.text("prompt_mm"),
        "concat": row.text("prompt_mm"),
        "figstep": instruction,
    }
    for variant, prompt in prompts.items():
        if variant == "figstep" and not instruction:
            continue
        picture = _picture(release, row, variant)
        if picture is None and variant != "plain":
            continue
        yield Item(
            at=row.at,
            id=f"text-{variant}-{topic}-{name}",
            group=f"text-{name}",
            side="unsafe" if "contrast" in kind else "safe",
            centric="text",
            category=topic,
            variant=variant,
            prompt=prompt,
            pictures=(picture,) if picture else (),
            tags=(slug(kind), *([f"focus:{focus}"] if focus else [])),
        )


def _picture(release: Release, row: Entry, variant: Variant) -> Wanted | None:
    """The picture of a variant: the listed file, or for the two that are words, drawn."""
    if variant == "plain":
        return None
    name = row.text(f"{variant}_img").strip()
    if not name:
        what = "a row names no picture in a column; the case is left out"
        release.findings.add("missing", "picture-name", what, f"{row.at}: {variant}_img")
        return None
    places = (f"{TEXT_FOLDER}/{variant}/{name}", f"{variant}/{name}")
    if variant == "typography":
        words = row.text("object")
        return Wanted(places, render=lambda: typography(words))
    if variant == "figstep":
        statement = row.text("prompt_figstep")
        return Wanted(places, render=lambda: figstep(statement))
    return Wanted(places)


def _note_shared_pictures(release: Release, rows: Sequence[Entry]) -> None:
    listed = Counter(row.text("search_img").strip() for row in rows)
    for row in rows:
        name = row.text("search_img").strip()
        if name and listed[name] > 1:
            what = "two prompts share a search picture; kept as published"
            release.findings.add("noted", "picture-shared", what, f"{row.at}: {name}", 1)


def _figstep_instruction(release: Release) -> str:
    """The fixed question of the figstep variant, which stands in the release's README, in the first block after its
    mention; "" with a finding where that is not there."""
    for file in release.below("", README.casefold()):
        found = re.search(r"prompt used for figstep.*?```\w*\s*\n(.+?)\n\s*```", release.text(file), re.I | re.S)
        if found:
            return " ".join(found[1].split())
    what = "the fixed question of the figstep variant, which stands in the release's README, is not there"
    release.findings.add("missing", "figstep-question", what, README, 450)
    return ""


IMPORTER = Importer(ABOUT, read)
