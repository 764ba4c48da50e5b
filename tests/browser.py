"""A real browser for the tests of pages: headless Chromium, driven by selenium, and axe run inside it.

It needs both, which few machines have; the fixture `browser` skips where they are not there.
"""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PARTS = ("selenium", "axe_playwright_python", "pypdf")
NO_BROWSER = (
    "needs a browser to drive: `apt install chromium chromium-driver` (or Chrome with its chromedriver), and "
    "`pip install 'pytest-vsc[browser]'`"
)
OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # without which it does not start for root, as in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)
Scheme = Literal["light", "dark"]
SECONDS = 120  # for a page to load, or for axe to look at all of it


# Rules that axe has by now, and that an older one has only when it is told.
RULES = json.dumps({"label-content-name-mismatch": {"enabled": True}, "target-size": {"enabled": True}})


class Audit(NamedTuple):
    """What axe says of a page, a line each: what is wrong, and what it could not tell."""

    violations: list[str]
    doubts: list[str]


class Printed(NamedTuple):
    """A page on paper: its number of pages, its text, its fonts by name, and every other string of the file."""

    pages: int
    text: str
    fonts: set[str]
    strings: list[str]


class Browser:
    """One headless Chromium with one window. Everything that it logs is kept until the next page is opened."""

    def __init__(self, home: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for option in (*OPTIONS, f"--user-data-dir={home}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_script_timeout(SECONDS)
        self.driver.set_page_load_timeout(SECONDS)
        self.cdp("Page.enable")
        self._opened = ""
        self.resize(1280, 900)

    def cdp(self, command: str, **arguments: Any) -> dict[str, Any]:
        """A command of the DevTools protocol."""
        found: dict[str, Any] = self.driver.execute_cdp_cmd(command, arguments)
        return found

    def close(self) -> None:
        self.driver.quit()

    # --- what a person does ---

    def open(self, page: Path, place: str = "") -> None:
        """Open a file anew, at a place in it (`#...`) if one is given."""
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self._opened = page.resolve(strict=True).as_uri()  # or it would open a page that says what is wrong
        self.driver.get(f"{self._opened}{place}")

    def resize(self, width: int, height: int) -> None:
        """Of the page, in CSS pixels; narrower than any window is."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: Scheme) -> None:
        """What colours the person likes. The medium stays as it is, or paper would be a screen too."""
        self.cdp("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, *, on: bool) -> None:
        """Whether pages that are opened from now on may run their scripts."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=not on)

    def press(self, *keys: str) -> None:
        """Press keys one after the other, wherever the focus is. Names are selenium's; a letter is itself."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(getattr(Keys, key, key)).perform()

    def click(self, css: str) -> None:
        self.driver.find_element("css selector", css).click()

    def until(self, condition: str) -> None:
        """Wait for a JavaScript expression to be true. Raises TimeoutError."""
        end = time.monotonic() + SECONDS
        while not self.run(f"Boolean({condition})"):
            if time.monotonic() > end:
                raise TimeoutError(condition)
            time.sleep(0.02)

    # --- what there is to see ---

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page, awaited if it is a promise. Raises RuntimeError."""
        done = self.cdp("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if wrong := done.get("exceptionDetails"):
            raise RuntimeError(wrong.get("exception", {}).get("description") or wrong["text"])
        return done["result"].get("value")

    def paints(self) -> dict[str, float]:
        """Milliseconds from the start of loading: first-paint, first-contentful-paint, and load."""
        found: dict[str, float] = self.run(
            "Object.fromEntries([...performance.getEntriesByType('paint').map(one => [one.name, one.startTime]),"
            " ['load', performance.getEntriesByType('navigation')[0].loadEventEnd]])"
        )
        return found

    def complaints(self) -> list[str]:
        """What the console has got since the page was opened, violations of its policy among it."""
        return [f"{entry['level']} {entry['source']}: {entry['message']}" for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """What the page has asked for since it was opened, beside itself and what it brings along."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        urls = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [
            url for url in urls if url.partition("#")[0] != self._opened and not url.startswith(("data:", "about:"))
        ]

    def spoken(self) -> list[str]:
        """Every name, value and description in the accessibility tree: what a screen reader may say."""
        self.cdp("Accessibility.enable")
        nodes = self.cdp("Accessibility.getFullAXTree")["nodes"]
        said = [str(node.get(part, {}).get("value", "")) for node in nodes for part in ("name", "value", "description")]
        return [text for text in said if text]

    def audit(self) -> Audit:
        """Axe on the whole page. It enters by the debugger's door, which the page's own policy does not close.

        Where scripts are off they are let on for it, which runs none of those that the page has left out.
        """
        self.scripts(on=True)
        self.run(f"{axe()}; undefined")
        found = self.run(
            f"axe.run(document, {{rules: {RULES}}}).then(found => JSON.stringify("
            "[found.violations, found.incomplete].map(rules => rules.map(rule => ({id: rule.id, impact: rule.impact,"
            " help: rule.help, nodes: rule.nodes.map(node => `${node.target.join(' ')}: ${node.failureSummary}`)})))))"
        )
        wrong, unsure = json.loads(found)
        return Audit([_told(rule) for rule in wrong], [_told(rule) for rule in unsure])

    def shot(self, file: Path, *, whole: bool = False) -> Path:
        """A picture of what is to be seen, or of the whole page, as PNG."""
        taken = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(taken["data"]))
        return file

    def pdf(self, **options: Any) -> bytes:
        """The page as it is printed. options: of `Page.printToPDF`."""
        given = {"printBackground": True, "preferCSSPageSize": True, **options}
        return base64.b64decode(self.cdp("Page.printToPDF", **given)["data"])


def _told(rule: dict[str, Any]) -> str:
    nodes = [" ".join(node.split())[:300] for node in rule["nodes"]]
    more = f" and {len(nodes) - 3} more" if len(nodes) > 3 else ""
    return f"{rule['id']} ({rule['impact']}): {rule['help']}: {'; '.join(nodes[:3])}{more}"


def axe() -> str:
    """The text of axe-core, as the package brings it along that makes it for another driver."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found
    assert found.origin
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


def printed(data: bytes) -> Printed:
    """What is in a PDF."""
    import pypdf

    reader = pypdf.PdfReader(io.BytesIO(data))
    fonts = {str(name) for page in reader.pages for name in _fonts(page) if name}
    return Printed(len(reader.pages), "\n".join(page.extract_text() for page in reader.pages), fonts, _strings(reader))


def _fonts(page: Any) -> Iterator[Any]:
    for font in page.get("/Resources", {}).get("/Font", {}).values():
        yield font.get_object().get("/BaseFont", "")


def _strings(reader: Any) -> list[str]:
    """Titles, alternative texts, bookmarks, addresses: whatever is written in the file and is no page's text."""
    import pypdf.generic as kinds

    def within(thing: Any) -> Iterator[str]:
        if isinstance(thing, kinds.TextStringObject):
            yield str(thing)
        elif isinstance(thing, kinds.DictionaryObject):
            for each in thing.values():
                yield from within(each)
        elif isinstance(thing, kinds.ArrayObject):
            for each in thing:
                yield from within(each)

    numbers = range(1, int(reader.trailer["/Size"]))
    return [text for number in numbers for text in within(reader.get_object(number))]


@pytest.fixture(scope="session")
def needs_browser() -> None:
    """Skips where there is none; for fixtures that nothing but a browser's tests want."""
    if not (CHROMIUM and DRIVER and all(map(importlib.util.find_spec, PARTS))):
        pytest.skip(NO_BROWSER)


@pytest.fixture(scope="module")
def one_browser(needs_browser: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of all tests of a file: it takes seconds to start."""
    opened = Browser(tmp_path_factory.mktemp("browser"))
    yield opened
    opened.close()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """A browser with an empty window of 1280 x 900 px, light, with scripts."""
    one_browser.resize(1280, 900)
    one_browser.prefer("light")
    one_browser.scripts(on=True)
    return one_browser
