"""FigStep: 500 unsafe instructions as lettering, one fixed question about all of them; part `tiny` has 50 of them.

Gong et al.: FigStep: Jailbreaking Large Vision-language Models via Typographic Visual Prompts, AAAI 2025, arXiv
2311.05608. The question stands in the release's README; a picture that is not there is drawn from its instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from pytest_vsc.drafts import About, Importer, Item, Options, Wanted, slug
from pytest_vsc.errors import ReleaseError
from pytest_vsc.lettering import figstep
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, entries

# part -> its table and the folder of its pictures, and how many rows it has
PARTS = {"safebench": ("safebench.csv", "SafeBench", 500), "tiny": ("SafeBench-Tiny.csv", "SafeBench-Tiny", 50)}
COLUMNS = ["category_id", "task_id", "category_name", "instruction"]
NUMBER = re.compile(r"[0-9]{1,4}")
# The question is a block of the README, after a mention of the method; later blocks are of its variant `FigStep-Pro`.
BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.+?)\n[ \t]*\1", re.S | re.M)
MENTION = re.compile(r"figstep(?:[-_ ]?pro)?\b", re.I)

ABOUT = About(
    title="FigStep: instructions as pictures of words",
    licence="MIT",
    source="Gong et al., FigStep, AAAI 2025, arXiv 2311.05608",
    citation=(
        "Gong et al. 2025. FigStep: Jailbreaking Large Vision-language Models via Typographic Visual Prompts. "
        "arXiv:2311.05608"
    ),
    description="One harmless question under pictures of numbered steps that are to be filled in; all of them unsafe.",
    rows={table: rows for table, _, rows in PARTS.values()},
    parts=tuple(PARTS),
)


def read(release: Release, options: Options) -> Iterator[Item]:
    """One item a row of the part's table."""
    table, folder, rows = PARTS[options.part or ABOUT.parts[0]]
    file = release.find(f"question/{table}", table)
    if file is None:
        release.findings.add("missing", "table", "a table of the release is not there", table)
        return
    question = _question(release, rows)
    if not question:
        return
    try:
        found = entries(release, file, COLUMNS, ["dataset", "question"])
    except ReleaseError as error:
        release.findings.add("refused", "table", "a table of the release cannot be used", str(error))
        return
    for row in found:
        yield from _item(release, row, folder, question)


def _item(release: Release, row: Entry, folder: str, question: str) -> Iterator[Item]:
    category, task = row.text("category_id").strip(), row.text("task_id").strip()
    instruction = row.text("instruction")
    if not (NUMBER.fullmatch(category) and NUMBER.fullmatch(task)):
        what = "a row's category_id or task_id is no number"
        release.findings.add("refused", "id", what, f"{row.at}: '{category}', '{task}'")
    elif not any(letter.isalpha() for letter in instruction):
        what = "a row has no instruction in words; its cells may have moved"
        release.findings.add("refused", "instruction-without-words", what, row.at)
    else:
        name = f"query_ForbidQI_{int(category)}_{int(task)}_6.png"
        yield Item(
            at=row.at,
            id=f"{int(category):02}-{int(task):02}",
            side="unsafe",
            centric="text",
            category=slug(row.text("category_name")),
            variant="figstep",
            prompt=question,
            pictures=(Wanted((f"images/{folder}/{name}", f"{folder}/{name}"), render=partial(figstep, instruction)),),
        )


def _question(release: Release, rows: int) -> str:
    """The fixed question; "" with a finding where no text beside the tables tells it."""
    for file in sorted(release.below("", ".md"), key=lambda file: (file.path.count("/"), file.path)):
        try:
            text = release.text(file).replace("\r\n", "\n")
        except ReleaseError as error:
            what = "a text beside the tables cannot be read"
            release.findings.add("noted", "unreadable-readme", what, str(error))
            continue
        for block in BLOCK.finditer(text):
            mentions = MENTION.findall(text, 0, block.start())
            if mentions and mentions[-1].casefold() == "figstep" and _is_question(block[2]):
                return " ".join(block[2].split())
    what = "the fixed question, which stands in the release's README, is not there; no case can be made"
    release.findings.add("missing", "figstep-question", what, "README.md", rows)
    return ""


def _is_question(text: str) -> bool:
    """Whether it speaks of the list in the picture: neither a citation nor a command."""
    words = text.casefold()
    return "image" in words and "list" in words and not words.lstrip().startswith(("@", "#", "$"))


IMPORTER = Importer(ABOUT, read)
