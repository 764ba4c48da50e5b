"""What torch, transformers and the hub raise, print and keep: one line for an exception, quiet, memory given back.

Decides nothing about a batch or a model.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR, getLogger
from pathlib import Path

from pytest_vsc.errors import ModelError, VscError, one_line

# The hub's own exceptions, by class name, as one line each.
HUB_ERRORS = {
    "GatedRepoError": "its licence must be accepted on the hub first, and HF_TOKEN set",
    "RepositoryNotFoundError": "no such model on the hub, or it is private and HF_TOKEN is not set",
    "RevisionNotFoundError": "the hub has no such revision of it",
    "LocalEntryNotFoundError": "not in the local cache, and the hub cannot be reached, or must not be (HF_HUB_OFFLINE)",
    "OfflineModeIsEnabled": "not in the local cache, and the hub must not be reached (HF_HUB_OFFLINE)",
    "EntryNotFoundError": "a file of it is missing on the hub",
}


@contextmanager
def foreign(name: str) -> Iterator[None]:
    """Whatever torch, transformers or the hub raise about a model leaves as a ModelError of one line."""
    try:
        yield
    except VscError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: {explain(error)}") from error


def explain(error: BaseException) -> str:
    """One line for an exception of another library."""
    chain, cause = [], error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]  # None ends the loop
    for link in chain:
        if known := HUB_ERRORS.get(type(link).__name__):
            return known
    if out_of_memory(error):
        return "out of memory; a smaller --vlm-dtype, --vlm-batch-size or model may fit"
    text = str(error)
    if isinstance(error, ImportError):
        needed = re.search(r"requires the (\w+) library|pip install [\"']?([\w-]+)|[Pp]ackage [`'\"](\w+)", text)
        if needed:
            package = next(group for group in needed.groups() if group).lower()
            return f"needs {package}, which is not installed: pip install {package}"
    if "trust_remote_code" in text:
        return "needs code of its own to run; --vlm-trust-remote-code allows that, if you trust it"
    if isinstance(error, OSError) and error.strerror:  # its own text has the whole path, which is about this machine
        file = f" ('{Path(os.fsdecode(error.filename)).name}')" if isinstance(error.filename, (str, bytes)) else ""
        return f"{type(error).__name__}: {one_line(error.strerror + file)}"
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {line[:300]}" if line else type(error).__name__


def out_of_memory(error: BaseException) -> bool:
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        sign in str(error) for sign in ("out of memory", "not enough memory", "can't allocate memory")
    )


def free_memory() -> None:
    """Give back what torch keeps of freed device memory; elsewhere freed is freed."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


_quiet_lock = threading.Lock()
_quiet_depth: list[tuple[int, bool, int]] = []


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no advice of transformers meanwhile; the last to leave puts the user's own level back.

    Nor what bitsandbytes has to say of the dtype in every layer, for every token.
    """
    from transformers.utils import logging

    kernels = getLogger("bitsandbytes")
    with _quiet_lock:
        _quiet_depth.append((logging.get_verbosity(), logging.is_progress_bar_enabled(), kernels.level))
        kernels.setLevel(ERROR)
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        yield
    finally:
        with _quiet_lock:
            level, bars, kernels_level = _quiet_depth[0]
            _quiet_depth.pop()
            if not _quiet_depth:
                kernels.setLevel(kernels_level)
                logging.set_verbosity(level)
                if bars:
                    logging.enable_progress_bar()
