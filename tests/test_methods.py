"""What methods are called: that runs of them can be held against each other, `test_tradeoffs` shows."""

from __future__ import annotations

from pytest_vsc.methods import labels_of


def test_labels_tell_apart_by_as_few_settings_as_they_can() -> None:
    names = ["none", "reminder:place=both", "revision:d,alpha=5,gate=none", "revision:d,alpha=5,gate=probe", "a:x+b:y"]
    assert [*labels_of(names).values()] == ["none", "reminder", "revision:gate=none", "revision:gate=probe", "a+b"]
    assert [*labels_of(["r", "r:a=1"]).values()] == ["r", "r:a=1"]
