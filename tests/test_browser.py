"""The browser of the tests tells what is wrong with a page: a gauge that never moves measures nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import Browser, printed

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src http:"
# What any page of ours must not be: pale, without names, calling out, complaining, and with words that nobody sees.
BAD = f"""\
<!doctype html>
<html><head><meta charset="utf-8"><title>bad</title>
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<style>p {{ color: #ccc }} @media print {{ .screen {{ display: none }} }} .far {{ break-after: page }}</style></head>
<body><p class="screen">pale</p><p id="there" class="far">second</p><img src="data:image/gif;base64,R0lG" alt="spoken">
<noscript>unscripted</noscript>
<script>
document.body.append("ran"); console.error("complained"); fetch("http://localhost:9/called").catch(() => 0);
document.addEventListener("keydown", event => document.title += event.key);
</script></body></html>
"""


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    file = tmp_path / "bad.html"
    file.write_text(BAD)
    return file


@pytest.mark.heavy
def test_what_is_wrong_is_told(browser: Browser, bad: Path) -> None:
    browser.open(bad, "#there")
    complaints, found = "\n".join(browser.complaints()), browser.audit()
    assert "complained" in complaints
    assert "data:image" in complaints
    assert "violates the following Content Security Policy" in complaints
    assert "http://localhost:9/called" in browser.requests()
    rules = {line.partition(" ")[0] for line in found.violations}
    assert {"color-contrast", "html-has-lang"} <= rules
    assert browser.run("location.hash") == "#there"
    assert {"pale", "spoken", "ran"} <= set(browser.spoken())
    assert 0 < browser.paints()["first-contentful-paint"] < 60_000
    with pytest.raises(RuntimeError, match="nothing is not defined"):
        browser.run("nothing")


@pytest.mark.heavy
def test_keys_paper_and_a_page_without_scripts(browser: Browser, bad: Path) -> None:
    browser.open(bad)
    browser.press("ESCAPE", "j")
    assert browser.run("document.title") == "badEscapej"
    paper = printed(browser.pdf())
    assert paper.pages == 2
    assert ("second" in paper.text, "pale" in paper.text) == (True, False)
    assert "badEscapej" in paper.strings
    assert len(paper.fonts) == 1
    browser.scripts(on=False)
    browser.open(bad)
    seen = browser.run("document.body.innerText")
    assert ("unscripted" in seen, "ran" in seen) == (True, False)
    assert browser.audit().violations
    browser.open(bad)
    assert "ran" in browser.run("document.body.innerText")  # which audit has let on again
    with pytest.raises(FileNotFoundError):
        browser.open(bad.with_name("gone.html"))
