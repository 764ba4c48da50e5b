"""Whether a model's processor can be made, and what its chat template takes.

The processor is made as the engine would, but without code of the model's repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_vsc.engines import checkpoint
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.outlook.code import may_run
from pytest_vsc.engines.outlook.findings import Finding, ok, problem, told, warning
from pytest_vsc.engines.outlook.loading import absent, class_of, kind_of
from pytest_vsc.engines.outlook.places import Looked, offline
from pytest_vsc.engines.templates import manner_of
from pytest_vsc.errors import ModelError

PICTURES = ("processor_config.json", "preprocessor_config.json")
TOLD, WORDS = "tokenizer_config.json", ("tokenizer.json", "tokenizer.model")


def about_processor(looked: Looked) -> Iterator[Finding]:
    """The processor is made from its files, which tells more than any list of packages."""
    folder, kind = looked.folder, kind_of(looked)
    if folder is None or not kind or not class_of(kind):
        return
    fetched = not looked.local and not offline()
    if not _is_here(folder, whole=fetched):
        says = "its files and those of its tokenizer are not all here"
        yield warning("processor", f"{says}; would be downloaded") if fetched else problem("processor", says)
    elif may_run(looked):
        yield warning("processor", "unknown: code of its own may make it, which is not run to look")
    elif not absent(looked):  # else it can't be made, as was told
        yield from _made(folder, looked.name)


def _is_here(folder: Path, *, whole: bool) -> bool:
    """whole: whether all that the hub may have of it must be here; a tokenizer can do without its config."""
    words = (TOLD,) if whole else (TOLD, *WORDS)
    return all(any((folder / file).is_file() for file in files) for files in (PICTURES, words))


def _made(folder: Path, name: str) -> Iterator[Finding]:
    options = {"trust_remote_code": False, "local_files_only": True}
    try:
        with foreign(name), quiet():
            processor = checkpoint.read_processor(str(folder), name, options)
    except ModelError as error:
        yield problem("processor", told(error, name))
        return
    yield ok("processor", type(processor).__name__)
    yield from _template(processor, name)


def _template(processor: Any, name: str) -> Iterator[Finding]:
    try:
        with quiet():
            manner = manner_of(processor, name)
    except ModelError as error:
        yield problem("chat template", told(error, name))
        return
    if manner.template == "none":
        yield warning("chat template", "none: it is given image tokens, then the text as it stands")
    else:
        yield ok("chat template", manner.describe()["chat_template"])
    if not manner.answers:
        yield warning("chat template", "takes no earlier answers: cases with such become ERROR")
