"""The lock of a gate: what its decision rests on, written down once, and every difference from it named later.

A lock says nothing of the model, which is what a gate is there to compare.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from pytest_vsc.cases import Case, Key, Suite, Value
from pytest_vsc.errors import LockError, one_line
from pytest_vsc.gates import Gate
from pytest_vsc.records import Policy
from pytest_vsc.repeats import ONCE, Repeats
from pytest_vsc.selection import Sample

FILE = "vsc.lock"
MOST_SHOWN = 20
MOST_NAMED = 5  # excluded cases in one line
_SHORT = 16  # hex digits of what only names the place of a change; the suite's own hash is whole


class LockedSuite(Value):
    """A suite as it was. sha256: of all of it. header: each field's digest. pictures: the sha256 of each by its name.

    cases: of each by its id the digests of its prompt and of all else, joined by `-`.
    """

    version: str
    sha256: str
    header: Mapping[str, str]
    cases: Mapping[str, str]
    pictures: Mapping[str, str]


class Lock(Value):
    """All that decides, but for the model. gates: in force, by suite, in the gate language. judge: name and identity,
    the hash of its code or weights in it. sample: what is drawn of each suite, None for all. excluded: `SUITE/ID` of
    the cases left out. repeats: how often each is asked, and by which rule, "" for once. early_stop: whether the run
    may end before all is asked."""

    format: Literal[1] = 1
    suites: Mapping[str, LockedSuite]
    gates: Mapping[str, tuple[str, ...]]
    policy: Policy
    inconclusive: str
    judge: str
    judge_identity: str
    sample: Sample | None
    excluded: tuple[str, ...] = ()
    repeats: str = ""
    early_stop: bool = False


def make_lock(
    suites: Sequence[Suite],
    gates: Sequence[tuple[Suite, Gate]],
    policy: Policy,
    *,
    inconclusive: str,
    judge: tuple[str, str],
    sample: Sample | None,
    excluded: Collection[Key] = (),
    repeats: Repeats = ONCE,
    early_stop: bool = False,
) -> Lock:
    """The lock of a run. judge: its name and identity."""
    return Lock(
        suites={suite.name: _locked(suite) for suite in suites},
        gates={suite.name: tuple(sorted(gate.text for its, gate in gates if its is suite)) for suite in suites},
        policy=policy,
        inconclusive=inconclusive,
        judge=judge[0],
        judge_identity=judge[1],
        sample=sample,
        excluded=tuple(sorted(f"{key.suite}/{key.case}" for key in excluded)),
        repeats=repeats.text if repeats.times > 1 else "",
        early_stop=early_stop,
    )


def _locked(suite: Suite) -> LockedSuite:
    header = suite.header.model_dump(mode="json", exclude_defaults=True)
    return LockedSuite(
        version=suite.header.version,
        sha256=suite.sha256,
        header={name: _digest(value) for name, value in header.items()},
        cases={case.id: _case(case) for case in suite.cases},
        pictures={picture.name: picture.sha256 for case in suite.cases for picture in case.images},
    )


def _case(case: Case) -> str:
    rest = [case.side, case.centric, case.category, case.variant, case.pair, case.group, case.tags]
    rest += [case.answers, case.options] if case.answers else []  # of which older locks know nothing
    return f"{_digest(case.prompt)}-{_digest([*rest, [picture.name for picture in case.images]])}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_SHORT]


# --- the file ---


def read_lock(file: Path) -> Lock:
    """Raises LockError for a file that is no lock."""
    try:
        return Lock.model_validate_json(file.read_bytes())
    except OSError as error:
        raise LockError(f"{file.name}: cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        what = one_line(f"{place}: {first['msg']}" if place else first["msg"])[:200]
        raise LockError(
            f"{file.name}: no lock that this version reads ({what}); --vsc-update-lock makes it anew"
        ) from None


def write_lock(file: Path, lock: Lock) -> None:
    """Write the lock, sorted, one line a case and a picture, so that a diff shows what moved. Raises LockError."""
    text = json.dumps(lock.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    scratch = file.with_name(f".{file.name}.new")
    try:
        scratch.write_text(text, encoding="utf-8", newline="\n")
        scratch.replace(file)
    except OSError as error:
        raise LockError(f"{file.name}: cannot be written: {error.strerror or error}") from None


# --- what moved ---


def differences(locked: Lock, now: Lock) -> list[str]:
    """Each thing that is not as locked, in one line; [] when nothing moved."""
    found = list(_suites(locked, now))
    for suite in now.gates.keys() & locked.gates.keys():
        found += _gates(suite, locked.gates[suite], now.gates[suite])
    for name in ("policy", "inconclusive", "judge", "judge_identity", "sample", "excluded", "repeats", "early_stop"):
        was, now_is = getattr(locked, name), getattr(now, name)
        if was != now_is:
            found.append(f"{name.replace('_', ' ')}: {_said(now_is)}, locked {_said(was)}")
    return [one_line(line) for line in found]


def _suites(locked: Lock, now: Lock) -> Iterator[str]:
    for name in sorted(locked.suites.keys() | now.suites.keys()):
        if name not in now.suites:
            yield f"suite {name}: locked, not in this run"
        elif name not in locked.suites:
            yield f"suite {name}: not in the lock"
        else:
            yield from _suite(name, locked.suites[name], now.suites[name])


def _suite(name: str, locked: LockedSuite, now: LockedSuite) -> Iterator[str]:
    if locked.sha256 == now.sha256:
        return
    yield f"suite {name} {now.version}: sha256 {now.sha256[:12]}, locked {locked.version}, {locked.sha256[:12]}"
    yield from (f"suite {name}: suite.toml: {line}" for line in _changes(locked.header, now.header, "field"))
    yield from (f"suite {name}: {line}" for line in _changes(locked.pictures, now.pictures, "picture"))
    yield from (f"suite {name}: {line}" for line in _changes(locked.cases, now.cases, "case"))


def _changes(locked: Mapping[str, str], now: Mapping[str, str], what: str) -> Iterator[str]:
    for name in sorted(locked.keys() | now.keys()):
        if name not in now:
            yield f"{what} {name} is gone"
        elif name not in locked:
            yield f"{what} {name} is new"
        elif locked[name] != now[name]:
            yield f"{what} {name}: {_part(locked[name], now[name]) if what == 'case' else 'changed'}"


def _part(locked: str, now: str) -> str:
    """Which part of a case moved."""
    was, is_now = locked.partition("-"), now.partition("-")
    parts = (("its prompt", 0), ("its side, answers, kind, group, tags or pictures", 2))
    moved = [name for name, place in parts if was[place] != is_now[place]]
    return " and ".join(moved) + " changed"


def _gates(suite: str, locked: Sequence[str], now: Sequence[str]) -> list[str]:
    gone, new = [text for text in locked if text not in now], [text for text in now if text not in locked]
    if not gone and not new:
        return []
    return [f"gates of {suite}: {', '.join(new) or 'none'} in force, locked {', '.join(gone) or 'none'}"]


def _said(value: object) -> str:
    if isinstance(value, Policy):
        return f"{value.name}, blocked {value.blocked}"
    if isinstance(value, Sample):
        return value.text
    if isinstance(value, tuple):
        return f"{', '.join(value[:MOST_NAMED])}{' ...' * (len(value) > MOST_NAMED)}" or "none"
    return "all cases" if value is None else str(value) or "none"
