"""The gate language: every form it has, its one spelling of each, and mistakes shown where they are."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.errors import GateError
from pytest_vsc.gates import Off, name_of, parse_gate
from pytest_vsc.language import JUDGED, Bound, Draft, read_gate
from pytest_vsc.spelling import NAME
from pytest_vsc.tallies import LARGER_IS_BETTER, METRICS, Metric
from tests.counting import gate

METRICS_NAMED = "invalid, oversafety, pairs, sra, sra_s, sra_u, undersafety, utility"


def bound(text: str) -> Bound:
    read = read_gate(text, "test").bound
    assert read is not None
    return read


def mistake(text: str) -> str:
    with pytest.raises(GateError) as caught:
        parse_gate(text, "option --vsc-gate")
    return str(caught.value)


# --- one spelling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("undersafety <= 5%", "undersafety <= 5%"),
        ("  undersafety<=5 %\n", "undersafety <= 5%"),
        ("oversafety[image] <= 010.50%", "oversafety[image] <= 10.5%"),
        ("oversafety[category = violence] <= 15.0%", "oversafety[category=violence] <= 15%"),
        ("oversafety[violence] <= 15%", "oversafety[category=violence] <= 15%"),
        ("oversafety[centric=text,variant=figstep] <= 0%", "oversafety[text, figstep] <= 0%"),
        ("oversafety[tag=weapon, violence, text] <= 0.0%", "oversafety[text, category=violence, tag=weapon] <= 0%"),
        ("oversafety[category=*] <= 15%", "oversafety[category=*] <= 15%"),
        ("pairs >= 80%", "pairs >= 80%"),
        ("invalid <= 100%", "invalid <= 100%"),
        ("oversafety[image, image] <= 1%", "oversafety[image] <= 1%"),
        ("undersafety <= 5%@95", "undersafety <= 5% @95"),
        ("undersafety<=5%@ 95.0 %", "undersafety <= 5% @95"),
        ("undersafety <= 5% @ 99.90", "undersafety <= 5% @99.9"),
        ("undersafety <= 5% @050.1", "undersafety <= 5% @50.1"),
        ("undersafety <= 5% corrected", "undersafety <= 5% corrected"),
        ("undersafety <= 5%corrected@95", "undersafety <= 5% @95 corrected"),
        ("undersafety <= 5% @95 corrected", "undersafety <= 5% @95 corrected"),
        ("undersafety <= baseline", "undersafety <= baseline"),
        ("undersafety<=baseline", "undersafety <= baseline"),
        ("undersafety<=baseline@95", "undersafety <= baseline @95"),
        ("undersafety<=baseline+1%@95", "undersafety <= baseline + 1% @95"),
        ("undersafety <= baseline +1.50 %", "undersafety <= baseline + 1.5%"),
        ("undersafety <= baseline - 0.5 %", "undersafety <= baseline - 0.5%"),
        ("undersafety <= baseline-0.5%", "undersafety <= baseline - 0.5%"),
        ("undersafety <= baseline - 0%", "undersafety <= baseline"),
        ("pairs[image] >= baseline- 2%", "pairs[image] >= baseline - 2%"),
        ("sra_u >= baseline", "sra_u >= baseline"),
        ("sra>=85%@95 corrected", "sra >= 85% @95 corrected"),
        ("utility[category=count]>=60%@95", "utility[category=count] >= 60% @95"),
        ("utility >= baseline -10 %", "utility >= baseline - 10%"),
    ],
)
def test_a_gate_has_one_canonical_text(written: str, canonical: str) -> None:
    assert gate(written).text == canonical
    assert gate(canonical) == gate(written)


def test_a_gate_knows_its_parts() -> None:
    read = gate("oversafety[image, category=violence] <= 0.5% @99.5 corrected")
    assert (read.metric, read.op, read.bound, read.target) == ("oversafety", "<=", Fraction(1, 200), "0.5%")
    assert (read.proof, read.confidence, read.corrected, read.baseline) == ("99.5", 0.995, True, False)
    assert read.slice == (("centric", "image"), ("category", "violence"))
    assert read.name == "oversafety[image, category=violence]"
    assert read.origin == "option --vsc-gate"


def test_a_gate_beside_a_baseline_knows_its_margin() -> None:
    above, below, level = (gate(f"undersafety <= baseline{margin}") for margin in (" + 1.5%", "-2%", ""))
    assert [read.bound for read in (above, below, level)] == [Fraction(3, 200), Fraction(-1, 50), 0]
    assert [read.target for read in (above, below, level)] == ["baseline + 1.5%", "baseline - 2%", "baseline"]
    assert {read.name for read in (above, below, level)} == {"undersafety vs baseline"}
    assert above.baseline


def test_a_plain_gate_has_no_confidence() -> None:
    with pytest.raises(ValueError, match="Invalid literal for Fraction"):
        _ = gate("undersafety <= 5%").confidence


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_bound_is_exact(thousandths: int) -> None:
    read = gate(f"undersafety <= {thousandths // 10**7}.{thousandths % 10**7:07d}%")
    assert read.bound == Fraction(thousandths, 10**9)
    assert gate(read.text).bound == read.bound


def test_off_removes_a_metric_and_slice() -> None:
    off = parse_gate("invalid [image] off", "ini vsc_gate")
    assert off == Off(metric="invalid", slice=(("centric", "image"),), text="invalid[image] off", origin="ini vsc_gate")


# --- names in slices -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["18+", "covid-19", "baseline-tests", "baseline-2", "baseline", "-5", "off", "corrected", "5", "a.b_c", "+1"],
)
def test_a_name_in_a_slice_is_a_name(name: str) -> None:
    for text in (f"undersafety[{name}] <= 5%", f"undersafety[image,category = {name}]<=baseline-1%@95"):
        assert gate(text).slice[-1] == ("category", name)
    assert gate(f"undersafety[tag={name}, tag=x] <= 5%").slice == tuple(sorted([("tag", name), ("tag", "x")]))


NAMES = st.from_regex(NAME, fullmatch=True).filter(lambda name: name not in ("image", "text"))
ITEMS = st.one_of(
    st.sampled_from(["image", "figstep", "centric=text", "variant=plain", "category=*"]),
    st.builds("{}={}".format, st.sampled_from(["category", "tag"]), NAMES),
)
NUMBERS = st.decimals(0, 100, places=3).map(str)
PROOFS = st.one_of(st.just(""), st.decimals("50.001", "99.999", places=3).map(str))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A gate in any of its forms, with spaces or without."""
    metric: Metric = draw(st.sampled_from(METRICS))
    items: list[str] = draw(st.lists(ITEMS, max_size=3))
    words = [metric, *(["[", ",".join(items), "]"] if items else [])]
    beside = metric != "sra" and draw(st.booleans())
    if draw(st.sampled_from([True, False, False, False])):
        return "".join(words) + " off"
    words.append(">=" if metric in LARGER_IS_BETTER else "<=")
    if beside:
        words += ["baseline", *draw(st.sampled_from([[], ["+", draw(NUMBERS), "%"], ["-", draw(NUMBERS), "%"]]))]
    else:
        words += [draw(NUMBERS), "%"]
    after = [["@", proof]] if (proof := draw(PROOFS)) else []
    after += [["corrected"]] if metric in JUDGED and not beside and draw(st.booleans()) else []
    for words_after in draw(st.permutations(after)):
        words += words_after
    gaps = draw(st.lists(st.sampled_from(["", " ", "  "]), min_size=len(words), max_size=len(words)))
    return "".join((" " if word == "corrected" else gap) + word for word, gap in zip(words, gaps, strict=True))


