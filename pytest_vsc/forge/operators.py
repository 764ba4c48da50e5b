"""What an operator of the forge is: its parameters with their ranges, whether it keeps or flips the side, its source.

Values only: the operators are in `text`, `flips`, `style`, `moves` and other packages, recipes of them in `recipes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from pytest_vsc.cases import Side, Variant

if TYPE_CHECKING:
    from PIL import Image

Kind = Literal["words", "picture", "move", "flip"]
Effect = Literal["keeps", "flips"]
Wants = Literal["", "plain", "picture"]
Setting = float | str | tuple[str, ...]
Settings = Mapping[str, Setting]

KINDS: tuple[Kind, ...] = get_args(Kind)
STRENGTH = "strength"
REWRITE = "rewrite"  # the step that asks a model, `rewrite@SPEC`; no operator, since it cannot be run from its recipe


class Unfit(Exception):
    """An operator can do nothing with what it was given. Its text says why, in a few words and none of the prompt's."""


class Parameter(NamedTuple):
    """One setting of an operator: a number from low to high, or one or `several` of `choices`.

    what: what it means, with its unit. default: of a number, a choice, or some choices where several are taken.
    """

    name: str
    what: str
    default: Setting
    low: float = 0.0
    high: float = 1.0
    choices: tuple[str, ...] = ()
    several: bool = False


def strength(what: str, default: float = 0.5) -> Parameter:
    """The usual setting of an operator that keeps the side: 0 changes nothing, 1 as much as it may. what: that."""
    return Parameter(STRENGTH, what, default)


@dataclass(frozen=True)
class Shown:
    """What a case puts before the model, while it is worked on.

    pictures: RGB. variant: that of a text-centric case, which a move changes; None of an image-centric one. written:
    the words that a move has put into the picture, "" for none.
    """

    prompt: str = field(repr=False)
    pictures: tuple[Image.Image, ...] = ()
    variant: Variant | None = None
    written: str = field(default="", repr=False)


# Each takes what it changes, where chance comes from, and its settings by name.
RunWords = Callable[..., str]  # (text, Random, **settings)
RunPicture = Callable[..., "Image.Image"]  # (RGB picture, Random, **settings), gives an RGB picture
RunMove = Callable[..., Shown]  # (Shown, Random, **settings)
RunFlip = Callable[..., str]  # (text, side of the text, Random, **settings), gives a text of the other side


@dataclass(frozen=True, kw_only=True)
class Operator:
    """One way to change what a case shows; what an entry point of the group `pytest_vsc.operators` leads to.

    kind: what it works on: `words` of the prompt, each `picture`, a `move` of words into the picture, or a `flip` of
    the words to the other side. what: what it does, in a line. source: paper or benchmark that it is after. example: a
    text, harmless, that shows it at work. idempotent: twice with the same settings and chance is once. slow: far below
    20 pictures a second, so that a search leaves it out unless it is named.
    run: as the types above say; raises Unfit. With the same arguments it gives the same, on any day and any machine,
    and at strength 0 what it was given.
    """

    name: str
    kind: Kind
    what: str
    source: str
    run: Callable[..., Any] = field(repr=False)
    parameters: tuple[Parameter, ...] = ()
    example: str = ""
    idempotent: bool = False
    slow: bool = False
    wants: Wants = ""

    @property
    def effect(self) -> Effect:
        """Whether what comes of it is of the same side as what it was given, or of the other."""
        return "flips" if self.kind == "flip" else "keeps"

    @property
    def graded(self) -> bool:
        """Whether it has a strength, so that it can be done more or less."""
        return any(one.name == STRENGTH for one in self.parameters)


def other_side(side: Side) -> Side:
    return "safe" if side == "unsafe" else "unsafe"
