"""Operators on pictures that keep the side: colour, style transfer, degradations. They know no case and no words."""

from __future__ import annotations

from pytest_vsc.forge.operators import Operator

OPERATORS: tuple[Operator, ...] = ()
