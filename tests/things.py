"""Harmless things that labels in the tests of judges are about."""

from __future__ import annotations

THINGS = (
    "kettle",
    "ladder",
    "drill",
    "candle",
    "bicycle",
    "cactus",
    "piano",
    "tent",
    "canoe",
    "lantern",
    "oven",
    "saw",
)
