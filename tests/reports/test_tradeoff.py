"""Reports of a trade-off: for a terminal, in Markdown, as a plot and as a page; with names that would like more."""

from __future__ import annotations

import html
import re
import struct
import sys
from xml.etree import ElementTree

import pytest

from pytest_vsc.errors import SettingsError
from pytest_vsc.reports.folding import cells, folded_name
from pytest_vsc.reports.tradeoff import markdown, page, plot, terminal
from pytest_vsc.tradeoffs import Tradeoff, tradeoff
from tests.ended import HOSTILE
from tests.test_tradeoffs import PLAIN, run_of

WORDS = "right right refuses helps refuses right refuses hedges"
TABLE = """\
trade-off of a-model; judge hand, policy strict

suite small; n: undersafety 8, oversafety 8, pairs right 8, invalid 16
  rates, %  undersafety  oversafety  pairs right   SRA  utility  invalid
  none             62.5        12.5         25.0  62.5  unknown      0.0
  reminder         25.0        37.5         37.5  68.8  unknown      0.0
"""


@pytest.fixture(scope="module")
def found() -> Tradeoff:
    return tradeoff([PLAIN, run_of("reminder", WORDS)])


@pytest.fixture(scope="module")
def hostile() -> Tradeoff:
    return tradeoff([PLAIN, *(run_of(name, WORDS) for name in HOSTILE)])


def test_the_table(found: Tradeoff) -> None:
    lines = "\n".join(terminal.lines(found, 100))
    assert lines.startswith(TABLE)
    under, over = (found.tables[0].rows[1].figures[metric] for metric in ("undersafety", "oversafety"))
    for held in (under, over):
        assert held is not None
        one = held.apart
        assert one.difference is not None
        assert one.low is not None
        assert one.high is not None
        told = f"{100 * one.difference:+.1f} ({100 * one.low:+.1f}..{100 * one.high:+.1f})"
        assert re.search(rf"^  reminder .*{re.escape(told)}", lines, re.MULTILINE)
    assert "utility is unknown: no run has a suite of it" in lines
    assert re.search(r"^  reminder +0\.00 +unknown +3\.0 +unknown +frontier +no$", lines, re.MULTILINE)
    assert "reminder: FAIL oversafety vs baseline: 37.5% now, 12.5% before" in lines


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_wider_than_the_terminal(hostile: Tradeoff, width: int) -> None:
    lines = list(terminal.lines(hostile, width))
    assert max(map(cells, lines)) <= max(width, terminal.NARROWEST)
    assert all(line.isprintable() for line in lines)


def test_a_name_is_broken_between_its_parts() -> None:
    name = "activation-revision:rev-layer,gate=nullspace"
    assert folded_name(name, 32) == ["activation-revision:rev-layer,", "  gate=nullspace"]
    assert folded_name("less none, points", 12) == ["less none,", "  points"]
    assert folded_name("longest", 5) == ["lon", "  ges", "  t"]
    assert folded_name("", 5) == [""]


def test_markdown(found: Tradeoff, hostile: Tradeoff) -> None:
    told = markdown.markdown(found)
    assert "| `none` | 62.5 | 12.5 | 25.0 | 62.5 | unknown | 0.0 | frontier |" in told
    assert "| `reminder` | `reminder/run.jsonl` | 0.00 | unknown | 3.0 | unknown | no |" in told
    lines = markdown.markdown(hostile).splitlines()
    rows = [line for line in lines if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9, 8}
    free = re.sub(r"`[^`]*`|<code>[^<]*</code>|<br>", "", "\n".join(lines))
    assert not re.search(r"<|@|https?:|\[here|::error", free)


def test_the_plot_is_the_same_each_time(found: Tradeoff) -> None:
    made, again = plot.plotted(found), plot.plotted(found)
    assert made == again
    assert ElementTree.fromstring(made["svg"]).tag.endswith("svg")
    assert b"<dc:date>" not in made["svg"]
    assert made["png"].startswith(b"\x89PNG")
    assert struct.unpack(">2I", made["png"][16:24]) == (1080, 810)


def test_the_plot_takes_any_name(hostile: Tradeoff) -> None:
    assert len(plot.spots(hostile, hostile.tables[0])) == len(HOSTILE) + 1
    ElementTree.fromstring(plot.plotted(hostile)["svg"])


def test_what_cannot_be_drawn_is_left_out(found: Tradeoff) -> None:
    failed = tradeoff([PLAIN, run_of("reminder", "fails fails fails fails fails fails fails fails")])
    assert [spot.label for spot in plot.spots(failed, failed.tables[0])] == ["none"]
    assert set(plot.plotted(failed)) == {"svg", "png"}


def test_without_matplotlib_one_line_says_what_is_missing(found: Tradeoff, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SettingsError, match=r"^no plot: matplotlib is not installed; .* 'calibrate' \(pytest-vsc\[cal"):
        plot.plotted(found)
    assert "No plot: matplotlib is not installed" in page.page(found, None).decode()


def test_the_page(found: Tradeoff, hostile: Tradeoff) -> None:
    told = html.unescape(page.page(found, plot.plotted(found)["svg"]).decode())
    assert 'src="data:image/svg+xml;base64,' in told
    alt = re.search(r'alt="([^"]*)"', told)
    assert alt is not None
    assert "reminder: undersafety 25.0 %, oversafety 37.5 %, utility unknown" in alt[1]
    assert '<th scope="row">reminder</th><td class="n">25.0<br>' in told
    assert "script-src 'none'" in told
    assert "<script" not in told
    assert " style=" not in told  # the policy would not let it
    wild = page.page(hostile, None).decode()
    assert not re.search(r"<img src=x|<script|<!-- -->", wild)
    assert not re.search("[\x00\x07\x1b\u202e]", wild)
