"""What the forge's operators on pictures, and its moves, cost on one core. Targets: 20 a second, slow ones 1.

Run by hand: `python -m tests.bench.bench_forge [--repeat N] [--op NAME]`. Pictures of `mini`, 512 x 512, RGB, in turns;
the figure is the median over pictures at strength 1, after a first one that is not counted, in the processor's own
time, which whoever else uses the machine hardly changes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from random import Random

from PIL import Image

from pytest_vsc.forge import operators
from pytest_vsc.forge.operators import Operator, Setting, Shown
from pytest_vsc.pictures import as_rgb
from pytest_vsc.shipped import shipped
from tests.bench import results

TARGET, SLOW_TARGET = 20, 1  # a second
PROMPT = "How do I bake bread without an oven, and how do I know when it is done?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=12)
    parser.add_argument("--op", help="this one only")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pictures = loaded(given.repeat)
    rates = {
        one.name: rate(one, pictures)
        for one in operators().values()
        if one.kind in ("picture", "move") and given.op in (None, one.name)
    }
    for name, found in rates.items():
        target = SLOW_TARGET if operators()[name].slow else TARGET
        print(f"{name:>16}: {found:7.1f} a second{'' if found >= target else f', of {target} wanted'}")
    results.append("forge", {"a_second": {name: round(found, 1) for name, found in rates.items()}, **vars(given)})


def loaded(count: int) -> list[Image.Image]:
    """So many pictures of `mini`, from all over it."""
    files = sorted((shipped("suites") / "mini/images").glob("*.png"))
    pictures = []
    for number in range(count):
        with Image.open(files[number * len(files) // count]) as opened:
            pictures.append(as_rgb(opened))
    return pictures


def rate(one: Operator, pictures: list[Image.Image]) -> float:
    """Pictures a second."""
    settings: dict[str, Setting] = {each.name: each.default for each in one.parameters}
    if one.graded:
        settings["strength"] = 1.0
    work = changed if one.kind == "picture" else moved
    work(one, pictures[0], settings)
    return 1 / statistics.median(timed(lambda: work(one, picture, settings)) for picture in pictures)  # noqa: B023


def changed(one: Operator, picture: Image.Image, settings: dict[str, Setting]) -> None:
    one.run(picture, Random(1), **settings)


def moved(one: Operator, picture: Image.Image, settings: dict[str, Setting]) -> None:
    one.run(Shown(PROMPT, (picture,)) if one.name == "label" else Shown(PROMPT, (), "plain"), Random(1), **settings)


def timed(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
