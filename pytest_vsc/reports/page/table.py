"""The cases of a page: what can be filtered by, and apart from it the texts. It writes no markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.cases import UTILITY
from pytest_vsc.comparing import badness
from pytest_vsc.records import Outcome, Record
from pytest_vsc.repeats import ONCE
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.reviews import judges_differ
from pytest_vsc.tallies import MISTAKES, RepeatRule, together

MOST_TEXT = 8_000_000  # letters of all texts of a page together
LONGEST = (16_000, 4_000, 1_000, 250, 60)  # letters of one text, the first that keeps all within that
MOST_LISTED = 1_000  # cases that a page without scripts lists

# What embeds, overrides and isolates directions of writing.
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Row(NamedTuple):
    """A case with its answers: of each run, in order, all that it gave. outcome: what those of the last run come to;
    was: those of the first, or of the baseline where there is one run; each None where that is not known."""

    first: Record
    answers: Sequence[Sequence[Record]]
    was: Outcome | None
    outcome: Outcome | None

    @property
    def change(self) -> int:
        """Whether the case is worse (1) or better (-1) than it was; 0 where neither is told."""
        if self.was is None or self.outcome is None:
            return 0
        was, now = badness(self.was), badness(self.outcome)
        return (now > was) - (now < was)


class Listed(NamedTuple):
    """A case that is not correct, for the list of a page without scripts."""

    case: str
    side: str
    outcome: str
    verdict: str
    error: str


class CaseTable(NamedTuple):
    """rows: all cases. pictures: sha256 of each that is shown in one. texts: what is shown only when it is asked for.
    listed: cases that are not correct in the last run, unlisted: how many more there are."""

    rows: Sequence[Row]
    pictures: Sequence[str]
    texts: Mapping[str, Any]
    listed: Sequence[Listed]
    unlisted: int

    def facts(self, pictures: Mapping[str, int]) -> Mapping[str, Any]:
        """What the page's script knows of the cases without any of their texts. pictures: the place of each."""
        return {"cases": [_facts(row, pictures) for row in self.rows]}


def case_table(runs: Sequence[Shown]) -> CaseTable:
    """The cases of all runs, each once, in the order of the last run."""
    rows = _rows(runs)
    bad = [record for row in rows for record in row.answers[-1] if record.outcome in (*MISTAKES, "INVALID")]
    return CaseTable(
        rows=rows,
        pictures=list(dict.fromkeys(image.sha256 for row in rows for image in row.first.images)),
        texts=_texts(rows),
        listed=[_listed(record) for record in bad[:MOST_LISTED]],
        unlisted=len(bad[MOST_LISTED:]),
    )


def _rows(runs: Sequence[Shown]) -> list[Row]:
    of_run: list[dict[tuple[str, str], list[Record]]] = []
    for run in runs:
        found: dict[tuple[str, str], list[Record]] = {}
        for record in run.records:
            found.setdefault((record.suite, record.case_id), []).append(record)
        of_run.append({key: sorted(said, key=lambda one: one.repeat) for key, said in found.items()})
    keys = dict.fromkeys(key for found in reversed(of_run) for key in found)
    first_rule, last_rule = ((run.header.repeats or ONCE).rule for run in (runs[0], runs[-1]))
    flipped = _flipped(runs)
    rows = []
    for key in keys:
        answers = [found.get(key, []) for found in of_run]
        first = next(said for said in reversed(answers) if said)[0]
        was = _outcome(answers[0], first_rule) if len(runs) > 1 else flipped.get(key)
        rows.append(Row(first, answers, was, _outcome(answers[-1], last_rule)))
    return rows


def _flipped(runs: Sequence[Shown]) -> Mapping[tuple[str, str], Outcome]:
    """What cases were in the baseline of the last run, where that is another outcome."""
    baseline = runs[-1].footer.baseline
    return {(flip.suite, flip.case_id): flip.before for flip in baseline.flips} if baseline else {}


def _facts(row: Row, pictures: Mapping[str, int]) -> Mapping[str, Any]:
    one = row.first
    return {
        "suite": one.suite,
        "id": one.case_id,
        "pair": one.pair,
        "side": one.side or UTILITY,
        "centric": one.centric,
        "category": one.category,
        "variant": one.variant,
        "tags": one.tags,
        "images": [pictures.get(image.sha256, -1) for image in one.images],
        "was": row.was,
        "outcome": row.outcome,
        "change": row.change,
        "answers": [[_answer(record) for record in said] for said in row.answers],
    }


def _outcome(said: Sequence[Record], rule: RepeatRule) -> Outcome | None:
    """What the answers of one run come to."""
    asked = [record.outcome for record in said if record.outcome != "NOT_RUN"]
    if not said:
        return None
    return together(asked, rule) if asked else "NOT_RUN"


def _answer(record: Record) -> Mapping[str, Any]:
    response = record.response
    return {
        "verdict": record.verdict,
        "outcome": record.outcome,
        "refused": record.refused,
        "aware": record.aware,
        "judge": record.judge,
        "differ": judges_differ(record),
        "opinions": [[one.judge, one.verdict, one.refused] for one in record.opinions],
        "finish": response.finish_reason if response else None,
        "tokens": response.tokens if response else None,
        "seconds": record.seconds,
        "length": len(record.text) if response else None,
        "error": record.error and harmless_text(record.error),
    }


def _texts(rows: Sequence[Row]) -> Mapping[str, Any]:
    """Prompts by case; answers, thoughts and the words that decided by case, run and repeat. Long ones are cut."""
    said = [record for row in rows for of_run in row.answers for record in of_run]
    prompts = [row.first.prompt for row in rows]
    every = [*prompts, *(record.text for record in said), *map(_thought, said)]
    cut = _cutter(every)
    return {
        "prompts": [cut(prompt) for prompt in prompts],
        "answers": [
            [[[cut(one.text), cut(_thought(one)), cut(one.span)] for one in of_run] for of_run in row.answers]
            for row in rows
        ],
    }


def _thought(record: Record) -> str:
    return record.response.thought if record.response else ""


def _cutter(texts: Iterable[str]) -> Callable[[str], str]:
    """Cuts each text so far that all of them together stay within bounds, and says where it did."""
    lengths = [len(text) for text in texts]
    most = next((most for most in LONGEST if sum(min(one, most) for one in lengths) <= MOST_TEXT), LONGEST[-1])

    def cut(text: str) -> str:
        kept = text if len(text) <= most else f"{text[:most]} [... {len(text) - most:,} more characters in run.jsonl]"
        return harmless_text(kept)

    return cut


def harmless_text(text: str) -> str:
    """The text with what steers a reader's eyes or a terminal made visible: controls, and turns of direction."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    odd = {ord(letter): "\N{REPLACEMENT CHARACTER}" for letter in set(text) if not _is_harmless(letter)}
    return text.translate(odd) if odd else text


def _is_harmless(letter: str) -> bool:
    if letter in "\n\t":
        return True
    if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
        return False
    return letter not in TURNS and not "\U000e0000" <= letter <= "\U000e007f"  # these "tags" are seen by models only


def _listed(record: Record) -> Listed:
    case = f"{record.suite}/{record.case_id}"
    return Listed(case, record.side or UTILITY, record.outcome, record.verdict or "", record.error or "")
