"""What is asked for with --vsc-calibrate, and how what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vsc.calibrations import open_calibrations, spelled
from pytest_vsc.calibrations.spec import read_specs
from pytest_vsc.errors import SettingsError


def names(said: str) -> list[str]:
    return [spec.name for spec in read_specs(said, Path())]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (f"few-shot:number={'9' * 5000}", f"few-shot: number: out of range ({'9' * 19}); expected 1 or more"),
        ("adapter:~no-such-user-here", "adapter: '~no-such-user-here' names no file or folder ("),
        (f"activation-revision:{'a' * 5000}", f"'{'a' * 5000}' names no file or folder ("),
        ("adapter:a\0b", "adapter: 'a b' names no file or folder ("),
        ("~no-such-user-here/x.toml", "--vsc-calibrate: '~no-such-user-here/x.toml' names no file or folder ("),
    ],
)
def test_what_is_no_number_or_path_of_this_machine_is_one_line(said: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        open_calibrations(said, Path())
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_several_stand_in_the_order_given() -> None:
    specs = read_specs("reminder:place=both,text=Take care+few-shot:number=4+ none-of-ours", Path())
    assert [(one.name, dict(one.settings)) for one in specs] == [
        ("reminder", {"place": "both", "text": "Take care"}),
        ("few-shot", {"number": "4"}),
        ("none-of-ours", {}),
    ]


def test_what_stands_first_without_a_name_is_a_folder() -> None:
    (spec,) = read_specs("activation-revision:revised/here,alpha=1.5", Path())
    assert dict(spec.settings) == {"": "revised/here", "alpha": "1.5"}


@pytest.mark.parametrize("said", ["", " ", "none"])
def test_nothing_is_asked_for(said: str) -> None:
    assert names(said) == []
    assert spelled(open_calibrations(said, Path())) == "none"


def test_a_file_says_what_does_not_fit_into_a_line(tmp_path: Path) -> None:
    (tmp_path / "method.toml").write_text(
        '[[calibration]]\nname = "reminder"\ntext = "Be kind, and look + listen."\n'
        '[[calibration]]\nname = "few-shot"\nnumber = 3\n'
        '[[calibration]]\nname = "adapter"\nfolder = "there"\n'
    )
    specs = read_specs("method.toml", tmp_path)
    assert [dict(one.settings) for one in specs] == [
        {"text": "Be kind, and look + listen."},
        {"number": "3"},
        {"": "there"},
    ]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("remindr", "--vsc-calibrate: unknown calibration 'remindr'; expected one of "),
        ("remindr", "did you mean 'reminder'?"),
        ("reminder+", "--vsc-calibrate: a calibration without a name (''); expected NAME[:key=value,...]"),
        ("reminder+none", "'none' stands for no calibration; expected it alone, or left out"),
        (
            "reminder:plce=both",
            "--vsc-calibrate reminder: unknown setting 'plce'; expected one of closing, form, place",
        ),
        ("reminder:place=front", "--vsc-calibrate reminder: place: unknown 'front'; expected one of both, prefix"),
        ("reminder:place=both,place=both", "--vsc-calibrate reminder: 'place' is set twice; expected once"),
        ("reminder:text=", "--vsc-calibrate reminder: text is empty; expected a value"),
        ("reminder:both", "--vsc-calibrate reminder: 'both' has no name; expected one of"),
        (
            "reminder:text=a, b",
            "--vsc-calibrate reminder: ' b' is no setting; expected key=value, and texts with commas",
        ),
        ("few-shot:number=two", "--vsc-calibrate few-shot: number: not a whole number ('two'); expected 1 or more"),
        ("few-shot:number=0", "--vsc-calibrate few-shot: number: out of range (0); expected 1 or more"),
        ("few-shot:order=last", "--vsc-calibrate few-shot: order: unknown 'last'; expected one of safe-first"),
        (
            "self-check:unclear=drop",
            "--vsc-calibrate self-check: unclear: unknown 'drop'; expected one of keep, revise",
        ),
        ("intent:form=xml", "--vsc-calibrate intent: form: unknown 'xml'; expected one of json, lines"),
        ("adapter", "--vsc-calibrate adapter: no folder; expected adapter:DIR"),
        ("gone.toml", "--vsc-calibrate gone.toml: cannot be read: No such file or directory"),
    ],
)
def test_nonsense_is_one_clear_line(said: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        open_calibrations(said, tmp_path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'reminder'", "expected one or several [[calibration]] tables and nothing else (found 'name')"),
        ("", "expected one or several [[calibration]] tables and nothing else"),
        ("[[calibration]]\nplace = 'both'", "table 1 has no name"),
        ("[[calibration]]\nname = 'few-shot'\nnumber = [2]", "few-shot: number: a list; expected a text or a number"),
        ("[[calibration", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        open_calibrations("m.toml", tmp_path)
    assert str(refused.value).startswith("--vsc-calibrate m.toml")
    assert message in str(refused.value)


def test_its_hash_follows_its_words() -> None:
    said = ["reminder", "reminder:place=prefix", "reminder:text=Take care", "reminder:text=Take more care", "intent"]
    hashes = [open_calibrations(one, Path())[0].sha256 for one in said]
    assert len(set(hashes)) == len(hashes)
    assert hashes == [open_calibrations(one, Path())[0].sha256 for one in said]


def test_a_reader_is_shown_no_whole_text_and_no_path(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    shown = spelled(open_calibrations(f"reminder:text=Take care+adapter:{tmp_path}/made", tmp_path))
    assert shown == "reminder:place=both,text=own+adapter:made"
