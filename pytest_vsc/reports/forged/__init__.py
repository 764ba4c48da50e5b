"""One HTML page on which a person accepts or strikes forged pairs; it needs nothing beside itself and sends nothing.

Words are in it packed, and shown to who asks for them. What is decided is saved as a file, which changes nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

from pytest_vsc import __version__
from pytest_vsc.cases import Case
from pytest_vsc.errors import one_line
from pytest_vsc.forge import operators
from pytest_vsc.forge.making import Pair
from pytest_vsc.forge.notes import Book, Note
from pytest_vsc.reports.page import POLICY, asset, digest, template
from pytest_vsc.reports.page.packing import packed
from pytest_vsc.reports.page.table import harmless_text
from pytest_vsc.reports.thumbs import Images, embedded

MOST = 400  # pairs on a page: as many as a person decides about in an afternoon, their pictures still legible
MOST_TEXT = 8_000_000  # letters of all prompts of a page together


class Page(NamedTuple):
    """shown: how many pairs are on it."""

    html: bytes
    shown: int


def page(book: Book, pairs: Sequence[Pair], *, most: int = MOST, images: Images = "thumb", reviewer: str = "") -> Page:
    """The page of the first of these pairs, `most` at the most, and fewer where their words are too many.

    reviewer: a name to begin with.
    """
    shown = _first(pairs, most)
    cases = [case for pair in shown for case in pair[1:]]
    pictures = {picture.digest(): picture for case in cases for picture in case.images}
    drawn = embedded(list(pictures), pictures, images)
    style = asset("page.css") + _asset("page.css")
    script = _asset("page.js")
    made = template(__package__, "page.html.j2").render(
        suite=book.suite,
        pairs=len(book.pairs),
        open=len(book.unreviewed()),
        shown=len(shown),
        version=__version__,
        about={"sha256": book.suite.sha256, "suite": book.suite.name, "reviewer": one_line(reviewer)},
        data=packed([_facts(pair, book.notes[pair.name], drawn.places) for pair in shown]),
        texts=packed([[case.prompt for case in pair[1:]] for pair in shown]),
        pictures=drawn,
        images=images,
        policy=POLICY.format(style=digest(style), script=digest(script)),
        style=style,
        script=script,
    )
    return Page(made.encode("utf-8", "replace"), len(shown))


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _first(pairs: Iterable[Pair], most: int) -> list[Pair]:
    kept: list[Pair] = []
    letters = 0
    for pair in pairs:
        letters += sum(len(case.prompt) for case in pair[1:])
        if len(kept) == most or (kept and letters > MOST_TEXT):
            break
        kept.append(pair)
    return kept


def _facts(pair: Pair, note: Note, places: Mapping[str, int]) -> dict[str, Any]:
    """What the page's script knows of a pair without its words."""
    steps = [part.partition(":")[0] for part in note.recipe.split("+") if part]
    return {
        "name": pair.name,
        "parent": harmless_text(f"{note.parent.suite}/{note.parent.pair}"),
        "recipe": harmless_text(note.recipe),
        "ops": [harmless_text(step) for step in dict.fromkeys(steps)],
        "similarity": {harmless_text(name): value for name, value in note.similarity.items()},
        "accepted": harmless_text(f"{note.reviewer} {note.on}".strip() or "somebody") if note.reviewed else "",
        "category": pair.safe.category,
        "centric": pair.safe.centric,
        "written": _written(pair, steps),
        "halves": [_half(case, places) for case in pair[1:]],
    }


def _written(pair: Pair, steps: Iterable[str]) -> bool:
    """Whether its pictures hold words: those of an image-centric pair do where a move, or who knows what, put them."""
    known = operators()
    return pair.safe.centric == "text" or any(step not in known or known[step].kind == "move" for step in steps)


def _half(case: Case, places: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": case.id,
        "side": case.side,
        "variant": case.variant,
        "images": [places.get(picture.digest(), -1) for picture in case.images],
        "length": len(case.prompt),
    }
