"""Operators on the words of a prompt that keep its side: the surface, frames, added words. Flips are elsewhere."""

from __future__ import annotations

from pytest_vsc.forge.operators import Operator

OPERATORS: tuple[Operator, ...] = ()
