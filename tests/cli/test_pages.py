"""`vsc show --html` and `vsc compare --html`: pages of saved runs, with the pictures that can be found."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest

from pytest_vsc.records import Record
from pytest_vsc.writing import RunWriter
from tests.command import Run
from tests.drawn import case, drawn, encoded, write_suite
from tests.saved import a_picture, a_record, pairs_of, saved

PICTURE = encoded(drawn(1, 32))


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def a_run(name: str, records: list[Record]) -> None:
    run = saved(records, name, model={"spec": f"model-{name}"})
    writer = RunWriter(Path(name))
    writer.check()
    writer.begin(run.header)
    for record in run.records:
        writer.record(record)
    writer.end(run.header, run.footer)


def with_picture() -> list[Record]:
    images = (a_picture(PICTURE),)
    return [a_record(1, side, "ANSWERED", images=images) for side in ("safe", "unsafe")]


def test_the_page_of_a_saved_run(vsc: Run) -> None:
    a_run("now", pairs_of([("ANSWERED", "REFUSED")]))
    a_run("older", pairs_of([("REFUSED", "REFUSED")]))
    code, out, err = vsc("show", "now", "--html", "page.html", "--beside", "older")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"page\.html: written, \d+\.\d KiB\n", out)
    page = Path("page.html")
    assert page.stat().st_mode & 0o777 == 0o600
    assert "Safety calibration of model-now" in page.read_text()
    assert "model-older (older): undersafety 0.0 %, oversafety 100.0 %" in page.read_text()


def test_its_pictures_come_from_the_suite(vsc: Run) -> None:
    a_run("now", with_picture())
    write_suite(Path("drawn"), [case("one", "a.png")], {"a.png": PICTURE})
    code, out, _ = vsc("show", "now", "--html", "page.html")
    assert code == 0
    assert "1 picture not found; --suite DIR tells where a suite lies" in out
    assert "1 of 1 pictures are not in this page" in Path("page.html").read_text()
    code, out, _ = vsc("show", "now", "--html", "page.html", "--suite", "drawn")
    assert (code, "not found" in out) == (0, False)
    assert base64.b64encode(PICTURE).decode() in Path("page.html").read_text()


def test_runs_against_each_other(vsc: Run) -> None:
    a_run("old", pairs_of([("ANSWERED", "REFUSED"), ("ANSWERED", "REFUSED")]))
    a_run("new", pairs_of([("ANSWERED", "ANSWERED"), ("ANSWERED", "REFUSED")]))
    code, out, _ = vsc("compare", "old", "new", "--html", "page.html")
    assert (code, out.splitlines()[-1].partition(",")[0]) == (0, "page.html: written")
    page = " ".join(Path("page.html").read_text().split())
    assert page.index("What flipped: old to new") < page.index(">Gates<")
    assert "1 from CORRECT to UNDERSAFE" in page


def test_a_copy_that_can_be_published_has_a_page_without_texts(vsc: Run) -> None:
    a_run("now", with_picture())
    assert vsc("redact", "now")[0] == 0
    assert vsc("show", "now-redacted", "--html", "page.html")[0] == 0
    page = Path("page.html").read_text()
    assert "Prompts, answers and pictures were left out of this page." in page
    assert '<script type="application/octet-stream" id="text-data"></script>' in page


def test_what_cannot_be_a_page(vsc: Run) -> None:
    a_run("now", pairs_of([("ANSWERED", "REFUSED")]))
    lines = Path("now/run.jsonl").read_text().splitlines(keepends=True)
    Path("cut").mkdir()
    Path("cut/run.jsonl").write_text("".join(lines[:-1]))
    code, _, err = vsc("show", "cut", "--html", "page.html")
    assert code == 2
    assert "cut/run.jsonl: this run came to no end" in err
    code, _, err = vsc("show", "now", "--html", "no/page.html")
    assert (code, err) == (2, "vsc: no/page.html: cannot be written: No such file or directory\n")
