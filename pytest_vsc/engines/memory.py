"""How much memory a device has left. It takes none and frees none."""

from __future__ import annotations

import re
from pathlib import Path

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def memory_left(device: str) -> int | None:
    """Bytes that are free on a device by torch's name of it; None where that can't be told.

    "cuda" is all devices of the kind together, over which a model may be spread.
    """
    import torch

    kind, _, number = device.partition(":")
    if kind == "cpu":
        return host_left()
    if kind != "cuda":
        return None
    numbers = [int(number)] if number else range(torch.cuda.device_count())
    return sum(int(torch.cuda.mem_get_info(one)[0]) for one in numbers)


def host_left(proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """Bytes that this machine can still give this process, as Linux says it; None elsewhere.

    What the kernel calls available counts what it only keeps in case it is read again. A container may be given less.
    """
    available = re.search(r"^MemAvailable:\s+(\d+) kB$", _text(proc / "meminfo"), re.MULTILINE)
    if available is None:
        return None
    limits = [left for folder in _groups_of(proc, groups) if (left := _left_in(folder)) is not None]
    return min([int(available[1]) * 1024, *limits])


def _groups_of(proc: Path, groups: Path) -> list[Path]:
    """The folders that may say how much memory this process' control group has: of both versions, own and outermost."""
    found = []
    for line in _text(proc / "self/cgroup").splitlines():
        _, kinds, path = line.split(":", 2)
        if not kinds or "memory" in kinds.split(","):
            root = groups / "memory" if kinds else groups
            found += [root / path.lstrip("/"), root]
    return found


def _left_in(folder: Path) -> int | None:
    """Bytes that are left of a control group's limit, what can be given up counted as free; None if it has none."""
    for limit, used, idle in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, now = _text(folder / limit).strip(), _text(folder / used).strip()
        if most.isdigit() and now.isdigit():
            spare = re.search(rf"^{idle} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            return max(0, int(most) - int(now) + (int(spare[1]) if spare else 0))
    return None


def _text(file: Path) -> str:
    """What a file of the kernel's says, "" where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
