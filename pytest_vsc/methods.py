"""Runs as methods of calibration: what each is called, and whether it may be held against the plain model's.

It measures nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import get_args

from pytest_vsc.baselines import Baseline, terms_of, unlike
from pytest_vsc.baselines import Field as TermsField
from pytest_vsc.errors import RunFileError
from pytest_vsc.runs import RUN_FILE, Header

Part = tuple[str, Mapping[str, str]]  # of a name: its kind, and its settings by their keys; a folder has none
Place = tuple[int, str]  # a setting: of which part, by its key
NONE = "none"
EDITED = "activation_revision"  # what an engine tells of an edit of its model
FIELDS: tuple[str, ...] = (*get_args(TermsField), "model")


def names_of(runs: Sequence[Baseline]) -> list[str]:
    """What each run's method is called: its calibration, its adapter where they differ in that; no name twice.

    A replayed run has no calibration of its own where the one that it replays was edited: that is named by the edit.
    """
    adapters = [run.run.header.model.get("adapter", "") for run in runs]
    found: list[str] = []
    for run, adapter in zip(runs, adapters, strict=True):
        header = run.run.header
        said, edit = header.calibration, header.model.get(EDITED, "")
        own = [f"adapter:{adapter}"] if len(set(adapters)) > 1 and adapter and "adapter:" not in said else []
        own += [f"{EDITED.replace('_', '-')}:{edit}"] if edit and EDITED.replace("_", "-") not in said else []
        name = "+".join([*own, *([said] if said != NONE or not own else [])])
        place = run.name.removesuffix(f"/{RUN_FILE}")
        name = f"{name} ({place})" if name in found else name
        found.append(name if name not in found else f"{name} {found.count(name) + 1}")
    return found


def labels_of(names: Sequence[str]) -> dict[str, str]:
    """Names with those of their settings only by which they are told apart."""
    parted = {name: [_settings(part) for part in name.split("+")] for name in names}
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, parts in parted.items():
        alike.setdefault(tuple(kind for kind, _ in parts), []).append(name)
    labels: dict[str, str] = {}
    for held in alike.values():
        telling = _telling([parted[name] for name in held])
        labels |= {name: _label(parted[name], telling) for name in held}
    counted = Counter(labels.values())
    return {name: labels[name] if counted[labels[name]] == 1 else name for name in names}


def _settings(part: str) -> Part:
    kind, _, rest = part.partition(":")
    return kind, {one.partition("=")[0] if "=" in one else "": one for one in rest.split(",")} if rest else {}


def _telling(held: Sequence[Sequence[Part]]) -> frozenset[Place]:
    """Of which settings methods of one kind have to tell; what follows from the others is left out, the last first."""
    kept = list(
        dict.fromkeys((at, key) for parts in held for at, (_, settings) in enumerate(parts) for key in settings)
    )
    for place in reversed(kept):
        fewer = frozenset(kept) - {place}
        if len({_label(parts, fewer) for parts in held}) == len(held):
            kept.remove(place)
    return frozenset(kept)


def _label(parts: Sequence[Part], telling: Collection[Place]) -> str:
    told = [[one for key, one in settings.items() if (at, key) in telling] for at, (_, settings) in enumerate(parts)]
    return "+".join(f"{kind}:{','.join(own)}" if own else kind for (kind, _), own in zip(parts, told, strict=True))


def held(plain: Baseline, run: Baseline, allowed: Collection[str]) -> tuple[str, ...]:
    """What differs and was allowed to, in lines. Raises RunFileError, naming each field that was not."""
    header, other = plain.run.header, run.run.header
    found: dict[str, str] = dict(unlike(terms_of(header), terms_of(other)).items())
    if told := _other_model(header, other):
        found["model"] = told
    refused = [f"{field}: {what}" for field, what in found.items() if field not in allowed]
    if refused:
        lines = "\n  ".join(refused)
        raise RunFileError(
            f"{run.name} is not comparable with {plain.name}; --allow FIELD compares them nevertheless\n  {lines}"
        )
    return tuple(f"{field}: {what}" for field, what in found.items())


def _other_model(before: Header, now: Header) -> str:
    """How the model is another one but for an adapter, in a line; "" where it is the same."""
    adapted = "adapter" in before.model or "adapter" in now.model
    fields: tuple[str, ...] = ("model", "revision")
    if not adapted:
        fields = ("weights",) if "weights" in before.model and "weights" in now.model else (*fields, "fingerprint")
    for field in fields:
        was, told = before.model.get(field, ""), now.model.get(field, "")
        if was != told:
            return f"{field} {told[:60] or 'not told'}, in the run of {NONE} {was[:60] or 'not told'}"
    return ""
