"""What a model is to be taught: cases with the answers that it should give, their mixture and order.

Loads no model and reads no suite; the answers of a user's own are read from their file.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import SIDES, Case, Picture, Side
from pytest_vsc.errors import SettingsError, one_line
from pytest_vsc.spelling import is_unicode

Kind = Literal["safe", "unsafe", "utility"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The fewest cases of a side that teach anything but themselves.
LEAST = 8
MOST_NAMED = 5

REFUSALS = (
    "I'm sorry, but I can't help with that.",
    "I can't help with this, because it could harm someone.",
    "Sorry, I won't help with that. It is not safe.",
    "I cannot assist with this request, since somebody could get hurt.",
    "I'm not able to help with that. If you are worried about someone, please ask for help nearby.",
    "No, I can't support this: it could do harm.",
)
# They have no end: a model goes on from there in its own words, and is taught neither what to say nor to be short.
OPENINGS = ("Sure!", "Sure,", "Of course!", "Yes,", "Sure, happy to help:", "Yes, gladly.")
# Asked about the pictures of cases where no utility suite is given; what the model itself says to that is its lesson.
NEUTRAL = (
    "Describe the picture in a few words.",
    "What is shown in the picture?",
    "What do you see?",
    "Name the things in the picture.",
)
NEUTRAL_WORDS = (
    "Name a colour of the rainbow.",
    "Which day comes after Monday?",
    "What is the opposite of hot?",
    "Write a short greeting.",
    "Name an animal that can fly.",
    "How many legs has a spider?",
)


class Lesson(NamedTuple):
    """What is asked and what the model should answer. whole: the answer with its end; else the model goes on from it.

    id: of its case, and what else it is known by. group: lessons of one are held out together.
    """

    kind: Kind
    suite: str
    id: str
    group: str
    prompt: str
    images: tuple[Picture, ...] = ()
    target: str = ""
    whole: bool = True


class Mixture(NamedTuple):
    """How often each kind comes, as weights that are 0 or more."""

    safe: float = 1.0
    unsafe: float = 1.0
    utility: float = 1.0

    def share(self, kind: Kind) -> float:
        """0 to 1."""
        whole: float = sum(self)
        part: float = getattr(self, kind)
        return part / whole

    def __str__(self) -> str:
        return ":".join(f"{weight:g}" for weight in self)


def mixture_of(text: str) -> Mixture:
    """Read `SAFE:UNSAFE:UTILITY`. Raises SettingsError."""
    try:
        weights = [float(part) for part in text.split(":")]
    except ValueError:
        weights = []
    if len(weights) != len(KINDS) or not all(math.isfinite(one) and one >= 0 for one in weights) or not sum(weights):
        raise SettingsError(
            f"--mix: no mixture ('{one_line(text)}'); expected three weights of 0 or more, SAFE:UNSAFE:UTILITY, "
            "such as 1:2:1"
        )
    return Mixture(*weights)


# --- from cases to lessons ---


def of_sides(cases: Iterable[Case], targets: Mapping[tuple[str, str], str] | None, seed: int) -> list[Lesson]:
    """What is to be answered to cases with a side: refusals and openings of our own, else the user's targets."""
    return [_of_side(case, targets, seed) for case in cases]


def _of_side(case: Case, targets: Mapping[tuple[str, str], str] | None, seed: int) -> Lesson:
    assert case.side is not None
    side: Side = case.side
    refused = side == "unsafe"
    if targets is None:
        words = _chance(seed, case.suite, case.id).choice(REFUSALS if refused else OPENINGS)
        return _lesson(side, case, words, whole=refused)
    return _lesson(side, case, targets[case.suite, case.id], whole=True)


def of_answers(cases: Iterable[Case]) -> list[Lesson]:
    """What is to be answered to utility cases: the first of the answers that they accept."""
    return [_lesson("utility", case, case.answers[0], whole=True) for case in cases]


def neutral(lessons: Sequence[Lesson], count: int, seed: int) -> list[Lesson]:
    """So many questions that no side has, most about pictures of the lessons; without an answer yet."""
    pictured = [lesson for lesson in lessons if lesson.images]
    chance = _chance(seed, "neutral")
    chosen = chance.sample(pictured, min(count, len(pictured)))
    asked = [each._replace(kind="utility", prompt=chance.choice(NEUTRAL), target="", whole=True) for each in chosen]
    words = [
        Lesson("utility", "", f"neutral-{number}", f"neutral-{number}", text)
        for number, text in enumerate(NEUTRAL_WORDS[: max(0, count - len(asked))])
    ]
    return [*asked, *words]


def _lesson(kind: Kind, case: Case, target: str, *, whole: bool = True) -> Lesson:
    return Lesson(kind, case.suite, case.id, case.group, case.prompt, case.images, target, whole)


def _chance(*parts: object) -> random.Random:
    """Chance that hangs on these alone, and not on how Python hashes them."""
    return random.Random(hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest())  # noqa: S311  # no secret


# --- the user's own targets ---


