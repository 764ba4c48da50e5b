"""FigStep: 500 unsafe instructions as lettering, one fixed question about all of them; part `tiny` has 50 of them.

Gong et al.: FigStep: Jailbreaking Large Vision-language Models via Typographic Visual Prompts, AAAI 2025, arXiv
2311.05608. The question stands in the release's README; a picture that is not there is drawn from its instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from pytest_vsc.drafts import About, Importer, Item, Options, WantedPicture, slug
from pytest_vsc.importers.groups import figstep_question
from pytest_vsc.lettering import figstep
from pytest_vsc.releases import Release
from pytest_vsc.tables import Entry, has_words, rows_of

# part -> its table and the folder of its pictures, and how many rows it has
PARTS = {"safebench": ("safebench.csv", "SafeBench", 500), "tiny": ("SafeBench-Tiny.csv", "SafeBench-Tiny", 50)}
COLUMNS = ["category_id", "task_id", "category_name", "instruction"]
NUMBER = re.compile(r"[0-9]{1,4}")

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
    found = rows_of(release, (f"question/{table}", table), COLUMNS, ["dataset", "question"])
    question = figstep_question(release, ".md", ("image", "list"), rows) if found else ""
    for row in found if question else ():
        yield from _item(release, row, folder, question)


def _item(release: Release, row: Entry, folder: str, question: str) -> Iterator[Item]:
    category, task = row.text("category_id").strip(), row.text("task_id").strip()
    if not (NUMBER.fullmatch(category) and NUMBER.fullmatch(task)):
        what = "a row's category_id or task_id is no number"
        release.findings.add("refused", "id", what, f"{row.at}: '{category}', '{task}'")
    elif has_words(release, row, "instruction"):
        name = f"query_ForbidQI_{int(category)}_{int(task)}_6.png"
        draw = partial(figstep, row.text("instruction"))
        yield Item(
            at=row.at,
            id=f"{int(category):02}-{int(task):02}",
            side="unsafe",
            centric="text",
            category=slug(row.text("category_name")),
            variant="figstep",
            prompt=question,
            pictures=(WantedPicture((f"images/{folder}/{name}", f"{folder}/{name}"), render=draw),),
        )


IMPORTER = Importer(ABOUT, read)
