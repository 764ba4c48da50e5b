"""Memory that is left: as Linux says it, less where a container is given less, unknown elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vsc.engines.memory import host_left

MEMINFO = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    800 kB\n"


@pytest.fixture
def linux(tmp_path: Path) -> tuple[Path, Path]:
    """A /proc and a /sys/fs/cgroup of their own."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    write(proc / "meminfo", MEMINFO)
    return proc, groups


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_what_is_available_counts(linux: tuple[Path, Path]) -> None:
    assert host_left(*linux) == 800 * 1024


def test_unknown_where_it_is_not_told(tmp_path: Path) -> None:
    assert host_left(tmp_path, tmp_path) is None


def test_a_container_may_have_less(linux: tuple[Path, Path]) -> None:
    proc, groups = linux
    write(proc / "self/cgroup", "0::/inner\n")
    write(groups / "inner/memory.max", "500000\n")
    write(groups / "inner/memory.current", "300000\n")
    assert host_left(proc, groups) == 200_000
    write(groups / "inner/memory.stat", "anon 1\ninactive_file 50000\n")
    assert host_left(proc, groups) == 250_000
    write(groups / "inner/memory.max", "max\n")
    assert host_left(proc, groups) == 800 * 1024


def test_a_container_of_the_first_kind(linux: tuple[Path, Path]) -> None:
    proc, groups = linux
    write(proc / "self/cgroup", "5:cpu:/x\n4:memory:/inner\n0::/\n")
    write(groups / "memory/memory.limit_in_bytes", "600000\n")
    write(groups / "memory/memory.usage_in_bytes", "700000\n")
    assert host_left(proc, groups) == 0


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="memory is told on Linux only")
def test_here() -> None:
    psutil = pytest.importorskip("psutil", reason="pip install 'pytest-vsc[test]'")
    left = host_left()
    assert left is not None
    assert 0 < left < psutil.virtual_memory().total
