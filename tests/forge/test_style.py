"""Operators on pictures: the same size and the same bytes each time, nothing at strength 0, more of it with more."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab
from skimage.metrics import structural_similarity

from pytest_vsc.forge import transport
from pytest_vsc.forge.operators import Operator
from pytest_vsc.forge.style import OPERATORS
from pytest_vsc.forge.styles import SIDE, STYLES, reference
from pytest_vsc.pictures import as_rgb
from pytest_vsc.shipped import shipped

NAMED = {one.name: one for one in OPERATORS}
ALL = pytest.mark.parametrize("one", OPERATORS, ids=NAMED)
SEEDS = ("image-violence-003", "image-health-drugs-014", "text-illegal-activity-019")  # of `mini`
MOVES_PIXELS = {"crop": 0.02, "pad": 0.05, "rotate": 0.05}  # SSIM compares places: how far it may rise by chance
ROOT = Path(__file__).resolve().parents[2]
DIGESTS = """\
import hashlib, json
from random import Random
from PIL import Image
from pytest_vsc.forge.style import OPERATORS
from tests.forge.test_style import done, mini
picture = mini("image-violence-003-a", 96)
print(json.dumps({one.name: hashlib.sha256(done(one, picture, 1.0).tobytes()).hexdigest() for one in OPERATORS}))
"""


def done(one: Operator, picture: Image.Image, strength: float, seed: int = 1, **given: Any) -> Image.Image:
    chosen: dict[str, Any] = {each.name: each.default for each in one.parameters}
    made = one.run(picture, Random(seed), **(chosen | {"strength": strength} | given))
    assert isinstance(made, Image.Image)
    return made


def mini(name: str, side: int) -> Image.Image:
    with Image.open(shipped("suites") / f"mini/images/{name}.png") as opened:
        return as_rgb(opened).resize((side, side), Image.Resampling.LANCZOS)


def pixels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture, np.float64)


def grey(picture: Image.Image) -> NDArray[np.float64]:
    return pixels(picture.convert("L"))


def likeness(one: Image.Image, other: Image.Image) -> float:
    return float(structural_similarity(pixels(one), pixels(other), data_range=255, channel_axis=2))


@st.composite
def small_pictures(draw: st.DrawFn) -> Image.Image:
    """Of one pixel, of one row, flat, of two colours, of noise, long and thin."""
    sides = st.one_of(st.integers(1, 24), st.sampled_from((1, 2, 64, 130)))
    width, height = draw(st.one_of(st.tuples(sides, sides), st.sampled_from(((3, 700), (700, 3), (1, 300)))))
    colour = st.tuples(*[st.one_of(st.sampled_from((0, 255)), st.integers(0, 255))] * 3)
    picture = Image.new("RGB", (width, height), draw(colour))
    kind = draw(st.sampled_from(("flat", "two", "noise")))
    if kind == "two":
        picture.paste(draw(colour), (width // 3, height // 3, width, height))
    if kind == "noise":
        noise = Random(draw(st.integers(0, 99))).randbytes(3 * width * height)
        picture = Image.frombytes("RGB", (width, height), noise)
    return picture


@ALL
@settings(derandomize=True, deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(picture=small_pictures(), strength=st.floats(0, 1), seed=st.integers(0, 9), style=st.sampled_from(STYLES))
def test_any_picture_keeps_its_size_and_comes_out_the_same_again(
    one: Operator, picture: Image.Image, strength: float, seed: int, style: str
) -> None:
    chosen = {"style": style} if any(each.name == "style" for each in one.parameters) else {}
    before = picture.tobytes()
    made = done(one, picture, strength, seed, **chosen)
    assert (made.mode, made.size) == ("RGB", picture.size)
    assert made.tobytes() == done(one, picture.copy(), strength, seed, **chosen).tobytes()
    assert done(one, picture, 0.0, seed, **chosen).tobytes() == before
    assert picture.tobytes() == before
    if one.idempotent:
        assert done(one, made, strength, seed, **chosen).tobytes() == made.tobytes()


@ALL
def test_more_strength_is_no_more_alike(one: Operator) -> None:
    for name in SEEDS[: 1 if one.slow else None]:
        picture = mini(f"{name}-a", 160)
        seen = [likeness(picture, done(one, picture, share)) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        assert seen[0] == 1
        assert max(np.diff(seen)) <= MOVES_PIXELS.get(one.name, 0.01)
        assert seen[-1] < 0.999


@ALL
def test_halves_of_a_pair_stay_apart(one: Operator) -> None:
    for name in SEEDS[: 1 if one.slow else None]:
        halves = [mini(f"{name}-{half}", 160) for half in "ab"]
        before = np.abs(grey(halves[0]) - grey(halves[1])).mean()
        for strength, share in ((0.5, 0.55), (1.0, 0.2)):
            made = [grey(done(one, half, strength)) for half in halves]
            assert np.abs(made[0] - made[1]).mean() >= share * before


def test_no_threads_and_no_hash_seed_change_a_pixel() -> None:
    found = []
    for threads, seed in (("1", "1"), ("2", "77")):
        ours = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", DIGESTS],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | ours | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]
    assert set(found[0]) == set(NAMED)


# --- that each does what it says ---


def test_styles_are_pictures_of_their_own() -> None:
    digests = {hashlib.sha256(reference(style).tobytes()).hexdigest() for style in STYLES}
    assert len(digests) == len(STYLES)
    assert {(reference(style).mode, reference(style).size) for style in STYLES} == {("RGB", (SIDE, SIDE))}


def test_recolour_goes_most_of_the_way_to_the_mean_colour_of_a_style() -> None:
    picture = mini("image-violence-003-a", 160)
    for style in ("night", "autumn", "blueprint"):
        wanted, before, after = (
            rgb2lab(np.asarray(each)).mean((0, 1))
            for each in (reference(style), picture, done(NAMED["recolour"], picture, 1.0, style=style))
        )
        assert np.linalg.norm(after - wanted) < 0.5 * np.linalg.norm(before - wanted)


def test_a_transferred_picture_has_patches_more_like_those_of_the_style() -> None:
    picture = mini("image-violence-003-a", 128)
    for style in ("mosaic", "brushwork"):
        wanted = reference(style).resize((128, 128), Image.Resampling.LANCZOS)
        made = transport.transported(picture, reference(style), Random(1))
        assert patches_apart(made, wanted) < 0.3 * patches_apart(picture, wanted)


def patches_apart(one: Image.Image, other: Image.Image) -> float:
    """Sliced Wasserstein distance between their 3 x 3 patches, along directions that no operator knows of."""
    ways = np.random.default_rng(5).standard_normal((40, 27))
    sorted_both = []
    for picture in (one, other):
        windows = np.lib.stride_tricks.sliding_window_view(pixels(picture), (3, 3), axis=(0, 1)).reshape(-1, 27)
        sorted_both.append(np.sort(windows @ ways.T, axis=0))
    return float(((sorted_both[0] - sorted_both[1]) ** 2).mean())


def test_strengths_are_the_lengths_and_levels_that_they_are_said_to_be() -> None:
    picture = mini("image-health-drugs-014-a", 512)
    assert all(len(set(channel.tobytes())) <= 3 for channel in done(NAMED["posterise"], picture, 1.0).split())
    blocks = pixels(done(NAMED["pixelate"], picture, 1.0)).reshape(64, 8, 64, 8, 3)
    assert np.ptp(blocks, axis=(1, 3)).max() == 0
    flat = Image.new("RGB", (512, 512), (128, 128, 128))
    assert pixels(done(NAMED["noise"], flat, 0.5)).std() == pytest.approx(32, rel=0.02)
    assert np.ptp(pixels(done(NAMED["greyscale"], picture, 1.0)), axis=2).max() == 0


def test_all_that_is_in_a_picture_is_still_there_when_it_is_turned_or_set_smaller() -> None:
    picture = Image.new("RGB", (200, 120), "white")
    for corner in ((0, 0), (188, 0), (0, 108), (188, 108)):
        picture.paste("red", (*corner, corner[0] + 12, corner[1] + 12))
    for name in ("pad", "rotate"):
        made = pixels(done(NAMED[name], picture, 1.0, seed=2))
        red = (made[..., 0] - made[..., 1] > 128).sum()
        share = made.shape[1] / 200 * red / (4 * 12 * 12)
        assert 0.3 < share < 0.8


def test_a_black_picture_has_no_dots_and_a_white_one_none() -> None:
    for colour in ("black", "white"):
        flat = Image.new("RGB", (64, 64), colour)
        assert done(NAMED["halftone"], flat, 1.0).tobytes() == flat.tobytes()
