"""From a case and a recipe to what the new case shows: pictures decoded, operators applied, pictures encoded again.

It reads pictures and writes no file; whether what comes of it is a good pair is told in `weighing`.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from pytest_vsc.cases import SIDES, Case, Picture, Side, Suite
from pytest_vsc.errors import ForgeError, one_line
from pytest_vsc.forge.operators import STRENGTH, Shown
from pytest_vsc.forge.recipes import Recipe, applied
from pytest_vsc.pictures import FORMATS, as_rgb

if TYPE_CHECKING:
    from PIL import Image

FOLDER = "images"
COMPRESSION = 3  # of PNG: a third larger than at its best, at a fifth of the time
OP = "op"  # tags `op=blur`, `strength=0.5`, `reviewed=true`, which the gate language knows as keys of slices
REVIEWED = "reviewed=true"


class Pair(NamedTuple):
    """Both halves of a pair of a suite."""

    name: str
    safe: Case
    unsafe: Case

    def half(self, side: Side) -> Case:
        return self.safe if side == "safe" else self.unsafe


@dataclass(frozen=True)
class Made:
    """A case that was made of another, with what it shows. shown.pictures: those of `case.images`, decoded."""

    case: Case
    shown: Shown


def pairs_of(suite: Suite) -> tuple[Pair, ...]:
    """The pairs of a suite that have both halves, in its order."""
    halves: dict[str, dict[str, Case]] = {}
    for case in suite.cases:
        if case.pair is not None and case.side is not None:
            halves.setdefault(case.pair, {})[case.side] = case
    return tuple(Pair(name, both["safe"], both["unsafe"]) for name, both in halves.items() if len(both) == len(SIDES))


def shown_of(case: Case) -> Shown:
    """What a case shows, its pictures as a model would see them. Raises ForgeError for one that cannot be decoded."""
    return Shown(case.prompt, tuple(_decoded(case, picture) for picture in case.images), case.variant)


def remade(case: Case, recipe: Recipe, key: str) -> Made:
    """The case after a recipe of operators that keep the side, its pictures as PNG bytes in `data`.

    Id, pair, group and suite are those of the case; the tags of the recipe come behind its own.
    Raises Unfit, and ForgeError for a picture that cannot be decoded.
    """
    before = shown_of(case)
    return rewritten(case, before, applied(recipe, before, key), recipe)


def rewritten(case: Case, before: Shown, after: Shown, recipe: Recipe) -> Made:
    """The case with what it shows now, which nobody has reviewed. A picture whose pixels are what they were keeps its
    bytes."""
    kept = dict(zip(map(id, before.pictures), case.images, strict=True))
    images = tuple(kept.get(id(picture)) or _new(picture) for picture in after.pictures)
    before_it = (tag for tag in case.tags if tag != REVIEWED)
    tags = tuple(dict.fromkeys((*before_it, *tags_of(recipe))))
    return Made(replace(case, prompt=after.prompt, images=images, variant=after.variant, tags=tags), after)


def _new(picture: Image.Image) -> Picture:
    data = encoded(picture)
    sha256 = hashlib.sha256(data).hexdigest()
    return Picture(name=f"{FOLDER}/{sha256[:20]}.png", data=data, sha256=sha256)


def tags_of(recipe: Recipe) -> tuple[str, ...]:
    """One for each operator."""
    return tuple(dict.fromkeys(f"{OP}={one.op}" for one in recipe))


def strength_tag(strength: float) -> str:
    return f"{STRENGTH}={strength:g}"


def key_of(seed: int, name: str, number: int = 0) -> str:
    """The key of the chance of what is made: the seed of all, the pair's name, and which of its kind this is."""
    return f"{seed}\n{name}\n{number}"


def encoded(picture: Image.Image) -> bytes:
    """PNG bytes of an RGB picture, the same for the same pixels by one version of Pillow and zlib."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESSION)
    return buffer.getvalue()


def _decoded(case: Case, picture: Picture) -> Image.Image:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(picture.read()), formats=FORMATS) as image:
            return as_rgb(image)
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error ... on broken bytes
        why = error.strerror if isinstance(error, OSError) and error.strerror else one_line(error)
        raise ForgeError(
            f"suite {case.suite}: case {case.id}: picture '{one_line(picture.name)}' cannot be decoded: "
            f"{why[:200] or type(error).__name__}; expected one of {', '.join(FORMATS)}"
        ) from None
