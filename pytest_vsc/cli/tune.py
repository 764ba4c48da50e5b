"""`vsc tune`: a LoRA adapter for a local model, trained on suites so that it tells safe from unsafe better.

Joins engine and training; how a model is trained stands in `calibrations/tuning.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pytest_vsc import __version__
from pytest_vsc.calibrations import lessons as teaching
from pytest_vsc.calibrations import trained, tuning
from pytest_vsc.calibrations.lessons import Lesson, Mixture
from pytest_vsc.calibrations.used import write_used
from pytest_vsc.cases import Case, Suite
from pytest_vsc.cli.printing import count, safe, say, shown
from pytest_vsc.engines import EngineSettings, local_model
from pytest_vsc.engines.checkpoint import versions
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError, one_line
from pytest_vsc.leakage import used_of
from pytest_vsc.records import Generation, Message, Request
from pytest_vsc.suites import load_suites

if TYPE_CHECKING:
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import Model
    from pytest_vsc.engines.teaching import Teacher

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
BEGUN = "begun.json"  # in the checkpoints: what a training that goes on must agree on
OWN = "own-answers.json"
OWN_QUESTIONS = 128  # the most that the model is asked for answers of its own
OWN_TOKENS = 64
USUAL = tuning.Recipe(steps=1)
EPILOG = (
    "Unsafe cases are taught with a refusal, safe ones with the opening of a helpful answer, from which the model goes "
    "on; or with your own words (--targets). Trained are all linear layers of the text decoder, and nothing of the "
    "vision tower. What it was trained on must not be what it is measured on."
)


def add(commands: Actions) -> None:
    """Add `vsc tune`."""
    parser = commands.add_parser("tune", help="train a LoRA adapter that calibrates a local model", epilog=EPILOG)
    parser.add_argument("vlm", metavar="SPEC", help="the model: an alias, a folder or a hub id")
    parser.add_argument(
        "--suite", metavar="SUITE", action="append", required=True, help="cases to train on; may come several times"
    )
    parser.add_argument(
        "--utility",
        metavar="SUITE",
        action="append",
        default=[],
        help="a utility suite so that it does not forget (default: the model's own answers to neutral questions)",
    )
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="a new folder for the adapter")
    parser.add_argument(
        "--targets", metavar="FILE", type=Path, help='JSON lines {"case_id", "target"}: what to answer, for every case'
    )
    parser.add_argument("--mix", metavar="S:U:T", default="1:1:1", help="weights of safe, unsafe, utility (1:1:1)")
    parser.add_argument("--one-sided", action="store_true", help="train though only one side is there")
    _add_recipe(parser.add_argument_group("how it is trained"))
    _add_running(parser.add_argument_group("how the model is run"))
    parser.set_defaults(command=tune)


def _add_recipe(group: Any) -> None:
    group.add_argument("--rank", metavar="N", type=_whole, default=USUAL.rank, help=f"of the adapter ({USUAL.rank})")
    group.add_argument("--lora-alpha", metavar="X", type=_above, help="its scale is this by the rank (twice the rank)")
    group.add_argument("--dropout", metavar="P", type=_share, default=0.0, help="in the adapter (0)")
    group.add_argument("--target-modules", metavar="A,B", type=_names, default=(), help="only these linear layers")
    group.add_argument("--learning-rate", metavar="X", type=_above, default=USUAL.rate, help=f"({USUAL.rate:g})")
    group.add_argument("--epochs", metavar="X", type=_above, default=3.0, help="times that all is gone through (3)")
    group.add_argument("--steps", metavar="N", type=_whole, help="so many steps, whatever that is in epochs")
    group.add_argument("--batch-size", metavar="N", type=_whole, default=USUAL.batch_size, help=f"({USUAL.batch_size})")
    group.add_argument("--gradient-accumulation", metavar="N", type=_whole, default=1, help="batches a step (1)")
    group.add_argument("--eval-share", metavar="P", type=_share, default=0.1, help="of the groups, for the loss (0.1)")
    group.add_argument("--seed", metavar="N", type=_seed, default=0, help="(0)")
    group.add_argument("--save-steps", metavar="N", type=_whole, default=USUAL.save_steps, help="between checkpoints")
    group.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")


def _add_running(group: Any) -> None:
    group.add_argument("--device", metavar="DEVICE", default="auto", help="cpu, cuda, mps (default: the best)")
    group.add_argument("--dtype", metavar="DTYPE", default="auto", help="bfloat16, float32 (default: by the device)")
    group.add_argument("--revision", metavar="REV", help="of a hub model")
    group.add_argument("--vlm-trust-remote-code", action="store_true", help="if the model's repository is trusted")


def _number(text: str, what: str, fits: Callable[[float], bool], kind: type = float) -> Any:
    try:
        value = kind(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise argparse.ArgumentTypeError(f"{one_line(text)!r} is none; expected {what}")
    return value


def _whole(text: str) -> int:
    found: int = _number(text, "a whole number, 1 or more", lambda value: value >= 1, int)
    return found


def _seed(text: str) -> int:
    found: int = _number(text, "a whole number, 0 or more", lambda value: 0 <= value < 2**32, int)
    return found


def _above(text: str) -> float:
    found: float = _number(text, "a number above 0", lambda value: value > 0)
    return found


def _share(text: str) -> float:
    found: float = _number(text, "a share of 0 or more, below 1", lambda value: 0 <= value < 1)
    return found


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


# --- the command ---


class Data(NamedTuple):
    """What is taught, what the loss is measured on, and where it is from."""

    taught: list[Lesson]
    held_out: list[Lesson]
    suites: tuple[Suite, ...]
    utility: str


def tune(given: argparse.Namespace) -> int:
    """Train and write the adapter; 2 where it was interrupted, and can be gone on with."""
    mixture = teaching.mixture_of(given.mix)
    tuning.require_peft("vsc tune")
    source, settings = _model_of(given)
    suites, cases = _cases(given)
    lessons = teaching.of_sides(cases, _targets(given, cases), given.seed)
    teaching.see_enough(lessons, mixture, one_sided=given.one_sided)
    _see_room(given.out, resume=given.resume)
    candidate, model = _loaded(source, settings)
    tuning.layers_of(model.network, given.target_modules)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / tuning.CHECKPOINTS).mkdir(exist_ok=True)
    data = _data(given, suites, lessons, mixture, model)
    return _train(given, mixture, data, candidate, model)


def _model_of(given: argparse.Namespace) -> tuple[str, EngineSettings]:
    if given.dtype == "float16":
        raise SettingsError("--dtype float16: too coarse to train in; expected bfloat16 or float32")
    if given.device.startswith("cuda:"):
        raise SettingsError(
            f"--device {one_line(given.device)}: trains on the first that it sees; expected cuda, with "
            f"CUDA_VISIBLE_DEVICES={one_line(given.device[5:])} in the environment"
        )
    settings = EngineSettings(
        device=given.device,
        dtype=given.dtype,
        revision=given.revision,
        trust_remote_code=given.vlm_trust_remote_code,
    )
    try:
        return local_model(given.vlm, settings)
    except ModelError as error:
        raise ModelError(str(error).replace("--vlm", "vsc tune", 1)) from None


def _cases(given: argparse.Namespace) -> tuple[tuple[Suite, ...], list[Case]]:
    """The suites of both kinds, and the cases that have a side. Raises SuiteError, SettingsError."""
    suites = _named(lambda: load_suites([*given.suite, *given.utility], Path.cwd()))
    for number, suite in enumerate(suites):
        sided, option = number < len(given.suite), "--suite" if number < len(given.suite) else "--utility"
        if any(bool(case.side) != sided for case in suite.cases):
            other = "a utility suite; give it as --utility" if sided else "no utility suite: its cases have no answers"
            raise SettingsError(f"{option} {one_line(suite.name)}: is {other}")
    return suites, [case for suite in suites[: len(given.suite)] for case in suite.cases]


def _named(load: Callable[[], tuple[Suite, ...]]) -> tuple[Suite, ...]:
    try:
        return load()
    except VscError as error:
        raise type(error)(str(error).replace("--vsc-suite", "--suite")) from None


def _targets(given: argparse.Namespace, cases: Sequence[Case]) -> Mapping[tuple[str, str], str] | None:
    return teaching.read_targets(given.targets, cases) if given.targets else None


def _see_room(out: Path, *, resume: bool) -> None:
    """Raises SettingsError where the folder is not what `--resume` says."""
    where = f"--out {shown(out)}"
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{where}: is no folder; expected a new one")
    if (out / trained.FILE).is_file() and resume:
        raise SettingsError(f"{where}: is finished, there is nothing to go on with; expected a new folder")
    begun = (out / tuning.CHECKPOINTS).is_dir()
    if resume and not begun:
        raise SettingsError(f"--resume: nothing was begun in {shown(out)}; leave it out")
    if not resume and out.is_dir() and any(out.iterdir()):
        hint = ", or --resume to go on with what was begun there" if begun else ""
        raise SettingsError(f"{where}: the folder is not empty; expected a new one{hint}")


def _loaded(source: str, settings: EngineSettings) -> tuple[Candidate, Model]:
    from pytest_vsc.engines.candidate import Candidate
    from pytest_vsc.engines.generating import load

    candidate = Candidate(source, settings)
    try:
        candidate.check()
        return candidate, load(candidate.how(), candidate.processor)
    except VscError as error:
        raise type(error)(str(error).replace("--vlm-dtype", "--dtype").replace("--vlm-device", "--device")) from None


# --- what is taught ---


def _data(
    given: argparse.Namespace, suites: tuple[Suite, ...], lessons: list[Lesson], mixture: Mixture, model: Model
) -> Data:
    taught, held_out = teaching.held_out(lessons, given.eval_share, given.seed)
    if given.utility:
        utility = teaching.of_answers(case for suite in suites[len(given.suite) :] for case in suite.cases)
        more, kept = teaching.held_out(utility, given.eval_share, given.seed)
        names = ", ".join(suite.name for suite in suites[len(given.suite) :])
        return Data([*taught, *more], [*held_out, *kept], suites, f"{len(utility)} cases of {names}")
    if not mixture.utility:
        return Data(taught, held_out, suites, "none")
    own = _own_answers(given, taught, mixture, model)
    return Data([*taught, *own], held_out, suites, f"the model's own answers to {len(own)} neutral questions")


def _own_answers(given: argparse.Namespace, taught: Sequence[Lesson], mixture: Mixture, model: Model) -> list[Lesson]:
    """Neutral questions with what the model itself says to them, from the checkpoints where it was asked before."""
    share = mixture.share("utility")
    wanted = OWN_QUESTIONS if share == 1 else min(OWN_QUESTIONS, math.ceil(len(taught) * share / (1 - share)))
    asked = teaching.neutral(taught, wanted, given.seed)
    file = given.out / tuning.CHECKPOINTS / OWN
    if not file.is_file():
        _tell(f"asking {count(len(asked), 'neutral question')}")
        texts = _answers(model, [_request(lesson) for lesson in asked], given.batch_size)
        file.write_text(json.dumps(texts), encoding="utf-8")
    texts = json.loads(file.read_text(encoding="utf-8"))
    return [
        lesson._replace(target=text, whole=whole)
        for lesson, (text, whole) in zip(asked, texts, strict=True)
        if text.strip()
    ]


def _answers(model: Model, requests: Sequence[Request], size: int) -> list[tuple[str, bool]]:
    """What the model says to each, and whether it came to its end; "" where it cannot take the request."""
    found: list[tuple[str, bool]] = []
    for start in range(0, len(requests), size):
        some = requests[start : start + size]
        try:
            inputs = model.prepare([model.conversation(request) for request in some])
            said = model.generate(some, inputs, threading.Event())
        except EngineError:
            said = [EngineError("") for _ in some]
        found += [
            ("", False) if isinstance(one, EngineError) else (one.text, one.finish_reason == "stop") for one in said
        ]
    return found


def _request(lesson: Lesson) -> Request:
    message = Message(role="user", text=lesson.prompt, images=lesson.images)
    return Request(messages=(message,), generation=Generation(max_new_tokens=OWN_TOKENS))


# --- training ---


def _train(given: argparse.Namespace, mixture: Mixture, data: Data, candidate: Candidate, model: Model) -> int:
    from pytest_vsc.engines.foreign import foreign, quiet
    from pytest_vsc.engines.teaching import Teacher

    teacher = Teacher(model, candidate.processor, candidate.manner)
    recipe = _recipe(given, len(data.taught))
    layers = tuning.layers_of(model.network, given.target_modules)
    order = teaching.order_of(data.taught, mixture, recipe.steps * recipe.at_a_step, given.seed)
    said = _said(given, recipe, mixture, data=data, candidate=candidate, layers=layers)
    _see_begun(given.out, {name: said[name] for name in ("model", "recipe", "mix", "data", "versions")})
    folder = given.out / tuning.CHECKPOINTS

    def batch(some: Sequence[Lesson]) -> Mapping[str, Any]:
        return _batch(teacher, some)

    with foreign(candidate.name), quiet(), _interruptible() as stop:
        _see_apt(teacher, data.taught, candidate)
        kept = [
            data.held_out[start : start + recipe.batch_size]
            for start in range(0, len(data.held_out), recipe.batch_size)
        ]
        before = tuning.measured(model.network, map(batch, kept))
        made = tuning.adapted(model.network, layers, recipe, candidate.name)
        weights = made.num_parameters(only_trainable=True)
        _tell(f"{count(recipe.steps, 'step')}, {count(len(data.taught), 'lesson')}, {count(weights, 'weight')}")
        line = Line()
        came = tuning.train(
            made, [data.taught[place] for place in order], batch, recipe, folder, told=line.show, stop=stop
        )
        line.end()
        if not came.whole:
            _tell(f"interrupted after step {came.step} of {recipe.steps}; go on with --resume")
            return 2
        after = tuning.measured(made, map(batch, kept))
        tuning.write_adapter(made, given.out)
    losses = {"held_out_before": _rounded(before), "held_out": _rounded(after), "steps": list(came.losses)}
    _write(given.out, {**said, "losses": losses}, data)
    if data.held_out:
        lost = f"{_shown_loss(before)} before, {_shown_loss(after)} after"
        say(f"held-out loss {lost}, {count(len(data.held_out), 'lesson')}")
    say(f"{shown(given.out)}: written; use it with --vlm {one_line(given.vlm)} --vlm-adapter {shown(given.out)}")
    return 0


def _recipe(given: argparse.Namespace, lessons: int) -> tuning.Recipe:
    at_a_step = given.batch_size * given.gradient_accumulation
    return tuning.Recipe(
        rank=given.rank,
        alpha=given.lora_alpha or 2.0 * given.rank,
        dropout=given.dropout,
        modules=given.target_modules,
        rate=given.learning_rate,
        steps=given.steps or math.ceil(given.epochs * lessons / at_a_step),
        batch_size=given.batch_size,
        accumulation=given.gradient_accumulation,
        seed=given.seed,
        save_steps=given.save_steps,
    )


def _batch(teacher: Teacher, some: Sequence[Lesson]) -> Mapping[str, Any]:
    try:
        answers = [teacher.answer(lesson.target, whole=lesson.whole) for lesson in some]
        return teacher.batch([_request(lesson) for lesson in some], answers)
    except EngineError as error:
        raise ModelError(f"a case of {one_line(some[0].suite)} cannot be put to it: {error}") from None


def _see_apt(teacher: Teacher, lessons: Sequence[Lesson], candidate: Candidate) -> None:
    """See by a few lessons that the model can be taught like this, and by all that the targets can be said."""
    for lesson in lessons:
        try:
            teacher.answer(lesson.target, whole=lesson.whole)
        except SettingsError as error:
            raise SettingsError(f"--targets: the target of case '{one_line(lesson.id)}' {error}") from None
    some = sorted(lessons, key=lambda lesson: not lesson.images)[:2]
    answers = [teacher.answer(lesson.target, whole=lesson.whole) for lesson in some]
    try:
        teacher.see_apt([_request(lesson) for lesson in some], answers, candidate.said["dtype"])
    except EngineError as error:
        raise ModelError(f"{candidate.name}: {error}") from None
    except ModelError as error:
        raise ModelError(f"{candidate.name}: {error}") from None


def _see_begun(out: Path, said: Mapping[str, Any]) -> None:
    """Note what is begun, or see that what was begun is what goes on. Raises SettingsError."""
    file = out / tuning.CHECKPOINTS / BEGUN
    if not file.is_file():
        file.write_text(json.dumps(said), encoding="utf-8")
        return
    before, now = _flat(json.loads(file.read_text(encoding="utf-8"))), _flat(json.loads(json.dumps(said)))
    for name in before.keys() | now.keys():
        if before.get(name) != now.get(name):
            was, is_ = one_line(before.get(name))[:40], one_line(now.get(name))[:40]
            raise SettingsError(
                f"--resume: was begun with another {name} ({was}, now {is_}); expected the same command"
            )


def _flat(said: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in said.items():
        flat |= {f"{name} {inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Gives whether Ctrl-C was pressed: once ends the training after its step, twice at once."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.getsignal(signal.SIGINT)

    def press(*_: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)
        _tell("interrupted: the step is finished and kept; once more ends it at once")

    signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


# --- what is shown and written ---


def _tell(what: str) -> None:
    print(safe(f"vsc tune: {what}"), file=sys.stderr, flush=True)


class Line:
    """The progress: one line that changes in a terminal, elsewhere a line now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._told = 0.0
        self._open = False

    def show(self, now: tuning.Progress) -> None:
        loss = "" if now.loss is None else f", loss {now.loss:.3f}"
        left = "" if now.left is None else f", {now.left:.0f} s left"
        text = f"vsc tune: step {now.step}/{now.steps}{loss}{left}"
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{text[:width]:<{min(width, 72)}}", end="", file=sys.stderr, flush=True)
            self._open = True
        elif now.step == now.steps or now.step / now.steps >= self._told:
            print(text, file=sys.stderr, flush=True)
            self._told = now.step / now.steps + 0.1

    def end(self) -> None:
        if self._open:
            print(file=sys.stderr)


