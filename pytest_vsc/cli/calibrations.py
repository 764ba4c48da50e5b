"""`vsc calibrate list`: the calibrations that --vsc-calibrate takes, with their settings. It opens none."""

from __future__ import annotations

import argparse
from typing import TypeAlias

from pytest_vsc.calibrations import described
from pytest_vsc.cli.printing import say
from pytest_vsc.errors import one_line

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add(actions: Actions) -> None:
    """Add `vsc calibrate list`."""
    parser = actions.add_parser(
        "list",
        help="the calibrations that there are, with their settings",
        description="What --vsc-calibrate NAME[:key=value,...] takes, ours and what installed packages bring.",
    )
    parser.set_defaults(command=calibrate_list)


def calibrate_list(_: argparse.Namespace) -> int:
    """A line for each, and one for each of its settings."""
    rows: list[tuple[str, str]] = []
    for one in described():
        folder = ":DIR" if any(key == "DIR" for key, _ in one.settings) else ""
        rows += [(f"{one.name}{folder}", one.what), *((f"  {key}", takes) for key, takes in one.settings)]
    width = max(len(head) for head, _ in rows)
    for head, told in rows:
        say(f"{head:<{width}}  {one_line(told)}".rstrip())
    return 0
