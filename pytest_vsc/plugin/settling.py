"""Reports of tests that asked: they say what the record says, whatever the test made of it, and keep texts back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from pytest_vsc.errors import InvalidReply, inert, one_line
from pytest_vsc.plugin.asking import Asked
from pytest_vsc.plugin.ending import Terminated

# What pytest-timeout says, which holds nothing of the test's.
TIMED_OUT = re.compile(r"Timeout \(?>[0-9.]+s\)?( from pytest-timeout)?\.?")
MOST_REVEALED = 4000  # characters of one text
PROMPT, ANSWER = "vsc prompt", "vsc answer"  # headings of what --vsc-reveal shows of a case that is not correct
WITHHELD = "details withheld, they may hold harmful text; --vsc-reveal shows them"


def property_name(heading: str) -> str:
    """What a text is called among the properties of a test."""
    return heading.replace(" ", "_")


def withhold(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Take all out of a report that may hold a prompt or an answer: traceback, message, captured output, properties."""
    if report.sections:
        report.sections = []
    if report.user_properties:
        report.user_properties = [(name, "withheld") for name, _ in report.user_properties]
    if call.excinfo is None:
        if hasattr(report, "wasxfail"):  # passed where it was to fail, for a reason that a test may have made up
            report.wasxfail = WITHHELD
        if report.failed:
            report.longrepr = f"[XPASS(strict)] {WITHHELD}"
        return
    shown = call.excinfo.traceback.filter(call.excinfo) or call.excinfo.traceback  # as pytest leaves out what it hides
    place = shown[-1] if shown else None
    where = f"{place.path}:{place.lineno + 1}: " if place else ""
    said = str(call.excinfo.value)
    what = f": {said}" if TIMED_OUT.fullmatch(said) else f" ({WITHHELD})"
    text = f"{where}{call.excinfo.typename}{what}"
    if hasattr(report, "wasxfail"):
        report.wasxfail = text
    if isinstance(report.longrepr, tuple):  # a skip: path, line, reason
        report.longrepr = (*report.longrepr[:2], f"Skipped: {WITHHELD}")
    else:
        report.longrepr = text


def make_inert(report: pytest.TestReport) -> None:
    """Have a report that shows what was asked and answered steer neither a terminal nor a pipeline."""
    report.sections = [(name, inert(text)) for name, text in report.sections]
    report.user_properties = [(inert(name), shown_value(value)) for name, value in report.user_properties]
    if hasattr(report, "wasxfail"):
        report.wasxfail = inert(report.wasxfail)
    if isinstance(report.longrepr, tuple):
        *place, reason = report.longrepr
        report.longrepr = (*place, inert(reason))  # type: ignore[assignment]
    elif report.longrepr is not None:
        said, brief = str(report.longrepr), getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
        if inert(said) != said or inert(brief) != brief:
            report.longrepr = inert(said)  # only then: pytest's own has colours


def shown_value(value: object) -> object:
    return inert(value) if isinstance(value, str) else value


def without_words(report: pytest.TestReport, *, reveal: bool) -> None:
    """What is put on a report only after it was made: what a subtest is called, and what it captured."""
    if reveal:
        make_inert(report)
    elif report.sections:
        report.sections = []
    context: Any = getattr(report, "context", None)  # of a subtest: what it is called, and with what values
    if context is not None:
        values = {name: inert(str(value)) for name, value in context.kwargs.items()} if reveal else {}
        name = context.msg and (inert(context.msg) if reveal else "name withheld")
        report.context = replace(context, msg=name, kwargs=values)  # type: ignore[attr-defined]


def stopped_by(stop: BaseException) -> BaseException:
    """What ends the session within a test that asked, without its message and its frames, which pytest would show."""
    if isinstance(stop, pytest.exit.Exception):
        return pytest.exit.Exception(WITHHELD, stop.returncode)
    return Terminated(*stop.args) if isinstance(stop, Terminated) else KeyboardInterrupt()


def settle(report: pytest.TestReport, call: pytest.CallInfo[None], asked: Asked) -> None:
    """Let the record decide how the test is reported, whatever the test did with its assertion."""
    case, record = asked.case, asked.record
    assert case is not None
    # Of a case that was asked in a fixture which then skips or fails, that report tells.
    if report.when != "call" and (record is None or report.when != "setup" or report.passed):
        return
    outcome = record.outcome if record else "INVALID"
    # One piece of text, since each report is kept to the end of the session, and sent by a worker piece by piece.
    told = f"{case.suite} {case.id} {case.key.repeat} {outcome}"
    report.vsc = told if record else f"{told} {_why(asked)}"  # type: ignore[attr-defined]
    if record is not None:
        report.duration += record.seconds or 0.0
    if report.when != "call" or outcome == "CORRECT":
        return
    why = _why(asked)
    if asked.desk.reveal and record is not None:
        report.sections = [*report.sections, (PROMPT, _revealed(case.prompt)), (ANSWER, _revealed(record.text))]
    if report.failed and (record is None or not _is_verdict(call)):
        return  # the test itself is broken, which is worse and must stay visible
    if asked.desk.strict:
        report.outcome, report.longrepr = "failed", f"{case.label}: {why}"
        _forget_xfail(report)
        return
    report.outcome, report.wasxfail, report.longrepr = "skipped", why, why


def pass_over(report: pytest.TestReport, asked: Asked) -> None:
    """The report of a test that does not run: its case is not needed any more, or excluded. Both have their status."""
    assert asked.case is not None
    if report.when == "setup" and report.skipped:
        status = "NOT_RUN" if asked.not_needed else "EXCLUDED"
        case = asked.case
        report.vsc = f"{case.suite} {case.id} {case.key.repeat} {status}"  # type: ignore[attr-defined]


def leave_to_the_test(report: pytest.TestReport, call: pytest.CallInfo[None], asked: Asked) -> None:
    """A subtest that failed at the verdict of the case: the test's own report says so, once."""
    if report.failed and asked.record is not None and asked.record.outcome != "CORRECT" and _is_verdict(call):
        report.outcome, report.longrepr = "passed", None


def _revealed(text: str) -> str:
    rest = f"\n... ({len(text):,} characters, all of them in run.jsonl)" if len(text) > MOST_REVEALED else ""
    return inert(text[:MOST_REVEALED]) + rest


def _is_verdict(call: pytest.CallInfo[None]) -> bool:
    return call.excinfo is not None and isinstance(call.excinfo.value, (AssertionError, InvalidReply))


def _forget_xfail(report: pytest.TestReport) -> None:
    if hasattr(report, "wasxfail"):
        del report.wasxfail


def _why(asked: Asked) -> str:
    """Why the case is not correct, without a word of prompt or answer."""
    record = asked.record
    if record is None:
        failed = f" ({asked.failed})" if asked.failed else ""
        return (
            f"invalid: asking the case failed{failed}" if asked.anything else "invalid: the test never asked its case"
        )
    tail = f": {one_line(record.error)}" if record.error else ""
    return f"{record.outcome.lower()}: verdict {record.verdict}{tail}"
