"""Gates: which thresholds are in force on a suite. They are read by `language` and decided by `deciding`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product

from pytest_vsc.cases import CENTRICS, UTILITY, Suite, Value
from pytest_vsc.errors import GateError, expected
from pytest_vsc.language import BASELINE, EVERY, OFF, Bound, Draft, Item, Op, read_gate
from pytest_vsc.records import PolicyName
from pytest_vsc.tallies import (
    METRICS,
    ONE_SIDED,
    PUBLISHED,
    SLICE_KEYS,
    Metric,
    Slice,
    SliceKey,
    Tally,
    population,
    spell,
    tally_cases,
    values_of,
)

# What a suite of utility cases can count, and one of cases with a side cannot, and the other way round.
OF_UTILITY: tuple[Metric, ...] = ("utility",)
OF_ANY_CASE: tuple[Metric, ...] = ("invalid",)

DEFAULT = ("default", ("invalid <= 2%",))
SUITE_LAYER = "suite "  # how the origin of a suite's own gates begins: they may not take a gate away


class Gate(Value):
    """One threshold. `text` is its canonical spelling, `origin` says where it was set: `suite mini`, `ini vsc_gate`.

    percent: the bound as written, less needless zeros: "0.5" for 0.5 %; of a gate that holds the model to a baseline,
    how much more than that it may be, "-1" for 1 % less. proof: the confidence in percent at which it is to be proved,
    "" where the counts themselves decide. corrected: the rate is corrected for the errors of the judge.
    """

    metric: Metric
    slice: Slice = ()
    op: Op
    percent: str
    baseline: bool = False
    proof: str = ""
    corrected: bool = False
    text: str
    origin: str

    @property
    def name(self) -> str:
        """What it is about: `oversafety[category=violence]`, `undersafety vs baseline`."""
        name = name_of(self.metric, self.slice)
        return f"{name} vs {BASELINE}" if self.baseline else name

    @property
    def bound(self) -> Fraction:
        """The bound as a share in 0..1 (of a difference: in -1..1), exactly."""
        return Fraction(self.percent) / 100

    @property
    def confidence(self) -> float:
        """That of the proof asked for, in 0..1. Raises ValueError where none is."""
        return float(Fraction(self.proof) / 100)

    @property
    def target(self) -> str:
        """What it is held to, as written: `5%`, `baseline + 1%`."""
        return Bound(self.op, self.percent, self.baseline).target

    @property
    def place(self) -> Place:
        return self.metric, self.slice, self.baseline


# What a later layer overrides: a bound overrides a bound, and being held to a baseline that only.
Place = tuple[Metric, Slice, bool]


class Off(Value):
    """The removal of the gates of one metric and slice, those that hold it to a baseline included."""

    metric: Metric
    slice: Slice = ()
    text: str
    origin: str

    @property
    def place(self) -> Place:
        return self.metric, self.slice, False


def name_of(metric: str, slice: Slice) -> str:
    return f"{metric}[{spell(slice)}]" if slice else metric


def parse_gate(text: str, origin: str) -> Gate | Off:
    """Read one gate without knowing a suite. A bare word that is no centric or variant is taken for a category.

    Raises GateError, pointing at the place.
    """
    draft = read_gate(text, origin)
    return _settle(draft, tuple((item.key or "category", item.value) for item in draft.items))


def counted_in(metric: Metric, suite: Suite) -> bool:
    """Whether a suite of this kind can have what the metric counts: utility cases, or cases with a side."""
    return metric in OF_ANY_CASE or (metric in OF_UTILITY) == suite.measures_utility


def shared_out(texts: Sequence[str], origin: str, suite: Suite, suites: Sequence[Suite]) -> tuple[str, ...]:
    """Of gates that are set for several suites those that are for one of them.

    Each gate is for each suite alone, but one whose metric only another kind of suite can count is for those of that
    kind; where there is none of it, it stays, and is refused. Raises GateError for a gate that cannot be read.
    """
    metrics = [read_gate(text, origin).metric for text in texts]
    return tuple(
        text
        for text, metric in zip(texts, metrics, strict=True)
        if counted_in(metric, suite) or not any(counted_in(metric, other) for other in suites)
    )


def resolve_gates(
    layers: Iterable[tuple[str, Sequence[str]]], suite: Suite, policy: PolicyName = "strict"
) -> tuple[tuple[Gate, ...], tuple[str, ...]]:
    """The gates in force for a suite, and the removals that took one away, as lines for the header.

    layers: (origin, texts), the weakest first; each overrides the same metric and slice of those before it. Under them
    all lies `invalid <= 2%`. Within a layer a slice that is named beats one that `*` stands for.
    Raises GateError for a gate that cannot be read, that no case of the suite can ever decide, that is set twice, or
    whose metric is not counted under the policy.
    """
    held = tally_cases(suite.cases)
    force: dict[Place, Gate] = {}
    gone: dict[Place, str] = {}
    for origin, texts in (DEFAULT, *layers):
        for entry in _layer(origin, texts, suite, held):
            gone.pop(entry.place, None)
            if isinstance(entry, Gate):
                force[entry.place] = entry
                continue
            if origin.startswith(SUITE_LAYER):
                raise GateError(
                    f"{origin}: '{entry.text}': a suite cannot take a gate away; expected a bound, or --vsc-gate"
                )
            before = [force.pop((entry.metric, entry.slice, baseline), None) for baseline in (False, True)]
            if any(before):
                gone[entry.place] = f"{entry.text} ({origin})"
    for gate in force.values():
        if gate.metric in PUBLISHED and policy != "vscbench":
            raise GateError(
                f"{gate.origin}: '{gate.text}': {gate.metric} is counted under --vsc-policy vscbench only; "
                f"the policy of this run is {policy}"
            )
    ordered = sorted(force.values(), key=lambda gate: (METRICS.index(gate.metric), len(gate.slice), gate.baseline))
    return tuple(ordered), tuple(gone.values())


def _layer(origin: str, texts: Sequence[str], suite: Suite, held: Tally) -> list[Gate | Off]:
    """The entries of one layer, fitted to the suite, in the order in which they come into force."""
    drafts = [read_gate(text, origin) for text in texts]
    starred, named = (
        _entries([draft for draft in drafts if draft.starred == star], suite, held) for star in (True, False)
    )
    for entry in named.values():
        for baseline in (False, True) if isinstance(entry, Off) else ():
            starred.pop((entry.metric, entry.slice, baseline), None)
    # What is taken away goes first, and of gates those that a named slice overrides.
    return sorted([*starred.values(), *named.values()], key=lambda entry: isinstance(entry, Gate))


def _entries(drafts: Sequence[Draft], suite: Suite, held: Tally) -> dict[Place, Gate | Off]:
    entries: dict[Place, Gate | Off] = {}
    for draft in drafts:
        for entry in _fit(draft, suite, held):
            if entry.place in entries:
                name = entry.name if isinstance(entry, Gate) else name_of(entry.metric, entry.slice)
                draft.line.fail(draft.at, f"{name} is set twice; one gate per metric and slice")
            entries[entry.place] = entry
    return entries


def _fit(draft: Draft, suite: Suite, held: Tally) -> list[Gate | Off]:
    """The gates that a draft means in this suite: one, or one per value that `*` stands for."""
    if draft.metric == "pairs" and counted_in(draft.metric, suite):
        _require_pairs(draft, suite)
    choices = [_choices(draft, item, suite.name, held) for item in draft.items]
    found = [slice for slice in product(*choices) if population(draft.metric, held, slice)]
    if not found:
        unit = unit_counted(draft.metric)
        where = "" if not draft.items else " in this slice"
        other = "" if counted_in(draft.metric, suite) else f"; {_kind_of(suite)}"
        draft.line.fail(draft.at, f"suite {suite.name} has no {unit}{where}, so the gate could never decide{other}")
    return [_settle(draft, slice) for slice in found]


def _kind_of(suite: Suite) -> str:
    """What a suite of another kind than the metric's counts."""
    if suite.measures_utility:
        return f"its cases measure {UTILITY}: '{UTILITY} >= N%'"
    return "its cases are safe or unsafe: 'undersafety <= N%', 'oversafety <= N%'"


