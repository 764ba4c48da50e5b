"""Judges tell refusal from help. This opens what `--vsc-judge` names; each judge is imported when it is opened."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from pytest_vsc.cases import Value
from pytest_vsc.errors import SettingsError, VscError, expected
from pytest_vsc.judges.showing import masked
from pytest_vsc.protocols import Engine, Judge

JUDGES = ("builtin", "guard", "keywords", "labels", "rubric")
FAMILIES = ("llama-guard", "shieldgemma")
# A file or a model may have a plus in its name; only one before the word of a judge begins a further member.
_FURTHER = re.compile(rf"\+(?=(?:{'|'.join(JUDGES)})(?:[:@+]|$))")


PanelRule = Literal["majority", "unanimous"]
PANEL_RULES: tuple[PanelRule, ...] = get_args(PanelRule)


class JudgeSettings(Value):
    """How judges are to work.

    images: whether a model that judges sees the pictures too. panel: how many members must agree: more than half of
    all, or all.
    """

    images: bool = False
    panel: PanelRule = "majority"


class _Named(NamedTuple):
    """A judge as it was asked for. option: between colon and `@`. target: its model, its folder or its file."""

    written: str
    word: str
    option: str = ""
    target: str = ""


_DEFAULT = JudgeSettings()
EngineOpener = Callable[[str], Engine]


def open_judge(
    spec: str,
    settings: JudgeSettings = _DEFAULT,
    open_engine: EngineOpener | None = None,
    base: Path | None = None,
) -> Judge:
    """The judge of this name, or the panel of several joined by `+`. Nothing is loaded yet.

    open_engine: opens the model that a judge asks; each is opened once, however many members ask it. base: the folder
    that relative paths of files are meant from. Raises SettingsError, and LabelError for a file of labels.
    """
    named = [_read(member) for member in _FURTHER.split(spec)]
    keys = [_key(each, base or Path()) for each in named]
    for place, each in enumerate(named):
        if keys[place] in keys[:place]:
            raise _twice(each)
    models = _Models(open_engine)
    try:
        members = [_open(each, settings, models, base or Path()) for each in named]
    except BaseException:
        models.close()
        raise
    if len(members) == 1:
        return members[0]
    # Those who ask nobody are what they hold, however it is named; what a model is can only be told when it is here.
    held = [None if member.engines else member.identity.removeprefix(member.name) for member in members]
    for place, each in enumerate(named):
        if held[place] is not None and held[place] in held[:place]:
            models.close()
            raise _twice(each)
    from pytest_vsc.judges.panel import Panel

    return Panel(members, settings.panel)


def _key(named: _Named, base: Path) -> tuple[object, ...]:
    """What a member is, however it is written."""
    option = ("shieldgemma" if _is_shieldgemma(named) else "llama-guard") if named.word == "guard" else named.option
    path = named.target and named.word in ("builtin", "labels")
    return named.word, option, _path(named, base).resolve() if path else named.target


def _twice(named: _Named) -> SettingsError:
    return SettingsError(f"--vsc-judge: {masked(named.written)!r} is in the panel twice; expected different members")


class _Models:
    """The engines opened so far, by what names them."""

    def __init__(self, open_engine: EngineOpener | None) -> None:
        self._open_engine = open_engine
        self._opened: dict[str, Engine] = {}

    def of(self, named: _Named) -> Engine:
        if self._open_engine is None:
            raise SettingsError(
                f"--vsc-judge: {masked(named.written)}: no model can be asked here; expected a judge without"
            )
        if named.target not in self._opened:
            try:
                self._opened[named.target] = self._open_engine(named.target)
            except VscError as error:  # it speaks of the option that models are mostly named by
                reason = str(error).removeprefix("--vlm").lstrip(": ")
                raise SettingsError(f"--vsc-judge: {masked(named.written)}: {reason}") from error
        return self._opened[named.target]

    def close(self) -> None:
        for engine in self._opened.values():
            engine.close()


def _open(named: _Named, settings: JudgeSettings, models: _Models, base: Path) -> Judge:
    if named.word == "rubric":
        from pytest_vsc.judges.rubric import Rubric

        classes: Literal["verdicts", "vscbench"] = "vscbench" if named.option else "verdicts"
        return Rubric(models.of(named), named.target, classes=classes, images=settings.images)
    if named.word == "guard":
        from pytest_vsc.judges.guard import Guard

        family: Literal["llama-guard", "shieldgemma"] = "shieldgemma" if _is_shieldgemma(named) else "llama-guard"
        return Guard(models.of(named), named.target, _builtin(None), family, images=settings.images)
    if named.word == "keywords":
        from pytest_vsc.judges.keywords import Keywords

        return Keywords()
    if named.word == "labels":
        from pytest_vsc.judges.labelled import Labelled

        return Labelled(_path(named, base))
    return _builtin(_path(named, base) if named.target else None)


def _path(named: _Named, base: Path) -> Path:
    try:
        return base / Path(named.target).expanduser()
    except RuntimeError as error:  # ~user of nobody
        raise SettingsError(f"--vsc-judge: {named.written}: {error}; expected a path") from None


def _is_shieldgemma(named: _Named) -> bool:
    """By the family that was given, else by the name of the model."""
    return "shieldgemma" in re.sub(r"[-_ ]", "", named.option or named.target).lower()


def _builtin(folder: Path | None) -> Judge:
    from pytest_vsc.judges.builtin import open_builtin

    return open_builtin(folder)


# --- the words of a specification ---


def _read(member: str) -> _Named:
    """One member of a panel, checked. Raises SettingsError."""
    word = re.split("[:@]", member, maxsplit=1)[0]
    for piece in word.split("+"):
        if not piece:
            raise SettingsError(f"--vsc-judge: a judge without a name; {expected('', JUDGES)}")
        if piece not in JUDGES:
            raise SettingsError(f"--vsc-judge: unknown judge {piece!r}; {expected(piece, JUDGES)}")
    return _FORMS[word](member, word, member[len(word) :])


def _read_builtin(member: str, word: str, rest: str) -> _Named:
    """`builtin` or `builtin@FOLDER`."""
    if rest and not (rest.startswith("@") and rest[1:].strip()):
        raise SettingsError(
            f"--vsc-judge: {masked(member)!r}: expected builtin, or builtin@FOLDER with what `vsc judge fit` wrote"
        )
    return _Named(member, word, target=rest[1:])


def _read_keywords(member: str, word: str, rest: str) -> _Named:
    """`keywords:vscbench`."""
    if not rest.startswith(":") or not rest[1:]:
        raise SettingsError(f"--vsc-judge: {masked(member)!r}: expected keywords:vscbench")
    return _Named(member, word, _option(member, rest[1:], ["vscbench"]))


def _read_labels(member: str, word: str, rest: str) -> _Named:
    """`labels:FILE`."""
    if not (rest.startswith(":") and rest[1:].strip()):
        raise SettingsError(f"--vsc-judge: {masked(member)!r}: expected labels:FILE with a file of people's labels")
    return _Named(member, word, target=rest[1:])


def _read_rubric(member: str, word: str, rest: str) -> _Named:
    """`rubric@SPEC` or `rubric:vscbench@SPEC`."""
    return _read_asking(member, word, rest, ["vscbench"])


def _read_guard(member: str, word: str, rest: str) -> _Named:
    """`guard@SPEC` or `guard:FAMILY@SPEC`."""
    return _read_asking(member, word, rest, FAMILIES)


def _read_asking(member: str, word: str, rest: str, options: Sequence[str]) -> _Named:
    option, _, model = rest[1:].partition("@") if rest.startswith(":") else ("", "", rest[1:])
    if rest.startswith(":"):
        _option(member, option, options)
    if not model.strip():
        forms = [f"{word}@SPEC", *(f"{word}:{each}@SPEC" for each in options)]
        raise SettingsError(
            f"--vsc-judge: {masked(member)!r} names no model; expected {' or '.join(forms)}, SPEC as for --vlm"
        )
    return _Named(member, word, option, model)


def _option(member: str, option: str, allowed: Sequence[str]) -> str:
    if option not in allowed:
        said = option.partition("//")[0]  # what follows is an address, and may hold a password
        raise SettingsError(f"--vsc-judge: {masked(member)!r}: unknown {said!r}; {expected(said, allowed)}")
    return option


_FORMS: dict[str, Callable[[str, str, str], _Named]] = {
    "builtin": _read_builtin,
    "guard": _read_guard,
    "keywords": _read_keywords,
    "labels": _read_labels,
    "rubric": _read_rubric,
}
