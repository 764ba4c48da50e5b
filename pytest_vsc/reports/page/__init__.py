"""One HTML page of a run, or of runs against each other, that needs nothing beside itself and can be mailed.

What decides stands in the page without a script. Texts and pictures are in it packed, and shown to who asks for them.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from pytest_vsc.cases import Picture
from pytest_vsc.reports.page.content import content
from pytest_vsc.reports.page.packing import packed
from pytest_vsc.reports.page.shown import Shown
from pytest_vsc.reports.page.table import case_table, harmless_text
from pytest_vsc.reports.thumbs import Images, embedded

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ("Images", "Shown", "page")

# Nothing may be loaded, run or sent but what stands in the page itself; no text can become markup.
POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; base-uri 'none'; "
    "form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def page(
    runs: Sequence[Shown],
    pictures: Mapping[str, Picture],
    *,
    images: Images = "thumb",
    beside: Sequence[Shown] = (),
    texts: bool = True,
) -> bytes:
    """The page of one run, or of several, of which each later one is held against the first.

    pictures: by sha256, as far as they are at hand. beside: other runs, for the plane alone. texts: whether prompts and
    answers are in the page at all.
    """
    table = case_table(runs)
    shown = embedded(table.pictures, pictures, images if texts else "none")
    style, script = asset("page.css"), asset("page.js")
    policy = POLICY.format(style=digest(style), script=digest(script))
    made = template(__package__, "page.html.j2").render(
        page=content(runs, beside),
        table=table,
        cases=packed(table.facts(shown.places)),
        texts=packed(table.texts) if texts else "",
        pictures=shown,
        images=images,
        policy=policy,
        style=style,
        script=script,
    )
    return made.encode("utf-8", "replace")


def asset(name: str) -> str:
    """A file that goes into pages as it is."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """As a content security policy names what it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@functools.cache
def template(package: str, name: str) -> Template:
    """A page's template, out of the folder of a package."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(package, "")
    known = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_straight,
    )
    return known.get_template(name)


def _straight(value: object) -> object:
    """What a template is to show; a text of somebody else's does not turn the page's reading around."""
    return harmless_text(value) if type(value) is str else value  # what is safe markup is a kind of `str`
