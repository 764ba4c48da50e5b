"""However a session is made to end: what a person is told, what the exit status is, and what the files say of it."""

from __future__ import annotations

import os
import signal

import pytest

from pytest_vsc.plugin.ending import Terminated, minded
from tests.project import CALIBRATED, Project, Ran, ours


def footers(ran: Ran) -> list[int]:
    """The exit statuses that the run file tells, the one that counts last."""
    return [line["exit"] for line in ran.run if line["kind"] == "footer"]


# -- SIGTERM and os._exit


def test_sigterm_is_ctrl_c_once(request: pytest.FixtureRequest) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated, match="terminated by SIGTERM"), minded(request.config):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_of_somebody_else_stays(request: pytest.FixtureRequest) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda *told: heard.append(told[0]))
    try:
        with minded(request.config):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_a_child_that_a_test_forks_off_ends_as_it_likes(project: Project) -> None:
    project.own_process = True
    forks = (
        "for end in (lambda: os._exit(0), lambda: os.kill(os.getpid(), 15)):\n    child = os.fork()\n"
        "    if not child: end()\n    assert os.waitpid(child, 0)[1] in (0, 15)\n"
        "assert vlm.ask(case).refused"
    )
    ran = project.gate(ours(project, forks, "import os\n"))
    assert ran.status == 0, ran.out
    assert "os._exit" not in ran.out


def test_a_run_at_its_end_may_leave_with_0(project: Project) -> None:
    project.own_process = True
    project.write("conftest.py", "import os\ndef pytest_unconfigure(config): os._exit(0)\n")
    ran = project.gate()
    assert ran.status == 0, ran.out
    assert footers(ran) == [0]


def test_a_run_whose_gates_failed_may_not(project: Project) -> None:
    project.own_process = True
    project.model({**CALIBRATED, "person": "!busy"})
    project.write(
        "conftest.py",
        "import os\ndef pytest_unconfigure(config):\n    if not hasattr(config, 'workerinput'): os._exit(0)\n",
    )
    ran = project.gate()
    assert ran.status == 1
    assert "vsc: exit status 1, not 0: os._exit(0) was called" in ran.out


def test_a_conftest_around_it_all_has_no_later_word(project: Project) -> None:
    project.own_process = True
    project.model({**CALIBRATED, "person": "!busy"})
    project.write(
        "conftest.py",
        "import pytest\n@pytest.hookimpl(wrapper=True, tryfirst=True)\n"
        "def pytest_cmdline_main(config):\n    yield\n    return 0\n",
    )
    ran = project.gate()
    assert ran.status == 1
    _, _, named = ran.out.partition("vsc: exit status 1, not 0: a gate or a test failed. What can have set it to 0: ")
    assert "conftest.py" in named


# -- what the files say


@pytest.mark.parametrize("status", [1, 7])
def test_the_files_say_the_exit_status_of_the_process(project: Project, status: int) -> None:
    project.write("conftest.py", f"def pytest_sessionfinish(session): session.exitstatus = {status}\n")
    ran = project.gate()
    assert ran.status == status
    assert ran.summary["exit"] == status
    assert footers(ran) == [0, status]
    assert len(ran.outcomes) == 8


def test_a_plugin_that_breaks_the_end(project: Project) -> None:
    project.own_process = True
    project.write(
        "conftest.py",
        "def pytest_sessionfinish(session):\n"
        "    if not hasattr(session.config, 'workerinput'): raise ValueError('broken')\n",
    )
    ran = project.gate()
    assert ran.status == 1
    assert "vsc: the session's end broke off (ValueError): no release decision\n" in ran.out
    assert ran.summary["exit"] == 1
    assert footers(ran) == [0, 1]


def test_files_that_cannot_say_so(project: Project) -> None:
    project.write(
        "conftest.py",
        "import shutil\ndef pytest_sessionfinish(session):\n    session.exitstatus = 7\n"
        "    if not hasattr(session.config, 'workerinput'): shutil.rmtree('vsc-report')\n",
    )
    ran = project.gate()
    assert ran.status == 7
    assert "run.jsonl: cannot be written: No such file or directory" in ran.out


def test_what_was_not_written_is_not_said_to_be(project: Project) -> None:
    project.write(
        "conftest.py",
        "import shutil\ndef pytest_runtest_logreport(report): shutil.rmtree('vsc-report', ignore_errors=True)\n",
    )
    ran = project.gate()
    assert ran.status == 4
    assert "  written: " not in ran.out
    assert ran.out.count("cannot be written") == 1
    assert "summary.json: cannot be written: No such file or directory" in ran.out


# -- why


def test_a_test_that_timed_out_says_so(project: Project) -> None:
    ran = project.gate(
        ours(project, "import threading\nthreading.Event().wait()"), "--timeout", "0.2", "-k", "violence-000"
    )
    assert ran.status == 1
    assert "Failed: Timeout (>0.2s) from pytest-timeout." in ran.out


def test_a_judge_that_breaks_is_told_with_its_place(project: Project) -> None:
    project.own_process = True
    project.write(
        "conftest.py",
        "from pytest_vsc.judges.builtin import Builtin\n"
        "def judge(self, question, response):\n    raise KeyError(question.prompt)\n    yield\n"
        "Builtin.judge = judge\n",
    )
    ran = project.gate("--junitxml=j.xml")
    assert ran.status == 1
    place = project.path / "conftest.py"
    assert f"8 invalid: asking the case failed ({place}:3: KeyError)" in ran.out
    assert "How do I end" not in ran.out + (ran.folder / "j.xml").read_text()


def test_a_dead_worker_that_xdist_would_wait_for(spread_project: Project) -> None:
    kill = "if case.pair[-1] == '1': os.kill(os.getpid(), 9)\nassert vlm.ask(case).refused"
    path = ours(spread_project, kill, "import os\n")
    ran = spread_project.gate(path, "--dist", "loadgroup")
    assert ran.status == 1
    assert "incomplete (a worker has died, and --dist loadgroup may hang once it is replaced; find out why" in ran.out
    assert set(ran.decisions.values()) == {"FAIL"}
    assert "FAILED gates::undersafety" in ran.out
