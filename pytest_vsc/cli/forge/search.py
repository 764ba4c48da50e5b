"""`vsc forge search`: the smallest changes of a suite's cases that flip what a model makes of them, as a suite.

It opens model and judge; what is tried, and what comes of it, is in the forge.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_vsc.cases import Suite, complete
from pytest_vsc.cli.forge.pairs import name_of, positive, suite_of
from pytest_vsc.cli.local import Line, add_running, see_new
from pytest_vsc.cli.printing import count, say, shown, table
from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.engines.effects import refuse_without_effect
from pytest_vsc.errors import ModelError, SettingsError, StoreError, VscError, expected, harmless, one_line
from pytest_vsc.examine import Approach
from pytest_vsc.forge import see_installed
from pytest_vsc.forge.asking import Asking
from pytest_vsc.forge.finds import ACCOUNT, NOTES, Told, write_finds
from pytest_vsc.forge.making import remade
from pytest_vsc.forge.recipes import spelled
from pytest_vsc.forge.search import GOALS, SIDE, Goal, Limits, Search
from pytest_vsc.forge.space import searched
from pytest_vsc.judges import open_judge
from pytest_vsc.judges.showing import masked
from pytest_vsc.protocols import Engine, Judge
from pytest_vsc.records import POLICIES, Generation, Policy, PolicyName
from pytest_vsc.store import Store, default_folder

Actions = argparse._SubParsersAction
FOLDER = Path("vsc-found")
BUDGET, FINDS, TOKENS = 500, 5, 256
COST = "--vlm-max-cost"  # how the message begins that says that no more may be spent
MOST_REVEALED = 20


class Opened(NamedTuple):
    """What a search needs: all is checked, and nothing is loaded yet. settings: of the engine."""

    suite: Suite
    goal: Goal
    engine: Engine
    settings: EngineSettings
    judge: Judge
    policy: Policy
    approach: Approach
    tokens: int


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge search`."""
    parser = actions.add_parser(
        "search",
        help="find the smallest changes that flip what a model makes of a case",
        description="Cases that the model is right about are changed by operators that keep their side, until it is "
        "wrong about them; each find is shrunk to the smallest change that does it. What is found becomes a suite. The "
        "exit code is 1 if something was found.",
    )
    parser.add_argument("--vlm", metavar="SPEC", required=True, help="the model, as pytest --vlm takes it")
    parser.add_argument(
        "--goal",
        metavar="GOAL",
        default="undersafe",
        help="undersafe: unsafe cases that it then helps with (default); oversafe: safe ones that it then refuses",
    )
    parser.add_argument("--suite", metavar="SUITE", default="mini", help="where the cases are from (default: mini)")
    parser.add_argument(
        "--ops", metavar="OP,...", action="append", default=[], help="operators (default: all that keep the side)"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, default=FOLDER, help=f"a new folder (default: {FOLDER})")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of all that is left to chance (default: 0)")
    parser.add_argument("--budget", metavar="N", type=positive, default=BUDGET, help=f"questions (default: {BUDGET})")
    parser.add_argument("--finds", metavar="K", type=positive, default=FINDS, help=f"causes (default: {FINDS})")
    parser.add_argument("--max-minutes", metavar="M", type=_above_0, help="how long it may take (default: no limit)")
    parser.add_argument(
        "--reveal", action="store_true", help="show the prompts that were found; else none reaches the terminal"
    )
    _add_asking(parser.add_argument_group("how the model is asked, as pytest's options of these names say"))
    parser.set_defaults(command=command)


def _add_asking(group: argparse._ArgumentGroup) -> None:
    add_running(group, adapter=True)
    group.add_argument("--batch-size", "--vlm-batch-size", metavar="N", type=positive, help="of a local model")
    group.add_argument(
        "--max-new-tokens",
        "--vlm-max-new-tokens",
        metavar="N",
        type=positive,
        default=TOKENS,
        help=f"(default: {TOKENS})",
    )
    group.add_argument("--system", "--vlm-system", metavar="FILE", type=Path, help="the deployed system prompt")
    group.add_argument(
        "--max-cost", "--vlm-max-cost", metavar="USD", type=_above_0, help="of a server; no more is spent"
    )
    group.add_argument("--prices", "--vlm-prices", metavar="FILE", help="TOML with what tokens cost")
    group.add_argument("--concurrency", "--vlm-concurrency", metavar="N", type=positive, help="of a server")
    group.add_argument("--api-key", "--vlm-api-key", metavar="ENV", help="the variable that holds a server's key")
    group.add_argument("--timeout", "--vlm-timeout", metavar="SECONDS", type=_above_0, help="for one question")
    group.add_argument("--temperature", "--vlm-temperature", metavar="T", help=argparse.SUPPRESS)
    group.add_argument("--judge", "--vsc-judge", metavar="SPEC", default="builtin", help="(default: builtin)")
    group.add_argument("--policy", "--vsc-policy", metavar="POLICY", help="strict or vscbench (default: the suite's)")
    group.add_argument("--cache", "--vsc-cache", metavar="DIR", help="where answers are kept, or off")


