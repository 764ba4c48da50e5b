"""Cases whose ground truth is disputed, left out by name: who says so, why, and until when. It changes no suite."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from pytest_vsc.cases import Case, Key, Value
from pytest_vsc.errors import SettingsError, expected, one_line

FIELDS = ("id", "reason", "by", "expires")
MOST_NEAR = 5000  # ids that a misspelt one is compared with


class Exclusion(Value):
    """One case that is not asked. expires: the last day on which that holds, as YYYY-MM-DD."""

    suite: str
    case_id: str
    reason: str
    by: str
    expires: str

    @property
    def text(self) -> str:
        return f"{self.reason} ({self.by}, until {self.expires})"


class _Row(Value):
    where: str
    id: str
    reason: str
    by: str
    expires: date


def read_exclusions(file: Path, cases: Iterable[Case], today: date) -> Mapping[Key, Exclusion]:
    """The exclusions of a file: CSV with the columns `id, reason, by, expires`.

    id: that of a case, or `SUITE/ID` where several suites have it. An entry that has expired is an error, so that no
    dispute is forgotten. Raises SettingsError with `file:line`.
    """
    named: dict[str, list[Case]] = {}
    for case in cases:
        for name in (case.id, f"{case.suite}/{case.id}"):
            named.setdefault(name, []).append(case)
    found: dict[Key, Exclusion] = {}
    for row in _rows(file):
        case = _case(row, named)
        if row.expires < today:
            raise SettingsError(
                f"{row.where}: the exclusion of '{row.id}' has expired ({row.expires}); "
                "settle the case, or set a later day"
            )
        if case.key in found:
            raise SettingsError(f"{row.where}: '{row.id}' is excluded twice")
        found[case.key] = Exclusion(
            suite=case.suite, case_id=case.id, reason=row.reason, by=row.by, expires=row.expires.isoformat()
        )
    return found


def _case(row: _Row, named: Mapping[str, Sequence[Case]]) -> Case:
    cases = named.get(row.id, [])
    if len(cases) > 1:
        choices = " or ".join(f"'{case.suite}/{case.id}'" for case in cases)
        raise SettingsError(f"{row.where}: several suites have a case '{row.id}'; write {choices}")
    if not cases:
        near = expected(row.id, list(named)[:MOST_NEAR]).partition("; ")[2]
        raise SettingsError(f"{row.where}: no suite of this run has a case '{row.id}'" + (f"; {near}" if near else ""))
    return cases[0]


def _rows(file: Path) -> list[_Row]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except csv.Error as error:
        raise SettingsError(f"{file}: no CSV: {error}") from None
    rows = [(number, cells) for number, cells in rows if any(cells) and not cells[0].startswith("#")]
    if not rows or sorted(rows[0][1]) != sorted(FIELDS):
        head = f"line {rows[0][0]}" if rows else "an empty file"
        raise SettingsError(f"{file}: its first line names the columns: {','.join(FIELDS)}; found {head}")
    (_, columns), *entries = rows
    return [_row(f"{file}:{number}", columns, cells) for number, cells in entries]


def _row(where: str, columns: Sequence[str], cells: Sequence[str]) -> _Row:
    if len(cells) != len(columns):
        raise SettingsError(f"{where}: {len(cells)} fields; expected {len(columns)}: {','.join(columns)}")
    said = dict(zip(columns, map(one_line, cells), strict=True))
    if empty := [name for name in FIELDS if not said[name]]:
        raise SettingsError(f"{where}: '{empty[0]}' is empty; expected which case, why, by whom and until when")
    try:
        expires = date.fromisoformat(said["expires"])
    except ValueError:
        raise SettingsError(f"{where}: expires: no day ('{said['expires']}'); expected YYYY-MM-DD") from None
    return _Row(where=where, id=said["id"], reason=said["reason"], by=said["by"], expires=expires)
