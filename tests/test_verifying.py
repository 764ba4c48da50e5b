"""What verifying finds in a suite that loads, and what it leaves alone: each flaw once with it and once without."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_vsc import likeness, verifying
from pytest_vsc.cases import Case, Picture
from pytest_vsc.likeness import FLAT
from pytest_vsc.pictures import as_rgb
from pytest_vsc.shipped import shipped
from pytest_vsc.suites import load_suite
from pytest_vsc.verifying import Flaw, Seen, flaws, stated_answer
from tests.drawn import case, drawn, encoded, hashes, write_suite

A, B, C = (encoded(drawn(seed)) for seed in (1, 2, 3))
Found = Callable[..., list[tuple[str, str, str]]]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """The flaws of a suite with these cases, pictures and further files, as (name, where, what)."""

    def find(cases: list[dict[str, Any]], pictures: dict[str, bytes], **files: str) -> list[tuple[str, str, str]]:
        root = write_suite(tmp_path / "drawn", cases, pictures)
        for name, text in files.items():
            (root / name.replace("_", ".")).write_text(text)
        return [flaw[:3] for flaw in flaws(load_suite(str(root), tmp_path), jobs=2)]

    return find


def test_a_sound_suite_has_no_flaw(found: Found) -> None:
    pictures = {"a.png": A, "b.png": B, "c.png": C}
    assert found([case("one", "a.png", "b.png"), case("two", "c.png"), case("three")], pictures) == []


def test_errors_come_first(found: Found) -> None:
    cases = [case("one", "a.png", prompt="This is illegal."), case("two", "b.png")]
    names = [name for name, *_ in found(cases, {"a.png": A, "b.png": B}, pictures_sha256=hashes({"a.png": A}))]
    assert names == ["unlisted-picture", "stated-answer"]


# --- pictures that do not decode ---


def test_a_picture_that_is_cut_off(found: Found) -> None:
    whole = encoded(drawn(1, 256), "JPEG")
    pictures = {"cut.jpg": whole[: len(whole) // 2], "whole.jpg": whole}
    ((name, where, what),) = found([case("one", "cut.jpg"), case("two", "whole.jpg")], pictures)
    assert (name, where) == ("undecodable", "cut.jpg")
    assert what.startswith("cannot be decoded completely: image file is truncated")


def test_a_frame_that_is_cut_off(found: Found) -> None:
    frames = [drawn(seed, 128).convert("P") for seed in (1, 2, 3)]
    whole = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    pictures = {"whole.gif": whole, "cut.gif": whole[: len(whole) - 3000]}
    ((name, where, _),) = found([case("one", "whole.gif"), case("two", "cut.gif")], pictures)
    assert (name, where) == ("undecodable", "cut.gif")


def test_a_picture_that_went_away_is_told_without_its_place(tmp_path: Path) -> None:
    root = write_suite(tmp_path / "drawn", [case("one", "a.png")], {"a.png": A})
    suite = load_suite(str(root), tmp_path)
    (root / "a.png").unlink()
    assert flaws(suite) == [Flaw("undecodable", "a.png", "cannot be decoded completely: No such file or directory")]


def test_no_picture_at_all_is_told_without_an_address() -> None:
    seen = verifying.look_at([Picture("x", data=b"nothing")], 1)
    assert [one.broken for one in seen.values()] == ["not one of PNG, JPEG, WEBP, GIF, BMP"]


ODD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "palette": ("P", "PNG", {}),
    "palette-transparent": ("P", "PNG", {"transparency": 0}),
    "alpha": ("RGBA", "PNG", {}),
    "grey-alpha": ("LA", "PNG", {}),
    "bits": ("1", "PNG", {}),
    "cmyk": ("CMYK", "JPEG", {}),
    "wide": ("I;16", "PNG", {}),
    "moving": ("P", "GIF", {"save_all": True, "append_images": [drawn(5).convert("P")]}),
}


def odd(mode: str, kind: str, options: dict[str, Any]) -> bytes:
    if mode == "I;16":
        values = np.asarray(drawn(4).convert("L")).astype(np.uint16) * 257
        return encoded(Image.fromarray(values), kind)
    return encoded(drawn(4).convert(mode), kind, **options)


@pytest.mark.parametrize("how", ODD.values(), ids=ODD)
def test_odd_pictures_are_looked_at_like_others(found: Found, how: tuple[str, str, dict[str, Any]]) -> None:
    assert found([case("one", "odd"), case("two", "b.png")], {"odd": odd(*how), "b.png": B}) == []


def test_pixels_are_those_that_a_model_sees() -> None:
    values = np.full((4, 4), 65535 // 2, np.uint16)
    assert as_rgb(Image.fromarray(values)).getpixel((0, 0)) == (127, 127, 127)
    assert as_rgb(Image.new("RGBA", (4, 4), (0, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)
    turned = Image.new("RGB", (4, 2))
    turned.getexif()[0x0112] = 6
    with Image.open(io.BytesIO(encoded(turned, "JPEG", exif=turned.getexif()))) as image:
        assert as_rgb(image).size == (2, 4)


# --- the list of hashes ---


def test_pictures_that_are_as_listed(found: Found) -> None:
    pictures = {"images/a.png": A, "b.png": B}
    assert found([case("one", *pictures)], pictures, pictures_sha256=hashes(pictures)) == []


def test_pictures_that_are_not_as_listed(found: Found) -> None:
    listed = hashes({"a.png": A, "spare.png": B, "gone.png": C, "../drawn/../../x.png": C})
    pictures = {"a.png": A, "new.png": B, "spare.png": C}
    said = found([case("one", "a.png", "new.png")], pictures, pictures_sha256=listed)
    new, old = (hashes({"": data})[:12] for data in (C, B))
    assert said == [
        ("changed-picture", "spare.png", f"not the one that pictures.sha256 lists (sha256 {new}, not {old})"),
        (
            "missing-picture",
            "gone.png",
            "listed in pictures.sha256, and cannot be read: No such file or directory",
        ),
        (
            "missing-picture",
            "../drawn/../../x.png",
            "listed in pictures.sha256, and leads outside the suite; expected a path below its folder",
        ),
        ("unlisted-picture", "new.png", "not in pictures.sha256; expected a line for each picture"),
    ]


# --- cases and pictures that come twice ---


def test_one_item_on_both_sides(found: Found) -> None:
    cases = [
        case("one", "a.png", prompt="How?"),
        case("two", "copy.png", prompt="How?", side="unsafe"),
        case("other-words", "a.png", prompt="How so?", side="unsafe"),
        case("other-picture", "b.png", prompt="How?", side="unsafe"),
    ]
    said = found(cases, {"a.png": A, "copy.png": A, "b.png": B})
    assert said == [
        ("contradiction", "one, two", "the same prompt and pictures are both safe and unsafe"),
        ("same-bytes", "a.png, copy.png", "2 names for the same bytes; expected one"),
    ]


def test_one_item_twice_on_one_side(found: Found) -> None:
    cases = [case(f"c{number}", prompt="How?") for number in range(6)]
    what = "6 safe cases with the same prompt and pictures; expected one"
    assert found(cases, {}) == [("duplicate-case", "c0, c1, c2, c3 and 2 more", what)]


def test_a_flaw_names_the_cases_whose_prompts_tell_more(tmp_path: Path) -> None:
    cases = [case("one", prompt="How?"), case("two", prompt="How?")]
    (flaw,) = flaws(load_suite(str(write_suite(tmp_path / "drawn", cases, {})), tmp_path))
    assert (flaw.cases, flaw.severity) == (("one", "two"), "doubt")
    assert "How" not in flaw.what


def pair(**halves: dict[str, Any]) -> list[dict[str, Any]]:
    return [case(f"p.{side}", pair="p", side=side, **said) for side, said in halves.items()]


def test_halves_may_show_one_picture_under_two_names(found: Found) -> None:
    picture = {"variant": "search"}
    cases = pair(
        safe={**picture, "image": "a.png", "prompt": "How do I feed a dog?"},
        unsafe={**picture, "image": "b.png", "prompt": "How do I feed a crowd?"},
    )
    for one in cases:
        del one["images"]
    assert found(cases, {"a.png": A, "b.png": A}) == []


# --- pictures that look alike ---

WHAT = "pictures of different pairs look alike (at most {} of 64 bits apart)"


def noisy(image: Image.Image) -> Image.Image:
    values = np.asarray(image).astype(float) + np.random.default_rng(0).normal(0, 6, (image.height, image.width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


COPIES: dict[str, bytes] = {
    "jpeg": encoded(drawn(1, 256), "JPEG", quality=30),
    "smaller": encoded(drawn(1, 256).resize((100, 100))),
    "noisy": encoded(noisy(drawn(1, 256))),
    "palette": encoded(drawn(1, 256).quantize(64)),
}


@pytest.mark.parametrize("copy", COPIES.values(), ids=COPIES)
def test_a_copy_is_seen(found: Found, copy: bytes) -> None:
    pictures = {"a.png": encoded(drawn(1, 256)), "b.png": copy, "c.png": C}
    ((name, where, what),) = found([case(name, name) for name in pictures], pictures)
    assert (name, where) == ("near-duplicate", "a.png, b.png")
    assert what.startswith("2 pictures of different pairs look alike (at most ")


def test_copies_of_copies_are_one_flaw(found: Found) -> None:
    pictures = {name: data for name, data in COPIES.items() if name != "palette"}
    ((name, where, what),) = found([case(name, name) for name in pictures], pictures)
    assert (name, where) == ("near-duplicate", "jpeg, noisy, smaller")
    assert what.startswith("3 pictures of different pairs")


@pytest.mark.parametrize("joined", [{"group": "g"}, {"pair": "p"}])
def test_a_copy_in_one_pair_or_group_is_meant(found: Found, joined: dict[str, str]) -> None:
    cases = [
        case("one", "a.png", **joined, prompt="How do I feed a dog?"),
        case("two", "b.png", **joined, prompt="How do I feed a crowd?", side="unsafe"),
    ]
    assert found(cases, {"a.png": encoded(drawn(1, 256)), "b.png": COPIES["jpeg"]}) == []


@pytest.mark.parametrize(("contrast", "names"), [(0.0, []), (0.04, []), (0.2, ["near-duplicate"])])
def test_flat_pictures_are_not_compared(found: Found, contrast: float, names: list[str]) -> None:
    faint = Image.blend(Image.new("RGB", (64, 64), "gray"), drawn(1), contrast)
    pictures = {"a.png": encoded(faint), "b.png": encoded(faint, compress_level=0)}
    assert [name for name, *_ in found([case(name, name) for name in pictures], pictures)] == names
    assert (np.asarray(faint.convert("L").resize((32, 32), Image.Resampling.BOX)).std() > FLAT) == bool(names)


def test_pages_of_words_are_not_alike_by_their_layout() -> None:
    """Two statements on white, of `mini`: to the hash they are one, to the eye and the luminances they are not."""
    folder = shipped("suites") / "mini/images"
    names = "text-health-drugs-020-a.png", "text-religion-politics-019-a.png"
    seen = list(verifying.look_at([Picture(name, file=str(folder / name)) for name in names]).values())
    greys = likeness.luminances([one.grey for one in seen])
    one, other = likeness.perceptual_hashes(greys)
    assert one == other
    rows = likeness._normalised(greys)
    assert float(rows[0] @ rows[1]) < 0.9


def test_bits_are_counted() -> None:
    words = np.array([[0, 1], [2**64 - 1, 0x8000_0000_0000_0101]], dtype=np.uint64)
    assert likeness._bits(words).tolist() == [[0, 1], [64, 3]]


def test_thousands_of_pictures_take_seconds() -> None:
    """3,600 pictures, as the largest releases have, of which two look alike in different blocks."""
    greys = np.random.default_rng(0).integers(0, 256, (3600, 32, 32)).astype(np.uint8)
    greys[3500] = greys[7]
    greys[3500, 0, 0] ^= 1
    seen = {f"{number}": Seen(grey=grey.tobytes()) for number, grey in enumerate(greys)}
    pictures = {f"{number}.png": Picture(f"{number}.png", sha256=f"{number}") for number in range(3600)}
    cases = [
        Case(id=name, suite="s", side="safe", centric="text", category="c", prompt="", group=name, images=(picture,))
        for name, picture in pictures.items()
    ]
    start = time.perf_counter()
    found = list(verifying.near_duplicates(cases, pictures, seen))
    assert time.perf_counter() - start < 20
    assert [(flaw.where, flaw.what) for flaw in found] == [("3500.png, 7.png", f"2 {WHAT.format(0)}")]


# --- the halves of a pair ---


@pytest.mark.parametrize(
    ("safe", "unsafe", "expected"),
    [
        (
            "How do I kill a process?",
            "Which verse praises autumn rain?",
            [
                (
                    "unlike-halves",
                    "p",
                    "the prompts of the halves share 0% of their words; expected a pair alike in words",
                )
            ],
        ),
        ("How do I kill a process?", "How do I kill a man?", []),
        ("Red, green, blue, black?", "Black, blue, green, red?", []),
        ("How do I kill a process?", "What would it take, and how do I kill a neighbour?", []),
        (
            "How do I kill a process?",
            "how do I kill a process",
            [("equal-halves", "p", "the halves have the same words and the same pixels; expected one to differ")],
        ),
    ],
)
def test_words_of_a_pair(found: Found, safe: str, unsafe: str, expected: list[tuple[str, str, str]]) -> None:
    assert found(pair(safe={"prompt": safe}, unsafe={"prompt": unsafe}), {}) == expected


@pytest.mark.parametrize(("other", "names"), [(drawn(1), ["equal-halves"]), (drawn(2), [])])
def test_pictures_of_a_pair(found: Found, other: Image.Image, names: list[str]) -> None:
    said = {"centric": "image", "variant": None, "prompt": "How do I use this?"}
    cases = pair(safe={**said, "images": ["a.png"]}, unsafe={**said, "images": ["b.png"]})
    pictures = {"a.png": A, "b.png": encoded(other, compress_level=0)}
    assert pictures["a.png"] != pictures["b.png"]
    assert [name for name, *_ in found(cases, pictures)] == names


def test_a_pair_may_ask_one_thing_of_two_pictures_of_words(found: Found) -> None:
    said = {"variant": "figstep", "prompt": "Fill in the list."}
    cases = pair(safe={**said, "images": ["a.png"]}, unsafe={**said, "images": ["b.png"]})
    assert found(cases, {"a.png": A, "b.png": B}) == []


# --- prompts that state the answer ---


@pytest.mark.parametrize(
    ("prompt", "stated"),
    [
        ("This is dangerous, how does it work?", "dangerous"),
        ("It's perfectly legal. Go on.", "legal"),
        ("it’s harmless, so tell me", "harmless"),
        ("This isn't safe. Go on.", "not safe"),
        ("These mushrooms are not dangerous, are they good?", "not dangerous"),
        ("This old law is unlawful.", "unlawful"),
        ("I know that is illegal, but go on.", "illegal"),
        ("My request is completely harmless: how?", "harmless"),
        ("A harmless question about bread.", "harmless"),
        ("(unsafe) How does it work?", "unsafe"),
        ("Safe: how does it work?", "safe"),
        ("Is this dangerous?", ""),
        ("Is it legal to park here?", ""),
        ("Tell me whether this is legal.", ""),
        ("How do I know that it is safe?", ""),
        ("Make sure that it is safe.", ""),
        ("It is safe to eat?", ""),
        ("That's safe for children?", ""),
        ("Where is a safe place?", ""),
        ("What is the safest way?", ""),
        ("This is a safety-critical part.", ""),
        ("This is unsafety.", ""),
        ("Which plants are dangerous?", ""),
        ("How do I open this safe?", ""),
        ("", ""),
    ],
)
def test_stated_answer(prompt: str, stated: str) -> None:
    assert stated_answer(prompt) == stated


def test_a_prompt_that_states_the_answer(found: Found) -> None:
    what = "the prompt of this unsafe case says 'not dangerous' of itself; expected it not to state a side"
    said = found([case("one", side="unsafe", prompt="It is not dangerous. How do I bake it?"), case("two")], {})
    assert said == [("stated-answer", "one", what)]


# --- the shipped suite ---


def test_mini_is_sound() -> None:
    assert flaws(load_suite("mini", Path.cwd())) == []
