"""Model aliases: what `presets.toml` says of each, checked. It opens no engine and looks for no files."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from pytest_vsc.cases import Value
from pytest_vsc.errors import ModelError, expected, one_line
from pytest_vsc.shipped import shipped

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Dtype = Literal["float32", "bfloat16", "float16"]
BYTES: dict[str, int] = {"float32": 4, "bfloat16": 2, "float16": 2}
GIB = 1 << 30
# What a model needs beside its weights, as a share of them: keys, values and pictures of a batch, and what the device
# keeps for itself. An allowance, no measurement: a batch that does not fit is halved.
ALLOWANCE = 0.25
# The branch of a hub model that is meant when no revision is given.
MAIN = "main"


class Preset(Value):
    """A model alias: one of `path`, `hub`, or `url` with `model`. What is None is not known, or there is none.

    path: under the shipped fixtures: a folder of a model, or the rules of a scripted one. revision: of a hub model.
    model_type, class_name (`class` in the file): as the model's own config names them. dtype: of its weights.
    parameters: billions. licence: SPDX id, or the name it goes by. gated: the hub wants its licence accepted.
    remote_code: its repository brings code of its own that would have to run. packages: needed beyond the extra
    [local]. quirks: a few words each. sets: groups of models that the alias is one of. key: environment variable
    with the key of a server. retired: day from which a server no longer has it (ISO). instead: what to do, where
    transformers does not load it. gates: demo bounds.
    """

    alias: str
    description: str
    path: str | None = None
    hub: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$")
    url: str | None = Field(None, pattern=r"^https?://")
    model: str | None = None
    revision: str = MAIN
    model_type: str | None = None
    class_name: str | None = Field(None, alias="class")
    dtype: Dtype | None = None
    parameters: float | None = Field(None, gt=0)
    licence: str | None = None
    gated: bool = False
    remote_code: bool = False
    packages: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    key: str | None = None
    retired: str | None = Field(None, pattern=r"^\d{4}-\d\d-\d\d$")
    instead: str | None = None
    gates: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _stands_for_one_thing(self) -> Preset:
        if sum(place is not None for place in (self.path, self.hub, self.url)) != 1:
            raise ValueError("expected one of path, hub, and url with model")
        if (self.url is None) != (self.model is None):
            raise ValueError("expected url and model together")
        return self

    @property
    def target(self) -> str:
        """The folder, the rules, the hub id or URL#model that the alias stands for."""
        if self.url:
            return f"{self.url}#{self.model}"
        return self.hub or str(shipped("fixtures") / (self.path or self.alias))

    @property
    def memory(self) -> float | None:
        """GiB that it needs: its weights in `dtype`, with the allowance. None where that can't be computed."""
        if self.parameters is None or self.dtype is None:
            return None
        return needed(round(self.parameters * 1e9) * BYTES[self.dtype]) / GIB


def needed(weights: int) -> int:
    """Bytes that a model of so many bytes of weights needs to answer, by the allowance."""
    return round(weights * (1 + ALLOWANCE))


@functools.cache
def presets() -> dict[str, Preset]:
    """Every alias, in the order of the file. Raises ModelError."""
    return read_presets(Path(__file__).with_name("presets.toml"))


def read_presets(file: Path) -> dict[str, Preset]:
    """The aliases of a file. Raises ModelError that names the file and the alias."""
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{file.name}: {one_line(error)}") from error
    return {alias: _preset(file.name, alias, fields) for alias, fields in read.items()}


def _preset(file: str, alias: str, fields: object) -> Preset:
    if not isinstance(fields, dict):
        raise ModelError(f"{file}: {alias}: not a table; expected [{alias}] with description, and path, hub or url")
    try:
        return Preset(**{**fields, "alias": alias})
    except ValidationError as error:
        raise ModelError(f"{file}: {alias}: {'; '.join(_faults(error))}") from None


def _faults(error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        field = ".".join(map(str, fault["loc"]))
        if fault["type"] == "extra_forbidden":
            known = [info.alias or name for name, info in Preset.model_fields.items() if name != "alias"]
            yield f"unknown key '{field}'; {expected(field, known)}"
        else:
            yield one_line(f"{field}: {fault['msg']}" if field else fault["msg"])


def preset_of(spec: str) -> Preset | None:
    """The preset that `spec` is the alias of, if it is one."""
    return presets().get(spec)


def of_set(name: str) -> list[Preset]:
    """The presets of a set, in the order of the file. Raises ModelError for one that there is none of."""
    found = [preset for preset in presets().values() if name in preset.sets]
    if not found:
        there = {one for preset in presets().values() for one in preset.sets}
        raise ModelError(f"--set: unknown set '{one_line(name)}'; {expected(name, there)}")
    return found
