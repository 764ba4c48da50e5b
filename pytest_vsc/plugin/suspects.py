"""Who may have set a session's exit status to 0 after its gates were decided. It accuses nobody: it lists who can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.errors import one_line

# What is called after the gates were decided and may set the status.
LATE_HOOKS = ("pytest_sessionfinish", "pytest_cmdline_main")
INNOCENT = ("_pytest", "pytest_vsc", "xdist")


def suspects(config: pytest.Config) -> str:
    """The tail of a message: the options that are there to set the status, and the plugins that can; "" for none."""
    found = [*_options(config), *_plugins(config)]
    return f". What can have set it to 0: {', '.join(found)}" if found else ""


def _options(config: pytest.Config) -> Iterator[str]:
    """Such as those of pytest-custom-exit-code."""
    for name, value in vars(config.option).items():
        if name.startswith("suppress") and value:
            yield f"--{name.replace('_', '-')}"


def _plugins(config: pytest.Config) -> list[str]:
    found: dict[str, None] = {}
    for hook in LATE_HOOKS:
        for implementation in getattr(config.hook, hook).get_hookimpls():
            module = str(getattr(implementation.function, "__module__", ""))
            if module.partition(".")[0] not in INNOCENT:
                found[_named(config, implementation.plugin, implementation.plugin_name, module)] = None
    return list(found)


def _named(config: pytest.Config, plugin: Any, name: str, module: str) -> str:
    """A plugin as its user knows it: a conftest by its path, others by name and by the package that brought them."""
    packages = {id(one): str(package.project_name) for one, package in config.pluginmanager.list_plugin_distinfo()}
    if (package := packages.get(id(plugin), name)) != name:
        return one_line(f"{name} ({package})")
    file = Path(name)
    if file.is_absolute():
        base = config.invocation_params.dir
        return one_line(file.relative_to(base) if file.is_relative_to(base) else file)
    return one_line(f"{module}.{type(plugin).__qualname__}" if name.isdigit() else name)
