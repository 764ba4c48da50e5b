"""What was noticed while a release was read: each thing named, counted and told where. Nothing is mended here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

from pytest_vsc.cases import Value
from pytest_vsc.errors import one_line

Kind = Literal["noted", "repaired", "rendered", "missing", "refused"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LOST: frozenset[Kind] = frozenset({"missing", "refused"})  # what a complete release would have given, and did not
LONGEST_PLACE = 200  # characters; names come from files of unknown origin


class Finding(Value):
    """One thing that was noticed, as often as it was.

    kind: "noted" changed nothing, "repaired" was made good, "rendered" was drawn because its file is not there,
    "missing" and "refused" cost cases. name: one word for it, the same in every report. where: the places, each once,
    in the order of finding; count: how often.
    """

    kind: Kind
    name: str
    what: str
    count: int
    where: tuple[str, ...]


class Findings:
    """Gathers findings by name."""

    def __init__(self) -> None:
        self._found: dict[tuple[Kind, str], tuple[str, dict[str, None]]] = {}
        self._counts: dict[tuple[Kind, str], int] = {}

    def add(self, kind: Kind, name: str, what: str, where: str, count: int | None = None) -> None:
        """Note that something was seen at a place. what: a sentence about all of this name; the first one stays.

        count: how often it is there; unless given once, however often it is told.
        """
        _, places = self._found.setdefault((kind, name), (what, {}))
        place = one_line(where)[:LONGEST_PLACE]
        more = (place not in places) if count is None else count
        places.setdefault(place)
        self._counts[kind, name] = self._counts.get((kind, name), 0) + more

    def __iter__(self) -> Iterator[Finding]:
        for kind in KINDS:
            for (its, name), (what, places) in sorted(self._found.items()):
                if its == kind:
                    count = self._counts[kind, name]
                    yield Finding(kind=kind, name=name, what=what, count=count, where=tuple(places))

    @property
    def lost(self) -> bool:
        """Whether anything is missing or was refused."""
        return any(kind in LOST for kind, _ in self._found)
