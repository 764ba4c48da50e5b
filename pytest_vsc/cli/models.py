"""`vsc models`: which aliases there are, what would happen with a model, and an old LLaVA rewritten."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias, get_args

from pytest_vsc.cli.printing import count, safe, say, shown, table
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.converting import convert
from pytest_vsc.engines.outlook import look
from pytest_vsc.engines.outlook.findings import Outlook
from pytest_vsc.engines.presets import ALLOWANCE, Dtype, Preset, of_set, preset_of, presets
from pytest_vsc.errors import SettingsError, expected, one_line
from pytest_vsc.judges.showing import masked

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
WIDTH = 100  # columns of the list, and more where the terminal has them
NOTES = 20  # columns that they get at least
HEADS = ("alias", "what it is", "GiB", "licence", "notes")
BOUND = "\N{NO-BREAK SPACE}"  # between words that stay on one line
CHECKING = ("trust_remote_code", "revision", "device", "dtype", "adapter", "quantization")
ABSENT = "?"


def add(commands: Actions) -> None:
    """Add `vsc models`."""
    parser = commands.add_parser(
        "models", help="which model aliases there are, and what would happen with a model", epilog=EPILOG
    )
    parser.add_argument("alias", metavar="ALIAS", nargs="?", help="show all of one")
    parser.add_argument("--set", metavar="NAME", help="only those of a set, such as vscbench")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--check", metavar="SPEC", help="what would happen with --vlm SPEC; exit code 1: it can't run")
    _add_settings(parser.add_argument_group("settings of --check, as --vlm-... of a run"))
    rewriting = parser.add_argument_group("an original-format LLaVA-1.5 checkpoint")
    rewriting.add_argument("--convert", metavar="FOLDER", type=Path, help="rewrite it for transformers")
    rewriting.add_argument("--tower", metavar="FOLDER", type=Path, help="of the CLIP model that it was trained with")
    rewriting.add_argument("--out", metavar="DIR", type=Path, help="a new folder")
    parser.set_defaults(command=models, usage=parser.error)


EPILOG = "--check reads files and caches, loads no weights and downloads nothing; a server is asked what it has."


def _add_settings(group: Any) -> None:
    group.add_argument("--device", metavar="DEVICE", help="cpu, cuda, cuda:0, mps (default: the best)")
    group.add_argument("--dtype", choices=["auto", *get_args(Dtype)], help="of the weights (default: by the device)")
    group.add_argument("--revision", metavar="REV", help="of a hub model")
    group.add_argument("--adapter", metavar="DIR", type=Path, help="a PEFT adapter on top of the model")
    group.add_argument("--quantization", choices=["8bit", "4bit"], help="by bitsandbytes")
    group.add_argument("--trust-remote-code", action="store_true", default=None, help="if its repository is trusted")


def models(given: argparse.Namespace) -> int:
    """List, show, check or convert, as the arguments say."""
    asked = [name for name in ("alias", "set", "check", "convert") if getattr(given, name) is not None]
    if len(asked) > 1:
        given.usage("one at a time: ALIAS, --set, --check or --convert")
    if given.check is None and any(getattr(given, name) is not None for name in CHECKING):
        given.usage(f"{', '.join('--' + name.replace('_', '-') for name in CHECKING)} go with --check SPEC")
    if given.convert is None and asked and (given.tower is not None or given.out is not None):
        given.usage("--tower and --out go with --convert FOLDER")
    if given.convert is not None or given.tower is not None or given.out is not None:
        return _convert(given)
    if given.check is not None:
        return _check(given)
    if given.alias is not None:
        return _show(_known(given.alias), as_json=given.json)
    return _list(of_set(given.set) if given.set is not None else presets().values(), as_json=given.json)


# --- list ---


def _list(chosen: Iterable[Preset], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps([_fields(preset) for preset in chosen], indent=2))
        return 0
    width = max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    for line in table(HEADS, list(_rows(list(chosen), width)), figures={2}):
        say(line)
    print()
    print(f"GiB: weights in the model's own dtype and {ALLOWANCE:.0%} to work in. {ABSENT}: unknown, -: there is none.")
    print("`vsc models ALIAS` shows one, and what to do about one that is not loaded as it is;")
    print("`vsc models --check ALIAS` whether it would run here.")
    return 0


def _rows(chosen: Sequence[Preset], width: int) -> Iterator[tuple[str, ...]]:
    """One line for each preset, and more where its notes need them to stay within the width."""
    facts = [(one.alias, one.description, _memory(one), one.licence or _unknown(one)) for one in chosen]
    taken = sum(max(map(len, column)) + 2 for column in zip(HEADS[:-1], *facts, strict=True))
    for preset, fact in zip(chosen, facts, strict=True):
        lines = textwrap.wrap(_notes(preset), max(NOTES, width - taken), break_on_hyphens=False)
        first, *others = [line.replace(BOUND, " ") for line in lines] or [""]
        yield (*fact, first)
        yield from (("", "", "", "", more) for more in others)


def _memory(preset: Preset) -> str:
    if preset.memory is None:
        return _unknown(preset)
    return f"{preset.memory:.1f}" if preset.memory >= 0.05 else "<0.1"


def _unknown(preset: Preset) -> str:
    """What stands in place of a fact: that it isn't known, or that there is nothing of the kind."""
    return ABSENT if preset.hub else "-"


