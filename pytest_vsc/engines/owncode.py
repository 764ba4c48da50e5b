"""Code that a model brings along, run only where a user trusts it: what there is of it, and where it comes from.

Runs none of it; transformers does. Whether its files were changed is told by their digests, as of all files of a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_vsc.engines.files import digests_of, read_json
from pytest_vsc.errors import ModelError

OPTION = "--vlm-trust-remote-code"
RUN = "ON: "  # begins what is told where there is such code
# Files of a model that may name classes of its own, under `auto_map`.
NAMING = (
    "config.json",
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
)


def check_code(folder: Path, name: str, fetch: Callable[[str], object]) -> str:
    """What of the code in a model's folder is run, for a reader: its files with the start of their sha256.

    fetch: has a file of a hub's model there. Raises ModelError for code of another repository, which would change
    without anybody being told.
    """
    references = list(_references(folder, name))
    for reference in references:
        repository, apart, _ = reference.partition("--")
        if apart:
            raise ModelError(
                f"{name}: runs code of another repository ({repository}), which can change without a trace. "
                f"Expected it beside the weights: copy its .py files there, and take '{repository}--' out of auto_map"
            )
        fetch(f"{reference.partition('.')[0]}.py")
    if not references:
        return f"allowed by {OPTION}, but {name} has none"
    shown = [f"{file} sha256 {digest[:12]}" for file, digest in digests_of(folder, None, ("*.py",)).items()]
    return f"{RUN}{name} runs code of its own repository ({', '.join(shown)})"


def _references(folder: Path, name: str) -> Iterator[str]:
    """The classes that the files of a model name, as `module.Class` or `owner/repository--module.Class`."""
    for file in map(folder.joinpath, NAMING):
        said: Any = read_json(file, name).get("auto_map") if file.is_file() else None
        for classes in said.values() if isinstance(said, Mapping) else ():
            yield from filter(None, classes if isinstance(classes, list) else [str(classes)])
