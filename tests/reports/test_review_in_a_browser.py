"""The page of forged pairs in a real browser: what is seen, decided by keys and by hand, kept, saved and applied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_vsc.forge.notes import read_book
from pytest_vsc.forge.reviewing import apply, read_decisions
from pytest_vsc.reports.forged import page
from tests.browser import Browser, Scheme
from tests.forged import NAMES, write

pytestmark = pytest.mark.heavy

A, B, C, D = NAMES
HOSTILE = "</script><img src=x onerror=document.title='OWNED'><b>bold</b>\u202edesrever\u2066\u200bseen\x07\U000e0041"
FOCUSED = "document.activeElement.dataset.pair"
DECIDED = "document.getElementById('decided').textContent"
TOLD = "document.getElementById('told').textContent"
READY = "!document.documentElement.classList.contains('static')"
NO_STORAGE = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('denied'); }})"


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return write(tmp_path / "new", prompts={C: HOSTILE}, similarity={"halves_edit": 0.5, HOSTILE: 1}, recipe=HOSTILE)


@pytest.fixture
def opened(browser: Browser, new: Path) -> Iterator[Browser]:
    """A browser with the page open, which remembers nothing of earlier tests."""
    browser.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(new.parent))
    open_page(browser, new)
    browser.run("localStorage.clear()")
    open_page(browser, new)
    yield browser
    browser.run("localStorage.clear()")


def open_page(browser: Browser, folder: Path) -> None:
    book, file = read_book(folder), folder.parent / "r.html"
    file.write_bytes(page(book, list(book.pairs.values())).html)
    browser.open(file)
    browser.until(READY)


def saved(browser: Browser, folder: Path) -> Path:
    browser.click("#save")
    file = folder.parent / "decisions.json"
    browser.until(f"{TOLD}.startsWith('Saved')")
    for _ in range(500):
        if file.is_file() and file.stat().st_size:
            return file
        browser.run("new Promise(done => setTimeout(done, 20))")
    raise FileNotFoundError(file)


def test_keys_decide_and_what_is_saved_is_applied(opened: Browser, new: Path) -> None:
    everywhere = [opened.run("document.documentElement.outerHTML"), *opened.spoken()]
    assert not any("boat" in text or "(safe)" in text for text in everywhere)
    opened.press("j")
    assert opened.run(FOCUSED) == A
    opened.press("a")  # its words were not shown yet
    assert "are shown now. Accept it again if it is sound." in opened.run(TOLD)
    assert opened.run(DECIDED) == "0 of 4 decided: 0 accepted, 0 struck"
    assert "boat" in opened.run("document.activeElement.innerText")
    opened.press("a")
    assert (opened.run(FOCUSED), opened.run(TOLD)) == (B, f"{A}: accepted.")
    opened.press("s", "s", "u")
    assert (opened.run(FOCUSED), opened.run(DECIDED)) == (C, "2 of 4 decided: 1 accepted, 1 struck")
    opened.press("k", "k", "k")
    assert opened.run(FOCUSED) == A
    opened.driver.find_element("id", "reviewer").send_keys("jack asks")  # letters that are keys elsewhere
    assert opened.run(DECIDED) == "2 of 4 decided: 1 accepted, 1 struck"
    file = saved(opened, new)
    book = read_book(new)
    whole = {"format": 1, "suite": "new", "sha256": book.suite.sha256, "reviewer": "jack asks"}
    assert json.loads(file.read_text()) == {**whole, "accepted": [A], "struck": [B]}
    done = apply(book, read_decisions(file), "decisions.json", reviewer="ann", on="2026-11-28")
    assert done is not None
    assert (done.accepted, done.struck, done.unreviewed) == (1, 1, 2)
    assert (opened.complaints(), opened.requests()) == ([], [])


def test_hands_decide_and_it_is_kept(opened: Browser, new: Path) -> None:
    opened.click(f"[data-pair='{B}'] .words")
    opened.click(f"[data-pair='{B}'] .accept")
    opened.click(f"[data-pair='{D}'] .strike")
    open_page(opened, new)
    assert opened.run(DECIDED) == "2 of 4 decided: 1 accepted, 1 struck"
    opened.click("#state option[value='undecided']")
    assert opened.run("[...document.querySelectorAll('article')].map(one => one.dataset.pair)") == [A, C]
    opened.click(f"[data-pair='{A}'] .strike")
    assert opened.run("document.querySelectorAll('article').length") == 2  # it stays until the list is asked for anew
    opened.click(f"[data-pair='{A}'] .undo")
    assert opened.run(DECIDED) == "2 of 4 decided: 1 accepted, 1 struck"
    put = new / "cases.jsonl"
    put.write_text(put.read_text().replace("op=blur", "op=other"))  # another state of the suite
    open_page(opened, new)
    assert opened.run(DECIDED) == "0 of 4 decided: 0 accepted, 0 struck"


def test_where_nothing_is_kept_it_says_so(browser: Browser, new: Path) -> None:
    script = browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=NO_STORAGE)
    try:
        open_page(browser, new)
        assert "save the decisions before you close it" in browser.run("document.getElementById('trouble').innerText")
        browser.press("j", "s")
        assert browser.run(DECIDED) == "1 of 4 decided: 0 accepted, 1 struck"
        browser.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(new.parent))
        assert json.loads(saved(browser, new).read_text())["struck"] == [A]
    finally:
        browser.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script["identifier"])
    assert browser.complaints() == []


def test_hostile_text_stays_text(opened: Browser) -> None:
    opened.click("#words-all")
    opened.click("#words-yes")
    seen = opened.run(f"document.querySelector(\"[data-pair='{C}'] .prompt\").textContent")
    assert seen.startswith(
        "</script><img src=x onerror=document.title='OWNED'><b>bold</b>U+202EdesreverU+2066U+200Bseen"
    )
    assert seen.endswith("U+0007U+E0041 (safe)")
    assert opened.run("document.querySelectorAll('#pairs :is(script, b, iframe, svg, [onerror])').length") == 0
    assert opened.run("document.title") == "Review of forged pairs: new"
    assert not set("\u202e\u2066\x07") & set(opened.run("document.body.innerText"))
    assert (opened.complaints(), opened.requests()) == ([], [])
    opened.click("#words-all")
    assert opened.run("document.querySelectorAll('.prompt').length") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_anybody_can_use_it(opened: Browser, scheme: Scheme, width: int) -> None:
    opened.prefer(scheme)
    opened.resize(width, 844)
    opened.press("j", "w", "a", "s", "j", "w")
    assert opened.run("document.documentElement.scrollWidth") <= width
    assert opened.audit().violations == []


def test_without_scripts_it_says_what_it_needs(browser: Browser, new: Path) -> None:
    book = read_book(new)
    file = new.parent / "r.html"
    file.write_bytes(page(book, list(book.pairs.values())).html)
    browser.scripts(on=False)
    browser.open(file)
    assert "This page needs scripts, which are off." in browser.run("document.body.innerText")
    assert browser.audit().violations == []
