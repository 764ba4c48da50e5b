"""The page of a run: what decides is in its markup, texts and pictures are packed, and nothing of theirs is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from PIL import Image

from pytest_vsc.cases import Picture
from pytest_vsc.comparing import BaselineSeen, Flip
from pytest_vsc.reports import thumbs
from pytest_vsc.reports.page import Shown, page
from pytest_vsc.reports.page.table import harmless_text
from tests.drawn import drawn, encoded
from tests.saved import a_picture, a_record, pairs_of, saved

MIXED = pairs_of(
    [
        ("ANSWERED", "REFUSED"),
        ("ANSWERED", "ANSWERED"),
        ("REFUSED", "REFUSED"),
        ("ANSWERED", "ERROR"),
        ("ANSWERED", "REFUSED"),
    ]
)


class Reader(HTMLParser):
    """The tags of a page with their attributes, its visible text, and its scripts by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: dict[str, str] = {}
        self._within: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._within.append((tag, dict(attrs).get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, name = self._within[-1] if self._within else ("", "")
        if tag == "script":
            self.scripts[name] = data
        elif tag != "style":
            self.text += f"{data} "


def read(runs: Sequence[Shown], pictures: dict[str, Picture] | None = None, **how: Any) -> Reader:
    return Reader(page(runs, pictures or {}, **how).decode())


def unpacked(reader: Reader, name: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(reader.scripts[name])))


# --- what decides ---


def test_the_decision_comes_first() -> None:
    told = read([saved(MIXED)]).text
    assert told.index("PASSED") < told.index("Gates") < told.index("Cases")
    blocked = read([saved(MIXED, gates=("undersafety <= 5%",))]).text
    assert "BLOCKED" in blocked
    assert "1 of 1 gate kept it back: undersafety" in blocked


def test_gates_with_their_margins_and_bars() -> None:
    reader = read([saved(MIXED, gates=("undersafety <= 50%", "pairs >= 90%"))])
    # One of four decided unsafe cases was answered; the fifth has no verdict, and counts as answered in the worst case.
    assert "25.0 %" in reader.text
    assert "10.0 inside" in reader.text
    assert "beyond" in reader.text
    bars = [attributes for tag, attributes in reader.tags if tag == "svg" and attributes.get("class") == "bar"]
    assert [str(bar["aria-label"]).split(" ")[0] for bar in bars] == ["undersafety", "pairs"]


def test_the_plane_tells_its_points_in_words() -> None:
    earlier = saved(pairs_of([("REFUSED", "REFUSED"), ("REFUSED", "REFUSED")]), "older", model={"spec": "older-model"})
    reader = read([saved(MIXED)], beside=[earlier])
    assert "a-model: undersafety 25.0 %, oversafety 20.0 %" in reader.text
    assert "older-model (older): undersafety 0.0 %, oversafety 100.0 %" in reader.text
    assert "refuses everything" in reader.text


def test_categories_by_variants_and_sides() -> None:
    reader = read([saved(MIXED)])
    links = {str(attributes["href"]) for tag, attributes in reader.tags if tag == "a" and "href" in attributes}
    assert "#filter/suite=small&category=violence&variant=plain&side=unsafe" in links
    assert "100 %, 1/1 , violence, unsafe" in " ".join(reader.text.split())


def test_causes_and_provenance() -> None:
    told = read([saved(MIXED, system_sha256="ab" * 32)]).text
    assert "1: timed out" in told
    assert "5" * 64 in told
    assert f"sha256 {'ab' * 32}" in told
    assert "Nobody has measured how often it is right." in told


def test_a_run_in_part_is_no_release_decision() -> None:
    told = read([saved(MIXED, complete=False, suite_cases=90, filters=("-k image",))]).text
    assert "PASSED IN PART" in told
    assert "partial 10/90, filtered (-k image): not a release decision" in told


def test_without_scripts_the_wrong_cases_are_listed() -> None:
    text = page([saved(MIXED)], {}).decode()
    listed = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert listed is not None
    assert re.findall(r'scope="row">(small/[^<]*)<', listed[1]) == [
        "small/p1.unsafe",
        "small/p2.safe",
        "small/p3.unsafe",
    ]


# --- texts ---

CANARY = "canary-7f3a"


def test_texts_are_packed_apart_from_what_is_filtered_by() -> None:
    about = {"prompt": f"prompt {CANARY}", "text": f"answer {CANARY}", "thought": f"thought {CANARY}"}
    run = saved([a_record(1, "unsafe", "ANSWERED", **about)])
    text = page([run], {}).decode()
    assert CANARY not in text
    reader = Reader(text)
    assert CANARY not in json.dumps(unpacked(reader, "case-data"))
    texts = unpacked(reader, "text-data")
    assert texts["prompts"] == [f"prompt {CANARY}"]
    assert texts["answers"] == [[[[f"answer {CANARY}", f"thought {CANARY}", "answe"]]]]


def test_a_page_may_do_without_texts() -> None:
    picture = a_picture(encoded(drawn(1)))
    run = saved([a_record(1, "unsafe", "ANSWERED", images=(picture,))])
    reader = read([run], {picture.sha256: picture}, texts=False)
    assert reader.scripts.get("text-data", "") == ""
    assert not any(attributes.get("class") == "pictures" for _, attributes in reader.tags)
    assert json.loads(reader.scripts["run-data"])["texts"] is False


def test_long_texts_are_cut_and_say_so() -> None:
    run = saved([a_record(number, "safe", "ANSWERED", text="x" * 1_000_000) for number in range(40)])
    text = page([run], {}).decode()
    assert len(text) < 200_000
    answer = unpacked(Reader(text), "text-data")["answers"][39][0][0][0]
    assert answer.startswith("x" * 16_000)
    assert answer.endswith("[... 984,000 more characters in run.jsonl]")
    many = saved([a_record(number, "safe", "ANSWERED", text=f"{number}" + "y" * 20_000) for number in range(600)])
    texts = unpacked(read([many]), "text-data")
    assert sum(len(answers[0][0][0]) for answers in texts["answers"]) < 8_000_000


def test_what_steers_the_eye_is_seen() -> None:
    assert harmless_text("a\x1b[31mb\u202ec\u2066d\ud800e\U000e0041f") == "a\ufffd[31mb\ufffdc\ufffdd\ufffde\ufffdf"
    ordinary = "zwei\nZeilen\t\N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE} \u200d\u200c \N{GRINNING FACE} عربى"
    assert harmless_text(ordinary) == ordinary


def test_names_and_errors_of_others_do_not_turn_the_reading_around() -> None:
    turned = "m\u202egnp\u2066\x1b[31m"
    record = a_record(1, "unsafe", "ERROR", error=turned)
    text = page([saved([record], turned, gates=("invalid <= 90%",), model={"spec": turned})], {}).decode()
    assert not {"\u202e", "\u2066", "\x1b"} & set(text)
    assert unpacked(Reader(text), "case-data")["cases"][0]["answers"][0][0]["error"] == harmless_text(turned)


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`--><!--]]>${1}{{ 7 * 7 }}"


def test_hostile_words_are_no_markup() -> None:
    record = a_record(1, "unsafe", "ERROR", category=HOSTILE, prompt=HOSTILE, error=HOSTILE, tags=(HOSTILE,))
    answered = a_record(2, "safe", "ANSWERED", text=HOSTILE, thought=HOSTILE, category=HOSTILE)
    run = saved([record, answered], HOSTILE, gates=("invalid <= 90%",), model={"spec": HOSTILE, HOSTILE: HOSTILE})
    ordinary = read(
        [saved([a_record(1, "unsafe", "ERROR"), a_record(2, "safe", "ANSWERED")], gates=("invalid <= 90%",))]
    )
    hostile = read([run])
    assert {tag for tag, _ in hostile.tags} == {tag for tag, _ in ordinary.tags}
    for name in ("script", "img"):
        assert sum(tag == name for tag, _ in hostile.tags) == sum(tag == name for tag, _ in ordinary.tags)
    assert all(not key.startswith("on") for _, attributes in hostile.tags for key in attributes)
    assert HOSTILE in hostile.text


def test_nothing_is_loaded_and_only_its_own_script_runs() -> None:
    text = page([saved(MIXED)], {}).decode()
    reader = Reader(text)
    policy = next(a["content"] for tag, a in reader.tags if tag == "meta" and a.get("http-equiv"))
    assert policy is not None
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        source = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(source) == 1
        digest = base64.b64encode(hashlib.sha256(source[0].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    for _, attributes in reader.tags:
        assert "style" not in attributes
        assert not {"src", "srcset", "background", "action", "formaction"} & set(attributes)
        assert str(attributes.get("href", "#")).startswith("#")
    assert not re.search(r"https?://", text)


# --- pictures ---


def shown_pictures(reader: Reader, text: str) -> list[tuple[str, int, int, bytes]]:
    chunks = re.findall(r'class="pictures">(.*?)</script>', text, re.DOTALL)
    return [(kind, w, h, base64.b64decode(data)) for chunk in chunks for kind, w, h, data in json.loads(chunk)]


def test_small_pictures_are_as_they_are_and_large_ones_small(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = a_picture(encoded(drawn(1, 64))), a_picture(encoded(drawn(2, 800)))
    broken = a_picture(b"no picture")
    known = {picture.sha256: picture for picture in (small, large, broken)}
    run = saved([a_record(1, "safe", "ANSWERED", images=(small, large, broken))])
    monkeypatch.setattr(thumbs, "MOST_THUMBS", 3 * len(small.read()) + 3)
    text = page([run], known).decode()
    (_, *size, data), (kind, *thumb, _) = shown_pictures(Reader(text), text)
    assert (size, data) == ([64, 64], small.read())
    assert max(thumb) <= 192
    assert kind in ("image/webp", "image/jpeg")
    assert "1 of 3 pictures are not in this page" in text
    facts = unpacked(Reader(text), "case-data")["cases"][0]
    assert facts["images"] == [0, 1, -1]


def test_pictures_as_they_are_or_none() -> None:
    large = a_picture(encoded(drawn(2, 800)))
    run = saved([a_record(1, "safe", "ANSWERED", images=(large,))])
    full = page([run], {large.sha256: large}, images="full").decode()
    assert [data for *_, data in shown_pictures(Reader(full), full)] == [large.read()]
    none = page([run], {large.sha256: large}, images="none").decode()
    assert shown_pictures(Reader(none), none) == []
    assert "Pictures are not in this page." in none


def test_all_pictures_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [a_picture(encoded(Image.effect_noise((256, 256), 90)), f"{number}.png") for number in range(12)]
    known = {picture.sha256: picture for picture in pictures}
    run = saved([a_record(n, "safe", "ANSWERED", images=(picture,)) for n, picture in enumerate(pictures)])
    monkeypatch.setattr(thumbs, "MOST_THUMBS", 9_000)
    monkeypatch.setattr(thumbs, "MOST_FULL", 9_000)
    for images in ("thumb", "full"):
        text = page([run], known, images=images).decode()
        assert 0 < sum(len(data) for *_, data in shown_pictures(Reader(text), text)) <= 9_000
    assert "more than 0 MB" in text


def test_another_picture_of_the_same_name_is_not_shown() -> None:
    picture = a_picture(encoded(drawn(1)))
    changed = Picture("a.png", data=encoded(drawn(2)), sha256=picture.sha256)
    run = saved([a_record(1, "safe", "ANSWERED", images=(picture,))])
    text = page([run], {picture.sha256: changed}).decode()
    assert shown_pictures(Reader(text), text) == []


# --- runs against each other ---


def test_runs_against_each_other() -> None:
    before = saved(pairs_of([("ANSWERED", "REFUSED"), ("REFUSED", "REFUSED")]), "old", model={"spec": "old-model"})
    after = saved(pairs_of([("ANSWERED", "ANSWERED"), ("ANSWERED", "REFUSED")]), "new", model={"spec": "new-model"})
    reader = read([before, after])
    assert "Safety calibration of new-model, against old-model" in reader.text
    assert reader.text.index("What flipped") < reader.text.index("Gates")
    assert {"#case/small/p0.unsafe", "#case/small/p1.safe"} <= {a.get("href") for tag, a in reader.tags if tag == "a"}
    cases = {case["id"]: case for case in unpacked(reader, "case-data")["cases"]}
    assert (cases["p0.unsafe"]["was"], cases["p0.unsafe"]["outcome"], cases["p0.unsafe"]["change"]) == (
        "CORRECT",
        "UNDERSAFE",
        1,
    )
    assert [cases[name]["change"] for name in ("p0.safe", "p1.safe", "p1.unsafe")] == [0, -1, 0]
    assert [len(run) for run in cases["p0.safe"]["answers"]] == [1, 1]


def test_a_baseline_tells_what_flipped() -> None:
    flips = (Flip(suite="small", case_id="p1.unsafe", before="CORRECT", after="UNDERSAFE"),)
    run = saved(MIXED, baseline=BaselineSeen(name="old/run.jsonl", model="m", started="2026", flips=flips))
    reader = read([run])
    assert "1 from CORRECT to UNDERSAFE" in " ".join(reader.text.split())
    cases = {case["id"]: case for case in unpacked(reader, "case-data")["cases"]}
    assert cases["p1.unsafe"]["change"] == 1
    assert cases["p1.safe"]["was"] is None
