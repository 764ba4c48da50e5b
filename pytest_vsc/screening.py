"""Which of a release's items can be cases: each thing that speaks against one is a finding. Pictures are not opened."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from pytest_vsc.cases import CENTRICS, SIDES, Centric
from pytest_vsc.drafts import Importer, Item, WantedPicture
from pytest_vsc.findings import Findings
from pytest_vsc.spelling import NAME, is_unicode
from pytest_vsc.tables import LONGEST_CELL


def sound_items(items: Sequence[Item], allow_empty_prompt: bool, findings: Findings) -> list[Item]:
    """The items that can be cases, each once, in the order of their ids."""
    kept: dict[str, Item] = {}
    twice: dict[str, Item] = {}
    for item in items:
        why = _doubt(item, allow_empty_prompt)
        if why is not None:
            findings.add("refused", *why, item.at)
        elif (other := kept.get(item.id)) is None:
            kept[item.id] = item
        elif _core(other) == _core(item):
            findings.add("repaired", "repeated-row", "a row is there twice; taken once", f"{item.at} and {other.at}")
        else:
            what = "rows that differ have one id; which is meant is unknown"
            findings.add("refused", "id-twice", what, f"{item.at} and {other.at}: {item.id}")
            twice[item.id] = other
    for name in twice:
        del kept[name]
    cases = Counter(item.at for item in kept.values() if not item.prompt.strip())
    for item in kept.values():
        _note_prompt(item, cases[item.at], findings)
    return [kept[name] for name in sorted(kept)]


def _core(item: Item) -> tuple[Any, ...]:
    return (
        item.side,
        item.answers,
        item.options,
        item.category,
        item.prompt,
        item.variant,
        item.pair,
        [one.names for one in item.pictures],
    )


def _doubt(item: Item, allow_empty_prompt: bool) -> tuple[str, str] | None:
    if len(item.prompt) > LONGEST_CELL:
        return "row-too-large", f"a row has a cell of more than {LONGEST_CELL:,} characters"
    if not item.prompt.strip() and not allow_empty_prompt:
        return "empty-prompt", "a row has no prompt"
    if (item.centric == "image" or item.variant not in (None, "plain")) and not item.pictures:
        return "no-picture", "a row names no picture, and its kind of case needs one"
    if not all(NAME.fullmatch(name) for name in (item.id, item.category, item.pair or "-")):
        return "no-name", "a row's id or category has no letter or digit to make a name of"
    if not is_unicode("".join((item.prompt, item.group or "", *item.tags, *item.answers, *item.options))):
        return "not-unicode", "a row has text that is not valid Unicode"
    return None


def _note_prompt(item: Item, cases: int, findings: Findings) -> None:
    if not item.prompt.strip():
        what = "a row has no prompt; its cases send the picture alone"
        findings.add("noted", "empty-prompt", what, f"{item.at} ({cases} cases)")
    elif item.prompt != item.prompt.strip():
        what = "a prompt begins or ends with blanks; kept as published"
        findings.add("noted", "blanks-around-prompt", what, item.at)
    if any(not letter.isprintable() and letter not in "\n\r\t" for letter in item.prompt):
        findings.add("noted", "control-characters", "a prompt has control characters; kept as published", item.at)


def paired_centrics(items: Sequence[Item]) -> tuple[Centric, ...]:
    """The centrics in which every item has its twin."""
    sides = _sides(items)
    alone = {item.centric for item in items if item.pair is None or sides[item.pair] != set(SIDES)}
    return tuple(centric for centric in CENTRICS if centric not in alone)


def _sides(items: Sequence[Item]) -> Mapping[str | None, set[str]]:
    sides: dict[str | None, set[str]] = defaultdict(set)
    for item in items:
        if item.side:
            sides[item.pair].add(item.side)
    return sides


def unlike_twins(
    items: Sequence[Item], pictures: Mapping[WantedPicture, tuple[str, str]], findings: Findings
) -> list[Item]:
    """The items less those of pairs whose halves are the same to the last byte, so that one of them must be wrong.

    pictures: of each wanted picture its path in the suite and its sha256.
    """
    halves: dict[str | None, list[Item]] = defaultdict(list)
    for item in items:
        halves[item.pair].append(item)
    alike: set[str | None] = set()
    for pair, members in halves.items():
        shown = [(item.prompt, [pictures[one][1] for one in item.pictures]) for item in members]
        if pair is not None and len({item.side for item in members}) == 2 and shown[0] in shown[1:]:
            what = "the halves of a pair are equal: same prompt, same pictures; which side is right is unknown"
            findings.add("refused", "twins-alike", what, f"{members[0].at}: {pair}")
            alike.add(pair)
    return [item for item in items if item.pair not in alike]


def whole_pairs(items: Sequence[Item], paired: Sequence[Centric], findings: Findings) -> list[Item]:
    """The items less those of a paired centric whose twin is lost."""
    sides = _sides(items)
    whole = []
    for item in items:
        if item.centric in paired and sides[item.pair] != set(SIDES):
            what = "a case is left out since its twin is lost: half a pair says nothing"
            findings.add("missing", "twin-lost", what, f"{item.at}: {item.id}")
        else:
            whole.append(item)
    return whole


def count_rows(importer: Importer, items: Sequence[Item], findings: Findings) -> None:
    """A table that was cut off lacks rows, and nothing else tells."""
    places = Counter(PurePosixPath(at.rpartition(":")[0]).name for at in {item.at for item in items})
    for name, full in importer.about.rows.items():
        rows = places[name]
        if 0 < rows < full:
            what = "a table has fewer rows that can be used than the release is known to have"
            findings.add("missing", "rows", what, f"{name}: {rows:,} of {full:,}", full - rows)
        elif rows > full:
            what = "a table has more rows than the release is known to have"
            findings.add("noted", "more-rows", what, f"{name}: {rows:,}, not {full:,}", rows - full)
