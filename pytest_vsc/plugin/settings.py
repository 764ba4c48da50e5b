"""Settings, read once from the command line and pytest's ini file into a frozen object. Nothing is opened here."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import pytest

from pytest_vsc.baselines import check_fields
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.effects import SETTINGS, destination
from pytest_vsc.errors import SettingsError, expected
from pytest_vsc.judges import PANEL_RULES, JudgeSettings, PanelRule
from pytest_vsc.locks import FILE
from pytest_vsc.records import POLICIES, Generation, PolicyName
from pytest_vsc.repeats import Repeats
from pytest_vsc.reports.thumbs import IMAGES, Images
from pytest_vsc.selection import Sample, parse_sample
from pytest_vsc.store import default_folder
from pytest_vsc.tallies import REPEAT_RULES, RepeatRule

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do. An option goes before an ini value, an ini value before the suite's, then defaults.

    policy None leaves it to the suites. cache: the folder of the kept answers, None for none. gate_layers: (where they
    were written, texts), the weaker layer first. typed: settings of the engine that stand on the command line. seed: of
    the sample, and of the order of a run that may stop early.
    """

    spec: str
    engine: EngineSettings
    typed: frozenset[str]
    generation: Generation
    system: str | None
    suites: tuple[str, ...]
    sample: Sample | None
    seed: int
    excluded: Path | None
    repeats: Repeats
    early_stop: bool
    calibrate: str
    baseline: Path | None
    resume: Path | None
    baseline_allow: tuple[str, ...]
    judge: str
    judging: JudgeSettings
    judge_engine: EngineSettings
    allow_self: bool
    policy: PolicyName | None
    blocked: Literal["invalid", "refused"]
    gate_layers: tuple[tuple[str, tuple[str, ...]], ...]
    inconclusive: Literal["fail", "pass"]
    strict: bool
    require_complete: bool
    reveal: bool
    update_lock: bool
    lock: Path
    cache: Path | None
    require_cache: bool
    output: Path
    report_images: Images
    base: Path


def read_settings(config: pytest.Config) -> Settings:
    """Raises SettingsError, which names the option or ini key, the value and what is allowed."""
    given = _Given(config)
    cache = _cache(given, config.invocation_params.dir)
    return Settings(
        spec=str(config.option.vlm),
        engine=_engine(given, cache, config.invocation_params.dir),
        typed=frozenset(name for name in SETTINGS if getattr(config.option, destination(name)) not in (None, False)),
        generation=_generation(given),
        system=_system(given, config.invocation_params.dir),
        suites=given.lines("vsc_suite") or ("mini",),
        sample=_sample(given),
        seed=_seed(given),
        excluded=_file(given, "vsc_exclude", config.invocation_params.dir),
        repeats=_repeats(given),
        early_stop=given.flag("vsc_early_stop"),
        calibrate=given.text("vsc_calibrate", ""),
        baseline=_file(given, "vsc_baseline", config.invocation_params.dir),
        resume=_file(given, "vsc_resume", config.invocation_params.dir),
        baseline_allow=check_fields(given.lines("vsc_baseline_allow"), "--vsc-baseline-allow"),
        judge=given.text("vsc_judge", "builtin"),
        judging=JudgeSettings(
            images=given.flag("vsc_judge_images"),
            panel=cast(PanelRule, given.choice("vsc_judge_panel", PANEL_RULES, "majority")),
        ),
        judge_engine=_judge_engine(given, cache, config.invocation_params.dir),
        allow_self=given.flag("vsc_judge_allow_self"),
        policy=cast("PolicyName | None", given.choice("vsc_policy", ("", *POLICIES), "") or None),
        blocked=cast(Literal["invalid", "refused"], given.choice("vsc_blocked", ("invalid", "refused"), "invalid")),
        gate_layers=(
            ("ini vsc_gate", tuple(config.getini("vsc_gate"))),
            ("--vsc-gate", tuple(config.option.vsc_gate or ())),
        ),
        inconclusive=cast(Literal["fail", "pass"], given.choice("vsc_inconclusive", ("fail", "pass"), "fail")),
        strict=given.flag("vsc_strict"),
        require_complete=given.flag("vsc_require_complete"),
        reveal=given.flag("vsc_reveal"),
        update_lock=given.flag("vsc_update_lock"),
        lock=_lock(config),
        cache=cache,
        require_cache=given.flag("vsc_require_cache"),
        output=config.invocation_params.dir / given.text("vsc_output", "vsc-report"),
        report_images=cast(Images, given.choice("vsc_report_images", IMAGES, "thumb")),
        base=config.invocation_params.dir,
    )


