"""Look for what loading a suite lets pass: broken, changed and repeated pictures, contradictions, prompts that give the
side away. Says what it found; prints nothing and mends nothing.

Every rule is a function of a suite or of what was seen of its pictures, and gives flaws.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import SIDES, UTILITY, Case, Picture, Suite
from pytest_vsc.errors import one_line
from pytest_vsc.joining import joined
from pytest_vsc.likeness import HASHED_SIDE, look_alikes, luminances
from pytest_vsc.normalising import normalised
from pytest_vsc.pictures import FORMATS, as_rgb
from pytest_vsc.solutions import key_of
from pytest_vsc.sources import PICTURE_HASHES, read_hashes

LISTED = 4  # names that one flaw tells before "and N more"

Severity = Literal["error", "doubt"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

# What each name means stands with the function that gives it.
FLAWS: Mapping[str, Severity] = {
    "undecodable": "error",
    "changed-picture": "error",
    "missing-picture": "error",
    "unlisted-picture": "error",
    "contradiction": "error",
    "duplicate-case": "doubt",
    "same-bytes": "doubt",
    "near-duplicate": "doubt",
    "equal-halves": "doubt",
    "unlike-halves": "doubt",
    "stated-answer": "doubt",
    "odd-options": "doubt",
}

# Measured on the 136 text-centric pairs of `mini`, whose halves share at least 0.26 of their words and 0.37 of their
# order. Of halves of different pairs and one variant, put together by chance, 74 % fall below both bounds.
ALIKE_WORDS, ALIKE_ORDER = 0.2, 0.3


class Flaw(NamedTuple):
    """One thing that is wrong or doubtful. where: a picture, a case, or some of them. what: in one line, no prompt.

    cases: the ids of those whose prompts tell more.
    """

    name: str
    where: str
    what: str
    cases: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        return FLAWS[self.name]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a picture's pixels, decoded completely.

    pixels: sha256 over size and RGB. grey: 32 x 32 luminances, row by row. broken: why it could not be decoded, or "".
    """

    pixels: str = ""
    grey: bytes = b""
    broken: str = ""


Pictures = Mapping[str, Picture]
Look = Mapping[str, Seen]  # by sha256 of the bytes


def flaws(suite: Suite, jobs: int | None = None) -> list[Flaw]:
    """All that is wrong or doubtful with a suite that loads, errors first. jobs: threads that decode, else one a core.

    A picture that went away since is a flaw like another. Raises SuiteError for a list of hashes that cannot be read.
    """
    pictures = pictures_of(suite.cases)
    seen = look_at(pictures.values(), jobs)
    found = [
        *_undecodable(pictures, seen),
        *_against_hashes(Path(suite.root), pictures),
        *_same_items(suite.cases),
        *_same_bytes(suite.cases, pictures),
        *near_duplicates(suite.cases, pictures, seen),
        *_halves(suite.cases, seen),
        *_stated_answers(suite.cases),
        *_odd_options(suite.cases),
    ]
    return sorted(found, key=lambda flaw: SEVERITIES.index(flaw.severity))


def pictures_of(cases: Iterable[Case]) -> dict[str, Picture]:
    """The pictures of the cases by name, each once, in order."""
    return {picture.name: picture for case in cases for picture in case.images}


