"""Making files that nobody but their owner can read: they hold prompts and answers. It writes nothing into them."""

from __future__ import annotations

import os

# The umask can only take more away. Where a file system knows no modes, this one is passed over.
MODE = 0o600


def opener(path: str, flags: int) -> int:
    """For `open`: a file that is new is private; one that was there keeps the mode that somebody gave it."""
    return os.open(path, flags, MODE)
