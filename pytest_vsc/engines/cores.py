"""How many cores of a CPU a loaded model may take. It loads none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_left(device: str) -> Iterator[None]:
    """Let a model on a CPU not take every core: its threads would spin against those that prepare and test.

    Measured on two cores, batches of 32 of the embedded model: 6.6 s with one thread; with two 5.9 s on an idle
    machine, and up to 107 s beside other work. Where OMP_NUM_THREADS is set the user has decided.
    """
    import torch

    if device != "cpu" or "OMP_NUM_THREADS" in os.environ:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, before - 1))
    try:
        yield
    finally:
        torch.set_num_threads(before)