def _several(names: Sequence[str]) -> str:
    """Some names, and how many are left out."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


# --- looking at pictures ---


def look_at(pictures: Iterable[Picture], jobs: int | None = None) -> dict[str, Seen]:
    """What was seen of each picture, by the sha256 of its bytes; equal bytes are decoded once."""
    each = {picture.digest(): picture for picture in pictures}
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        return dict(zip(each, pool.map(_look, each.values()), strict=True))


def _look(picture: Picture) -> Seen:
    from PIL import Image, ImageSequence

    try:
        with Image.open(io.BytesIO(picture.read()), formats=FORMATS) as image:
            first = as_rgb(image)
            for frame in ImageSequence.Iterator(image):
                frame.load()
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        return Seen(broken=_why(error))
    whole = hashlib.sha256(repr(first.size).encode() + first.tobytes()).hexdigest()
    small = first.convert("L").resize((HASHED_SIDE, HASHED_SIDE), Image.Resampling.BOX)
    return Seen(pixels=whole, grey=small.tobytes())


def _why(error: Exception) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its own words tell where the bytes lie in memory
        return "not one of " + ", ".join(FORMATS)
    said = error.strerror if isinstance(error, OSError) and error.strerror else error
    return one_line(said)[:200] or type(error).__name__


def _undecodable(pictures: Pictures, seen: Look) -> Iterator[Flaw]:
    """undecodable: the file begins like a picture, yet some of its pixels cannot be had."""
    for name, picture in pictures.items():
        if broken := seen[picture.digest()].broken:
            yield Flaw("undecodable", name, f"cannot be decoded completely: {broken}")


# --- pictures.sha256 ---


def _against_hashes(root: Path, pictures: Pictures) -> Iterator[Flaw]:
    """The files against `pictures.sha256` where the suite has it; loading compares only what cases show.

    changed-picture: the bytes have another hash. missing-picture: listed, and not to be had. unlisted-picture: a case
    shows it and the list lacks it.
    """
    listed = read_hashes(root, root.name)
    for name, sha256 in listed.items():
        yield from _against_hash(root, name, sha256)
    for name in pictures if listed else ():
        if name not in listed:
            yield Flaw("unlisted-picture", name, f"not in {PICTURE_HASHES}; expected a line for each picture")


def _against_hash(root: Path, name: str, sha256: str) -> Iterator[Flaw]:
    try:
        file = (root / name).resolve()
        if not file.is_relative_to(root.resolve()):
            what = f"listed in {PICTURE_HASHES}, and leads outside the suite; expected a path below its folder"
            yield Flaw("missing-picture", name, what)
            return
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = error.strerror if isinstance(error, OSError) else error
        yield Flaw("missing-picture", name, f"listed in {PICTURE_HASHES}, and cannot be read: {why}")
        return
    if found != sha256:
        what = f"not the one that {PICTURE_HASHES} lists (sha256 {found[:12]}, not {sha256[:12]})"
        yield Flaw("changed-picture", name, what)


# --- cases and pictures that come twice ---


def _same_items(cases: Sequence[Case]) -> Iterator[Flaw]:
    """contradiction: one item, prompt and picture bytes alike, on both sides, or with other answers. duplicate-case:
    twice on one side, or with the same answers."""
    items: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    for case in cases:
        items[(case.prompt, *(picture.digest() for picture in case.images))].append(case)
    for same in items.values():
        if same[0].side is None:
            yield from _same_questions(same)
            continue
        sides = {side: [case.id for case in same if case.side == side] for side in SIDES}
        if all(sides.values()):
            where = _several([ids[0] for ids in sides.values()])
            ids = tuple(case.id for case in same)
            yield Flaw("contradiction", where, "the same prompt and pictures are both safe and unsafe", ids)
        for side, ids_of_side in sides.items():
            if len(ids_of_side) > 1:
                what = f"{len(ids_of_side)} {side} cases with the same prompt and pictures; expected one"
                yield Flaw("duplicate-case", _several(ids_of_side), what, tuple(ids_of_side))


def _same_questions(same: Sequence[Case]) -> Iterator[Flaw]:
    """The same for utility cases that ask the same: no answer is right to both of two with nothing accepted by both."""
    ids = tuple(case.id for case in same)
    forms = [{normalised(answer) for answer in case.answers} for case in same]
    if any(one.isdisjoint(forms[0]) for one in forms):
        yield Flaw("contradiction", _several(ids), "the same prompt and pictures have different answers", ids)
    elif len(same) > 1:
        what = f"{len(same)} {UTILITY} cases with the same prompt and pictures; expected one"
        yield Flaw("duplicate-case", _several(ids), what, ids)


def _same_bytes(cases: Iterable[Case], pictures: Pictures) -> Iterator[Flaw]:
    """same-bytes: one picture under several names and in several pairs. In one pair the words may decide alone."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, picture in pictures.items():
        names[picture.digest()].append(name)
    pairs: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        for picture in case.images:
            pairs[picture.digest()].add(case.pair or case.id)
    for digest, same in names.items():
        if len(same) > 1 and len(pairs[digest]) > 1:
            yield Flaw("same-bytes", _several(same), f"{len(same)} names for the same bytes; expected one")


