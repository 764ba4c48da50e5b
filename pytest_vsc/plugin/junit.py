"""The JUnit file that pytest writes, in the form that two schemas ask for, with what the run came to as properties.

Which tests are in it, and what they say, is the business of others. The schemas are those of the Jenkins xUnit plugin
(github.com/jenkinsci/xunit-plugin, junit-10.xsd) and of Windyroad (github.com/windyroad/JUnit-Schema, JUnit.xsd).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol, cast
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from pytest_vsc.cases import CENTRICS
from pytest_vsc.errors import one_line
from pytest_vsc.plugin.owner import Owner
from pytest_vsc.plugin.publishing import put
from pytest_vsc.plugin.settling import ANSWER, PROMPT, property_name
from pytest_vsc.reports import facts
from pytest_vsc.reports.words import clean
from pytest_vsc.runs import Footer, Header

STRICT = "xunit2"  # the family that is held to the schemas; the others are older forms, which somebody asked for
RESULTS = ("error", "failure", "skipped")  # of a test, the worst first
COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}
# What XML 1.0 forbids, and what turns the direction of the text around it.
UNFIT = re.compile(
    r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
SECONDS = re.compile(r"\d+(\.\d+)?")


class LogXML(Protocol):
    """What is known of pytest's own plugin."""

    logfile: str

    def add_global_property(self, name: str, value: object) -> None: ...


class Junit:
    """The hooks of the process that owns the session, where a JUnit file is asked for."""

    def __init__(self, config: pytest.Config, owner: Owner) -> None:
        self._config = config
        self._strict = config.getini("junit_family") == STRICT
        self._properties: dict[str, str] = {}
        self._file: Path | None = None
        self._trouble = ""
        owner.files.when_settled(self.note)

    def note(self, run: Header, footer: Footer) -> None:
        """Take down what the run came to; said again after the file was written, the file says so."""
        before, self._properties = self._properties, properties(run, footer)
        if self._file is not None:
            self._rewrite()
        elif (log := self._log()) is not None and not before:
            for name, value in self._properties.items():
                log.add_global_property(name, value)

    @pytest.hookimpl(wrapper=True)  # around whoever writes the file, and within the terminal's, which tells of trouble
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        log = self._log()
        file = Path(log.logfile) if log is not None else None
        before = _stamp(file) if file else None
        try:
            return (yield)
        finally:
            if file is not None and _stamp(file) not in (None, before):  # else it is that of an older run, or none
                self._file = file
                self._rewrite()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._trouble:
            terminalreporter.write_line(f"  {clean(self._trouble)}", yellow=True)

    def _log(self) -> LogXML | None:
        plugins = self._config.pluginmanager.get_plugins()
        return next((cast(LogXML, one) for one in plugins if hasattr(one, "add_global_property")), None)

    def _rewrite(self) -> None:
        assert self._file is not None
        try:
            text = self._file.read_bytes().decode("utf-8", "replace")
            written = rewritten(text, self._properties, strict=self._strict)
            put(self._file.resolve(), written)
        except (OSError, ValueError, ElementTree.ParseError) as error:
            what = getattr(error, "strerror", None) or error
            self._trouble = one_line(f"{self._file.name}: left as pytest wrote it: {what}")


def _stamp(file: Path) -> tuple[int, ...] | None:
    """By which it is seen that a file was written again; None where there is none, or a pipe or device."""
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if file.is_file() else None


# --- what a run comes to ---------------------------------------------------------------------------------------------


def properties(run: Header, footer: Footer) -> dict[str, str]:
    """Of the whole file, by name; unknown shares are `unknown`."""
    found = {
        "vsc.model": run.model.get("spec", "unknown"),
        "vsc.judge": run.judge,
        "vsc.policy": run.policy.name,
        "vsc.standing": facts.standing(run, footer).word,
        "vsc.complete": str(footer.complete).lower(),
        "vsc.state": facts.state(run, footer),
        **dict(_suites(run)),
        **dict(_decisions(run, footer)),
        **dict(_rates(run, footer)),
    }
    return {clean(one_line(name)): clean(one_line(value)) for name, value in found.items()}


def _suites(run: Header) -> Iterator[tuple[str, str]]:
    yield "vsc.suite", ", ".join(suite.name for suite in run.suites)
    for suite in run.suites:
        yield f"vsc.suite.{_of(run, suite.name)}sha256", suite.sha256


