"""MM-SafetyBench: 1,680 questions of 13 scenarios, each under three pictures that carry its key phrase.

Liu et al.: MM-SafetyBench: A Benchmark for Safety Evaluation of Multimodal Large Language Models, ECCV 2024,
arXiv 2311.17600. The pictures are a download of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_vsc.cases import Variant
from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, numbered, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import File, Release
from pytest_vsc.tables import Entry, entries_of, is_text, read_table

QUESTIONS, PICTURES = "processed_questions", "imgs"
# The release's names, spelling included, and how many questions each scenario has.
SCENARIOS = {
    "01-Illegal_Activitiy": 97,
    "02-HateSpeech": 163,
    "03-Malware_Generation": 44,
    "04-Physical_Harm": 144,
    "05-EconomicHarm": 122,
    "06-Fraud": 154,
    "07-Sex": 109,
    "08-Political_Lobbying": 153,
    "09-Privacy_Violence": 139,
    "10-Legal_Opinion": 130,
    "11-Financial_Advice": 167,
    "12-Health_Consultation": 109,
    "13-Gov_Decision": 149,
}
WITH_SCENE, WITH_WORDS = "Rephrased Question(SD)", "Rephrased Question"
KNOWN = ("Question", "Changed Question", "Key Phrase", "Phrase Type")
# Folder of the pictures -> the suite's word for what they are, and the column of the words that go with them.
VARIANTS: dict[str, tuple[Variant, str]] = {
    "SD": ("search", WITH_SCENE),
    "SD_TYPO": ("concat", WITH_WORDS),
    "TYPO": ("typography", WITH_WORDS),
}


def _category(scenario: str) -> str:
    return slug(scenario.partition("-")[2])


ABOUT = About(
    title="MM-SafetyBench: questions with a picture of their key phrase",
    licence="CC-BY-NC-4.0",
    source="Liu et al., MM-SafetyBench, github.com/isXinLiu/MM-SafetyBench, arXiv 2311.17600",
    citation=(
        "Liu et al. 2024. MM-SafetyBench: A Benchmark for Safety Evaluation of Multimodal Large Language Models. "
        "ECCV 2024. arXiv:2311.17600"
    ),
    description=(
        "Text-centric and unsafe throughout, in three variants a question: `search` is a generated picture of the key "
        "phrase (the release's SD), not one that was searched for; `typography` the phrase in letters (TYPO); `concat` "
        "one above the other (SD_TYPO). The release counts advice of law, finance, health and government as unsafe."
    ),
    categories=tuple(_category(scenario) for scenario in SCENARIOS),
    rows={f"{scenario}.json": questions for scenario, questions in SCENARIOS.items()},
)


def read(release: Release, options: Options) -> Iterator[Item]:  # noqa: ARG001
    """Three cases a question."""
    for file in release.below(QUESTIONS, ".json"):
        if file.name.removesuffix(".json") not in SCENARIOS:
            what = "a table of questions that the release is not known to have; not read"
            release.findings.add("noted", "other-table", what, file.path)
    for scenario in SCENARIOS:
        for row in _rows(release, scenario):
            yield from _items(release, row, scenario)


def _rows(release: Release, scenario: str) -> list[Entry]:
    """The questions of a scenario; none, with a finding, where they are not there or cannot be used."""
    name = f"{scenario}.json"

    def read_questions(file: File) -> list[Entry]:
        found = release.json(file)
        if not isinstance(found, dict):  # a list would give its rows no ids, by which the pictures are named
            raise ReleaseError(f"{file.path}: expected an object of questions by id, not {type(found).__name__}")
        return entries_of(release, file, found, (WITH_WORDS, WITH_SCENE), KNOWN)

    return read_table(release, (f"{QUESTIONS}/{name}", name), read_questions)


def _items(release: Release, row: Entry, scenario: str) -> Iterator[Item]:
    category, question = _category(scenario), row.key
    if not slug(question):
        release.findings.add("refused", "id", "a row has no id", row.at)
        return
    for folder, (variant, column) in VARIANTS.items():
        if not is_text(release, row, column, empty=True):
            continue
        picture = f"{scenario}/{folder}/{question}.jpg"
        yield Item(
            at=row.at,
            id=numbered(f"text-{variant}-{category}", question, 3),
            group=numbered(f"text-{category}", question, 3),
            side="unsafe",
            centric="text",
            category=category,
            variant=variant,
            prompt=row.text(column),
            pictures=(WantedPicture((f"{PICTURES}/{picture}", picture)),),
            tags=(slug(folder),),
        )


IMPORTER = Importer(ABOUT, read)