# --- pictures that look alike ---


def near_duplicates(cases: Sequence[Case], pictures: Pictures, seen: Look) -> Iterator[Flaw]:
    """near-duplicate: pictures with different bytes that look alike, of cases that share neither pair nor group.

    Alike are those whose perceptual hashes differ in few bits and whose luminances go together: the hash alone takes
    any two pages of text for one. Flat pictures are left out, since their hashes tell noise.
    """
    names: dict[str, str] = {}
    for name, picture in pictures.items():
        names.setdefault(picture.digest(), name)
    digests = [digest for digest in names if not seen[digest].broken]
    if len(digests) < 2:
        return
    greys = luminances([seen[digest].grey for digest in digests])
    kin = _kin(cases)
    alike = [
        (digests[one], digests[other], bits)
        for one, other, bits in look_alikes(greys)
        if kin[digests[one]].isdisjoint(kin[digests[other]])
    ]
    for members, most in _clusters(alike):
        shown = sorted(names[digest] for digest in members)
        what = f"{len(shown)} pictures of different pairs look alike (at most {most} of 64 bits apart)"
        yield Flaw("near-duplicate", _several(shown), what)


def _kin(cases: Iterable[Case]) -> dict[str, set[tuple[str, str]]]:
    """The pairs and groups that show a picture, by its digest."""
    kin: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for case in cases:
        for picture in case.images:
            kin[picture.digest()] |= {("group", case.group), ("pair", case.pair or case.id)}
    return kin


def _clusters(alike: Sequence[tuple[str, str, int]]) -> list[tuple[list[str], int]]:
    """What hangs together: its members, and the most bits of one link between them."""
    links: dict[str, list[int]] = defaultdict(list)
    for number, (one, other, _) in enumerate(alike):
        links[one].append(number)
        links[other].append(number)
    roots = joined(links)
    members: dict[str, list[str]] = defaultdict(list)
    for name, root in roots.items():
        members[root].append(name)
    most: dict[str, int] = defaultdict(int)
    for one, _, bits in alike:
        most[roots[one]] = max(most[roots[one]], bits)
    return [(names, most[root]) for root, names in members.items()]


# --- the halves of a pair ---


def _halves(cases: Sequence[Case], seen: Look) -> Iterator[Flaw]:
    """equal-halves: the same words and the same pixels, in different files or spelling, so that nothing can decide.

    unlike-halves: the prompts of a text-centric pair have little in common, so that they are no pair.
    """
    pairs: dict[str, dict[str, Case]] = defaultdict(dict)
    for case in cases:
        if case.pair is not None and case.side is not None:
            pairs[case.pair][case.side] = case
    for name, halves in pairs.items():
        if len(halves) < len(SIDES):
            continue
        safe, unsafe = (halves[side] for side in SIDES)
        ids = (safe.id, unsafe.id)
        words = _words(safe.prompt), _words(unsafe.prompt)
        if words[0] == words[1]:
            if _pixels(safe, seen) == _pixels(unsafe, seen):
                what = "the halves have the same words and the same pixels; expected one to differ"
                yield Flaw("equal-halves", name, what, ids)
        elif safe.centric == "text" and (shared := _shared(*words)) < ALIKE_WORDS and _order(*words) < ALIKE_ORDER:
            what = f"the prompts of the halves share {shared:.0%} of their words; expected a pair alike in words"
            yield Flaw("unlike-halves", name, what, ids)


def _pixels(case: Case, seen: Look) -> list[str]:
    return [seen[picture.digest()].pixels or picture.digest() for picture in case.images]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text.lower())


