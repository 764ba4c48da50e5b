"""`vsc forge operators`: what can be done to a pair, with the settings, and what that makes of an example."""

from __future__ import annotations

import argparse
from random import Random

from pytest_vsc.cli.printing import say, table
from pytest_vsc.errors import harmless
from pytest_vsc.forge import operator, operators
from pytest_vsc.forge.operators import REWRITE, Parameter

Actions = argparse._SubParsersAction
FEW = 12  # choices that are listed whole
MODEL = f"{REWRITE}@SPEC"
BY_MODEL = "has a model put the words in other words, and another agree (`vsc forge pairs` alone, as the first step)"
SPEC = "a model as --vlm takes it; --verifier SPEC is the model that must agree (default: the same)"
ON = {"words": "words of the prompt", "picture": "pictures", "move": "words into the picture", "flip": "words"}


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge operators`."""
    parser = actions.add_parser("operators", help="list the operators, or tell all of some")
    parser.add_argument("names", metavar="OP", nargs="*", help="tell these with their settings")
    parser.set_defaults(command=command)


def command(given: argparse.Namespace) -> int:
    """Print them. Raises SettingsError for an unknown one."""
    if not given.names:
        rows = [(one.name, one.effect, ON[one.kind], one.what) for one in operators().values()]
        rows.append((MODEL, "keeps", ON["words"], BY_MODEL))
        for line in table(("operator", "side", "changes", "what it does"), rows, ()):
            say(line)
        return 0
    found = [told(name) for name in given.names]
    for number, lines in enumerate(found):
        for line in ([""] if number else []) + lines:
            say(line)
    return 0


def told(name: str) -> list[str]:
    """All that there is to say of an operator, in lines. Raises SettingsError for an unknown one."""
    if name in (REWRITE, MODEL):
        return [f"{MODEL}: {BY_MODEL}", f"  side: keeps it; changes: {ON['words']}", f"  SPEC: {SPEC}"]
    one = operator(name, "vsc forge operators")
    lines = [f"{one.name}: {one.what}", f"  side: {one.effect} it; changes: {ON[one.kind]}", f"  source: {one.source}"]
    for each in one.parameters:
        lines.append(f"  {each.name}={_range(each)}: {each.what}")
    if one.example and one.kind == "words":
        made = one.run(one.example, Random(0), **{each.name: each.default for each in one.parameters})  # noqa: S311
        lines += [f"  example: {harmless(one.example)}", f"       is: {harmless(made)}"]
    elif one.example and one.kind == "flip":
        lines += [f"  example: {harmless(one.example)}"]
    return lines


def _range(each: Parameter) -> str:
    if not each.choices:
        return f"{each.low:g}..{each.high:g} ({each.default:g})" if isinstance(each.default, float | int) else "?"
    default = "|".join(each.default) if isinstance(each.default, tuple) else each.default
    if len(each.choices) > FEW:
        return f"one or several of {len(each.choices)} joined by '|' ({default}), such as {', '.join(each.choices[:6])}"
    return f"{', '.join(each.choices)} ({default})"
