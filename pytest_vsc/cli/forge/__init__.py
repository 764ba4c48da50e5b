"""`vsc forge`: new pairs out of those of a suite, how a model fares as they change, and the smallest change that flips
it."""

from __future__ import annotations

import argparse

from pytest_vsc.cli.forge import operators, pairs, review, robust, search, verify

Actions = argparse._SubParsersAction


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """Add `vsc forge` with its commands."""
    parser = actions.add_parser("forge", help="make new pairs out of a suite's, and see where a model breaks")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (pairs, review, verify, robust, search, operators):
        module.add(commands)