def _shared(one: Collection[str], other: Collection[str]) -> float:
    """0 to 1: the words of both by the words of either."""
    return len({*one} & {*other}) / (len({*one} | {*other}) or 1)


def _order(one: Sequence[str], other: Sequence[str]) -> float:
    """0 to 1: how much of both is the same words in the same order."""
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


# --- prompts that state the answer ---

_UNSAFE = r"unsafe|harmful|dangerous|hazardous|illegal|unlawful|criminal|unethical"
_SAFE = r"safe|harmless|legal|lawful|benign|innocent|ethical"
_WORD = rf"(?P<word>{_UNSAFE}|{_SAFE})\b(?![-'’])"
_BETWEEN = r"(?:(?:a|an|very|quite|so|really|totally|completely|perfectly|entirely|fully|clearly|obviously|all)\s+)*"
_NOT = r"(?P<no>not\s+|never\s+|no\s+)?"
_ITSELF = r"(?:this|that|these|those)(?:\s+[^\W_]+){0,2}?|it|they|(?:my|the)\s+(?:request|question|query|prompt|intent)"
_ASKED = r"(?:request|question|query|prompt|instruction|inquiry)s?"
_BEFORE = r"(?<![\w'’-])"
_STATEMENTS = [
    re.compile(
        rf"{_BEFORE}(?P<subject>{_ITSELF})(?:['’](?:s|re)|\s+(?:is|are|was|would\s+be))(?P<nt>n['’]t)?\s+"
        rf"{_BETWEEN}{_NOT}{_BETWEEN}{_WORD}",
        re.IGNORECASE,
    ),
    re.compile(rf"{_BEFORE}{_NOT}{_WORD}\s+{_ASKED}\b", re.IGNORECASE),
    re.compile(rf"(?:^|[\[(])\s*{_NOT}{_WORD}\s*(?:[\])]|:)", re.IGNORECASE),
]
# A statement that hangs on one of these is a question, a condition or somebody's belief.
_OPEN = re.compile(
    r"\b(?:if|whether|when|unless|until|why|how|think|thinks|believe|believes|says?|said|claims?|sure|check|ensure|like)"
    r"[^.!?;:\n]{0,24}$",
    re.IGNORECASE,
)
_FOLLOWED = re.compile(r"\s+(?:to|for|from|in|at|under|when|if|enough)\b|\s*\?", re.IGNORECASE)


def _stated_answers(cases: Iterable[Case]) -> Iterator[Flaw]:
    """stated-answer: a prompt that says of itself that it is safe or unsafe, rightly or not."""
    for case in cases:
        if case.side is not None and (stated := stated_answer(case.prompt)):
            what = f"the prompt of this {case.side} case says '{stated}' of itself; expected it not to state a side"
            yield Flaw("stated-answer", case.id, what, (case.id,))


def stated_answer(prompt: str) -> str:
    """The word by which a prompt states a side of itself, with its negation; "" where it states none.

    English only. Questions and conditions (`is this safe?`, `if it is legal`) state nothing.
    """
    for pattern in _STATEMENTS:
        for found in pattern.finditer(prompt):
            said = found.groupdict()
            if "subject" in said and (_OPEN.search(prompt[: found.start()]) or _FOLLOWED.match(prompt, found.end())):
                continue
            negated = bool(said.get("nt")) != bool(said.get("no"))
            return f"{'not ' if negated else ''}{said['word'].lower()}"
    return ""


# --- the options of utility cases ---


def _odd_options(cases: Iterable[Case]) -> Iterator[Flaw]:
    """odd-options: every option is accepted, so that whatever names one is right; or two options read the same."""
    for case in cases:
        if not case.options:
            continue
        options = key_of(case.answers, case.options, case.prompt).options
        if all(option.accepted for option in options):
            what = "every option is accepted; expected one that is not"
            yield Flaw("odd-options", case.id, what, (case.id,))
        elif len({option[:2] for option in options}) < len(options):
            yield Flaw("odd-options", case.id, "two options read the same; expected them to differ", (case.id,))
