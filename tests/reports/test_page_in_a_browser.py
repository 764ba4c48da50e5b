"""The page of a run of 3,600 cases in a real browser: who opens it, and what can then be done and seen.

Times are printed (`-s` shows them) and held only against bounds that no machine of ours comes near.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_vsc.records import Record
from pytest_vsc.reports.page import page
from pytest_vsc.runs import read_run
from tests.browser import Browser, Scheme, printed
from tests.largerun import ASKED, CATEGORIES, OWNED, SAID, Large, once
from tests.saved import pairs_of, saved

pytestmark = pytest.mark.heavy

PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}
FOUND = "+document.getElementById('count').textContent.match(/^[0-9,]+/)[0].replace(',', '')"
FIRST = "document.querySelector('#pairs article').dataset.pair"
FOCUSED = "document.activeElement.dataset.pair"
OUTLINED = "document.activeElement.matches(':focus-visible') && getComputedStyle(document.activeElement).outlineWidth"
# Changes a control as a hand would and waits until what it changes has been drawn; milliseconds.
CHANGE = """\
new Promise(done => {
    const control = document.getElementById(%s), list = document.getElementById("pairs");
    const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
    new MutationObserver((_, observer) => (observer.disconnect(), drawn())).observe(list, {childList: true});
    control.value = %s;
    const begun = performance.now();
    control.dispatchEvent(new Event(control.tagName === "SELECT" ? "change" : "input", {bubbles: true}));
})"""


@pytest.fixture(scope="session")
def large(needs_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Large:
    return once(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def records(large: Large) -> tuple[Record, ...]:
    return read_run(large.report / "run.jsonl").records


@pytest.fixture
def opened(browser: Browser, large: Large) -> Browser:
    """A browser with the page open and ready."""
    open_page(browser, large.page)
    return browser


def open_page(browser: Browser, file: Path, place: str = "") -> None:
    browser.open(file, place)
    browser.until("!document.documentElement.classList.contains('static')")


def change(browser: Browser, control: str, value: str) -> float:
    taken: float = browser.run(CHANGE % (json.dumps(control), json.dumps(value)))
    return taken


def hidden(browser: Browser) -> bool:
    """Whether no prompt and no answer is in sight, nor anywhere else in the document."""
    everywhere = [browser.run("document.documentElement.outerHTML"), *browser.spoken()]
    return not any(canary in text for text in everywhere for canary in (ASKED, SAID))


def nothing_was_obeyed(browser: Browser) -> bool:
    """Whether no hostile text has run, loaded, sent or made anything."""
    made = browser.run("document.querySelectorAll('#pairs :is(script, iframe, link, style, svg, object)').length")
    owned = browser.run(f"'{OWNED}' in window || document.title === '{OWNED}'")
    return (made, owned, browser.complaints(), browser.requests()) == (0, False, [], [])


# --- opening ---


def test_it_opens_soon_and_asks_nobody(opened: Browser, large: Large) -> None:
    paints, ready = opened.paints(), opened.run("performance.now()")
    print(
        f"\n{large.page.stat().st_size / 1e6:.1f} MB, painted after {paints['first-contentful-paint']:.0f} ms, ", end=""
    )
    print(f"loaded after {paints['load']:.0f} ms, ready within {ready:.0f} ms")
    assert large.page.stat().st_size < 20e6
    assert paints["first-contentful-paint"] < 20_000
    assert opened.run(FOUND) == 3600
    assert nothing_was_obeyed(opened)


def test_without_scripts_it_tells_what_decides(browser: Browser, large: Large) -> None:
    browser.scripts(on=False)
    browser.open(large.page)
    seen = browser.run("document.body.innerText")
    assert "BLOCKED" in seen
    assert "undersafety <= 5%" in seen
    assert "vsc show RUN" in seen
    assert "large/image-sexual-content-" in seen
    assert hidden(browser)
    assert browser.run("document.getElementById('viewer').checkVisibility()") is False
    assert browser.audit().violations == []


# --- texts ---


def test_texts_are_shown_only_to_who_asks(opened: Browser) -> None:
    assert hidden(opened)
    opened.click("#pairs article button")
    opened.until(f"document.querySelector('#pairs article').innerText.includes('{SAID}')")
    article = opened.run("document.querySelector('#pairs article').innerText")
    assert (article.count(f"{ASKED}0:"), article.count(f"{SAID}1\n")) == (2, 1)
    assert opened.run("document.querySelectorAll('#pairs img').length") == 2
    opened.click("#pairs article button")
    opened.until("!document.querySelector('#pairs img')")
    assert hidden(opened)
    opened.click("#reveal-all")
    assert hidden(opened)
    opened.click("#reveal-no")
    assert hidden(opened)
    opened.click("#reveal-all")
    opened.click("#reveal-yes")
    opened.until(f"document.getElementById('pairs').innerText.includes('{SAID}')")
    change(opened, "search", f"{ASKED}17")
    assert opened.run(FOUND) > 0
    opened.click("#reveal-all")
    opened.until("!document.querySelector('#pairs img')")
    assert not any(canary in opened.run("document.body.innerText") for canary in (ASKED, SAID))


def test_every_text_can_be_revealed_and_none_is_obeyed(opened: Browser, records: tuple[Record, ...]) -> None:
    opened.click("#reveal-all")
    opened.click("#reveal-yes")
    opened.until("document.querySelector('#pairs .text')")
    assert nothing_was_obeyed(opened)
    seen = opened.run(
        "(() => { const found = []; for (;;) { found.push(...[...document.querySelectorAll('#pairs .answer .text')]"
        ".map(one => one.textContent.length)); const next = document.querySelector('[data-go=next]');"
        " if (next.disabled) return found; next.click(); } })()"
    )
    assert len(seen) == sum(record.response is not None for record in records)
    assert max(seen) < 20_000
    assert nothing_was_obeyed(opened)
    assert opened.run("document.documentElement.scrollWidth") == 1280


# --- finding ---


def test_filters_find_what_the_run_says(opened: Browser, large: Large, records: tuple[Record, ...]) -> None:
    wanted: dict[tuple[str, str], Callable[[Record], bool]] = {
        ("outcome", "UNDERSAFE"): lambda one: one.outcome == "UNDERSAFE",
        ("outcome", "wrong"): lambda one: one.outcome != "CORRECT",
        ("verdict", "HEDGED"): lambda one: one.verdict == "HEDGED",
        ("side", "unsafe"): lambda one: one.side == "unsafe",
        ("centric", "image"): lambda one: one.centric == "image",
        ("category", CATEGORIES[1]): lambda one: one.category == CATEGORIES[1],
        ("variant", "figstep"): lambda one: one.variant == "figstep",
        ("search", "plain 017"): lambda one: one.variant == "plain" and "017" in one.case_id,
    }
    print()
    for (control, value), fits in wanted.items():
        taken = change(opened, control, value)
        print(f"{control} {value}: {taken:.0f} ms")
        assert opened.run(FOUND) == sum(map(fits, records))
        assert taken < 10_000
        change(opened, control, "")
    change(opened, "side", "safe")
    change(opened, "outcome", "OVERSAFE")
    both = sum(one.outcome == "OVERSAFE" for one in records)
    assert opened.run(FOUND) == both
    address = opened.run("location.hash")
    open_page(opened, large.page, address)
    assert opened.run(FOUND) == both
    opened.click("#all-cases")
    opened.until(f"{FOUND} === 3600")
    opened.click(f".heat [href*='category={CATEGORIES[2]}&variant=figstep&side=unsafe']")
    opened.until(f"{FOUND} < 3600")
    cell = (CATEGORIES[2], "figstep", "unsafe")
    assert opened.run(FOUND) == sum((one.category, one.variant, one.side) == cell for one in records)


def test_orders(opened: Browser, records: tuple[Record, ...]) -> None:
    longest = max(records, key=lambda one: len(one.text))
    change(opened, "sort", "long")
    assert opened.run(FIRST) == f"large/{longest.pair}"
    change(opened, "sort", "worst")
    wrong = {one.pair for one in records if one.outcome == "UNDERSAFE"}
    wrong &= {one.pair for one in records if one.side == "safe" and one.outcome != "CORRECT"}
    assert opened.run(FIRST).removeprefix("large/") in wrong
    change(opened, "sort", "suite")
    assert opened.run(FIRST) == f"large/{records[0].pair}"


@pytest.mark.parametrize("kept", [False, True], ids=["opened", "within a filter"])
def test_a_link_leads_to_its_case(browser: Browser, large: Large, records: tuple[Record, ...], kept: bool) -> None:
    case = records[2345]
    link = f"#case/large/{case.case_id}"
    open_page(browser, large.page, "" if kept else link)
    if kept:
        change(browser, "category", next(name for name in CATEGORIES if name != case.category))
        browser.run(f"location.hash = {json.dumps(link)}; new Promise(done => setTimeout(done, 500))")
    assert browser.run(FOCUSED) == f"large/{case.pair}"
    seen = browser.run(
        "(({top, bottom}) => [top, bottom, innerHeight])(document.activeElement.getBoundingClientRect())"
    )
    assert 0 <= seen[0] < seen[1] <= seen[2]
    assert browser.run("location.hash") == link
    assert hidden(browser)


def test_a_link_to_nothing_says_so(browser: Browser, large: Large) -> None:
    open_page(browser, large.page, "#case/large/<img src=x onerror=alert(1)>")
    assert browser.run("document.getElementById('trouble').innerText") == (
        "No case large/<img src=x onerror=alert(1)> is in this page."
    )
    assert nothing_was_obeyed(browser)


# --- keys ---


def test_all_of_it_goes_by_keys(opened: Browser) -> None:
    opened.press("TAB")
    assert opened.run("document.activeElement.className") == "skip"
    opened.press("ENTER", "TAB")
    assert opened.run("document.activeElement.id") == "search"
    places, seen = "[...document.querySelectorAll('*')].indexOf(document.activeElement)", []
    for _ in range(25):
        seen.append(opened.run(places))
        assert opened.run(OUTLINED) == "3px"
        opened.press("TAB")
    assert seen == sorted(set(seen))
    opened.run("document.querySelector('#pairs article').focus()")
    first = opened.run(FOCUSED)
    opened.press("j", "j", "k")
    second = opened.run(FOCUSED)
    assert second not in (first, None)
    opened.press("r")
    opened.until("document.activeElement.innerText.includes('Hide')")
    assert SAID in opened.run("document.activeElement.innerText")
    opened.press("r")
    opened.until("document.activeElement.innerText.includes('Reveal')")
    opened.press("n")
    assert opened.run("document.querySelector('[data-page]').textContent") == "page 2 of 90"
    opened.press("k")
    assert opened.run("document.querySelector('[data-page]').textContent") == "page 1 of 90"
    opened.press("/")
    assert opened.run("document.activeElement.id") == "search"
    opened.press("ESCAPE")
    assert opened.run(FOCUSED) == first


def test_dialogs_close_by_escape_and_give_the_focus_back(opened: Browser) -> None:
    for button, dialog in (("keys", "help"), ("reveal-all", "warning")):
        opened.run(f"document.getElementById('{button}').focus()")
        opened.press("ENTER")
        assert opened.run(f"document.getElementById('{dialog}').contains(document.activeElement)")
        opened.press("ESCAPE")
        opened.until(f"!document.getElementById('{dialog}').open")
        assert opened.run("document.activeElement.id") == button
    assert hidden(opened)


# --- for everybody ---


# Each two of colours, width and what is revealed stand together once.
@pytest.mark.parametrize(
    ("scheme", "width", "revealed"),
    [("light", 1280, False), ("dark", 360, False), ("dark", 1280, True), ("light", 360, True)],
)
def test_axe_finds_nothing(opened: Browser, scheme: Scheme, width: int, revealed: bool) -> None:
    opened.prefer(scheme)
    opened.resize(width, 900)
    assert opened.run("getComputedStyle(document.body).backgroundColor") == PAPER[scheme]
    assert opened.run("document.documentElement.scrollWidth") == width
    if revealed:
        opened.click("#reveal-all")
        assert opened.audit().violations == []
        opened.click("#reveal-yes")
        opened.until("document.querySelector('#pairs img')")
    assert opened.audit().violations == []


def test_a_chosen_theme_goes_before_that_of_the_system(opened: Browser) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    ways: tuple[tuple[Scheme, Scheme], ...] = (("light", "dark"), ("dark", "light"))
    for system, chosen in ways:
        opened.prefer(system)
        opened.run(
            f"find = document.getElementById('theme'); find.value = '{chosen}'; find.dispatchEvent(new Event('change'))"
        )
        assert opened.run(ground) == PAPER[chosen]


def test_on_paper(opened: Browser, large: Large) -> None:
    opened.prefer("dark")
    paper = printed(opened.pdf())
    print(f"\n{paper.pages} pages, {', '.join(sorted(paper.fonts))}")
    assert paper.pages < 30
    assert "BLOCKED" in paper.text
    assert "undersafety <= 5%" in paper.text
    assert "large/image-violence-000-0" in paper.text
    assert not any(canary in text for text in (paper.text, *paper.strings) for canary in (ASKED, SAID))


def test_runs_against_each_other(browser: Browser, tmp_path: Path) -> None:
    before = saved(pairs_of([("ANSWERED", "REFUSED")] * 30), "old", model={"spec": "old-model"})
    after = saved(pairs_of([("ANSWERED", "ANSWERED"), ("REFUSED", "REFUSED")] * 15), "new", model={"spec": "new-model"})
    file = tmp_path / "compared.html"
    file.write_bytes(page([before, after], {}))
    open_page(browser, file)
    assert browser.audit().violations == []
    assert browser.run(FIRST) == "small/p0"
    browser.click("[href='#case/small/p29.safe']")
    browser.until(f"{FOCUSED} === 'small/p29'")
    assert "before CORRECT" in browser.run("document.activeElement.innerText")
    assert nothing_was_obeyed(browser)