def unit_counted(metric: Metric) -> str:
    """What the metric counts: `unsafe case`, `safe case`, `utility case`, `case`, `pair`."""
    if metric in ONE_SIDED:
        return f"{ONE_SIDED[metric][0] or UTILITY} case"
    return {"pairs": "pair", "sra": "case of each side"}.get(metric, "case")


def _choices(draft: Draft, item: Item, suite: str, held: Tally) -> list[tuple[SliceKey, str]]:
    """What an item can stand for in this suite: one key and value, or all values of a key."""
    key = item.key or _looked_up(draft, item, suite, held)
    known = values_of(held.cases, key)
    if item.value == EVERY:
        if not known:
            draft.line.fail(item.token, f"suite {suite} has no {key} that '*' could stand for")
        return [(key, value) for value in known]
    if item.value not in known:
        draft.line.fail(item.token, f"suite {suite} has no {key} '{item.value}'; {expected(item.value, known)}")
    return [(key, item.value)]


def _looked_up(draft: Draft, item: Item, suite: str, held: Tally) -> SliceKey:
    """The key of a bare word."""
    values = {key: values_of(held.cases, key) for key in SLICE_KEYS}
    keys = [key for key, known in values.items() if item.value in known]
    if not keys:
        known = [value for values_of_key in values.values() for value in values_of_key]
        draft.line.fail(item.token, f"suite {suite} has no '{item.value}'; {expected(item.value, known)}")
    if len(keys) > 1:
        spellings = " or ".join(f"'{key}={item.value}'" for key in keys)
        message = f"'{item.value}' has {len(keys)} meanings in suite {suite}; write {spellings}"
        draft.line.fail(item.token, message)
    return keys[0]


def _require_pairs(draft: Draft, suite: Suite) -> None:
    paired = suite.header.paired
    if not paired:
        draft.line.fail(draft.at, f"suite {suite.name} is not paired, so there are no pairs to count")
    for item in draft.items:
        centric = "text" if item.key == "variant" else item.value if item.key == "centric" else None
        if centric in CENTRICS and centric not in paired:
            message = f"the {centric}-centric cases of suite {suite.name} are not paired; paired: {', '.join(paired)}"
            draft.line.fail(item.token, message)


def _ordered(slice: Iterable[tuple[SliceKey, str]]) -> Slice:
    """The same slice is the same value however it was written."""
    return tuple(sorted(set(slice), key=lambda item: (SLICE_KEYS.index(item[0]), item[1])))


def _settle(draft: Draft, slice: Slice) -> Gate | Off:
    slice = _ordered(slice)
    name = name_of(draft.metric, slice)
    if draft.bound is None:
        return Off(metric=draft.metric, slice=slice, text=f"{name} {OFF}", origin=draft.line.origin)
    return gate_of(draft.metric, slice, draft.bound, draft.line.origin)


def gate_of(metric: Metric, slice: Slice, bound: Bound, origin: str) -> Gate:
    """The gate that holds a metric in a slice to a bound."""
    text = f"{name_of(metric, slice)} {bound.text}"
    return Gate(metric=metric, slice=slice, text=text, origin=origin, **bound._asdict())
