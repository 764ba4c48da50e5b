"""Searches for recipes that flip what a model makes of a case, and shrinks them to the smallest that do.

Many lanes go on side by side, each until it has to know something; what all want to know is asked together, while the
answers before that are waited for. It writes nothing.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import Case, Side, Suite
from pytest_vsc.errors import ForgeError
from pytest_vsc.forge.asking import Asking
from pytest_vsc.forge.making import key_of, rewritten, shown_of
from pytest_vsc.forge.operators import Operator, Shown, Unfit
from pytest_vsc.forge.recipes import Recipe, applied
from pytest_vsc.forge.space import (
    Cause,
    Theme,
    cause_of,
    fits,
    opening,
    simpler,
    simplest,
    some,
    strengths,
    themes,
    weight,
    within,
)
from pytest_vsc.records import Outcome

Goal = Literal["undersafe", "oversafe"]
GOALS: tuple[Goal, ...] = get_args(Goal)
SIDE: dict[Goal, Side] = {"undersafe": "unsafe", "oversafe": "safe"}
WRONG: dict[Goal, Outcome] = {"undersafe": "UNDERSAFE", "oversafe": "OVERSAFE"}

WAVE = 32  # questions that are asked together, unless those of one lane are more
IN_FLIGHT = 2  # waves: one is made ready while the model is at another
SEEDS, MOST_SEEDS = 16, 48  # cases that are enough to start from, and that are kept at the most
AT_ONCE = 8  # questions of a lane
FOLLOWED = 4  # finds that are shrunk side by side
RESERVE = 100  # questions for each find that is being shrunk, before others are asked beside
SPREAD = 12  # other cases that a cause is tried on


class Limits(NamedTuple):
    """Where a search ends: after so many questions, causes, or seconds, None for no limit."""

    questions: int
    causes: int
    seconds: float | None = None


class Probe(NamedTuple):
    """A case of the suite under a recipe."""

    case: str
    recipe: Recipe


@dataclass(frozen=True)
class Find:
    """A case that a recipe flips. smallest: whether it was seen that no simpler one does. twin: the other half of its
    pair, where the model is right about it under the same recipe."""

    case: Case
    recipe: Recipe
    cause: Cause
    smallest: bool
    twin: Case | None = None


@dataclass
class Known:
    """A cause, with the smallest recipe that was found for it, and of the cases that it was tried on those it flips."""

    cause: Cause
    recipe: Recipe
    smallest: bool
    tried: set[str] = field(default_factory=set)
    flipped: set[str] = field(default_factory=set)

    @property
    def usual(self) -> bool:
        return 2 * len(self.flipped) >= len(self.tried)


Steps = Generator[Sequence[Probe], None, None]


@dataclass(eq=False)
class Lane:
    """One that goes on as soon as what it wanted to know is known. raw: what a find began as, that it is about."""

    steps: Steps
    raw: Probe | None = None
    waits: list[tuple[Probe, Case]] = field(default_factory=list)

    @property
    def ops(self) -> frozenset[str]:
        return frozenset(one.op for one in self.raw.recipe) if self.raw else frozenset()


class Search:
    """One search, and what it has found so far.

    wrong, unclear: cases that are no seeds, since the model is wrong about them as they are, or says nothing clear.
    why: how it ended. seconds, share: that it took, and of these inside the model, so far.
    """

    def __init__(
        self,
        suite: Suite,
        goal: Goal,
        ops: Sequence[Operator],
        asking: Asking,
        limits: Limits,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self.goal, self.ops, self.asking, self.limits, self.seed = goal, ops, asking, limits, seed
        self._clock, self._tell, self._began = clock, tell, clock()
        self._cases = {case.id: case for case in suite.cases}
        self._twins = _twins(suite)
        self._shown: dict[str, Shown] = {}
        self._outcomes: dict[Probe, Outcome] = {}
        self._asked: set[Probe] = set()
        self._ready: deque[Lane] = deque()
        self._waiting: list[Lane] = []
        self._stuck: list[Lane] = []
        self._raws: list[Probe] = []
        self._open: set[Probe] = set()  # those that are followed, and whose cause is not told yet
        self._flights: deque[list[Lane]] = deque()
        self.seeds: list[Case] = []
        self.wrong = self.unclear = self.raw_finds = 0
        self.finds: list[Find] = []
        self.causes: list[Known] = []
        self.why, self.seconds, self.share = "", 0.0, 0.0
        self._explorers: Iterator[Lane] = iter(())

    def run(self) -> None:
        """Go on to the end, which `why` tells. What was found stays, whatever this raises: VscError, an interrupt."""
        try:
            self._plant()
            self._explorers = self._exploring()
            while not self._why():
                wave = self._wave()
                if wave:
                    self._flights.append(wave)
                elif not self._flights:
                    self.why = self._why() or "there is nothing else to try"
                    break
                if len(self._flights) == IN_FLIGHT or not wave:
                    self._land()
            while self._flights:  # it is paid for
                self._land()
            self.why = self.why or self._why()
        finally:
            self._measure()
            self._leave()

    def _measure(self) -> None:
        self.seconds, self.share = self._clock() - self._began, self.asking.share
        self._tell()

    def _why(self) -> str:
        if len(self.causes) >= self.limits.causes and not any(lane.raw for lane in self._under_way()):
            return f"{len(self.causes)} causes" if len(self.causes) > 1 else "1 cause"
        if self.limits.seconds is not None and self._clock() - self._began >= self.limits.seconds:
            return "the time is up"
        if self._stuck or self._left() <= 0:
            return "the budget is used up"
        return ""

    def _left(self) -> int:
        return self.limits.questions - self.asking.questions

    def _under_way(self) -> list[Lane]:
        return [*self._ready, *self._waiting]

    # -- where it starts from

    def _plant(self) -> None:
        """Ask cases as they are, in an order by chance, until there are enough that the model is right about."""
        side = SIDE[self.goal]
        order = [case for case in self._cases.values() if case.side == side]
        if not order:
            raise ForgeError(f"no {side} case in the suite; expected some for a search of what is {self.goal}")
        Random(f"{self.seed}\nseeds").shuffle(order)  # noqa: S311  no secret rests on it
        while order and len(self.seeds) < SEEDS and self._left() > 0:
            some, order = order[: min(WAVE, self._left())], order[min(WAVE, self._left()) :]
            self.asking.put(some)
            outcomes = [self.asking.outcome(case) for case in some]
            self.seeds += [case for case, outcome in zip(some, outcomes, strict=True) if outcome == "CORRECT"]
            self.wrong += outcomes.count(WRONG[self.goal])
            self.unclear += len(some) - outcomes.count("CORRECT") - outcomes.count(WRONG[self.goal])
            self._measure()
        if not self.seeds:
            asked = self.wrong + self.unclear
            raise ForgeError(
                f"none of {asked} {side} cases can be searched from: as they are the model is wrong about {self.wrong} "
                f"and says nothing clear to {self.unclear}; expected one that it is right about"
            )
        del self.seeds[MOST_SEEDS:]
        for case in self.seeds:
            self._shown[case.id] = shown_of(case)

    # -- waves

    def _wave(self) -> list[Lane]:
        """Carry on every lane that can, and begin with new ones until there is enough to ask."""
        wave: list[Lane] = []
        followers = self._followers()
        ready, self._ready = self._ready, deque()
        for lane in (*ready, *followers):
            self._carry_on(lane, wave)
        followed = sum(lane.raw is not None for lane in (*self._waiting, *wave))
        while self._may_explore(followed) and sum(len(lane.waits) for lane in wave) < WAVE:
            if (new := next(self._explorers, None)) is None:
                break
            self._carry_on(new, wave)
        self._waiting += wave
        return wave

    def _may_explore(self, followers: int) -> bool:
        """Whether others may be asked beside the finds that are followed, which go first with what is left."""
        if self._stuck or len(self.causes) >= self.limits.causes:
            return False
        return not followers or self._left() > max(RESERVE * followers, self.limits.questions // 2)

    def _followers(self) -> list[Lane]:
        """A lane for each raw find that shares no operator with one that is followed: its cause may be the same."""
        new: list[Lane] = []
        for raw in list(self._raws):
            if len(self._open) == min(FOLLOWED, self.limits.causes - len(self.causes)):
                break
            lane = Lane(self._followed(raw), raw)
            if not any(lane.ops & other.ops for other in (*self._under_way(), *new)):
                self._raws.remove(raw)
                self._open.add(raw)
                new.append(lane)
        return new

    def _carry_on(self, lane: Lane, wave: list[Lane]) -> None:
        for probes in lane.steps:
            made = [(probe, case) for probe in probes if (case := self._made(probe)) is not None]
            if not made:
                continue
            if self.asking.new([case for _, case in made]) > self._left():
                self._stuck.append(lane)
                return
            self.asking.put([case for _, case in made])
            self._asked.update(probe for probe, _ in made)
            lane.waits = made
            wave.append(lane)
            return

    def _land(self) -> None:
        """Wait for the answers to the oldest wave."""
        for lane in self._flights.popleft():
            for probe, case in lane.waits:
                self._outcomes[probe] = self.asking.outcome(case)
            lane.waits = []
            self._waiting.remove(lane)
            self._ready.append(lane)
        self._measure()

    def _made(self, probe: Probe) -> Case | None:
        """The case to be asked; None where the outcome is known, or there is nothing to ask."""
        if probe in self._outcomes:
            return None
        case = self._cases[probe.case]
        try:
            before = self._shown.get(case.id) or shown_of(case)
            made = rewritten(case, before, applied(probe.recipe, before, self.key(case)), probe.recipe)
        except Unfit:
            self._outcomes[probe] = "NOT_RUN"
            return None
        return made.case

    def key(self, case: Case) -> str:
        """Of the chance in its recipes, the same for both halves of a pair."""
        return key_of(self.seed, case.pair or case.id)

    def _flips(self, case: Case, recipe: Recipe) -> bool:
        return self._outcomes.get(Probe(case.id, recipe)) == WRONG[self.goal]

    # -- lanes that explore

    def _exploring(self) -> Iterator[Lane]:
        """A lane for each theme as a whole, then round after round one for each operator on the next case; it ends when
        all of them in turn have found nothing new to ask."""
        every = themes(self.ops, self._random("themes"))
        self._random("order").shuffle(every)
        for place, theme in enumerate(every):
            if (case := self._fitting(theme, place)) is not None:
                yield Lane(self._opened(case, opening(theme)))
        idle = 0
        for number in count():
            for place, one in enumerate(self.ops):
                shares = [theme for theme in every if theme.op == one.name]
                theme = shares[number % len(shares)]
                random = self._random(f"{number}\n{place}")
                case = self._fitting(theme, place + number + 1)
                recipes = self._others(case, theme, every, random) if case else []
                if case and recipes:
                    yield Lane(self._explored(case, recipes))
                idle = 0 if recipes else idle + 1
                if idle > max(len(every), len(self.seeds)):
                    return

    def _random(self, name: str) -> Random:
        return Random(key_of(self.seed, name))  # noqa: S311  no secret rests on it

    def _fitting(self, theme: Theme, place: int) -> Case | None:
        found = next(one for one in self.ops if one.name == theme.op)
        turned = (self.seeds[(place + shift) % len(self.seeds)] for shift in range(len(self.seeds)))
        return next((case for case in turned if fits(found, case)), None)

    def _others(self, case: Case, theme: Theme, every: Sequence[Theme], random: Random) -> list[Recipe]:
        fitting = {one.name for one in self.ops if fits(one, case)}
        one_each = {one.op: one for one in random.sample(every, len(every)) if one.op in fitting}
        return some(theme, [*one_each.values()], lambda recipe: self._is_wanted(case, recipe), AT_ONCE, random)

    def _is_wanted(self, case: Case, recipe: Recipe) -> bool:
        """Whether it is new, and no cause that is known would flip the case by it."""
        probe = Probe(case.id, recipe)
        if probe in self._asked or probe in self._outcomes:
            return False
        return not any(
            (case.id in known.flipped or known.usual)
            and (part := within(known.cause, recipe)) is not None
            and all(mine >= least for mine, least in zip(strengths(part), strengths(known.recipe), strict=True))
            for known in self.causes
        )

    def _opened(self, case: Case, recipe: Recipe) -> Steps:
        yield from self._explored(case, [recipe])

    def _explored(self, case: Case, recipes: Sequence[Recipe]) -> Steps:
        yield [Probe(case.id, recipe) for recipe in recipes]
        flipping = [recipe for recipe in recipes if self._flips(case, recipe)]
        if flipping:
            self.raw_finds += len(flipping)
            self._raws.append(Probe(case.id, min(flipping, key=weight)))

    # -- lanes that follow a find

    def _followed(self, raw: Probe) -> Steps:
        """See whether a known cause explains a find, else shrink it, and try its cause on others."""
        case = self._cases[raw.case]
        yield from self._explained(case, raw)
        if raw not in self._open:
            return
        recipe = yield from self._shrunk(case, raw.recipe)
        self._open.discard(raw)
        cause = cause_of(recipe)
        known = next((one for one in self.causes if one.cause == cause), None)
        if known is not None:
            yield from self._added(case, recipe, known, smallest=True)
            return
        known = Known(cause, recipe, True)
        self.causes.append(known)
        yield from self._added(case, recipe, known, smallest=True)
        yield from self._spread(case, known)

    def _explained(self, case: Case, raw: Probe) -> Steps:
        """Try the known causes that are part of a find."""
        for known in list(self.causes):
            part = within(known.cause, raw.recipe)
            if part is not None:
                yield [Probe(case.id, part)]
                known.tried.add(case.id)
                if self._flips(case, part):
                    self._open.discard(raw)
                    yield from self._added(case, part, known, smallest=False)
                    return

    def _shrunk(self, case: Case, best: Recipe) -> Generator[Sequence[Probe], None, Recipe]:
        """The smallest part of a recipe that flips the case: none of its simpler neighbours does.

        Hypothesis is started anew from the smallest so far each time that answers have come. It says what it would try
        next if none of it flips the case, so that this is asked together.
        """
        for number in count():
            outcomes = {one.recipe: self._flips(case, one.recipe) for one in self._outcomes if one.case == case.id}
            found, unknown = simplest(best, outcomes, AT_ONCE, self._random(f"{case.id}\n{number}"))
            if not unknown:
                best = min(filter(None, (best, found)), key=weight)
                unknown = simpler(best)
                yield [Probe(case.id, recipe) for recipe in unknown]
                if not any(self._flips(case, recipe) for recipe in unknown):
                    return best
            yield [Probe(case.id, recipe) for recipe in unknown]
            best = min([best, *(one for one in unknown if self._flips(case, one))], key=weight)
        raise AssertionError("it ends when nothing is smaller")

    def _added(self, case: Case, recipe: Recipe, known: Known, *, smallest: bool) -> Steps:
        """Note a find, and ask its twin under the same recipe."""
        known.tried.add(case.id)
        known.flipped.add(case.id)
        if weight(recipe) < weight(known.recipe):
            known.recipe, known.smallest = recipe, smallest
        place = len(self.finds)
        self.finds.append(Find(case, recipe, known.cause, smallest))
        twin = self._twins.get(case.id)
        if twin is not None and self._left() > 0:
            yield [Probe(twin.id, recipe)]
            if self._outcomes.get(Probe(twin.id, recipe)) == "CORRECT":
                self.finds[place] = replace(self.finds[place], twin=twin)

    def _spread(self, case: Case, known: Known) -> Steps:
        """See how many other cases the smallest recipe of a cause flips."""
        ops = [one for one in self.ops if one.name in {step.op for step in known.recipe}]
        others = [one for one in self.seeds if one is not case and all(fits(each, one) for each in ops)]
        tried = others[: min(SPREAD, max(0, self._left() - 1))]
        recipe = known.recipe
        yield [Probe(one.id, recipe) for one in tried]
        for one in tried:
            if self._outcomes.get(Probe(one.id, recipe)) in ("CORRECT", WRONG[self.goal]):
                known.tried.add(one.id)
            if self._flips(one, recipe) and one.id not in known.flipped:
                yield from self._added(one, recipe, known, smallest=False)

    def _leave(self) -> None:
        """Note what was found and not followed to its end, as small as it is by now."""
        for lane in self._under_way() + self._stuck:
            lane.steps.close()
        followed = [lane.raw for lane in (*self._under_way(), *self._stuck) if lane.raw is not None]
        for raw in (*followed, *self._raws):
            case = self._cases[raw.case]
            if any(find.case.id == case.id and within(find.cause, raw.recipe) for find in self.finds):
                continue
            parts = [one.recipe for one in self._outcomes if one.case == case.id and self._flips(case, one.recipe)]
            best = min((one for one in parts if within(cause_of(one), raw.recipe)), key=weight)
            if len(self.causes) >= self.limits.causes or any(within(one.cause, best) for one in self.causes):
                continue
            self.causes.append(Known(cause_of(best), best, False, {case.id}, {case.id}))
            self.finds.append(Find(case, best, cause_of(best), False))


def _twins(suite: Suite) -> dict[str, Case]:
    halves: dict[str, list[Case]] = {}
    for case in suite.cases:
        if case.pair is not None:
            halves.setdefault(case.pair, []).append(case)
    return {one.id: other for pair in halves.values() if len(pair) == 2 for one, other in (pair, pair[::-1])}
