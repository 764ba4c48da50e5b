"""What would happen with a server, with vLLM that is started for the run, and with an engine that checks itself.

A server is asked for its models and nothing else: an answer may cost. Nothing is started but `vllm --version`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_vsc.engines import EngineSettings, checkpoint, open_engine
from pytest_vsc.engines.address import KEY, base_of, shown
from pytest_vsc.engines.llava_original import is_original
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, told, warning
from pytest_vsc.engines.outlook.places import Looked, about_files, about_licence
from pytest_vsc.engines.presets import Preset
from pytest_vsc.errors import ModelError, VscError, one_line

if TYPE_CHECKING:
    from pytest_vsc.engines.asking import Asking

# Seconds in which a server must tell what models it has. One that is given too much may keep a run waiting for longer.
PATIENCE = 30.0


def of_itself(spec: str, settings: EngineSettings) -> Iterator[Finding]:
    """An engine that checks itself."""
    try:
        _check(spec, settings)
    except VscError as error:
        yield problem("check", one_line(error))
    else:
        yield ok("check", "its own check passes")


def _check(spec: str, settings: EngineSettings) -> None:
    """Raises VscError."""
    engine = open_engine(spec, settings)
    try:
        engine.check()
    finally:
        engine.close()


# --- servers ---


def of_server(
    spec: str, target: str, preset: Preset | None, settings: EngineSettings, today: date
) -> Iterator[Finding]:
    """target: URL#model."""
    if preset and preset.retired:
        yield _retired(date.fromisoformat(preset.retired), today)
    found = [*_about_openai(), _about_key(settings)]
    yield from found
    if any(finding.severity == "problem" for finding in found):
        return
    try:
        _check(spec, settings)
        yield _asked(target, settings)
    except VscError as error:
        yield problem("server", one_line(error))


def _retired(since: date, today: date) -> Finding:
    if since <= today:
        return warning("retired", f"its provider has not served it since {since}")
    return ok("retired", f"its provider serves it until {since}")


def _about_openai() -> Iterator[Finding]:
    if importlib.util.find_spec("openai") is None:
        yield problem("packages", "openai is missing: pip install 'pytest-vsc[openai]'")


def _about_key(settings: EngineSettings) -> Finding:
    variable = settings.key or KEY
    if os.environ.get(variable, "").strip():
        return ok("key", f"{variable} is set")
    if settings.key:
        return problem("key", f"{variable} is not set; the server's key is read from it")
    return ok("key", f"none ({variable} is not set)")


def _asked(target: str, settings: EngineSettings) -> Finding:
    """What its list of models says. Raises VscError where a run would end at that."""
    asking = _asking(target, settings)
    model = one_line(target.partition("#")[2].strip())
    try:
        asyncio.run(_look_up(asking))
    except asyncio.TimeoutError:
        return warning("server", f"asks to wait, for {PATIENCE:g} s by now; whether it has '{model}' is unknown")
    entry, _ = asking.served.identity
    if entry:
        return ok("server", f"answers, and lists the model '{model}'")
    return warning("server", f"answers, and lists no models: whether it has '{model}' will be seen when it is asked")


def _asking(target: str, settings: EngineSettings) -> Asking:
    """As the engine would ask. Raises ModelError."""
    from pytest_vsc.engines.asking import LIST_SECONDS, Asking
    from pytest_vsc.engines.connection import connected
    from pytest_vsc.engines.costs import Account
    from pytest_vsc.engines.pacing import Pace
    from pytest_vsc.engines.secrets import secrets_of

    url, _, model = target.partition("#")
    name, secrets = f"{shown(url)}#{model.strip()}", secrets_of(settings.key, settings.headers)
    try:
        client = connected(base_of(url), secrets, LIST_SECONDS)
    except ImportError as error:
        raise ModelError(f"{name}: the openai package cannot be imported ({one_line(error)})") from None
    account, pace = Account(None, None), Pace(settings.concurrency)
    return Asking(client, name, model.strip(), secrets=secrets, account=account, pace=pace, timeout=LIST_SECONDS)


async def _look_up(asking: Asking) -> None:
    try:
        await asyncio.wait_for(asking.look_up(), PATIENCE)
    finally:
        await asking.client.close()


# --- vLLM ---


def of_vllm(looked: Looked) -> Iterator[Finding]:
    """What vLLM would be given to serve: its classes are its own, so only files and settings are looked at."""
    from pytest_vsc.engines.vllm import VllmEngine

    yield from about_licence(looked)
    yield from _files_for_vllm(looked)
    engine = VllmEngine(looked.target, looked.settings)
    try:
        refusals = [told(refusal, looked.name) for refusal in engine.refusals()]
        yield from (problem("vllm", refusal) for refusal in refusals)
        if not refusals:
            yield ok("vllm", "is here, and takes these settings")
    finally:
        engine.close()


def _files_for_vllm(looked: Looked) -> Iterator[Finding]:
    if not looked.local and importlib.util.find_spec("transformers") is None:  # vLLM may be in another environment
        yield warning("files", "not looked for: transformers, which knows where they are, is missing")
        return
    yield from about_files(looked, named=False)  # it takes what is there
    if looked.fault:
        yield problem("config", looked.fault)
    elif looked.folder is not None and not _is_a_model(looked):
        try:
            checkpoint.check_folder(looked.folder, looked.name)
        except ModelError as error:
            yield problem("config", told(error, looked.name))


def _is_a_model(looked: Looked) -> bool:
    """Whether its files are of one that is served. In a folder an adapter beside it leaves open which is meant."""
    both = looked.local and (Path(looked.target) / "adapter_config.json").is_file()
    return bool(looked.config) and not is_original(looked.config) and not both