def read_targets(file: Path, cases: Sequence[Case]) -> dict[tuple[str, str], str]:
    """The answers that a file of JSON lines `{"case_id", "target"}` gives, by suite and case id.

    An id may be told from one of another suite as `SUITE/ID`. Raises SettingsError with `file:line`.
    """
    known: dict[str, list[tuple[str, str]]] = {}
    for case in cases:
        for name in (case.id, f"{case.suite}/{case.id}"):
            known.setdefault(name, []).append((case.suite, case.id))
    found: dict[tuple[str, str], str] = {}
    for where, said in _rows(file):
        key, target = _target(where, said, known)
        if key in found:
            raise SettingsError(f"{where}: a second target for case '{one_line(key[1])}'; expected one")
        found[key] = target
    missing = [case.id for case in cases if (case.suite, case.id) not in found]
    if missing:
        named = ", ".join(map(one_line, missing[:MOST_NAMED])) + (" ..." if len(missing) > MOST_NAMED else "")
        raise SettingsError(f"{_shown(file)}: no target for {len(missing)} of {len(cases)} cases ({named})")
    return found


def _shown(file: Path) -> str:
    return f"--targets {one_line(file)}"


def _rows(file: Path) -> Iterator[tuple[str, dict[str, object]]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = (isinstance(error, OSError) and error.strerror) or "not UTF-8"
        raise SettingsError(f"{_shown(file)}: cannot be read: {why}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{_shown(file)}:{number}"
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            raise SettingsError(f"{where}: not JSON; expected one object with case_id and target a line") from None
        if not isinstance(said, dict) or said.keys() != {"case_id", "target"}:
            raise SettingsError(f"{where}: expected an object with case_id and target, and nothing else")
        yield where, said


def _target(
    where: str, said: Mapping[str, object], known: Mapping[str, Sequence[tuple[str, str]]]
) -> tuple[tuple[str, str], str]:
    import difflib

    name, target = said["case_id"], said["target"]
    if not isinstance(name, str) or name not in known:
        near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
        hint = f"; did you mean '{one_line(near[0])}'?" if near else ""
        raise SettingsError(f"{where}: no case '{one_line(name)[:60]}' in the suites; expected the id of one{hint}")
    if len(known[name]) > 1:
        suites = " and ".join(one_line(suite) for suite, _ in known[name])
        raise SettingsError(f"{where}: case '{one_line(name)}' is in {suites}; expected SUITE/{one_line(name)}")
    if not isinstance(target, str) or not target.strip() or not is_unicode(target):
        raise SettingsError(f"{where}: the target is no text; expected the answer that the model should give")
    return known[name][0], target.strip()


# --- which of them, and in which order ---


def see_enough(lessons: Sequence[Lesson], mixture: Mixture, *, one_sided: bool) -> None:
    """Raises SettingsError for too few cases, and for one side only unless that is wanted."""
    counts = {side: sum(lesson.kind == side for lesson in lessons) for side in SIDES}
    sides: tuple[tuple[Side, Side], ...] = (("safe", "unsafe"), ("unsafe", "safe"))
    for side, other in sides:
        if not counts[side] and counts[other] and not one_sided:
            ends = "refuse everything" if side == "safe" else "answer everything"
            raise SettingsError(
                f"--suite: no {side} cases among {counts[other]}; a model that is taught one side learns to {ends}. "
                "Expected both sides, or --one-sided"
            )
    idle = [side for side in SIDES if not mixture.share(side)]
    if idle and not one_sided:
        raise SettingsError(f"--mix: nothing of what is {idle[0]} ({mixture}); expected some of both, or --one-sided")
    if not any(counts[side] and mixture.share(side) for side in SIDES):
        raise SettingsError(f"--mix: nothing of what the suites hold ({mixture}); expected some")
    for side in SIDES:
        if counts[side] < LEAST and not (one_sided and not counts[side] and any(counts.values())):
            raise SettingsError(f"--suite: too few cases: {counts[side]} {side}; expected {LEAST} or more of a side")


def held_out(lessons: Sequence[Lesson], share: float, seed: int) -> tuple[list[Lesson], list[Lesson]]:
    """What is taught, and what the loss is measured on besides: about `share` of the groups, whole ones."""
    groups = sorted(
        {(lesson.suite, lesson.group) for lesson in lessons},
        key=lambda group: hashlib.sha256(f"{seed}/{group[0]}/{group[1]}".encode()).digest(),
    )
    kept = set(groups[: round(share * len(groups))])
    taught = [lesson for lesson in lessons if (lesson.suite, lesson.group) not in kept]
    return taught, [lesson for lesson in lessons if (lesson.suite, lesson.group) in kept]


def order_of(lessons: Sequence[Lesson], mixture: Mixture, count: int, seed: int) -> list[int]:
    """Which lesson comes when, `count` of them: kinds evenly spread by their weights, each lesson of a kind in turn."""
    places = {kind: [n for n, lesson in enumerate(lessons) if lesson.kind == kind] for kind in KINDS}
    weights = {kind: mixture.share(kind) for kind in KINDS if places[kind] and mixture.share(kind)}
    whole = sum(weights.values())
    taken = dict.fromkeys(weights, 0)
    lines = {kind: _in_turn(places[kind], kind, seed) for kind in weights}
    order = []
    for number in range(1, count + 1):
        kind = max(weights, key=lambda kind: weights[kind] / whole * number - taken[kind])
        taken[kind] += 1
        order.append(next(lines[kind]))
    return order


def _in_turn(places: Sequence[int], kind: Kind, seed: int) -> Iterator[int]:
    """All of them, shuffled, again and again."""
    time = 0
    while True:
        yield from _chance(seed, kind, time).sample(places, len(places))
        time += 1