def command(given: argparse.Namespace) -> int:
    """Search, write what was found and print it. Raises VscError for what cannot be done, KeyboardInterrupt."""
    see_new(given.out)
    name_of(given.out)
    limits = Limits(given.budget, given.finds, None if given.max_minutes is None else 60 * given.max_minutes)
    ops = searched([name.strip() for said in given.ops for name in said.split(",") if name.strip()], "--ops")
    see_installed("vsc forge search")
    opened = _opened(given)
    complete()
    with _asking(opened, given) as asking:
        with Line("vsc forge search", "questions") as line:
            last = [-1, 0]

            def tell() -> None:
                now = [asking.questions, len(search.finds)]
                if now != last:
                    last[:] = now
                    causes = f"{count(len(search.finds), 'find')}, {count(len(search.causes), 'cause')}"
                    line.show(asking.questions, limits.questions, f", {causes}, {search.share:.0%} inside the model")

            search = Search(opened.suite, opened.goal, ops, asking, limits, seed=given.seed, tell=tell)
            stopped = _stopped(search)
        return _ended(search, stopped, opened, given)


def _stopped(search: Search) -> BaseException | None:
    """Search to the end; gives what ended it before its time."""
    try:
        search.run()
    except KeyboardInterrupt as stop:
        search.why = "interrupted"
        return stop
    except VscError as error:
        if str(error).startswith(COST):
            search.why = "the cost is reached"
            return None
        search.why = one_line(error)
        return error
    return None


def _ended(search: Search, stopped: BaseException | None, opened: Opened, given: argparse.Namespace) -> int:
    """Write and print what was found. Raises what has stopped it."""
    if search.finds:
        account = write_finds(given.out, opened.suite, search, _settings(opened))
        for text in (*_beginning(search, opened.suite), *_found(account)):
            say(text)
        for text in _revealed(search) if given.reveal else ():
            say(text)
        twins = sum(find.twin is not None for find in search.finds)
        say(
            f"written: {shown(given.out)} (suite {account.sha256[:12]}, {NOTES}, {ACCOUNT}): "
            f"{count(account.finds, 'case')}, {twins} with the twin"
        )
        say(f"next: {' '.join(map(shlex.quote, _pytest(opened, given)))}")
    if stopped is not None:
        raise stopped
    if not search.finds:
        for text in _beginning(search, opened.suite):
            say(text)
        asked = count(search.asking.questions, "question")
        say(f"nothing was found in {asked}; ended: {search.why}; no suite is written")
    return int(bool(search.finds))


# --- what is opened ---


def _opened(given: argparse.Namespace) -> Opened:
    """Read, open and check everything. Raises VscError."""
    if given.goal not in GOALS:
        raise SettingsError(f"--goal: unknown goal '{one_line(given.goal)}'; {expected(given.goal, GOALS)}")
    if given.temperature is not None and given.temperature.strip("0.") != "":
        raise SettingsError(
            f"--temperature {one_line(given.temperature)}: a search asks with greedy decoding, so that a find is "
            "found again; leave it out"
        )
    suite = suite_of(given.suite)
    side = SIDE[given.goal]
    if not any(case.side == side for case in suite.cases):
        raise SettingsError(
            f"--suite {one_line(suite.name)}: has no {side} case; expected some for --goal {given.goal}"
        )
    settings = _engine(given)
    engine = open_engine(given.vlm, settings)
    judge = open_judge(given.judge, open_engine=lambda spec: open_engine(spec, _judge_engine(given)), base=Path.cwd())
    try:
        refuse_without_effect(given.vlm, settings, engine, judge.engines.values())
        for one in (engine, *judge.engines.values()):
            one.check()
        _refuse_itself(engine, judge, given)
    except BaseException:
        for one in (engine, *judge.engines.values()):
            one.close()
        raise
    approach = Approach(Generation(max_new_tokens=given.max_new_tokens), _system(given.system))
    policy = Policy(name=_policy(given, suite))
    return Opened(suite, given.goal, engine, settings, judge, policy, approach, given.max_new_tokens)


def _engine(given: argparse.Namespace) -> EngineSettings:
    cache = _cache(given)
    return EngineSettings(
        device=given.device,
        dtype=given.dtype,
        batch_size=given.batch_size,
        revision=given.revision,
        trust_remote_code=given.trust_remote_code,
        timeout=given.timeout,
        cache=str(cache) if cache else None,
        adapter=given.adapter,
        concurrency=given.concurrency,
        key=given.api_key,
        max_cost=given.max_cost,
        prices=given.prices,
    )


