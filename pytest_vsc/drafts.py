"""What importers give: items read from a release, and what is said of the benchmark. It knows no file of a suite."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pytest_vsc.cases import Centric, Side, Value, Variant
from pytest_vsc.errors import ReleaseError, expected
from pytest_vsc.releases import Release


class WantedPicture(NamedTuple):
    """A picture that an item needs.

    names: its path as the release lists it, and others that it may lie at; below any folder, forward slashes.
    data: its bytes, where the release's table holds them. render: draws it where there is no such file; what two of
    one name draw may differ, so each is a picture of its own.
    """

    names: tuple[str, ...]
    data: bytes | None = None
    render: Callable[[], bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A case as an importer reads it. at: `file:row` in the release, for messages.

    id, pair and group: made by `slug` of what the release itself calls the row, never of its place in a file.
    answers, options: of a utility case, which has no side: the accepted forms, and all that could be answered.
    """

    at: str
    id: str
    side: Side | None = None
    centric: Centric
    category: str
    prompt: str
    variant: Variant | None = None
    pair: str | None = None
    group: str | None = None
    pictures: tuple[WantedPicture, ...] = ()
    tags: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class About(Value):
    """What an imported suite says of itself.

    paired: the centrics in which every case has its twin; None looks at the items.
    categories: those of the benchmark, in order; () takes those of the items. rows: how many rows each table of a
    complete release has, by file name. parts: of the release, of which one is imported at a time, the first unless
    asked.
    """

    title: str
    version: str = "1"
    licence: str
    source: str
    citation: str = ""
    description: str = ""
    paired: tuple[Centric, ...] | None = ()
    categories: tuple[str, ...] = ()
    policy: str = ""
    allow_empty_prompt: bool = False
    rows: Mapping[str, int] = {}
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """How a release is to be read. part: one of About.parts, "" for the first.

    columns: field -> column; values: (field, value in the table) -> our word; constants: field -> value. Only the
    importer `folder` takes these three.
    """

    part: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Importer:
    """One benchmark that can be imported; what an entry point of the group `pytest_vsc.importers` leads to.

    read: yields the items of a release. What is odd goes into `release.findings`; a table that is not there or cannot
    be used is a `missing` or `refused` finding, and what can be read besides is still given. Raises ReleaseError.
    mapped: whether it takes columns, values and constants.
    """

    about: About
    read: Callable[[Release, Options], Iterable[Item]]
    mapped: bool = False

    def part(self, options: Options) -> str:
        """The part that is asked for. Raises ReleaseError."""
        parts = self.about.parts
        if options.part and options.part not in parts:
            allowed = expected(options.part, parts) if parts else "this release has no parts"
            raise ReleaseError(f"--part: unknown part '{options.part}'; {allowed}")
        return options.part or (parts[0] if parts else "")


_NO_NAME = re.compile(r"[^a-z0-9]+")


def slug(*words: object) -> str:
    """Words as one name of lower-case letters, digits and '-': what categories and ids are made of."""
    return "-".join(found for word in words if (found := _NO_NAME.sub("-", str(word).casefold()).strip("-")))


def numbered(prefix: str, number: int | str, width: int) -> str:
    """`prefix-007`: ids that sort as their numbers do. What is no number stands as it is."""
    text = str(number)
    return slug(prefix, text.zfill(width) if text.isascii() and text.isdigit() else text)
