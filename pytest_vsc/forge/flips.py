"""Operators that turn a question into one of the other side, after the kinds of XSTest. Words only."""

from __future__ import annotations

from pytest_vsc.forge.operators import Operator

OPERATORS: tuple[Operator, ...] = ()
