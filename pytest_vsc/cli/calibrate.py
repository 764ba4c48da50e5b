"""`vsc calibrate fit`: an activation revision of a local model, fitted on suites and tuned on other cases of theirs.

Joins engine and calibration; what is fitted, and how, stands in `calibrations`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pytest_vsc.calibrations import contrast, drawing, fitting, revision
from pytest_vsc.calibrations.revision import DIRECTIONS, GATES, LEVELS, SAMPLES, RevisionCard
from pytest_vsc.calibrations.structure import Structure, structure_of
from pytest_vsc.calibrations.used import write_used
from pytest_vsc.cases import Case, Suite
from pytest_vsc.cli import calibrations, frontier
from pytest_vsc.cli.local import Line, add_running, add_suites, loaded, model_of, see_new, suites_of
from pytest_vsc.cli.printing import count, say, shown, table
from pytest_vsc.engines.cores import one_left
from pytest_vsc.errors import SettingsError, expected, one_line
from pytest_vsc.leakage import used_of
from pytest_vsc.records import Generation, Message, Request

if TYPE_CHECKING:
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import Model

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
W = TypeVar("W", bound=str)
COMMAND = "vsc calibrate fit"
SHARE = 3  # of the places at head level one in so many is edited, unless told otherwise; at layer level one layer
EPILOG = (
    "Cases of both sides are needed; 60 % of their groups are fitted to, the others measure. None of them may be "
    "evaluated with what comes of it. Use that with --vsc-calibrate activation-revision:DIR."
)


def add(commands: Actions) -> None:
    """Add `vsc calibrate` and its commands."""
    parser = commands.add_parser("calibrate", help="the calibrations, and to fit one that works inside a local model")
    actions = parser.add_subparsers(metavar="fit|list", required=True)
    fit = actions.add_parser("fit", help="fit an activation revision of a local model", epilog=EPILOG)
    fit.add_argument("vlm", metavar="SPEC", help="the model: an alias, a folder or a hub id")
    add_suites(fit, why="a development suite")
    fit.add_argument("--out", metavar="DIR", type=Path, required=True, help="a new folder")
    _add_fit(fit.add_argument_group("what is fitted"))
    _add_tune(fit.add_argument_group("tuning on the cases that are not fitted to"))
    add_running(fit.add_argument_group("how the model is run"), adapter=True)
    fit.set_defaults(command=calibrate_fit)
    calibrations.add(actions)


def _add_fit(group: Any) -> None:
    group.add_argument("--level", metavar="|".join(LEVELS), default="head", help="heads of attention, or whole layers")
    group.add_argument(
        "--samples",
        metavar="|".join(SAMPLES),
        default="prompt",
        help="what is read of a case: its prompt, with one refusal or answer behind it, or with several",
    )
    group.add_argument("--direction", metavar="|".join(DIRECTIONS), default="mass-mean", help="which way is pushed")
    group.add_argument("--gate", metavar="|".join(GATES), default="probe", help="what leaves safe prompts alone")
    group.add_argument("--k", metavar="N", type=int, help="how many heads or layers are edited")
    group.add_argument("--seed", metavar="N", type=int, default=0, help="of the split into groups (0)")
    group.add_argument("--batch-size", metavar="N", type=int, default=16, help="prompts that are read at once (16)")


def _add_tune(group: Any) -> None:
    group.add_argument("--tune", action="store_true", help="measure settings of K and alpha, and choose one")
    group.add_argument(
        "--utility",
        metavar="SUITE",
        action="append",
        default=[],
        help="a utility suite, of which little may be lost (repeatable)",
    )
    group.add_argument("--max-new-tokens", metavar="N", type=int, default=128, help="of an answer (128)")


def calibrate_fit(given: argparse.Namespace) -> int:
    """Fit, write, and tune where that was asked for."""
    level = _word("--level", given.level, LEVELS)
    samples = _word("--samples", given.samples, SAMPLES)
    direction = _word("--direction", given.direction, DIRECTIONS)
    gate = _word("--gate", given.gate, GATES)
    _see_numbers(given)
    see_new(given.out)
    drawing.require_matplotlib(COMMAND)
    suites = suites_of(given)
    parts = fitting.split(suites.sides, given.seed, _names(suites.sided))
    source, settings = model_of(given, COMMAND)
    candidate, model = loaded(source, settings)
    with one_left(candidate.device):
        structure = _structure(candidate, model, parts)
        activations = _collected(given, model, structure, parts, samples)
    found = fitting.fit(activations, structure, parts, level=level, direction=direction, name=candidate.name)
    card = RevisionCard(
        model=candidate.name,
        weights=candidate.weights,
        level=level,
        samples=samples,
        direction=direction,
        seed=given.seed,
        k=1,
        gate=gate,
        heads=structure.heads,
        hidden=structure.hidden,
        layers=tuple(found.layers),
        places=tuple(found.places),
        probe=found.probe,
        suites={suite.name: suite.sha256 for suite in suites.sided},
        fitted=tuple(f"{case.suite}/{case.id}" for case in parts.fitted),
        held=tuple(f"{case.suite}/{case.id}" for case in parts.held),
        data=fitting.data_digest(activations),
        tensors="",
        versions=_versions(),
    )
    card = _written(given, card, found, [*parts.fitted, *parts.held, *suites.answered])
    del model, activations  # a second one is loaded to tune
    if given.tune:
        card = frontier.tune(
            given.out, card, source, settings, held=parts.held, utility=suites.answered, tokens=given.max_new_tokens
        )
        _kept(given.out, card)
    _tell(given.out, card)
    return 0


# --- what is asked for ---


def _word(option: str, said: str, allowed: Sequence[W]) -> W:
    for word in allowed:
        if word == said:
            return word
    raise SettingsError(f"{option}: unknown '{one_line(said)}'; {expected(said, allowed)}")


def _see_numbers(given: argparse.Namespace) -> None:
    for option in ("k", "batch_size", "max_new_tokens"):
        if (number := getattr(given, option)) is not None and number < 1:
            raise SettingsError(f"--{option.replace('_', '-')}: out of range ({number}); expected 1 or more")
    if given.utility and not given.tune:
        raise SettingsError("--utility: is measured when tuning; expected with --tune")


def _names(suites: Sequence[Suite]) -> str:
    return f"--suite {', '.join(one_line(suite.name) for suite in suites)}"


def _versions() -> dict[str, str]:
    from pytest_vsc import __version__
    from pytest_vsc.engines.checkpoint import versions

    return {"pytest-vsc": __version__, **versions(["numpy", "scipy"])}


# --- what the model reads ---


def _request(case: Case) -> Request:
    return Request(messages=(Message("user", case.prompt, case.images),), generation=Generation())


def _structure(candidate: Candidate, model: Model, parts: fitting.Split) -> Structure:
    from pytest_vsc.engines.foreign import foreign

    one = next((case for case in parts.fitted if case.images), parts.fitted[0])
    with foreign(candidate.name):
        return structure_of(model.network, lambda: model.force([_request(one)], [contrast.SHORTEST]), candidate.name)


def _collected(
    given: argparse.Namespace, model: Model, structure: Structure, parts: fitting.Split, samples: revision.Samples
) -> contrast.Activations:
    from pytest_vsc.engines.foreign import foreign

    def read(cases: Sequence[Case], texts: Sequence[str]) -> list[int]:
        return model.force([_request(case) for case in cases], texts)

    cases = [*parts.fitted, *parts.held]
    level, size = _word("--level", given.level, LEVELS), given.batch_size
    whole = contrast.samples_of(samples, len(cases))
    with Line(COMMAND, "read") as line, foreign(COMMAND):
        return contrast.collect(
            model.network,
            structure,
            cases,
            read,
            level=level,
            samples=samples,
            size=size,
            progress=lambda done: line.show(done, whole),
        )


# --- what is written ---


def _written(
    given: argparse.Namespace, card: RevisionCard, found: fitting.Fitted, used: Sequence[Case]
) -> RevisionCard:
    """The card, as it now lies in the folder with all that belongs to it. used: cases not to be evaluated with it."""
    import hashlib

    held = revision.packed(found.tensors)
    there = len(card.usable(card.gate))
    wanted = given.k or (max(1, there // SHARE) if card.level == "head" else 1)
    if wanted > there:
        raise SettingsError(
            f"--k: out of range ({wanted}); expected 1 to {there}, the {card.level}s that can be edited"
        )
    card = card.model_copy(update={"tensors": hashlib.sha256(held).hexdigest(), "k": wanted})
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / revision.FILE).write_bytes(held)
    write_used(given.out, used_of(used))
    _kept(given.out, card)
    return card


def _kept(out: Path, card: RevisionCard) -> None:
    revision.write_card(out, card)
    drawing.draw(card, out)


def _tell(out: Path, card: RevisionCard) -> None:
    heads = (card.level, "balanced accuracy", "log loss")
    best = [
        (f"{place.layer}" if place.head is None else f"{place.layer}.{place.head}", place)
        for place in card.usable(card.gate)[: min(card.k, 10)]
    ]
    for line in table(heads, [(name, f"{one.accuracy:.3f}", f"{one.loss:.3f}") for name, one in best], {1, 2}):
        say(line)
    left_out = [(number, layer) for number, layer in enumerate(card.layers) if layer.without]
    if card.level == "head" and left_out:
        say(f"left out: {'; '.join(f'layer {number}: {layer.without}' for number, layer in left_out)}")
    say(f"gate: behind layer {card.probe.layer}, balanced accuracy {card.probe.accuracy:.3f}")
    say(f"fitted on {count(len(card.fitted), 'case')}, measured on {len(card.held):,} of other groups")
    said = f"activation-revision:{shown(out)},alpha={card.alpha:g},gate={card.gate},k={card.k}"
    say(f"{shown(out)}: written; use it with --vsc-calibrate {said}")