def _rounded(loss: float | None) -> float | None:
    return None if loss is None else round(loss, 6)


def _shown_loss(loss: float | None) -> str:
    return "-" if loss is None else f"{loss:.3f}"


def _said(
    given: argparse.Namespace,
    recipe: tuning.Recipe,
    mixture: Mixture,
    *,
    data: Data,
    candidate: Candidate,
    layers: tuning.Layers,
) -> dict[str, Any]:
    """All that `training.json` tells but the losses and the adapter."""
    said = candidate.said
    names = sorted({name.rpartition(".")[2] for name in layers.inner})
    own = {
        "what": "the user's own" if given.targets else "templates: refusals, and openings of answers",
        **({"sha256": hashlib.sha256(given.targets.read_bytes()).hexdigest()} if given.targets else {}),
    }
    return {
        "name": one_line(given.out.resolve().name),
        "made_by": f"pytest-vsc {__version__}",
        "model": {
            "name": candidate.name,
            "weights": candidate.base,
            "type": candidate.kind,
            "dtype": said["dtype"],
            **({"revision": said["revision"]} if "revision" in said else {}),
        },
        "recipe": {**recipe.model_dump(mode="json", exclude={"save_steps", "modules"}), "at_a_step": recipe.at_a_step},
        "layers": {"stack": layers.stack, "names": names, "count": layers.number},
        "mix": str(mixture),
        "suites": [
            {"name": suite.name, "version": suite.header.version, "sha256": suite.sha256, "cases": len(suite.cases)}
            for suite in data.suites
        ],
        "cases": trained.counted(data.taught, data.held_out),
        "targets": own,
        "utility": data.utility,
        "data": trained.data_digest([*data.taught, *data.held_out]),
        "versions": versions(["peft", "accelerate"]),
    }


def _write(out: Path, said: Mapping[str, Any], data: Data) -> None:
    """The files beside the adapter; then the checkpoints have served."""
    used = {(lesson.suite, lesson.id) for lesson in (*data.taught, *data.held_out)}
    cases = [case for suite in data.suites for case in suite.cases]
    write_used(out, used_of(case for case in cases if (case.suite, case.id) in used))
    adapter = hashlib.sha256((out / "adapter_model.safetensors").read_bytes()).hexdigest()
    trained.write(out, {**said, "adapter": adapter})
    shutil.rmtree(out / tuning.CHECKPOINTS)
