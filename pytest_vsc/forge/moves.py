"""Operators that move words into the picture, in the ways of the variants. They keep the side."""

from __future__ import annotations

from pytest_vsc.forge.operators import Operator

OPERATORS: tuple[Operator, ...] = ()