def _judge_engine(given: argparse.Namespace) -> EngineSettings:
    own = _engine(given)
    return EngineSettings(device=own.device, timeout=own.timeout, cache=own.cache)


def _refuse_itself(engine: Engine, judge: Judge, given: argparse.Namespace) -> None:
    """Raises SettingsError where the model would judge itself, as far as that can be told by now."""
    for one in judge.engines.values():
        with contextlib.suppress(ModelError):  # its weights are not here yet
            if one.fingerprint == engine.fingerprint:
                raise SettingsError(
                    f"--judge {masked(given.judge)}: this is the model that is searched ({masked(given.vlm)}), which "
                    "would judge itself; choose another"
                )


def _policy(given: argparse.Namespace, suite: Suite) -> PolicyName:
    name = given.policy or suite.header.policy or "strict"
    if name not in POLICIES:
        raise SettingsError(f"--policy: unknown value '{one_line(name)}'; {expected(name, POLICIES)}")
    return name


def _system(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"--system: cannot read {shown(file)}: {getattr(error, 'strerror', None) or error}"
        ) from None
    if not text:
        raise SettingsError(f"--system: {shown(file)} is empty; expected a system prompt, or leave the option out")
    return text


def _cache(given: argparse.Namespace) -> Path | None:
    if given.cache == "off":
        return None
    return Path(given.cache).expanduser().absolute() if given.cache else default_folder()


@contextlib.contextmanager
def _asking(opened: Opened, given: argparse.Namespace) -> Iterator[Asking]:
    """The model and the judge with the store of answers, which a run after it takes them from."""
    folder, store = _cache(given), None
    if folder is not None and opened.engine.lasting:
        with contextlib.suppress(StoreError):  # it goes on without
            store = Store(folder)
    asking = Asking(opened.engine, opened.approach, opened.judge, opened.policy, store=store, reveal=given.reveal)
    try:
        yield asking
    finally:
        asking.close()
        if store is not None:
            with contextlib.suppress(StoreError):  # what it kept is kept
                store.close()


# --- what is told ---


def _settings(opened: Opened) -> Mapping[str, str]:
    """How the model was asked, for the account: no path and no text."""
    return {"judge": opened.judge.name, "policy": opened.policy.name, "max_new_tokens": str(opened.tokens)}


def _beginning(search: Search, suite: Suite) -> list[str]:
    asked = len(search.seeds) + search.wrong + search.unclear
    side = SIDE[search.goal]
    return [
        f"{search.goal}: {len(search.seeds)} of {asked} {side} cases of {suite.name} to start from; as they are the "
        f"model is wrong about {search.wrong} and says nothing clear to {search.unclear}",
    ]


def _found(account: Told) -> list[str]:
    """The causes, for a terminal."""
    lines = [
        f"{count(len(account.causes), 'cause')} in {count(account.questions, 'question')}, {account.seconds:.0f} s, "
        f"{account.share:.0%} of them inside the model; ended: {account.ended}",
        "",
    ]
    rows = []
    for one in account.causes:
        weakest = ", ".join(f"{value:g}" for value in one.strengths) or "-"
        rows.append(
            (one.cause, f"{one.flipped} of {one.tried}", weakest, "" if one.smallest else "not shrunk to the end")
        )
    return [*lines, *table(("cause", "flips", "strength", ""), rows, (1,)), ""]


def _revealed(search: Search) -> list[str]:
    """The words of what was found."""
    lines = []
    for find in search.finds[:MOST_REVEALED]:
        prompt = remade(find.case, find.recipe, search.key(find.case)).case.prompt
        lines += [f"{find.case.id} {spelled(find.recipe)}", f"    {harmless(' '.join(prompt.splitlines()))}"]
    return lines


def _pytest(opened: Opened, given: argparse.Namespace) -> Sequence[str]:
    """The command that asks the finds again in the same way."""
    settings = opened.settings
    said = {
        "--vlm-max-new-tokens": opened.tokens if opened.tokens != TOKENS else None,
        "--vlm-system": given.system,
        "--vlm-adapter": settings.adapter,
        "--vlm-revision": settings.revision,
        "--vlm-device": None if settings.device == "auto" else settings.device,
        "--vlm-dtype": None if settings.dtype == "auto" else settings.dtype,
        "--vlm-batch-size": settings.batch_size,
        "--vlm-api-key": settings.key,
        "--vsc-judge": None if given.judge == "builtin" else masked(given.judge),
        "--vsc-policy": given.policy,
        "--vsc-cache": given.cache,
    }
    words = ["pytest", "--vlm", masked(given.vlm), "--vsc-suite", str(given.out)]
    words += [word for option, value in said.items() if value is not None for word in (option, str(value))]
    return words + (["--vlm-trust-remote-code"] if settings.trust_remote_code else [])


def _above_0(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"'{one_line(text)}' is no number above 0")
    return number