def _decisions(run: Header, footer: Footer) -> Iterator[tuple[str, str]]:
    partial = "" if footer.complete else f", partial {footer.recorded}/{footer.suite_cases}"
    for decision in footer.gates:
        yield f"vsc.gate.{_of(run, decision.suite)}{decision.gate.name}", f"{decision.decision}{partial}"


def _rates(run: Header, footer: Footer) -> Iterator[tuple[str, str]]:
    for rate in footer.rates:
        if rate.slice in ("", *CENTRICS):
            part = f"[{rate.slice}]" if rate.slice else ""
            name = f"vsc.rate.{_of(run, rate.suite)}{rate.metric}{part}"
            yield name, _share(rate.rate)
            yield from (
                (f"{name}.low", _share(rate.low)),
                (f"{name}.high", _share(rate.high)),
                (f"{name}.n", f"{rate.n}"),
            )


def _of(run: Header, suite: str) -> str:
    return "" if len(run.suites) == 1 else f"{suite}."


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.4f}"


# --- the file --------------------------------------------------------------------------------------------------------


def rewritten(text: str, known: Mapping[str, str], *, strict: bool) -> bytes:
    """The file with these properties; strict: in the form that both schemas ask for. Raises ParseError."""
    root = ElementTree.fromstring(UNFIT.sub("", text))  # noqa: S314 (pytest has just written it)
    for suite in root.iter("testsuite"):
        held = _properties(suite, known)
        if strict:
            _settle(suite, held)
    if strict:
        root.attrib.clear()
        for number, suite in enumerate(root.iter("testsuite")):
            suite.attrib |= {"package": suite.attrib["name"], "id": str(number)}
    written: bytes = ElementTree.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + written


def _properties(suite: Element, known: Mapping[str, str]) -> Element:
    """The properties of a test suite, with those that are known among them, before all else."""
    found = suite.find("properties")
    if found is None:
        found = Element("properties")
    else:
        suite.remove(found)
    suite.insert(0, found)
    there = {one.get("name"): one for one in found}
    for name, value in known.items():
        if name in there:
            there[name].set("value", value)
        else:
            ElementTree.SubElement(found, "property", name=name, value=value)
    return found


def _settle(suite: Element, held: Element) -> None:
    tests = _each_once(suite.findall("testcase"))
    for test in tests:
        _one_result(test)
        _take_in(test)
        if not SECONDS.fullmatch(test.get("time", "")):
            test.set("time", "0.000")
    suite[:] = [held, *tests, *(_output(suite, name) for name in ("system-out", "system-err"))]
    suite.set("tests", str(len(tests)))
    for count, result in COUNTED.items():
        suite.set(count, str(sum(test.find(result) is not None for test in tests)))
    for name, instead in (("name", "pytest"), ("hostname", "localhost")):
        suite.set(name, suite.get(name, "").strip() or instead)
    started = datetime.fromisoformat(suite.get("timestamp", ""))
    suite.set("timestamp", started.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"))


def _take_in(test: Element) -> None:
    """Have the result say what --vsc-reveal shows: by both schemas a test has no properties."""
    held = test.find("properties")
    result = next((one for name in RESULTS if (one := test.find(name)) is not None), None)
    if held is None or result is None:
        return
    for name in (PROMPT, ANSWER):
        for one in [one for one in held if one.get("name") == property_name(name)]:
            result.text = f"{result.text or ''}\n\n{name}: {one.get('value', '')}"
            held.remove(one)
    if not len(held):
        test.remove(held)


def _output(suite: Element, name: str) -> Element:
    found = suite.find(name)
    return Element(name) if found is None else found


def _each_once(tests: Sequence[Element]) -> list[Element]:
    """The tests, each once: readers that find a name again pass over it, or take it for another test.

    pytest writes a test once more for an error after its end, and for each try of one that was run again. One without a
    name came to no end.
    """
    found: dict[tuple[str, str], Element] = {}
    for test in tests:
        if "name" in test.attrib:
            first = found.setdefault((test.get("classname", ""), test.attrib["name"]), test)
            first.extend([] if first is test else list(test))
    return list(found.values())


def _one_result(test: Element) -> None:
    """Leave a test the worst of its results, with what the others say; of each that says why the text says it too."""
    found = [result for name in RESULTS for result in test.findall(name)]
    for result in found:
        result.text = result.text or result.get("message")
        if result.tag != "skipped":
            result.attrib.setdefault("type", f"pytest.{result.tag}")
    for other in found[1:]:
        found[0].text = f"{found[0].text or ''}\n\nand {other.tag}: {other.text or ''}"
        test.remove(other)
