"""MME: two questions of yes or no about each picture, in fourteen tasks, each a folder of pictures and texts.

Fu et al.: MME: A Comprehensive Evaluation Benchmark for Multimodal Large Language Models, arXiv 2306.13394.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.importers.choices import OWN_TERMS, YES_OR_NO, yes_or_no
from pytest_vsc.releases import PICTURE_ENDINGS, File, Release
from pytest_vsc.tables import Entry, has_words

# The tasks' folders. In some the pictures and the texts lie in a folder each, in others side by side.
TASKS = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR"),
    *("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"),
)
TEXTS, PICTURES = "questions_answers_YN", "images"
EACH = 2  # questions a picture

ABOUT = About(
    title="MME: perception and cognition, yes or no",
    licence=OWN_TERMS,
    source="Fu et al., MME, arXiv 2306.13394",
    citation=(
        "Fu et al. 2023. MME: A Comprehensive Evaluation Benchmark for Multimodal Large Language Models. "
        "arXiv:2306.13394"
    ),
    description=(
        "Two questions about each picture, of which as a rule one is to be answered with yes and one with no; they are "
        "a group. The score that the authors give for both right is not made here."
    ),
    categories=tuple(slug(task) for task in TASKS),
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """One case a line of each text in a task's folder."""
    tasks = {task.casefold(): task for task in TASKS}
    found = [(task, file) for file in release.below("", ".txt") if (task := tasks.get(_folder(file)))]
    if not found:
        what = "no folder of a task holds texts with questions"
        release.findings.add("missing", "table", what, f"{TASKS[0]}/NAME.txt")
    for task, file in found:
        rows = list(_rows(release, file))
        if len(rows) != EACH:
            what = f"a text does not have {EACH} questions"
            release.findings.add("noted", "not-two-questions", what, f"{file.path}: {len(rows)}")
        for row in rows:
            answer = yes_or_no(release, row, "answer")
            if answer and has_words(release, row, "question"):
                yield _item(task, file, row, answer)


def _folder(file: File) -> str:
    """The name of the task's folder, in lower case."""
    *_, above, parent = ["", "", *file.path.split("/")[:-1]]
    return (above if parent == TEXTS else parent).casefold()


def _rows(release: Release, file: File) -> Iterator[Entry]:
    try:
        lines = release.text(file).splitlines()
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return
    for number, line in enumerate(lines, 1):
        if line.strip():
            question, tab, answer = line.rpartition("\t")
            at = f"{file.path}:{number}"
            if tab:
                yield Entry(at, {"question": question.strip(), "answer": answer, "number": number})
            else:
                what = "a line has no tab between a question and its answer"
                release.findings.add("refused", "line-without-tab", what, at)


def _item(task: str, file: File, row: Entry, answer: str) -> Item:
    folder, _, name = file.path.rpartition("/")
    stem = name.removesuffix(".txt")
    beside = f"{folder.rpartition('/')[0]}/{PICTURES}" if folder.endswith(TEXTS) else folder
    group = slug(task, stem)
    return Item(
        at=row.at,
        id=slug(group, row.text("number")),
        group=group,
        centric="image",
        category=slug(task),
        prompt=row.text("question"),
        pictures=(WantedPicture(tuple(f"{beside}/{stem}{ending}" for ending in (".jpg", ".png", *PICTURE_ENDINGS))),),
        answers=(answer,),
        options=YES_OR_NO,
    )


IMPORTER = Importer(ABOUT, read)
