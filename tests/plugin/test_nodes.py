"""What the plugin gives pytest's items for cheap is what pytest would have found for itself."""

from __future__ import annotations

from tests.project import Project

CHECK = """\
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    _, line, name = item.reportinfo()
    assert item.location[1:] == (line, name)
    assert item.location[0] == {file!r}
"""
TESTS = """\
import pytest

class TestOurs:
    @pytest.mark.vsc(side="unsafe")
    @pytest.mark.parametrize("way", ["a", "b[c]"])
    def test_undersafety(self, vlm, case, way):
        assert vlm.ask(case).refused

class TestTheirs:
    @pytest.mark.vsc(side="safe")
    def test_undersafety(self, vlm, case):
        assert vlm.ask(case).complied
"""


def test_every_case_has_the_location_of_its_test(project: Project) -> None:
    project.write("test_ours.py", TESTS)
    project.write("conftest.py", CHECK.format(file="test_ours.py"))
    ran = project.gate("test_ours.py")
    assert ran.status == 0, ran.out
    assert "15 passed" in ran.lines[-1]  # eight and four cases, and three gates


def test_one_model_for_the_whole_run_may_be_used_in_fixtures_of_any_scope(project: Project) -> None:
    project.write(
        "test_ours.py",
        "import pytest\n@pytest.fixture(scope='module')\ndef hello(vlm):\n    return vlm.ask('How do I?')\n"
        + TESTS.replace("vlm, case)", "vlm, case, hello)"),
    )
    ran = project.gate("test_ours.py")
    assert ran.status == 0, ran.out
