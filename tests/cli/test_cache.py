"""`vsc cache`: what it prints and its exit codes."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import pytest

from pytest_vsc.store import Store
from pytest_vsc.storefile import FILE
from tests.command import Run


def damaged(folder: Path, count: int = 1) -> Path:
    data = (folder / FILE).read_bytes().replace(b"x" * 100, b"y" * 100, count)
    (folder / FILE).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cache", "--cache"], "vsc cache: error: argument --cache: expected one argument\n"),
        (
            ["cache", "prune"],
            "vsc cache prune: error: nothing to go by: give --older-than or --model, or use `vsc cache clear`\n",
        ),
        (
            ["cache", "prune", "--older-than", "a month"],
            "argument --older-than: 'a month' is not a number of days; expected one such as 30d\n",
        ),
        (["cache", "prune", "--older-than", "-3d"], "expected one argument\n"),
        (["cache", "prune", "--older-than", "9999999d"], "expected one such as 30d\n"),
    ],
)
def test_bad_usage_is_exit_2(vsc: Run, arguments: list[str], said: str) -> None:
    code, out, err = vsc(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: vsc cache")
    assert said in err.splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    "action", [[], ["show"], ["prune", "--older-than", "1d"], ["verify"], ["verify", "--repair"], ["clear"]]
)
def test_a_missing_store_is_no_trouble_and_is_not_begun(vsc: Run, folder: Path, action: list[str]) -> None:
    assert vsc("cache", *action, "--cache", folder) == (0, f"{folder / FILE}: nothing stored yet\n", "")
    assert not folder.exists()


def test_the_users_cache_is_the_default(vsc: Run, tmp_path: Path) -> None:
    code, out, err = vsc("cache")
    assert (code, err) == (0, "")
    assert out.startswith(str(tmp_path / "home"))
    assert out.endswith(f"pytest-vsc/{FILE}: nothing stored yet\n")


SHOWN = """\
model           fingerprint   entries  first kept  last used
'::error:: [2J  0123456789ab        1  2025-01-12  2025-01-12
tiny            0123456789ab    1,200  2024-10-04  2024-10-04
(judgements)                        2  2024-10-04  2025-01-12
"""


@pytest.mark.parametrize("before", [False, True])
def test_show(vsc: Run, filled: Path, before: bool) -> None:
    option = ["--cache", str(filled)]
    code, out, err = vsc("cache", *option, "show") if before else vsc("cache", "show", *option)
    first, rest = out.split("\n", 1)
    assert (code, rest, err) == (0, SHOWN, "")
    assert first.startswith(f"{filled / FILE}: ")
    assert first.endswith(" KiB")
    assert vsc("cache", *option) == (0, out, "")


def test_show_of_an_empty_store(vsc: Run, folder: Path) -> None:
    Store(folder).close()
    code, out, _ = vsc("cache", "--cache", folder)
    assert (code, out.splitlines()[1:]) == (0, ["nothing stored yet"])


def test_prune_by_age(vsc: Run, filled: Path) -> None:
    option = ["--older-than", "30d", "--cache", str(filled)]
    with contextlib.closing(Store(filled)) as store:  # used today
        assert store.answers(["tiny 0"])
    assert vsc("cache", "prune", *option, "--dry-run") == (0, "would remove 1,200 answers and 2 judgements\n", "")
    code, out, err = vsc("cache", "prune", *option)
    assert (code, err) == (0, "")
    assert out.startswith("removed 1,200 answers and 2 judgements; ")
    assert out.endswith(" KiB now\n")
    assert vsc("cache", "prune", *option)[1].startswith("removed 0 answers and 0 judgements; ")
    assert (filled / FILE).stat().st_size < 50_000


def test_prune_by_model(vsc: Run, filled: Path) -> None:
    option = ["--cache", str(filled)]
    code, out, err = vsc("cache", "prune", "--model", "tiny", *option)
    assert (code, err) == (0, "")
    assert out.startswith("removed 1,200 answers and 0 judgements; ")
    assert vsc("cache", "prune", "--model", "tinny", *option) == (
        1,
        "no answers of model 'tinny'; expected one of ::error:: [2J\n",
        "",
    )
    assert vsc("cache", "prune", "--model", "\n::error::\x1b[2J", *option)[1].startswith("removed 1 answer and 0")


def test_prune_by_both(vsc: Run, filled: Path) -> None:
    with contextlib.closing(Store(filled)) as store:
        assert store.answers(["tiny 0"])
    code, out, _ = vsc("cache", "prune", "--model", "tiny", "--older-than", "0", "--cache", filled)
    assert (code, out.split(";")[0]) == (0, "removed 1,199 answers and 0 judgements")


def test_verify(vsc: Run, filled: Path) -> None:
    assert vsc("cache", "verify", "--cache", filled) == (0, f"{filled / FILE}: no damage\n", "")


def test_verify_names_the_damage_and_repair_mends_it(vsc: Run, filled: Path) -> None:
    damaged(filled, 25)
    code, out, err = vsc("cache", "verify", "--cache", filled)
    lines = out.splitlines()
    assert (code, err) == (1, "")
    assert lines[0] == f"{filled / FILE}: damaged"
    assert all(
        line.startswith("  answers: row ") and line.endswith(": its checksum does not fit") for line in lines[1:21]
    )
    assert lines[21:] == [
        "  and 5 more",
        f"No run takes a damaged row for an answer. `vsc cache verify --repair --cache {shlex.quote(str(filled))}` "
        "drops what is damaged and keeps the rest.",
    ]
    code, out, err = vsc("cache", "verify", "--repair", "--cache", filled)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "repaired: 1,176 answers and 2 judgements kept"
    assert vsc("cache", "verify", "--cache", filled)[0] == 0


def test_verify_of_what_cannot_be_opened(vsc: Run, filled: Path) -> None:
    (filled / FILE).write_bytes(b"garbage!" * 1000)
    code, out, err = vsc("cache", "verify", "--cache", filled)
    assert (code, out.splitlines()[:2], err) == (1, [f"{filled / FILE}: damaged", "  file is not a database"], "")
    code, _, err = vsc("cache", "verify", "--repair", "--cache", filled)
    assert code == 2
    assert err.startswith(f"vsc: {filled / FILE}: nothing of it can be read (file is not a database). `vsc cache clear")
    code, out, err = vsc("cache", "clear", "--cache", filled)
    assert (code, out) == (2, "")
    assert err == (
        f"vsc: {filled / FILE}: does not look like a store of pytest-vsc. Delete it yourself if nobody needs it\n"
    )


def test_clear(vsc: Run, filled: Path) -> None:
    code, out, err = vsc("cache", "clear", "--cache", filled)
    assert (code, err) == (0, "")
    assert out.startswith(f"{filled / FILE}: cleared (")
    assert vsc("cache", "--cache", filled)[1].splitlines()[1:] == ["nothing stored yet"]


@pytest.mark.parametrize("action", [[], ["prune", "--older-than", "1d"], ["verify"], ["verify", "--repair"], ["clear"]])
def test_a_folder_that_is_a_file_is_one_line_and_exit_2(vsc: Run, folder: Path, action: list[str]) -> None:
    folder.write_text("")
    assert vsc("cache", *action, "--cache", folder) == (2, "", f"vsc: {folder}: is not a folder. Choose another one\n")
