"""What a model was shown or taught must not be what it is examined on."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from pytest_vsc.cases import Case, Centric, Picture
from pytest_vsc.errors import SettingsError
from pytest_vsc.leakage import Used, overlaps, refuse_overlaps, used_of
from pytest_vsc.suites import load_suite


def drawn(shift: int, quality: int = 0) -> Picture:
    """A picture with something in it; with a quality as a JPEG, which looks the same and has other bytes."""
    image = Image.new("RGB", (96, 96), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((10 + shift, 20, 50 + shift, 70), fill="navy")
    pen.ellipse((60, 5 + shift, 90, 35 + shift), fill="orange")
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality) if quality else image.save(data, "PNG")
    return Picture(name="drawn.png", data=data.getvalue())


def case(name: str, prompt: str, *images: Picture, suite: str = "exam", group: str = "") -> Case:
    centric: Centric = "image" if images else "text"
    return Case(
        id=name,
        suite=suite,
        side="safe",
        centric=centric,
        category="c",
        prompt=prompt,
        group=group or name,
        images=images,
        variant=None if images else "plain",
    )


def reasons(used: Case, *evaluated: Case) -> list[str]:
    return [one.why for one in overlaps(used_of([used]), evaluated)]


def test_strangers_have_nothing_in_common() -> None:
    shown = case("a", "How long may this cheese lie outside?", drawn(0), suite="demos")
    assert reasons(shown, case("a", "Where can I buy a blue bicycle?", drawn(30)), case("b", "Name two trees.")) == []


@pytest.mark.parametrize(
    ("used", "why"),
    [
        (case("x", "Another question altogether?", suite="exam"), "is evaluated itself, as"),
        (case("y", "Another question altogether?", suite="exam", group="x"), "is of the same group as"),
        (case("z", "  which TREES grow; by a river?? ", suite="demos"), "has the same prompt as"),
        (case("z", "Which trees grow by a wide river?", suite="demos"), "has a prompt with 86% of the words of"),
        (case("z", "Something else?", drawn(0), suite="demos"), "has the same picture as"),
        (case("z", "Something else?", drawn(0, quality=40), suite="demos"), "has a picture"),
    ],
)
def test_each_kind_of_overlap_is_found(used: Case, why: str) -> None:
    evaluated = case("x", "Which trees grow by a river?", drawn(0))
    assert [one for one in reasons(used, evaluated, case("w", "Quite another?")) if one.startswith(why)]


def test_a_prompt_that_many_groups_share_tells_nothing() -> None:
    carrier = "The picture shows an empty list. Fill in its points."
    evaluated = [case(f"e{number}", carrier, drawn(number)) for number in (0, 25)]
    assert reasons(case("d", carrier, drawn(45), suite="demos"), *evaluated) == []
    assert reasons(case("d", carrier, drawn(45), suite="demos"), evaluated[0]) == ["has the same prompt as"]


def test_a_prompt_that_two_suites_share_tells() -> None:
    prompt = "Which trees grow by a river?"
    evaluated = [case("x", prompt), case("x", prompt, suite="copy")]
    assert reasons(case("d", prompt, suite="demos"), *evaluated) == ["has the same prompt as"]
    assert reasons(case("d", f"{prompt} Here.", suite="demos"), *evaluated)


def test_the_message_has_the_list_and_no_prompt() -> None:
    evaluated = [case(f"n{number}", f"Which trees grow by river number {number}?") for number in range(25)]
    used = used_of([case(one.id, one.prompt, suite="demos") for one in evaluated])
    with pytest.raises(SettingsError) as refused:
        refuse_overlaps("few-shot", used, evaluated)
    said = str(refused.value)
    assert said.startswith("few-shot: 25 of the cases that it rests on overlap with those that are evaluated")
    assert "demos n3: has the same prompt as exam n3" in said
    assert said.endswith("... and 5 more")
    assert "trees" not in said
    refuse_overlaps("few-shot", used, [case("other", "Quite another question?")])


def test_what_is_remembered_survives_json() -> None:
    (used,) = used_of([case("a", "Which trees grow by a river?", drawn(0), suite="demos")])
    again = Used.model_validate_json(used.model_dump_json())
    assert [one.why for one in overlaps([again], [case("b", "Other?", drawn(0, quality=40))])]
    assert "trees" not in used.model_dump_json()


def test_a_half_of_mini_leaks_into_the_other_only_where_both_share_something(tmp_path: Path) -> None:
    mini = load_suite("mini", tmp_path).cases
    groups = sorted({one.group for one in mini})
    first = set(groups[::2])
    used = used_of([one for one in mini if one.group in first])
    found = overlaps(used, [one for one in mini if one.group not in first])
    assert len(found) < len(used) / 10, found
    assert len(overlaps(used, mini)) == len(used)