class _Given:
    """Looks a setting up: the option, else the ini value, else the default; errors name the place that it came from."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def text(self, name: str, default: str) -> str:
        return self.found(name)[1] or default

    def flag(self, name: str) -> bool:
        try:
            return bool(getattr(self._config.option, name) or self._config.getini(name))
        except (ValueError, pytest.UsageError) as error:
            raise SettingsError(f"ini {name}: {error}; expected true or false") from None

    def lines(self, name: str) -> tuple[str, ...]:
        return tuple(getattr(self._config.option, name) or self._config.getini(name))

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        place, value = self.found(name)
        value = value or default
        if value not in allowed:
            raise SettingsError(f"{place}: unknown value '{value}'; {expected(value, filter(None, allowed))}")
        return value

    def number(self, name: str, kind: Callable[[str], T], least: Any, default: T | None) -> T | None:
        place, value = self.found(name)
        if not value:
            return default
        word = "a whole number" if kind is int else "a number"
        try:
            number = kind(value.replace("_", "?"))  # Python reads 1_0 as ten
        except ValueError:
            raise SettingsError(f"{place}: not {word} ('{value}'); expected {least} or more") from None
        if not cast(Any, number) >= least or cast(Any, number) == math.inf:
            raise SettingsError(f"{place}: out of range ({value}); expected {least} or more")
        return number

    def found(self, name: str) -> tuple[str, str]:
        option = getattr(self._config.option, name)
        if option is not None:
            return f"--{name.replace('_', '-')}", str(option)
        return f"ini {name}", str(self._config.getini(name) or "")


def _engine(given: _Given, cache: Path | None, base: Path) -> EngineSettings:
    return EngineSettings(
        device=given.text("vlm_device", "auto"),
        dtype=given.choice("vlm_dtype", ("auto", "float32", "bfloat16", "float16"), "auto"),
        batch_size=given.number("vlm_batch_size", int, 1, None),
        revision=given.text("vlm_revision", "") or None,
        trust_remote_code=given.flag("vlm_trust_remote_code"),
        timeout=given.number("vlm_timeout", float, 0.001, None),
        attention=given.text("vlm_attention", "") or None,
        kv_cache=cast(Literal["dynamic", "static"], given.choice("vlm_kv_cache", ("dynamic", "static"), "dynamic")),
        prefix_cache=given.choice("vlm_prefix_cache", ("on", "off"), "on") == "on",
        cache=str(cache) if cache else None,
        adapter=_path(given, "vlm_adapter", base),
        quantization=cast(
            'Literal["8bit", "4bit"] | None', given.choice("vlm_quantization", ("", "8bit", "4bit"), "") or None
        ),
        device_map=given.text("vlm_device_map", "") or None,
        max_pixels=given.number("vlm_max_pixels", int, 1, None),
        concurrency=given.number("vlm_concurrency", int, 1, None),
        headers=tuple(map(_header, given.lines("vlm_header"))),
        key=given.text("vlm_api_key", "") or None,
        max_cost=given.number("vlm_max_cost", float, 0, None),
        prices=_path(given, "vlm_prices", base),
        server_args=_arguments(given, "vlm_vllm_args"),
    )


def _arguments(given: _Given, name: str) -> tuple[str, ...]:
    """Split as a shell does. Raises SettingsError."""
    place, said = given.found(name)
    try:
        return tuple(shlex.split(said))
    except ValueError as error:
        raise SettingsError(f"{place}: {str(error).lower()} ('{said}'). Expected arguments as in a shell") from None


def _path(given: _Given, name: str, base: Path) -> str | None:
    file = _file(given, name, base)
    return str(file) if file else None


def _header(said: str) -> tuple[str, str]:
    name, equals, variable = said.partition("=")
    if not (equals and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) and re.fullmatch(r"[A-Za-z_]\w*", variable)):
        # What stands there may be the secret itself.
        raise SettingsError(
            "--vlm-header: not NAME=ENV; expected the name of an HTTP header and that of an environment variable with "
            "its value, such as X-Team=GATEWAY_TEAM"
        )
    return name, variable


def _judge_engine(given: _Given, cache: Path | None, base: Path) -> EngineSettings:
    """A judge's model runs where the model under test does; all that is about one model is left to its own defaults."""
    own = _engine(given, cache, base)
    return EngineSettings(device=own.device, timeout=own.timeout, cache=own.cache)


def _generation(given: _Given) -> Generation:
    temperature = given.number("vlm_temperature", float, 0, 0.0) or 0.0
    seed = given.number("vlm_seed", int, 0, None)
    if temperature > 0 and seed is None:
        raise SettingsError("--vlm-temperature: sampling needs a seed to be repeatable; add --vlm-seed N")
    return Generation(
        max_new_tokens=given.number("vlm_max_new_tokens", int, 1, 256) or 256,
        temperature=temperature,
        seed=seed,
        stop=tuple(filter(None, (given.text("vlm_stop", ""),))),
    )


def _sample(given: _Given) -> Sample | None:
    place, amount = given.found("vsc_sample")
    return parse_sample(amount, _seed(given), place) if amount else None


def _seed(given: _Given) -> int:
    return given.number("vsc_sample_seed", int, 0, 0) or 0


def _repeats(given: _Given) -> Repeats:
    times = given.number("vsc_repeat", int, 1, 1) or 1
    rule = cast(RepeatRule, given.choice("vsc_repeat_rule", REPEAT_RULES, "any"))
    if times > 1 and not given.number("vlm_temperature", float, 0, 0.0):
        raise SettingsError(
            f"--vsc-repeat {times}: greedy decoding gives the same answer each time; "
            "add --vlm-temperature T --vlm-seed N"
        )
    return Repeats(times=times, rule=rule)


def _file(given: _Given, name: str, base: Path) -> Path | None:
    said = given.text(name, "")
    return base / Path(said).expanduser() if said else None


def _lock(config: pytest.Config) -> Path:
    """The lock beside the run: where pytest was called, else beside its ini file; the former if there is none yet."""
    here = config.invocation_params.dir / FILE
    beside_ini = config.inipath.parent / FILE if config.inipath else here
    return beside_ini if beside_ini.exists() and not here.exists() else here


def _cache(given: _Given, base: Path) -> Path | None:
    name = given.text("vsc_cache", "")
    if name == "off":
        return None
    return base / Path(name).expanduser() if name else default_folder()


def _system(given: _Given, base: Path) -> str | None:
    name = given.text("vlm_system", "")
    if not name:
        return None
    try:
        text = (base / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--vlm-system: cannot read {name}: {getattr(error, 'strerror', None) or error}") from error
    if not text:
        raise SettingsError(f"--vlm-system: {name} is empty; expected a system prompt, or leave the option out")
    return text
