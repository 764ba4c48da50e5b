"""TextVQA: questions about words in photographs, each answered by ten people.

Singh et al.: Towards VQA Models That Can Read, CVPR 2019, arXiv 1904.08920.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.importers.choices import only_table
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, entries_of, has_id, has_words, is_text, read_table

PARTS = ("val", "train")
NEEDED = ("question_id", "question", "image_id", "answers")
FOLDERS = ("train_images", "images", "train_val_images/train_images")  # the pictures of both parts
CATEGORY = "text-reading"
# An answer that as many people gave has the full score by the rule of VQA.
AGREEING = 3
# What people were to write where they could not answer.
NO_ANSWER = {"", "unanswerable", "answering does not require reading text in the image"}

ABOUT = About(
    title="TextVQA: reading in photographs",
    licence="CC-BY-4.0 (questions and answers); the pictures come from Open Images",
    source="Singh et al., TextVQA, CVPR 2019, arXiv 1904.08920",
    citation="Singh et al. 2019. Towards VQA Models That Can Read. arXiv:1904.08920",
    description=(
        f"Right is what at least {AGREEING} of the ten people answered, which has the full score by the rule of VQA; "
        "there is no partial score here. Questions on which they do not agree so far are left out."
    ),
    categories=(CATEGORY,),
    parts=PARTS,
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """One case an entry on whose answer people agree."""
    part = options.part or PARTS[0]
    name = f"TextVQA_0.5.1_{part}.json"
    found = [file for file in release.below("", ".json") if _is_table(file, part)]
    table = only_table(release, found)
    for row in read_table(release, (table.path if table else name,), lambda file: _rows(release, file)):
        sound = is_text(release, row, "question", "image_id") and has_words(release, row, "question")
        if sound and has_id(release, row, "question_id") and (answers := _agreed(release, row)):
            yield _item(row, answers)


def _is_table(file: File, part: str) -> bool:
    name = file.name.casefold()
    return name.startswith("textvqa") and name.endswith(f"_{part}.json")


def _rows(release: Release, file: File) -> list[Entry]:
    said = release.json(file)
    if not isinstance(said, dict) or "data" not in said:
        raise ReleaseError(f"{file.path}: has no list 'data'")
    return entries_of(release, file, said["data"], NEEDED)


def _agreed(release: Release, row: Entry) -> tuple[str, ...]:
    """What enough people answered, the most frequent first; () with a finding."""
    said = row.said["answers"]
    if not isinstance(said, list) or not all(isinstance(answer, str) for answer in said):
        release.findings.add("refused", "answers", "a row's answers are no list of texts", row.at)
        return ()
    counted = Counter(" ".join(answer.casefold().split()) for answer in said)
    agreed = [answer for answer, people in counted.most_common() if people >= AGREEING and answer not in NO_ANSWER]
    if not agreed:
        what = f"no answer was given by {AGREEING} people; the question is left out"
        release.findings.add("noted", "no-agreement", what, row.at)
    return tuple(agreed)


def _item(row: Entry, answers: tuple[str, ...]) -> Item:
    picture = row.said["image_id"].strip()
    return Item(
        at=row.at,
        id=numbered("question", row.text("question_id"), 6),
        group=slug("picture", picture),
        centric="image",
        category=CATEGORY,
        prompt=row.said["question"],
        pictures=(WantedPicture((*(f"{folder}/{picture}.jpg" for folder in FOLDERS), f"{picture}.jpg")),),
        answers=answers,
    )


IMPORTER = Importer(ABOUT, read)
