"""What methods are called: that runs of them can be held against each other, `test_tradeoffs` shows."""

from __future__ import annotations

from pytest_vsc.baselines import Baseline
from pytest_vsc.methods import labels_of, names_of
from pytest_vsc.runs import Run
from tests.ended import a_header


def test_labels_tell_apart_by_as_few_settings_as_they_can() -> None:
    names = ["none", "reminder:place=both", "revision:d,alpha=5,gate=none", "revision:d,alpha=5,gate=probe", "a:x+b:y"]
    assert [*labels_of(names).values()] == ["none", "reminder", "revision:gate=none", "revision:gate=probe", "a+b"]
    assert [*labels_of(["r", "r:a=1"]).values()] == ["r", "r:a=1"]
    fitted = [f"r:{made},gate={gate},k={k}" for made, k in (("head", 6), ("layer", 2)) for gate in ("none", "probe")]
    told = ["r:head,gate=none", "r:head,gate=probe", "r:layer,gate=none", "r:layer,gate=probe"]
    assert [*labels_of(fitted).values()] == told, "K follows from what was made"
    assert [*labels_of(["x:d,a=1,b=1", "x:d,a=2,b=2", "x:d,a=2,b=3"]).values()] == ["x:b=1", "x:b=2", "x:b=3"]


def test_a_replayed_run_of_an_edited_model_is_no_plain_one() -> None:
    plain = a_header()
    edited = plain.model_copy(update={"model": {**plain.model, "activation_revision": "mine: 1 layer, alpha 2"}})
    runs = [Baseline(name, Run(header=one, records=(), footer=None)) for name, one in (("a", plain), ("b", edited))]
    assert names_of(runs) == ["none", "activation-revision:mine: 1 layer, alpha 2"]
