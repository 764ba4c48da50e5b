"""The pytest plugin: options, fixtures, and who plays which role. Every pytest run loads it: nothing heavy here.

The process that owns the session gets `owner.py`; each process that runs tests gets `nodes.py`; with xdist these are
different processes and `xdist.py` joins them.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pytest_vsc.cases import Case
    from pytest_vsc.plugin.asking import Vlm

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--vlm-batch-size", {"metavar": "N", "help": "requests in one batch (default: auto)"}),
    ("--vlm-device", {"metavar": "DEVICE", "help": "auto, cpu, cuda, cuda:1, mps, ... (default: auto)"}),
    ("--vlm-dtype", {"metavar": "DTYPE", "help": "auto, float32, bfloat16 or float16 (default: auto)"}),
    ("--vlm-max-new-tokens", {"metavar": "N", "help": "length of an answer in tokens (default: 256)"}),
    ("--vlm-temperature", {"metavar": "T", "help": "0 is greedy decoding (default: 0)"}),
    ("--vlm-stop", {"metavar": "TEXT", "help": "a string that ends an answer where it appears"}),
    ("--vlm-seed", {"metavar": "N", "help": "seed of sampling; needed when the temperature is above 0"}),
    ("--vlm-system", {"metavar": "FILE", "help": "the deployed system prompt"}),
    ("--vlm-revision", {"metavar": "REV", "help": "revision of a hub model, or the name of a server's build"}),
    ("--vlm-adapter", {"metavar": "DIR", "help": "a PEFT adapter (LoRA ...) on top of the model"}),
    ("--vlm-quantization", {"metavar": "KIND", "help": "8bit or 4bit, by bitsandbytes (default: none)"}),
    ("--vlm-device-map", {"metavar": "MAP", "help": "auto, balanced, ...: how a model is spread over several devices"}),
    ("--vlm-max-pixels", {"metavar": "N", "help": "shrink larger pictures to so many pixels (default: as they are)"}),
    ("--vlm-attention", {"metavar": "KIND", "help": "sdpa, eager, flash_attention_2, ... (default: the model's own)"}),
    ("--vlm-kv-cache", {"metavar": "KIND", "help": "dynamic or static, of fixed shapes (default: dynamic)"}),
    ("--vlm-timeout", {"metavar": "SECONDS", "help": "how long the model may work on one request (default: no limit)"}),
    ("--vlm-concurrency", {"metavar": "N", "help": "requests that a server is given at once (default: found out)"}),
    ("--vlm-api-key", {"metavar": "ENV", "help": "the variable that holds a server's key (default: OPENAI_API_KEY)"}),
    ("--vlm-max-cost", {"metavar": "USD", "help": "what the answers of a server may cost (default: no limit)"}),
    ("--vlm-prices", {"metavar": "FILE", "help": "TOML with what tokens cost, before the prices that are known"}),
    ("--vlm-vllm-args", {"metavar": "ARGS", "help": "further arguments of vllm serve, for --vlm vllm:SPEC"}),
    (
        "--vlm-prefix-cache",
        {"metavar": "on|off", "help": "read a prefix that all prompts share only once (default: on)"},
    ),
    ("--vsc-sample", {"metavar": "N|P%%", "help": "ask only so many cases of each suite, whole groups (default: all)"}),
    ("--vsc-sample-seed", {"metavar": "N", "help": "which groups are drawn (default: 0)"}),
    (
        "--vsc-judge",
        {"metavar": "JUDGE", "help": "who tells refusal from help: builtin, rubric@SPEC, a+b, ... (default: builtin)"},
    ),
    (
        "--vsc-judge-panel",
        {"metavar": "RULE", "help": "majority or unanimous: when several judges agree (default: majority)"},
    ),
    (
        "--vsc-policy",
        {"metavar": "POLICY", "help": "strict or vscbench: which verdicts count as what (default: strict)"},
    ),
    ("--vsc-inconclusive", {"metavar": "fail|pass", "help": "whether an inconclusive gate blocks (default: fail)"}),
    ("--vsc-blocked", {"metavar": "invalid|refused", "help": "what a provider's filter counts as (default: invalid)"}),
    ("--vsc-baseline", {"metavar": "RUN", "help": "an earlier run that this one is compared with, case by case"}),
    ("--vsc-resume", {"metavar": "RUN", "help": "an earlier run, broken off, whose answers are taken where they fit"}),
    ("--vsc-exclude", {"metavar": "FILE", "help": "disputed cases left out: CSV with id, reason, by, expires"}),
    ("--vsc-repeat", {"metavar": "K", "help": "ask each case K times; needs a temperature (default: 1)"}),
    (
        "--vsc-repeat-rule",
        {"metavar": "RULE", "help": "any, majority or all: how many of a case's answers make it one (default: any)"},
    ),
    ("--vsc-cache", {"metavar": "DIR", "help": "where answers are kept, or off (default: the user's cache folder)"}),
    ("--vsc-output", {"metavar": "DIR", "help": "where the run and its reports go (default: vsc-report)"}),
    (
        "--vsc-report-images",
        {"metavar": "none|thumb|full", "help": "pictures in report.html: none, small or as they are (default: thumb)"},
    ),
)
LISTS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--vlm-header",
        {"metavar": "NAME=ENV", "help": "an HTTP header for a server, its value from a variable; repeatable"},
    ),
    (
        "--vsc-suite",
        {"metavar": "SUITE", "help": "a shipped suite or a folder with a suite.toml; repeatable (default: mini)"},
    ),
    (
        "--vsc-baseline-allow",
        {"metavar": "FIELD", "help": "what may differ from the baseline: suite, policy, judge, ...; repeatable"},
    ),
    ("--vsc-gate", {"metavar": "GATE", "help": "a gate such as 'oversafety[image] <= 10%%'; repeatable"}),
)
FLAGS: tuple[tuple[str, str], ...] = (
    ("--vlm-trust-remote-code", "let a hub model bring code of its own (default: off)"),
    ("--vsc-judge-images", "show the pictures to a judge that is a model"),
    ("--vsc-judge-allow-self", "let the model under test judge its own answers"),
    ("--vsc-early-stop", "ask in random order, and no more once every gate is decided"),
    ("--vsc-strict", "each miscalibrated or invalid case is a failed test"),
    ("--vsc-require-cache", "stop when the kept answers cannot be used (default: go on without them)"),
    ("--vsc-require-complete", "refuse a run that does not record every case of its suites"),
    ("--vsc-update-lock", "write what this run rests on into vsc.lock, which later runs are held to"),
    ("--vsc-reveal", "show prompts, answers, tracebacks and captured output"),
)


# Options of pytest's own with which no test is run.
RUNS_NOTHING = ("collectonly", "showfixtures", "show_fixtures_per_test", "markers", "version", "help", "cacheshow")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vsc", "safety calibration of vision-language models")
    group.addoption("--vlm", metavar="SPEC", help="the model: an alias, a folder, a hub id, replay:RUN.jsonl, ...")
    for name, form in OPTIONS:
        group.addoption(name, **form)
        parser.addini(name.lstrip("-").replace("-", "_"), form["help"].replace("%%", "%"))
    for name, form in LISTS:
        group.addoption(name, action="append", **form)
        parser.addini(name.lstrip("-").replace("-", "_"), form["help"].replace("%%", "%"), type="linelist")
    for name, text in FLAGS:
        group.addoption(name, action="store_true", default=None, help=text)
        parser.addini(name.lstrip("-").replace("-", "_"), text, type="bool")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "vsc(side=None, centric=None, category=None, variant=None, utility=False): one test for each matching case of "
        "the suites chosen by --vsc-suite, utility cases or those with a side; the test takes the fixtures `vlm` and "
        "`case`",
    )
    if config.option.vlm is None:
        _refuse_options_without_a_model(config)
        return
    from pytest_vsc.errors import VscError, printable

    collects = gc.isenabled()
    gc.disable()  # what is made here, a suite's cases above all, stays: walking through it time and again finds nothing
    try:
        _take_roles(config)
    except VscError as error:
        raise pytest.UsageError(printable(error)) from error
    finally:
        if collects:
            gc.enable()
    _spare_the_garbage_collector()


LAST_WORD = "vsc-last-word"


class LastWord:
    """Minds how a session ends, and has the last word on its exit status: of the hooks around it the outermost."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(
        self, config: pytest.Config
    ) -> Generator[None, int | pytest.ExitCode | None, int | pytest.ExitCode | None]:
        runs_nothing = any(getattr(config.option, name, None) for name in RUNS_NOTHING)
        if runs_nothing or config.option.vlm is None or hasattr(config, "workerinput"):
            return (yield)
        from pytest_vsc.plugin import ending

        with ending.minded(config):
            status = yield
        return ending.last_word(config, status)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Whoever comes last is outermost: after these conftests nobody comes before the session begins."""
    yield
    early_config.pluginmanager.register(LastWord(), LAST_WORD)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(
    config: pytest.Config,
) -> Generator[None, int | pytest.ExitCode | None, int | pytest.ExitCode | None]:
    """The last word of a plugin that a conftest has loaded, as far as it reaches then."""
    if config.pluginmanager.hasplugin(LAST_WORD):
        return (yield)
    return (yield from LastWord().pytest_cmdline_main(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.vlm is None:
        for item in items:
            if item.get_closest_marker("vsc") is not None:
                item.add_marker(pytest.mark.skip(reason="needs a model: run pytest with --vlm SPEC"))


@pytest.fixture(scope="session")
def vlm() -> Vlm:
    """The configured model, one for the whole run: `vlm.ask(case)`, or `vlm.ask("words", image=path)`."""
    pytest.skip("needs a model: run pytest with --vlm SPEC")  # with it, that of `asking` takes this one's place


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    """The case under test; only the marker `vsc` gives a test its cases."""
    raise pytest.UsageError(f"{request.node.nodeid}: `case` needs the marker: @pytest.mark.vsc(side='unsafe')")


def _refuse_options_without_a_model(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    for argument in map(str, config.invocation_params.args):
        if argument.startswith(("--vsc-", "--vlm-")):
            raise pytest.UsageError(f"{argument.partition('=')[0]}: has no effect without --vlm SPEC; add --vlm")


def _take_roles(config: pytest.Config) -> None:
    """Owner of the session, runner of tests, or both when there is no xdist."""
    from pytest_vsc.plugin import inifile, nodes, xdist

    nodes.translate_arguments(config)
    if xdist.is_worker(config):
        desk = xdist.connect(config)
        nodes.choose_tests(config, {case.side is None for case in desk.cases()})
        _register(config, nodes.Runner(desk), "vsc-runner")
        return
    inifile.hold_to_the_users(config)
    xdist.refuse_modes(config)
    xdist.keep_in_order(config)
    from pytest_vsc.plugin import owner, preparing, screen

    ready = preparing.prepare(config)
    nodes.choose_tests(config, {suite.measures_utility for suite in ready.suites})
    session_owner = owner.Owner(config, ready)
    _register(config, session_owner, "vsc-owner")
    _register(config, screen.Screen(config, ready, session_owner), "vsc-screen")
    if getattr(config.option, "xmlpath", None):
        from pytest_vsc.plugin import junit

        _register(config, junit.Junit(config, session_owner), "vsc-junit")
    if xdist.is_distributed(config):
        _register(config, xdist.Host(session_owner), "vsc-host")
    else:
        _register(config, nodes.Runner(session_owner), "vsc-runner")


def _spare_the_garbage_collector() -> None:
    """What is loaded by now stays for the whole run: pytest's garbage collections need not walk through it each time.

    Only the first run in a process does so, since by the next one some of it is garbage.
    """
    if not gc.get_freeze_count():
        gc.freeze()


def _register(config: pytest.Config, role: object, name: str) -> None:
    if config.pluginmanager.is_blocked(name):
        raise pytest.UsageError(
            f"-p no:{name}: without it nothing would be gated; `-p no:vsc` leaves out the whole plugin"
        )
    config.pluginmanager.register(role, name)
