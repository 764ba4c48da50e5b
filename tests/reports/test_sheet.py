"""Contact sheets: every picture is on them, and nothing of a suite can do more there than be read."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_vsc.cases import Case, Picture, Side
from pytest_vsc.errors import SettingsError
from pytest_vsc.reports import sheet, thumbs
from pytest_vsc.reports.sheet import THUMB, Cell, cells_of, html, png, thumbnail, write_sheet
from tests.browser import Audit, Browser, Scheme, printed
from tests.drawn import drawn, encoded

ODD = {
    "palette": encoded(drawn(1).quantize(16)),
    "alpha": encoded(drawn(1).convert("RGBA")),
    "bits": encoded(drawn(1).convert("1")),
    "cmyk": encoded(drawn(1, 600).convert("CMYK"), "JPEG"),
    "wide": encoded(Image.fromarray(np.asarray(drawn(1).convert("L")).astype(np.uint16) * 257)),
    "moving": encoded(drawn(1).convert("P"), "GIF", save_all=True, append_images=[drawn(2).convert("P")]),
    "webp": encoded(drawn(1), "WEBP"),
}


def of(data: bytes) -> Picture:
    return Picture("given", data=data)


def a_case(name: str, *pictures: bytes, side: Side = "safe", category: str = "violence", prompt: str = "How?") -> Case:
    return Case(
        id=name,
        suite="s",
        side=side,
        centric="image",
        category=category,
        prompt=prompt,
        group=name,
        images=tuple(of(data) for data in pictures),
    )


# --- cells and thumbnails ---


def test_a_cell_for_each_picture() -> None:
    cells = cells_of([a_case("one", b"1"), a_case("two", b"2", b"3"), a_case("none")])
    assert [(cell.label, cell.picture is None) for cell in cells] == [
        ("one", False),
        ("two (1 of 2)", False),
        ("two (2 of 2)", False),
        ("none", True),
    ]


@pytest.mark.parametrize("data", ODD.values(), ids=ODD)
def test_odd_pictures_look_like_themselves(data: bytes) -> None:
    small = thumbnail(of(data))
    assert isinstance(small, Image.Image)
    assert small.mode == "RGB"
    grey = [np.asarray(image.convert("L").resize((8, 8))).astype(float).ravel() for image in (small, drawn(1))]
    assert np.corrcoef(grey)[0, 1] > 0.8


def test_large_pictures_are_made_small_and_small_ones_stay() -> None:
    for kind in ("PNG", "JPEG"):
        small = thumbnail(of(encoded(Image.new("RGB", (2000, 500)), kind)))
        assert isinstance(small, Image.Image)
        assert small.size == (THUMB, THUMB // 4)
    small = thumbnail(of(encoded(Image.new("RGB", (20, 5)))))
    assert isinstance(small, Image.Image)
    assert small.size == (20, 5)


def test_a_picture_stands_upright() -> None:
    image = Image.new("RGB", (40, 20))
    image.getexif()[0x0112] = 6
    small = thumbnail(of(encoded(image, "JPEG", exif=image.getexif())))
    assert isinstance(small, Image.Image)
    assert small.size == (20, 40)


def test_a_picture_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thumbnail(of(b"nothing")) == "cannot be decoded"
    assert thumbnail(of(encoded(drawn(1, 256))[:500])) == "cannot be decoded"
    assert thumbnail(Picture("gone", file="/nowhere/gone.png")) == "cannot be decoded"
    monkeypatch.setattr(thumbs, "MOST_PIXELS", 100)
    assert thumbnail(of(encoded(Image.new("RGB", (20, 6))))) == "too large: 20 x 6"


# --- PNG ---


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_page_has_the_pictures_in_order() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    page = opened(
        png(cells_of(a_case(f"c{c}", encoded(Image.new("RGB", (300, 300), c))) for c in colours), reveal=False)
    )
    cell = page.width // sheet.COLUMNS
    assert [page.getpixel((number * cell + cell // 2, THUMB // 2)) for number in range(3)] == colours
    assert page.getpixel((3 * cell + cell // 2, THUMB // 2)) == (255, 255, 255)


def test_side_and_id_are_written_below() -> None:
    pages = [png([Cell(a_case("one", side=side), "one", None)], reveal=False) for side in ("safe", "unsafe")]
    drawn_below = [np.asarray(opened(page))[THUMB + sheet.GAP :] for page in pages]
    assert all(int(below.min()) < 100 for below in drawn_below)
    assert not np.array_equal(drawn_below[0], drawn_below[1])


def test_a_prompt_is_drawn_only_when_it_is_revealed() -> None:
    def height(prompt: str, *, reveal: bool) -> tuple[int, bytes]:
        page = opened(png(cells_of([a_case("one", encoded(drawn(1)), prompt=prompt)]), reveal=reveal))
        return page.height, page.tobytes()

    assert height("How?", reveal=False) == height("What else?", reveal=False)
    one, other = height("How?", reveal=True), height("What else?" * 100, reveal=True)
    assert one[0] == other[0] > height("How?", reveal=False)[0]
    assert one[1] != other[1]


def test_many_cells_are_several_pages(tmp_path: Path) -> None:
    size = sheet.COLUMNS * sheet.ROWS
    cells = cells_of(a_case(f"c{number}", encoded(drawn(1, 8))) for number in range(size + 1))
    assert write_sheet(cells[:size], tmp_path / "s.png", "s", reveal=False) == [tmp_path / "s.png"]
    pages = write_sheet(cells, tmp_path / "s.PNG", "s", reveal=False)
    assert pages == [tmp_path / "s-1.PNG", tmp_path / "s-2.PNG"]
    heights = [opened(page.read_bytes()).height for page in pages]
    assert heights[0] == sheet.ROWS * heights[1]


def test_a_long_name_keeps_its_ends() -> None:
    font = sheet.font()
    shown = sheet._fitted(f"begin{'-long' * 40}.unsafe", font)
    assert shown.startswith("begin-")
    assert shown.endswith(".unsafe")
    assert "..." in shown
    assert font.getlength(shown) <= THUMB
    assert sheet._fitted("short.safe", font) == "short.safe"


# --- HTML ---


def test_a_page_is_alone_and_may_do_nothing() -> None:
    page = html(cells_of([a_case("one", encoded(drawn(1)))]), "s 1", reveal=False)
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    )
    assert len(style) == 1
    assert "<script" not in page
    assert "//" not in re.sub(r"base64,[^\"]*", "", page)
    assert re.search(r"\sstyle=|\son\w+=", page) is None


def test_a_page_shows_each_picture_with_its_side_by_category() -> None:
    cases = [
        a_case("one", encoded(drawn(1)), side="unsafe"),
        a_case("two", encoded(drawn(2)), category="health-drugs"),
        a_case("three", b"nothing"),
        a_case("none"),
    ]
    page = html(cells_of(cases), "s 1", reveal=False)
    order = re.findall(r"<h2>(.*?)</h2>|<figcaption>(.*?)</figcaption>", page)
    assert [first or second for first, second in order] == [
        "violence",
        "one: <b>unsafe</b>",
        "three: <b>safe</b>",
        "none: <b>safe</b>",
        "health-drugs",
        "two: <b>safe</b>",
    ]
    assert re.findall(r'<p class="none">(.*?)</p>', page) == ["cannot be decoded", "no picture"]
    sources = re.findall(
        r'<img alt="picture of (\w+)" width="64" height="64" src="data:image/jpeg;base64,(.*?)">', page
    )
    assert [name for name, _ in sources] == ["one", "two"]
    assert opened(base64.b64decode(sources[0][1])).size == (64, 64)


def test_nothing_of_a_suite_is_markup() -> None:
    evil = "<script>'\"&"
    case = a_case(evil, encoded(drawn(1)), category=evil, prompt=evil)
    page = html(cells_of([case]), evil, reveal=True)
    assert "<script" not in page
    assert page.count("&lt;script&gt;&#x27;&quot;&amp;") == 6  # title, heading, category, alt, caption, prompt


def test_prompts_are_withheld_unless_revealed() -> None:
    cells = cells_of([a_case("one", encoded(drawn(1)), prompt="How do I bake this?")])
    hidden, open_ = (html(cells, "s 1", reveal=reveal) for reveal in (False, True))
    assert ("How do I bake" in hidden, "<p>Prompts are withheld.</p>" in hidden) == (False, True)
    assert ("<p>How do I bake this?</p>" in open_, "<p>Prompts are shown.</p>" in open_) == (True, True)


def test_a_page_is_written(tmp_path: Path) -> None:
    cells = cells_of([a_case("one", encoded(drawn(1)), prompt="Où?")])
    file = tmp_path / "s.html"
    assert write_sheet(cells, file, "s 1", reveal=True) == [file]
    assert file.read_text("utf-8") == html(cells, "s 1", reveal=True)


@pytest.mark.parametrize("ending", ["png", "html"])
def test_a_sheet_that_cannot_be_written(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "no\nwhere" / f"s.{ending}"
    with pytest.raises(SettingsError) as caught:
        write_sheet(cells_of([a_case("one", encoded(drawn(1)))]), file, "s", reveal=False)
    assert str(caught.value) == (
        f"--sheet: {tmp_path}/no where/s.{ending}: cannot be written: No such file or directory"
    )


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^\.pdf$"):
        write_sheet([], tmp_path / "s.pdf", "s", reveal=False)


# --- in a browser ---


@pytest.mark.heavy
def test_a_browser_shows_the_pictures_and_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    """A prompt that would turn the whole page blue if any of it were obeyed."""
    hostile = (
        "<style>body{background:blue}</style><script>document.body.style.background='blue'</script>"
        "<img src=x onerror=\"document.body.style.background='blue'\">"
    )
    magenta = encoded(Image.new("RGB", (200, 200), (255, 0, 255)))
    page = tmp_path / "sheet.html"
    write_sheet(cells_of([a_case("one", magenta, prompt=hostile)]), page, "s 1", reveal=True)
    browser.resize(600, 500)
    browser.open(page)
    pixels = np.asarray(Image.open(browser.shot(tmp_path / "shot.png")).convert("RGB")).reshape(-1, 3).astype(int)

    def share(*colour: int) -> float:
        return float((abs(pixels - colour).max(axis=1) < 8).mean())

    assert share(255, 0, 255) > 0.1
    assert share(255, 255, 255) > 0.5
    assert share(0, 0, 255) == 0
    assert (browser.complaints(), browser.requests()) == ([], [])


@pytest.mark.heavy
def test_a_page_is_there_for_everybody(browser: Browser, tmp_path: Path) -> None:
    """In light and in dark, on a telephone, to a screen reader, on paper, and with scripts off."""
    sides: tuple[Side, ...] = ("safe", "unsafe")
    cases = [a_case(f"c{n}-{side}", encoded(drawn(n)), side=side, prompt="Why?") for n in range(20) for side in sides]
    page = tmp_path / "sheet.html"
    write_sheet(cells_of([*cases, a_case("broken", b"nothing")]), page, "s 1", reveal=True)
    browser.scripts(on=False)
    browser.open(page)
    grounds: dict[Scheme, str] = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}
    for scheme, ground in grounds.items():
        browser.prefer(scheme)
        assert browser.run("getComputedStyle(document.body).backgroundColor") == ground
        for width in (360, 1280):
            browser.resize(width, 900)
            assert browser.run("document.documentElement.scrollWidth") == width
            assert browser.audit() == Audit([], [])
    assert {"picture of c0-safe", "picture of c19-unsafe", "cannot be decoded"} <= set(browser.spoken())
    paper = printed(browser.pdf())
    assert paper.pages > 1
    assert "picture of c0-safe" in paper.strings
    assert [paper.text.count(f"{case.id}: {case.side}") for case in cases] == [1] * len(cases)