@settings(deadline=None)
@given(texts())
def test_what_a_gate_says_of_itself_is_read_as_the_same_gate(text: str) -> None:
    first = parse_gate(text, "test")
    assert parse_gate(first.text, "test") == first
    assert " ".join(first.text.split()) == first.text


@settings(deadline=None)
@given(st.text(alphabet="undersafety<=>[], baseline+-@%0159*correctd", max_size=40))
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        read = read_gate(f"undersafety {text}", "here")
    except GateError as error:
        said, shown, caret = str(error).split("\n")
        assert said.startswith("here: ")
        assert shown == "  " + " ".join(f"undersafety {text}".split())
        assert len(caret.rstrip("^")) <= len(shown)
    else:
        assert isinstance(read, Draft)


# --- mistakes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message", "caret"),
    [
        ("", f"a gate starts with a metric; expected one of {METRICS_NAMED}", "^"),
        (
            "oversafty <= 5%",
            f"unknown metric 'oversafty'; expected one of {METRICS_NAMED}; did you mean 'oversafety'?",
            "^^^^^^^^^",
        ),
        (
            "utility <= 60%",
            "for utility larger is better, so its gate reads 'utility >= N%', not '<='",
            "        ^^",
        ),
        ("undersafety", "expected '<=' or 'off' after undersafety, found the end", "           ^"),
        ("undersafety < 5%", "expected '<=' or 'off' after undersafety, found '<'", "            ^"),
        (
            "undersafety@95 <= 5%",
            "expected '<=' or 'off' after undersafety, found '@'; it comes after the bound: 'undersafety <= N% @95'",
            "           ^",
        ),
        ("pairs 80%", "expected '>=' or 'off' after pairs, found '80'", "      ^^"),
        (
            "undersafety >= 5%",
            "for undersafety smaller is better, so its gate reads 'undersafety <= N%', not '>='",
            "            ^^",
        ),
        ("pairs <= 80%", "for pairs larger is better, so its gate reads 'pairs >= N%', not '<='", "      ^^"),
        (
            "undersafety <= five%",
            "expected a bound such as '5%' or '0.5%', or 'baseline', found 'five'",
            "               ^^^^",
        ),
        (
            "undersafety <= -5%",
            "expected a bound such as '5%' or '0.5%', or 'baseline', found '-'",
            "               ^",
        ),
        (
            "undersafety <= basline",
            "expected a bound such as '5%' or '0.5%', or 'baseline', found 'basline'; did you mean 'baseline'?",
            "               ^^^^^^^",
        ),
        (
            "undersafety <= baseline+",
            "expected a bound such as '5%' or '0.5%', or 'baseline', found 'baseline+'; did you mean 'baseline'?",
            "               ^^^^^^^^^",
        ),
        ("undersafety <= 5", "expected '%' after 5, since a bound is a percentage, found the end", "                ^"),
        (
            "undersafety <= 0,5%",
            "expected '%' after 0, since a bound is a percentage, found ','",
            "                ^",
        ),
        (
            "undersafety <= 101%",
            "101% can never be reached; a bound lies between 0% and 100%",
            "               ^^^",
        ),
        (
            "undersafety <= 5% always",
            "nothing may follow here, found 'always'; a bound may be followed by '@95' and 'corrected'",
            "                  ^^^^^^",
        ),
        ("undersafety off @95", "nothing may follow here, found '@'", "                ^"),
        (
            "undersafety <= baseline 1%",
            "nothing may follow here, found '1'; a bound may be followed by '@95' and 'corrected'",
            "                        ^",
        ),
        (
            "undersafety <= baseline + x%",
            "expected a bound such as '5%' or '0.5%', found 'x'",
            "                          ^",
        ),
        (
            "undersafety <= baseline + 1",
            "expected '%' after 1, since a bound is a percentage, found the end",
            "                           ^",
        ),
        (
            "undersafety <= baseline - 200%",
            "200% can never be reached; a bound lies between 0% and 100%",
            "                          ^^^",
        ),
        (
            "undersafety[] <= 5%",
            "expected a value such as 'image' or 'category=violence', found ']'",
            "            ^",
        ),
        (
            "undersafety[category=] <= 5%",
            "expected a value such as 'image' or 'category=violence', found ']'",
            "                     ^",
        ),
        (
            "undersafety[image <= 5%",
            "expected ']' or ',' after an item of the slice, found '<='",
            "                  ^^",
        ),
        (
            "undersafety[categry=violence] <= 5%",
            "unknown key 'categry'; expected one of category, centric, op, reviewed, strength, tag, variant; "
            "did you mean 'category'?",
            "            ^^^^^^^",
        ),
        (
            "undersafety[*] <= 5%",
            "'*' stands for every value of a key; write it with the key, as in 'category=*'",
            "            ^",
        ),
        ("undersafety <= 5% @95 @99", "'@' is said twice", "                      ^"),
        ("undersafety <= 5% corrected corrected", "'corrected' is said twice", "                            ^^^^^^^^^"),
        (
            "pairs >= 80% corrected",
            "pairs cannot be corrected for the judge's errors; "
            "expected one of oversafety, sra, sra_s, sra_u, undersafety",
            "             ^^^^^^^^^",
        ),
        (
            "invalid <= 2% corrected @95",
            "invalid cannot be corrected for the judge's errors; "
            "expected one of oversafety, sra, sra_s, sra_u, undersafety",
            "              ^^^^^^^^^",
        ),
        (
            "undersafety <= baseline @95 corrected",
            "a comparison with the baseline is not corrected: the judge, and so its errors, are those of both",
            "                            ^^^^^^^^^",
        ),
        (
            "sra >= baseline - 1%",
            "sra is put together of two rates; hold these to the baseline: sra_u and sra_s",
            "       ^^^^^^^^",
        ),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, message: str, caret: str) -> None:
    assert mistake(text).split("\n") == [f"option --vsc-gate: {message}", f"  {text}", f"  {caret}"]


@pytest.mark.parametrize(
    ("proof", "found"),
    [
        ("", "the end"),
        (" corrected", "'corrected'"),
        ("50", "'50'"),
        ("100", "'100'"),
        ("0.95", "'0.95'"),
        ("x", "'x'"),
    ],
)
def test_a_proof_is_more_than_even_and_less_than_certain(proof: str, found: str) -> None:
    said, _, caret = mistake(f"undersafety <= 5% @{proof}").split("\n")
    assert said == (
        "option --vsc-gate: expected a confidence in percent after '@', more than 50 and less than 100, as in '@95', "
        f"found {found}"
    )
    assert caret.index("^") == 2 + len("undersafety <= 5% @") + proof.startswith(" ")


def test_a_word_for_the_baseline_without_a_margin_is_no_margin() -> None:
    assert bound("undersafety <= baseline - 0.0%") == Bound("<=", "0", baseline=True)
    assert bound("undersafety <= baseline").text == "<= baseline"


def test_the_name_of_all_is_the_metric() -> None:
    assert name_of("undersafety", ()) == "undersafety"
