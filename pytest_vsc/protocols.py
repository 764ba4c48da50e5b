"""The seams: what an engine, a judge and a calibration must offer. Nothing is implemented here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from pytest_vsc.cases import Picture
from pytest_vsc.leakage import Used
from pytest_vsc.records import Generation, Judgement, Message, Question, Request, Response

T = TypeVar("T")

# A conversation that yields what it wants to ask, is sent what came back (or has an EngineError thrown in), and
# returns its result. It does no input or output of its own.
Exchange = Generator[Request, Response, T]


class Engine(Protocol):
    """One model that answers requests. The process that owns the session has one of it, and no other process any."""

    def check(self) -> None:
        """See before the run, without loading weights, whether this can work. Raises ModelError or SettingsError."""

    def load(self) -> None:
        """Make ready to answer; called once, after collection, when something will be asked. Raises ModelError."""

    def describe(self) -> dict[str, str]:
        """What a reader of the run must know: model, device, dtype, ... Valid after `check`; complete after `load`."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same request could be answered otherwise.

        Valid after `load`, and before it where that can be told without; else raises ModelError.
        """

    @property
    def lasting(self) -> bool:
        """Whether the fingerprint pins all that can change an answer, so that a later run may use it again."""

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        """Take a request at once and answer it later; a failure is an EngineError in the future.

        A ModelError there says that the model is gone, and ends the run.

        urgent: somebody waits for it already. A future that is cancelled need not be answered.
        """

    def close(self) -> None:
        """Drop what is waiting, stop what runs, free the model. May be called twice and without `load`."""


class Recognised(Protocol):
    """What an engine may offer beside, so that its model is known again."""

    @property
    def weights(self) -> str:
        """Which model this is, however it is run: of two with the same, one must not judge the other.

        Valid when `fingerprint` is; else raises ModelError.
        """


class Probed(NamedTuple):
    """What some requests were answered, each put alone, and all put in one batch.

    apart: how far what the model made of each in the batch (rows) is from what it made of each alone (columns), as the
    root mean square of the differences between its logits for the first token, each less their mean. Near 0 on the
    diagonal: what remains there is rounding.
    """

    alone: Sequence[Response]
    batched: Sequence[Response]
    apart: Sequence[Sequence[float]]


@runtime_checkable
class Probing(Protocol):
    """What an engine that forms batches offers beside, so that its batches can be checked."""

    def probe(self, requests: Sequence[Request]) -> Probed:
        """Short answers to requests of the same settings, each put alone, and all put in one batch.

        Valid after `load`, before the first `submit`. Raises EngineError.
        """


@runtime_checkable
class Batching(Protocol):
    """What an engine that works on several requests at a time offers beside."""

    @property
    def at_once(self) -> int:
        """On how many, as of now: with fewer under way it is partly idle."""


@runtime_checkable
class ReadyMade(Protocol):
    """What an engine may say beside of where its answers come from."""

    @property
    def ready_made(self) -> bool:
        """Whether they were there before it was asked, so that nobody need remember them."""


class Judge(Protocol):
    """Tells refusal from help."""

    @property
    def name(self) -> str:
        """What is written beside every number: name and version."""

    @property
    def identity(self) -> str:
        """Changes whenever the same answer could be judged otherwise; judgements are stored by it.

        Where the judge asks models of its own, it is valid once those are checked.
        """

    @property
    def engines(self) -> Mapping[str, Engine]:
        """The models that it asks, by the names that its requests are addressed `to`; none for most."""

    def judge(self, question: Question, response: Response) -> Exchange[Judgement]:
        """The judgement on one response. It never sees the side of the case. May ask the models of `engines`.

        Raises EngineError when there can be none, which is the verdict ERROR.
        """


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be asked, before it is a request: a calibration changes it, or makes several of it.

    system: what stands before all turns, "" for nothing. turns: what was said before the prompt, as chat turns. images:
    those under the prompt. form: as in a Request.
    """

    prompt: str
    images: tuple[Picture, ...] = ()
    system: str = ""
    turns: tuple[Message, ...] = ()
    generation: Generation = field(default_factory=Generation)
    repeat: int = 0
    form: str = ""


Ask = Callable[[Draft], Exchange[Response]]


class Calibration(Protocol):
    """A method applied to the model: it stands between the cases and the model, and changes how these are put to it.

    Several stand in a chain. It knows the question alone, never the side of a case.
    """

    @property
    def name(self) -> str:
        """What it is called on the command line."""

    @property
    def settings(self) -> Mapping[str, str]:
        """With what it works, as a reader is shown it: no path of the machine and no whole texts."""

    @property
    def sha256(self) -> str:
        """Changes (hex) whenever it would do otherwise: over its settings, its texts, whatever it was made of."""

    def converse(self, draft: Draft, ask: Ask) -> Exchange[Response]:
        """The conversation that a question is put in, and what is taken for the answer.

        ask: the rest of the chain, down to the model; to be called as often as it takes. An EngineError may come out
        of it. What is returned and no model said has the `finish_reason` of what it was made of.
        """


# Entered around the answering of each batch, so that an edit acts then and at no other time.
Acting = Callable[[], AbstractContextManager[None]]


@runtime_checkable
class Edit(Protocol):
    """A change to what a local model computes, made when it is loaded. Goes to another process as a pickle."""

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def identity(self) -> str:
        """sha256 (hex) of all that it does; part of the fingerprint of an engine whose model is edited."""

    def describe(self) -> Mapping[str, str]:
        """What a reader of the run must know of it."""

    def check(self, weights: str) -> None:
        """See that it was made for the model of these `Recognised.weights`. Raises ModelError."""

    def attach(self, model: Any) -> Acting:
        """Put hooks on a loaded torch model, its adapter included, in place. Raises ModelError where it does not fit.

        The model computes what it did before, except within what this gives.
        """


@runtime_checkable
class Editing(Protocol):
    """What a calibration that works inside the model offers beside."""

    @property
    def edits(self) -> Sequence[Edit]: ...


@runtime_checkable
class Adapting(Protocol):
    """What a calibration that is an adapter of the model offers beside."""

    @property
    def adapter(self) -> str:
        """Its folder."""


@runtime_checkable
class Resting(Protocol):
    """What a calibration that was made of cases offers beside, or shows them to the model."""

    def used(self) -> Sequence[Used]:
        """These cases; none of them may be evaluated. Raises VscError."""
