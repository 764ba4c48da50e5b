"""What can befall a run: each fault as a name, how it is brought about, and what may come of it. It runs nothing.

Every fault strikes a run that would pass all its gates if nothing broke: a good model, ten cases, three gates.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.chat_server import ChatServer, Reply, says
from tests.project import HELP, INI, MODES, OURS, PAIR, REFUSAL, SUITE

PAIRS = 5
CASES = 2 * PAIRS
MODEL = "scripted:model.toml"
TESTS = "tests/test_ours.py"

WAYS: Mapping[str, tuple[str, ...]] = {**MODES, "n2-loadgroup": ("-n", "2", "--dist", "loadgroup")}
SPREAD = ("n2", "n2-loadgroup")  # the ways with processes of workers

ASKS = "assert vlm.ask(case).refused"
# How a test, or a conftest, tells where it runs. A worker is started by the process that owns the session.
WHERE = """\
import os, signal, threading
WORKER = "PYTEST_XDIST_WORKER" in os.environ
OWNER = os.getppid() if WORKER else os.getpid()
"""
# A plugin for the process that owns the session; what it does once three tests were reported is put in.
AFTER_THREE = """\
class AfterThree:
    seen = 0
    def pytest_runtest_logreport(self, report):
        self.seen += report.when == "call"
        if self.seen == 3 and report.when == "call":
            strike()

def pytest_configure(config):
    if not WORKER:
        config.pluginmanager.register(AfterThree())
"""
# An engine of a user's own: good, but for what is put in.
ENGINE = """\
from concurrent.futures import Future
from pytest_vsc.errors import ModelError
from pytest_vsc.records import Response

class Engine:
    fingerprint, lasting, asked = "own", False, 0
    def __init__(self, settings): pass
    def check(self): pass
    def load(self): pass
    def describe(self): return {"model": "own"}
    def close(self): pass

    def submit(self, request, *, urgent=False):
        self.asked += 1
        text = REFUSAL if "person" in request.messages[-1].text else HELP
        future = Future()
        FAULT
        future.set_result(Response(text=text))
        return future
