"""`used.json`: what was written is read again, and a broken list is never an empty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vsc.calibrations.used import USED, used_cases, write_used
from pytest_vsc.errors import ModelError
from pytest_vsc.leakage import used_of
from pytest_vsc.suites import load_suite


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    assert used_cases(tmp_path) == ()
    used = used_of(load_suite("mini", tmp_path).cases[-3:])
    assert all(one.greys for one in used)
    write_used(tmp_path, used)
    assert used_cases(tmp_path) == used


CASE = '{"cases": [{"suite": "s", "case": "c", "group": "g", "prompt": "", "words": [], "greys": ["%s"]}]}'
TEXTS = ["", "[]", '{"cases": [{"case": 1}]}', '{"cases": "none"}', CASE % "AAAA", CASE % "\u00e9", CASE % "A"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_broken_list_is_no_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / USED).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"/used.json: cannot be read \(ValidationError\); make it anew$"):
        used_cases(tmp_path)