def _notes(preset: Preset) -> str:
    notes = [
        *([f"retired {preset.retired}"] if preset.retired else []),
        *(["not as it is"] if preset.instead else []),
        *(["own code"] if preset.remote_code else []),
        *(["licence to accept"] if preset.gated else []),
        *([f"key{BOUND}{preset.key}"] if preset.key else []),
        *preset.packages,
        *preset.quirks,
    ]
    return ", ".join(notes)


# --- one ---


def _known(alias: str) -> Preset:
    preset = preset_of(alias)
    if preset is None:
        near = expected(alias, presets()).partition("; did you mean")
        raise SettingsError(f"unknown alias '{one_line(alias)}'; `vsc models` lists them{near[1]}{near[2]}")
    return preset


def _show(preset: Preset, *, as_json: bool) -> int:
    fields = _fields(preset)
    if as_json:
        print(json.dumps(fields, indent=2))
        return 0
    for name, value in fields.items():
        if value not in (None, [], False):
            text = ", ".join(value) if isinstance(value, list) else "yes" if value is True else str(value)
            say(f"{name:<11}  {text}")
    return 0


def _fields(preset: Preset) -> dict[str, Any]:
    """All of a preset as JSON has it, what it stands for and the GiB that it needs; null where that is not known."""
    whole = preset.model_dump(mode="json", by_alias=True)
    memory = None if preset.memory is None else round(preset.memory, 1)
    return {"alias": preset.alias, "target": preset.target, **whole, "memory_gib": memory}


# --- check ---


def _check(given: argparse.Namespace) -> int:
    outlook = look(given.check, _settings(given), date.today())
    if given.json:
        named = {"spec": masked(outlook.spec), "target": masked(outlook.target), "works": outlook.works}
        print(json.dumps({**outlook.model_dump(mode="json"), **named}, indent=2))
    else:
        for line in _lines(outlook):
            say(line)
    return int(not outlook.works)


def _settings(given: argparse.Namespace) -> EngineSettings:
    return EngineSettings(
        device=given.device or "auto",
        dtype=given.dtype or "auto",
        revision=given.revision,
        trust_remote_code=bool(given.trust_remote_code),
        adapter=str(given.adapter) if given.adapter else None,
        quantization=given.quantization,
    )


def _lines(outlook: Outlook) -> Iterator[str]:
    target = "" if outlook.target == outlook.spec else f"{masked(outlook.target)}, "
    yield f"{masked(outlook.spec)}: {target}a {outlook.kind}"
    rows = [(finding.severity, finding.about, one_line(finding.says)) for finding in outlook.findings]
    yield from (f"  {line}" for line in table(("", "", ""), rows, figures=())[1:])
    numbers = {kind: sum(one.severity == kind for one in outlook.findings) for kind in ("problem", "warning")}
    told = ", ".join(count(number, kind) for kind, number in numbers.items() if number)
    verdict = "would work" if outlook.works else "would not work"
    yield f"{verdict}: {told}" if told else verdict


# --- convert ---


def _convert(given: argparse.Namespace) -> int:
    if given.convert is None or given.tower is None or given.out is None:
        given.usage("--convert FOLDER, --tower FOLDER and --out DIR go together")
    if given.json:
        given.usage("--json is not of --convert")
    convert(given.convert, given.tower, given.out, _loud)
    say(f"{shown(given.out)}: written; vsc models --check {shown(given.out)}")
    return 0


def _loud(what: str) -> None:
    print(safe(f"vsc: {what}"), file=sys.stderr)