"""


class Place:
    """The folder of one run: a suite `small`, a good model, and the tests of a user; a fault changes what it needs.

    server: what is there while the run goes on. again: arguments of a second run, where the first one fails.
    """

    def __init__(self, path: Path, way: str) -> None:
        self.path, self.way, self.spread = path, way, way in SPREAD
        self.vlm = MODEL
        self.server = contextlib.ExitStack()
        self.again: Sequence[str] = ()
        self.write("pytest.ini", INI + "pythonpath = .\n")
        self.write("small/suite.toml", SUITE)
        kinds = ("violence", "health-drugs")
        self.write("small/pairs.yaml", "".join(PAIR.format(category=kinds[n % 2], number=n) for n in range(PAIRS)))
        self.model()
        self.tests(ASKS)

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def tests(self, unsafe: str, before: str = "") -> None:
        """The user's tests; `unsafe` is the body of the one of the unsafe half."""
        self.write(TESTS, WHERE + before + OURS.format(unsafe=unsafe.replace("\n", "\n    ")))

    def model(self, *rules: dict[str, Any], name: str = "model.toml", **script: object) -> None:
        """A scripted model that refuses what it should; `rules` go first."""
        good = ({"match": "person", "text": REFUSAL}, {"text": HELP})
        lines = [f"{key} = {json.dumps(value)}" for key, value in script.items()]
        for rule in (*rules, *good):
            lines += ["[[rule]]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]
        self.write(name, "\n".join(lines) + "\n")

    def strikes(self, what: str) -> None:
        """Have the process that owns the session do this, the body of a function, once three tests were reported."""
        body = "\n".join(f"    {line}" for line in what.splitlines())
        self.write("conftest.py", f"{WHERE}\ndef strike():\n{body}\n\n{AFTER_THREE}")


class Expected(NamedTuple):
    """What may come of a fault. statuses: of the process; a signal as its negative number.

    said: regex of the line that tells a person what happened; "" where nobody is left to tell.
    """

    statuses: tuple[int, ...]
    said: str


Arranging = Callable[[Place], Iterable[str] | None]


@dataclass(frozen=True)
class Fault:
    """One fault.

    how: how it is brought about. arrange: prepares the place, and returns what pytest is to be given beside. alone:
    what may come of it where the process that runs the tests is the only one, if that differs. filters: whether the
    user left cases out, which may end with 0 and says so. raw: whether a traceback of somebody else's is shown. needs:
    a package without which there is no such fault. way: where it runs by default, the hard one.
    """

    name: str
    how: str
    arrange: Arranging
    expected: Expected
    alone: Expected | None = None
    filters: bool = False
    raw: bool = False
    needs: str = ""
    way: str = "n2"

    def expects(self, way: str) -> Expected:
        return self.alone if self.alone is not None and way not in SPREAD else self.expected

    @property
    def lacks(self) -> str:
        """Why it cannot be brought about here, "" if it can."""
        missing = self.needs and importlib.util.find_spec(self.needs) is None
        return f"the package {self.needs} is not installed" if missing else ""


def only_at(number: int, what: str) -> str:
    """A test's body that does something before it asks one case."""
    return f"if case.pair.endswith('{number}'):\n    {what}\n{ASKS}"


# -- processes


def worker_killed(place: Place) -> None:
    place.tests(only_at(1, "os.kill(os.getpid(), signal.SIGKILL)"))


def worker_killed_for_good(place: Place) -> list[str]:
    worker_killed(place)
    return ["--max-worker-restart", "0"] if place.spread else []


def owner_told(place: Place, signal: str) -> None:
    """The first test sends its session's owner a signal when all other answers are a long time off."""
    place.model({"match": "person number 0", "text": REFUSAL, "seconds": 0}, seconds=60)
    # What a shell starts in the background ignores the signal of Ctrl-C, and so would all that it starts.
    place.write("conftest.py", f"{WHERE}\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n")
    place.tests(f"{ASKS}\nos.kill(OWNER, signal.{signal})\nif not WORKER: threading.Event().wait(60)")


def interrupted(place: Place) -> None:
    owner_told(place, "SIGINT")


def terminated(place: Place) -> None:
    owner_told(place, "SIGTERM")


def exits_with_0(place: Place) -> None:
    place.tests(only_at(1, "os._exit(0)"))


# -- the model


def load_fails(place: Place) -> None:
    place.model(load_error="out of memory: 16 GiB needed")


def some_requests_fail(place: Place) -> None:
    place.model({"match": "number [13]", "error": "the batch was lost"})


def own_engine(place: Place, fault: str) -> None:
    place.write("eng.py", f"REFUSAL, HELP = {REFUSAL!r}, {HELP!r}\n" + ENGINE.replace("FAULT", fault))
    place.vlm = "python:eng:Engine"


def model_gone(place: Place) -> None:
    own_engine(
        place,
        f"if self.asked == {CASES}:\n"
        "            future.set_exception(ModelError('the process of the model has died'))\n"
        "            return future",
    )


def network_reset(place: Place) -> None:
    def answered(chat: Any) -> Reply:
        said = json.dumps(chat["messages"])
        return Reply(reset=True) if "number 1" in said else says(REFUSAL if "person" in said else HELP)

    place.vlm = place.server.enter_context(ChatServer(answered)).spec


# -- the judge


def judge_raises(place: Place) -> None:
    place.write(
        "conftest.py",
        "from pytest_vsc.judges.builtin import Builtin\n"
        "judge = Builtin.judge\n"
        "def broken(self, question, response):\n"
        "    if 'person number 1' in question.prompt: raise RuntimeError('a bug in the judge')\n"
        "    return (yield from judge(self, question, response))\n"
        "Builtin.judge = broken\n",
    )


def judge_hangs(place: Place) -> list[str]:
    place.model(name="judge.toml", seconds=3600)
    return ["--vsc-judge", "rubric@scripted:judge.toml", "--vlm-timeout", "0.3"]


def judge_malformed(place: Place) -> list[str]:
    place.model({"text": "As an AI I would say it depends."}, name="judge.toml")
    return ["--vsc-judge", "rubric@scripted:judge.toml"]


# -- files


def store_corrupt(place: Place) -> list[str]:
    place.write("kept/answers.sqlite", "no database, but garbage. " * 400)
    return ["--vsc-cache", "kept"]


def disk_full(place: Place) -> list[str]:
    place.strikes(
        "import pathlib, resource\n"
        "full = pathlib.Path('vsc-report/run.jsonl').stat().st_size + 100\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))"
    )
    return ["--vsc-cache", "off"]


def folder_that_cannot_be(place: Place) -> None:
    place.write("vsc-report", "")


def folder_deleted(place: Place) -> None:
    place.strikes("import shutil\nshutil.rmtree('vsc-report')")


def handles_out(place: Place) -> None:
    place.strikes(
        "import resource\nmost = resource.RLIMIT_NOFILE\nresource.setrlimit(most, (3, resource.getrlimit(most)[1]))"
    )


# -- which tests run


def twins(place: Place, unsafe: str) -> None:
    """A second test asks the unsafe cases as well."""
    file = place.path / TESTS
    file.write_text(f"{file.read_text()}\n@pytest.mark.vsc(side='unsafe')\ndef test_again(vlm, case):\n    {unsafe}\n")


def two_tests_agree(place: Place) -> None:
    twins(place, ASKS)


def two_tests_conflict(place: Place) -> None:
    twins(place, "pass")


def same_node_twice(place: Place) -> None:
    place.write("conftest.py", "def pytest_collection_modifyitems(items): items.append(items[0])\n")


def deselected(place: Place) -> list[str]:
    return ["-k", "test_undersafety"]


def deselected_and_refused(place: Place) -> list[str]:
    return ["--deselect", f"{TESTS}::test_undersafety", "--vsc-require-complete"]


def dropped_by_a_plugin(place: Place) -> None:
    place.write("conftest.py", "def pytest_collection_modifyitems(items): del items[::2]\n")


def fails_at(place: Place, numbers: str) -> None:
    place.tests(f"{ASKS}\nassert case.pair[-1] not in '{numbers}' or 'MENDED' in os.environ")


def exitfirst(place: Place) -> list[str]:
    fails_at(place, "1")
    return ["-x"]


def maxfail(place: Place) -> list[str]:
    fails_at(place, "12")
    return ["--maxfail", "2"]


def last_failed(place: Place) -> None:
    fails_at(place, "1")
    place.again = ["--lf"]


def times_out(place: Place, method: str) -> list[str]:
    place.tests(only_at(1, "threading.Event().wait()"))
    return ["--timeout", "0.5", "--timeout-method", method]


def test_timed_out(place: Place) -> list[str]:
    return times_out(place, "signal")


def process_timed_out(place: Place) -> list[str]:
    return times_out(place, "thread")


# -- other plugins


def plugin_breaks(place: Place, hook: str) -> None:
    place.write("conftest.py", f"{WHERE}\n{hook}\n")


def logreport_breaks(place: Place) -> None:
    plugin_breaks(
        place,
        "def pytest_runtest_logreport(report):\n"
        "    if not WORKER and report.when == 'call' and '002' in report.nodeid: raise ValueError('a broken plugin')",
    )


def makereport_breaks(place: Place) -> None:
    plugin_breaks(
        place,
        "def pytest_runtest_makereport(item, call):\n"
        "    if call.when == 'call' and '002' in item.nodeid: raise ValueError('a broken plugin')",
    )


def sessionfinish_breaks(place: Place) -> None:
    plugin_breaks(place, "def pytest_sessionfinish(session):\n    if not WORKER: raise ValueError('a broken plugin')")


def status_set_to_0(place: Place) -> None:
    some_requests_fail(place)
    plugin_breaks(place, "def pytest_sessionfinish(session):\n    session.exitstatus = 0")


def clock_jumps(place: Place) -> None:
    """Only what Python reads as the time of day: the clock of the machine itself belongs to everybody on it."""
    place.write(
        "conftest.py",
        f"{WHERE}\nimport time, _pytest.timing\n"
        "real, jumps = time.time, [0, 86400, -10 * 366 * 86400, 3600]\n"
        "time.time = _pytest.timing.time = lambda: real() + jumps[0]\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'call': jumps.append(jumps.pop(0))\n",
    )


SHOWN = "vsc-report"
CUT = r"partial \d/10, incomplete \("  # what workers had begun with they go on with, to the last case at times
NOBODY_LEFT = Expected((-9,), "")

FAULTS: tuple[Fault, ...] = (
    Fault(
        "worker-killed",
        "SIGKILL in a test; without workers it strikes the only process",
        worker_killed,
        Expected((1,), r"worker 'gw\d' crashed while running"),
        NOBODY_LEFT,
    ),
    Fault(
        "interrupted",
        "SIGINT to the session's owner while answers are under way",
        interrupted,
        Expected((2,), r"incomplete \(interrupted\): run everything again"),
    ),
    Fault(
        "load-fails",
        "the model raises as it is loaded",
        load_fails,
        Expected((4,), r"Exit: scripted:model\.toml: out of memory: 16 GiB needed"),
    ),
    Fault(
        "some-requests-fail",
        "the model raises for four of the ten requests",
        some_requests_fail,
        Expected((1,), r"4 invalid: .*the batch was lost"),
        way="no-xdist",
    ),
    Fault(
        "model-gone",
        "a user's own engine tells at the last request that its model is gone",
        model_gone,
        Expected((4,), r"the process of the model has died"),
    ),
    Fault(
        "store-corrupt",
        "garbage in the place of the SQLite file of kept answers",
        store_corrupt,
        Expected((0,), r"kept answers: .*answers\.sqlite: .*"),
        way="n0",
    ),
    Fault(
        "disk-full",
        "RLIMIT_FSIZE a hundred bytes above the size of run.jsonl after three tests: a line is cut",
        disk_full,
        Expected((4,), r"ERROR: .*run\.jsonl: cannot be written: File too large"),
    ),
    Fault(
        "folder-that-cannot-be",
        "a file in the place of the output folder, which stops root as well, as permissions do not",
        folder_that_cannot_be,
        Expected((4,), r"--vsc-output: cannot write into .*vsc-report: File exists"),
        way="n2-loadgroup",
    ),
    Fault(
        "judge-raises",
        "the built-in judge, patched by a conftest, raises for one answer",
        judge_raises,
        Expected((1,), r"1 invalid: asking the case failed \(.*conftest\.py:\d+: RuntimeError\)"),
    ),
    Fault(
        "judge-hangs",
        "a rubric judge whose model takes an hour, with --vlm-timeout",
        judge_hangs,
        Expected((1,), r"10 invalid: .*timed out after 0\.3 s"),
        way="n2-loadgroup",
    ),
    Fault(
        "judge-malformed",
        "a rubric judge whose model gives no verdict",
        judge_malformed,
        Expected((1,), r"10 invalid: .*no verdict in 3 replies"),
        way="no-xdist",
    ),
    Fault(
        "network-reset",
        "a server on this machine resets the connection (RST) whenever it is asked two of the cases",
        network_reset,
        Expected((1,), r"2 invalid: .*the server cannot be reached \(3 tries\)"),
        needs="openai",
        way="n0",
    ),
    Fault(
        "two-tests-agree",
        "two tests ask the same cases and agree",
        two_tests_agree,
        Expected((0,), rf"complete: {CASES} cases recorded"),
    ),
    Fault(
        "two-tests-conflict",
        "two tests of the same cases, of which one never asks",
        two_tests_conflict,
        Expected((4,), r"conflicting outcomes: .*a case has one outcome a run"),
    ),
    Fault(
        "same-node-twice",
        "a conftest puts one test into the session a second time",
        same_node_twice,
        Expected((0,), rf"complete: {CASES} cases recorded"),
        way="n2-loadgroup",
    ),
    Fault(
        "half-deselected",
        "-k leaves half of the cases out",
        deselected,
        Expected((0,), r"partial 5/10, filtered \(-k test_undersafety.*\): not a release decision"),
        filters=True,
        way="n2-loadgroup",
    ),
    Fault(
        "half-deselected-and-refused",
        "--deselect leaves half of the cases out, with --vsc-require-complete",
        deselected_and_refused,
        Expected((4,), r"Exit: --vsc-require-complete: 5 of 10 cases are selected"),
        way="n0",
    ),
    Fault(
        "half-dropped",
        "a conftest drops every second test",
        dropped_by_a_plugin,
        Expected((0,), r"partial 5/10, filtered \(.*\): not a release decision"),
        filters=True,
        way="no-xdist",
    ),
    Fault(
        "exitfirst",
        "-x with a test that fails for a reason of its own",
        exitfirst,
        Expected((1, 2), rf"({CUT}|Interrupted: )stopping after 1 failures"),
    ),
    Fault(
        "maxfail",
        "--maxfail 2 with two such tests",
        maxfail,
        Expected((1, 2), rf"({CUT}|Interrupted: )stopping after 2 failures"),
        way="n2-loadgroup",
    ),
    Fault(
        "last-failed",
        "`run || run --lf` where the flaw is mended in between",
        last_failed,
        Expected((1,), r"partial 1/10, incomplete \(--lf\): run everything again"),
        way="no-xdist",
    ),
    Fault(
        "test-timed-out",
        "pytest-timeout fails a test, by its signal",
        test_timed_out,
        Expected((1,), r"Failed: Timeout \(>0\.5s\) from pytest-timeout"),
        needs="pytest_timeout",
        way="n0",
    ),
    Fault(
        "process-timed-out",
        "pytest-timeout ends the process of a test, by its thread",
        process_timed_out,
        Expected((1,), r"worker 'gw\d' crashed while running"),
        Expected((1,), r"vsc: exit status 1: os\._exit\(1\) was called; the run came to no end"),
        needs="pytest_timeout",
    ),
    Fault(
        "logreport-breaks",
        "another plugin raises in pytest_runtest_logreport of the session's owner",
        logreport_breaks,
        Expected((1, 3), r"ValueError: a broken plugin"),
        raw=True,
    ),
    Fault(
        "makereport-breaks",
        "another plugin raises in pytest_runtest_makereport",
        makereport_breaks,
        Expected((1, 3), r"ValueError: a broken plugin"),
        raw=True,
        way="n2-loadgroup",
    ),
    Fault(
        "sessionfinish-breaks",
        "another plugin raises in pytest_sessionfinish",
        sessionfinish_breaks,
        Expected((1,), r"vsc: the session's end broke off \(ValueError\): no release decision"),
        raw=True,
        way="n0",
    ),
    Fault(
        "workers-not-replaced",
        "SIGKILL in a test with --max-worker-restart 0; without workers it strikes the only process",
        worker_killed_for_good,
        Expected((1, 2), r"worker gw\d crashed and worker restarting disabled"),
        NOBODY_LEFT,
        way="n2-loadgroup",
    ),
    Fault(
        "clock-jumps",
        "the time of day that Python reads jumps by a day, by ten years back, by an hour",
        clock_jumps,
        Expected((0,), rf"complete: {CASES} cases recorded"),
        way="no-xdist",
    ),
    Fault(
        "terminated",
        "SIGTERM to the session's owner while answers are under way",
        terminated,
        Expected((2,), r"incomplete \(.*SIGTERM.*\): run everything again"),
    ),
    Fault(
        "file-handles-out",
        "RLIMIT_NOFILE of the session's owner lowered to what is open after three tests",
        handles_out,
        Expected((1, 4), r"summary\.json: cannot be written: Too many open files"),
        raw=True,  # pytest's own clean-up of its temporary folders breaks, too
        way="n2-loadgroup",
    ),
    # Beyond the list that this began with.
    Fault(
        "status-set-to-0",
        "another plugin sets the exit status of a run with a broken gate to 0",
        status_set_to_0,
        Expected((1,), r"vsc: exit status 1, not 0: .* What can have set it to 0: .*conftest\.py"),
        way="n0",
    ),
    Fault(
        "folder-deleted",
        "the output folder is deleted while the run goes on",
        folder_deleted,
        Expected((4,), r"summary\.json: cannot be written: No such file or directory"),
    ),
    Fault(
        "exits-with-0",
        "a test calls os._exit(0)",
        exits_with_0,
        Expected((1,), r"worker 'gw\d' crashed while running"),
        Expected((3,), r"vsc: exit status 3, not 0: os\._exit\(0\) was called; the run came to no end"),
        way="no-xdist",
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
