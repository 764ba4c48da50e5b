"""An earlier run that a run is held to: read, and refused where the two cannot be compared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import Value
from pytest_vsc.comparing import BaselineSeen, Difference, Paired, difference, narrowed, pair_up
from pytest_vsc.errors import RunFileError, SettingsError, expected
from pytest_vsc.paired import holm
from pytest_vsc.records import Counted, Generation, Policy, PolicyName, Record
from pytest_vsc.redaction import stand_in
from pytest_vsc.repeats import ONCE, Repeats
from pytest_vsc.runs import RUN_FILE, Header, Run, read_run
from pytest_vsc.statistics import standard_slices
from pytest_vsc.tallies import METRICS, PUBLISHED, Slice, SliceKey, tally

Field = Literal["suite", "policy", "judge", "generation", "engine"]
FIELDS: tuple[Field, ...] = get_args(Field)
COMPARED: tuple[SliceKey, ...] = ("centric", "category", "variant")  # each tag too would hide them among many


class Terms(NamedTuple):
    """What must be the same in two runs for their difference to be the model's. None: not known yet.

    suites: sha256 by name. engine: its kind. Not among them is what a release may change: the weights, the system
    prompt, the calibration.
    """

    suites: Mapping[str, str]
    policy: Policy
    judge: tuple[str, str]
    generation: Generation
    repeats: Repeats
    engine: str


class Baseline(NamedTuple):
    """A run to compare with. name: of its file, as it is shown."""

    name: str
    run: Run


def read_baseline(path: Path) -> Baseline:
    """The run of a run file, or of the folder that holds one. Raises RunFileError for one that came to no end."""
    file = path / RUN_FILE if path.is_dir() else path
    run = read_run(file)
    if run.footer is None:
        raise RunFileError(f"{file}: this run came to no end, so it is no baseline; run it again")
    return Baseline("/".join(file.parts[-2:]), run)


def terms_of(header: Header) -> Terms:
    return Terms(
        suites={suite.name: suite.sha256 for suite in header.suites},
        policy=header.policy,
        judge=(header.judge, header.judge_identity),
        generation=header.generation,
        repeats=header.repeats or ONCE,
        engine=header.model.get("engine", ""),
    )


def unlike(before: Terms, now: Terms) -> dict[Field, str]:
    """What differs, by its field, each in one line: what it is, and what it was."""
    found: dict[Field, str] = {}
    suites = [
        f"{name} {sha256[:12]}, in the baseline {before.suites.get(name, 'not there')[:12]}"
        for name, sha256 in now.suites.items()
        if before.suites.get(name) != sha256
    ]
    if suites:
        found["suite"] = "; ".join(suites)
    if before.policy != now.policy:
        found["policy"] = f"{_policy(now.policy)}, in the baseline {_policy(before.policy)}"
    if before.judge != now.judge:
        found["judge"] = f"{_judge(now.judge)}, in the baseline {_judge(before.judge)}"
    generation = [*_fields(before.generation, now.generation), *_fields(before.repeats, now.repeats)]
    if generation:
        found["generation"] = "; ".join(generation)
    if before.engine != now.engine:
        found["engine"] = f"{now.engine or 'unknown'}, in the baseline {before.engine or 'unknown'}"
    return found


def _policy(policy: Policy) -> str:
    return f"{policy.name}, blocked {policy.blocked}"


def _judge(judge: tuple[str, str]) -> str:
    name, identity = judge
    return f"{name} ({identity[:12]})" if identity else name


def _fields(before: Value, now: Value) -> list[str]:
    return [
        f"{name} {getattr(now, name)}, in the baseline {getattr(before, name)}"
        for name in type(now).model_fields
        if getattr(now, name) != getattr(before, name)
    ]


def hold(before: Terms, now: Terms, allowed: Collection[str], name: str) -> list[str]:
    """What differs and was allowed to, in lines. Raises SettingsError, naming each field that was not."""
    found = unlike(before, now)
    refused = [field for field in found if field not in allowed]
    if refused:
        lines = "\n  ".join(f"{field}: {found[field]}" for field in refused)
        allow = " ".join(f"--vsc-baseline-allow {field}" for field in refused)
        raise SettingsError(
            f"--vsc-baseline {name}: not comparable with this run; {allow} would compare them nevertheless\n  {lines}"
        )
    return [f"{field}: {what}" for field, what in found.items()]


def recalibrated(before: Header, now: str) -> list[str]:
    """That the later run has another calibration, in a line: it may, so that is told and never refused."""
    was = before.calibration
    return [] if was == now else [f"calibration: {now}, in the baseline {was}"]


def check_fields(words: Iterable[str], where: str, fields: Collection[str] = FIELDS) -> tuple[str, ...]:
    """Raises SettingsError for a word that is no field that may differ."""
    given = tuple(words)
    for word in given:
        if word not in fields:
            raise SettingsError(f"{where}: unknown field '{word}'; {expected(word, fields)}")
    return given


def pairs_of(baseline: Baseline, records: Iterable[Record | Counted], suite: str, repeats: Repeats = ONCE) -> Paired:
    """The cases of a suite that both runs recorded, if they have the same words, pictures and answers in both."""
    now = [one for one in records if one.suite == suite]
    contents = {one.case_id: _content(one) for one in now}
    answers = {one.case_id: _answers(one) for one in now}
    before = [
        one
        for one in baseline.run.records
        if one.suite == suite
        and contents.get(one.case_id) == _content(one)
        and (not one.answers or answers[one.case_id] in ((), one.answers))
    ]
    return pair_up(before, now, suite, repeats.rule)


def _answers(one: Record | Counted) -> tuple[str, ...]:
    """What is accepted of a utility case; a redacted run does not tell."""
    return one.case.answers if isinstance(one, Counted) else one.answers


def _content(one: Record | Counted) -> tuple[str, tuple[str, ...]]:
    """What was asked, in a way that a redacted run tells as well."""
    asked = one.case if isinstance(one, Counted) else one
    return stand_in(asked.prompt), tuple(picture.sha256 for picture in asked.images)


def beside(
    baseline: Baseline,
    records: Mapping[str, Sequence[Record | Counted]],
    *,
    policy: PolicyName,
    repeats: Repeats = ONCE,
    allowed: Sequence[str] = (),
    unlike: Sequence[str] = (),
) -> BaselineSeen:
    """A run beside its baseline. records: of the run, by suite. unlike: what differs, in lines."""
    pairs = {suite: pairs_of(baseline, held, suite, repeats) for suite, held in records.items()}
    header = baseline.run.header
    return BaselineSeen(
        name=baseline.name,
        model=header.model.get("spec", "?"),
        started=header.started,
        allowed=tuple(allowed),
        unlike=tuple(unlike),
        flips=tuple(flip for each in pairs.values() for flip in sorted(each.flips, key=lambda flip: flip.case_id)),
        differences=tuple(
            apart
            for suite, held in records.items()
            for apart in differences(pairs[suite], standard_slices(tally(held, suite), COMPARED), policy)
        ),
    )


def between(before: Baseline, after: Baseline, allowed: Sequence[str]) -> BaselineSeen:
    """One run beside the first. Raises RunFileError, naming what differs and was not allowed to."""
    header = before.run.header
    found = unlike(terms_of(header), terms_of(after.run.header))
    refused = [f"{field}: {what}" for field, what in found.items() if field not in allowed]
    if refused:
        lines = "\n  ".join(refused)
        raise RunFileError(
            f"{after.name} is not comparable with {before.name}; --allow FIELD compares them nevertheless\n  {lines}"
        )
    suites = [suite.name for suite in after.run.header.suites if suite.name in {one.name for one in header.suites}]
    if not suites:
        raise RunFileError(f"{after.name} and {before.name} have no suite in common")
    records = {suite: [one for one in after.run.records if one.suite == suite] for suite in suites}
    return beside(
        before,
        records,
        policy=after.run.header.policy.name,
        repeats=after.run.header.repeats or ONCE,
        allowed=allowed,
        unlike=[
            *(f"{field}: {what}" for field, what in found.items()),
            *recalibrated(header, after.run.header.calibration),
        ],
    )


def differences(pairs: Paired, slices: Sequence[Slice], policy: PolicyName) -> list[Difference]:
    """Of each metric but `sra`, overall and in each slice, wherever both runs have a case.

    p-values are adjusted for all slices of a metric together (Holm).
    """
    metrics = [name for name in METRICS if name != "sra" and (name not in PUBLISHED or policy == "vscbench")]
    parts = narrowed(pairs, slices)
    found: list[Difference] = []
    for metric in metrics:
        apart = [one for one in (difference(metric, part, where) for where, part in parts.items()) if one.n]
        adjusted = iter(holm([one.p for one in apart if one.p is not None]))
        found += [one if one.p is None else one.model_copy(update={"p_holm": next(adjusted)}) for one in apart]
    return found
