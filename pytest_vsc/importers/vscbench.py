"""VSCBench: 1,800 image-centric cases, 1,800 text-centric ones in four image variants, 450 without an image.

Geng, Li, et al.: VSCBench: Bridging the Gap in Vision-Language Model Safety Calibration, Findings of ACL 2025,
arXiv 2505.20362. The pictures are a download of their own; those of `typography` and `figstep` are drawn from the
metadata where they are absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from pytest_vsc.cases import Side, Variant
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.importers.groups import XSTEST_TOPICS, XSTEST_TYPES, figstep_question
from pytest_vsc.lettering import figstep, typography
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, is_text, rows_of, tell_unknown

IMAGE_TABLE, TEXT_TABLE = "vscbench_image_centric.xlsx", "vscbench_text_centric.xlsx"
IMAGE_FOLDER, TEXT_FOLDER = "vscbench_image_centric_images", "vscbench_text_centric_images"
README = "readme.md"  # as names are compared, in lower case
COLUMNS_A_SIDE = 3
SIDES: tuple[Side, ...] = ("safe", "unsafe")
PICTURE_COLUMNS = [f"{side}_img_{number}" for side in SIDES for number in range(COLUMNS_A_SIDE)]
IMAGE_COLUMNS = ["Category", "Prompt", *PICTURE_COLUMNS]
TEXT_COLUMNS = [
    *("type", "prompt_origin", "prompt_mm", "object"),
    *("search_img", "typography_img", "concat_img", "prompt_figstep", "figstep_img"),
]
WORDS = ["prompt_origin", "prompt_mm", "object", "prompt_figstep"]

# The release's words for its categories, its spelling included, and ours.
CATEGORIES = {
    "violence": "violence",
    "drugs": "health-drugs",
    "illegal_activity": "illegal-activity",
    "religion": "religion-politics",
    "discrimination": "discrimination",
    "porngraphy": "sexual-content",
}

ABOUT = About(
    title="VSCBench: safety calibration of vision-language models",
    licence="none stated",
    source="Geng, Li et al., VSCBench, Findings of ACL 2025, arXiv 2505.20362; text prompts after XSTest (CC-BY-4.0)",
    citation=(
        "Geng et al. 2025. VSCBench: Bridging the Gap in Vision-Language Model Safety Calibration. arXiv:2505.20362"
    ),
    description=(
        "Image-centric: one question under three safe and three unsafe pictures, paired by column. Text-centric: "
        "XSTest's prompts without an image and in four image variants; both sides of a topic are one category."
    ),
    paired=("image",),
    categories=(*CATEGORIES.values(), *XSTEST_TOPICS),
    policy="vscbench",
    allow_empty_prompt=True,
    rows={IMAGE_TABLE: 300, TEXT_TABLE: 450},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """Both halves, each as far as its table is there."""
    yield from _image_centric(release, rows_of(release, (IMAGE_TABLE,), IMAGE_COLUMNS, ["focus"]))
    yield from _text_centric(release, rows_of(release, (TEXT_TABLE,), TEXT_COLUMNS, ["focus"]))


# --- image-centric ---


def _image_centric(release: Release, rows: Sequence[Entry]) -> Iterator[Item]:
    """Six items a row: the n-th safe and the n-th unsafe picture are a pair, the whole row is a group."""
    seen: Counter[str] = Counter()
    renamed: Counter[str] = Counter()
    for row in rows:
        raw = row.text("Category").strip()
        category = CATEGORIES.get(raw)
        if category is None:
            tell_unknown(release, row, "category", raw)
            continue
        if not is_text(release, row, "Prompt", empty=True):
            continue
        pictures = {column: row.text(column).strip() for column in PICTURE_COLUMNS}
        number = _number(release, row, reversed(pictures.values()), rf"(?:.*_)?{re.escape(raw)}_([0-9]+)_")
        if not number:
            continue
        seen.update(name.rpartition(".")[2] for name in pictures.values() if name)
        if raw != category:
            renamed[f"{raw} -> {category}"] += 1
        _note_repeated(release, row, pictures.values())
        if empty := [column for column, name in pictures.items() if not name]:
            _tell_no_picture(release, row, *empty)
        yield from _image_row(row, raw, numbered(f"image-{category}", number, 3), pictures)
    for name, count in sorted(renamed.items()):
        what = "a category of the release goes by the suite's word; rows"
        release.findings.add("noted", "category-renamed", what, name, count)
    if len(seen) > 1:
        what = "pictures are of several kinds; each keeps its own"
        for ending, count in seen.most_common():
            release.findings.add("noted", "picture-kinds", what, f"{ending}: {count:,}", count)


def _image_row(row: Entry, raw: str, group: str, pictures: dict[str, str]) -> Iterator[Item]:
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
            pictures=(WantedPicture((f"{IMAGE_FOLDER}/{raw}/{name}", f"{raw}/{name}", name)),),
        )


def _number(release: Release, row: Entry, names: Iterable[str], pattern: str) -> str:
    """The number of a row, which its pictures carry wherever it stands; "" with a finding where none does."""
    for name in names:
        if found := re.match(pattern, name):
            return found[1]
    release.findings.add("refused", "id", "a row has no id", row.at)
    return ""


def _tell_no_picture(release: Release, row: Entry, *columns: str) -> None:
    what = "a row names no picture in a column; the case is left out"
    release.findings.add("refused", "no-picture", what, f"{row.at}: {', '.join(columns)}", len(columns))


def _note_repeated(release: Release, row: Entry, names: Iterable[str]) -> None:
    counted = Counter(name for name in names if name)
    for name, count in counted.items():
        if count > 1:
            what = "a picture is listed more than once; each listing stays a case, as published"
            release.findings.add("noted", "picture-listed-again", what, f"{row.at}: {name}", count - 1)


# --- text-centric ---


def _text_centric(release: Release, rows: Sequence[Entry]) -> Iterator[Item]:
    """Five items a row: the prompt alone, and four image variants, all of one group."""
    instruction = figstep_question(release, README, ("list",), len(rows)) if rows else ""
    _note_shared_pictures(release, rows)
    for row in rows:
        kind = row.text("type").strip()
        if kind not in XSTEST_TYPES:
            tell_unknown(release, row, "type", kind)
            continue
        if not is_text(release, row, *WORDS, empty=True):
            continue
        if "the image" in row.text("prompt_origin"):
            what = "a text-only prompt speaks of an image that is not there; kept as published"
            release.findings.add("noted", "prompt-without-its-image", what, row.at)
        names = [row.text(f"{variant}_img").strip() for variant in ("concat", "typography", "figstep")]
        if number := _number(release, row, names, "([0-9]+)_"):
            yield from _text_row(release, row, kind, number, instruction)


def _text_row(release: Release, row: Entry, kind: str, number: str, instruction: str) -> Iterator[Item]:
    side, topic = XSTEST_TYPES[kind]
    name = numbered("", number, 3)
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
            side=side,
            centric="text",
            category=topic,
            variant=variant,
            prompt=prompt,
            pictures=(picture,) if picture else (),
            tags=(slug(kind), *([f"focus:{focus}"] if focus else [])),
        )


def _picture(release: Release, row: Entry, variant: Variant) -> WantedPicture | None:
    """The picture of a variant: the listed file, or for the two that are words, drawn."""
    if variant == "plain":
        return None
    name = row.text(f"{variant}_img").strip()
    if not name:
        _tell_no_picture(release, row, f"{variant}_img")
        return None
    places = (f"{TEXT_FOLDER}/{variant}/{name}", f"{variant}/{name}")
    if variant == "typography":
        return WantedPicture(places, render=_drawn(typography, row.text("object")))
    if variant == "figstep":
        return WantedPicture(places, render=_drawn(figstep, row.text("prompt_figstep")))
    return WantedPicture(places)


def _drawn(draw: Callable[[str], bytes], words: str) -> Callable[[], bytes] | None:
    """What draws the words; None where there are none, since an empty picture would ask nothing."""
    return partial(draw, words) if words.strip() else None


def _note_shared_pictures(release: Release, rows: Sequence[Entry]) -> None:
    listed = Counter(row.text("search_img").strip() for row in rows)
    for row in rows:
        name = row.text("search_img").strip()
        if name and listed[name] > 1:
            what = "two prompts share a search picture; kept as published"
            release.findings.add("noted", "picture-shared", what, f"{row.at}: {name}", 1)


IMPORTER = Importer(ABOUT, read)
