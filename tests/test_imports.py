"""The layers of the package, as the docstring of `pytest_vsc` lists them, hold in every module."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import pytest_vsc

ROOT = Path(pytest_vsc.__file__).parent
DOC = pytest_vsc.__doc__ or ""
CORE = re.findall(r"^    (\w+)$", DOC, re.MULTILINE)
LEAVES = re.findall(r"`(\w+)`", re.search(r"^Leaves \(([^)]*)\)", DOC, re.MULTILINE)[1])  # type: ignore[index]
EDGES = re.findall(r"`(\w+)`", re.search(r"Edges \(([^)]*)\)", DOC)[1])  # type: ignore[index]

# What several leaves of one package share without being a leaf of their own; it imports the core only.
SHARED_BY_LEAVES = {
    "pytest_vsc.calibrations.spec",
    "pytest_vsc.calibrations.used",
    "pytest_vsc.engines.address",
    "pytest_vsc.engines.files",
    "pytest_vsc.engines.settings",
    "pytest_vsc.engines.presets",
    "pytest_vsc.importers.choices",
    "pytest_vsc.importers.groups",
    "pytest_vsc.importers.pictured",
    "pytest_vsc.judges.cleaning",
    "pytest_vsc.judges.showing",
    "pytest_vsc.judges.voting",
}
# The rooms of one leaf, for it alone. They import the core, what is shared, and of each other only what stands above.
ROOMS_OF_A_LEAF = {
    "pytest_vsc.engines.transformers": [
        "pytest_vsc.engines.foreign",
        "pytest_vsc.engines.llava_original",
        "pytest_vsc.engines.converting",
        "pytest_vsc.engines.adapter",
        "pytest_vsc.engines.quantizing",
        "pytest_vsc.engines.owncode",
        "pytest_vsc.engines.checkpoint",
        "pytest_vsc.engines.memory",
        "pytest_vsc.engines.cores",
        "pytest_vsc.engines.decoding",
        "pytest_vsc.engines.templates",
        "pytest_vsc.engines.prompts",
        "pytest_vsc.engines.batching",
        "pytest_vsc.engines.prefix",
        "pytest_vsc.engines.wording",
        "pytest_vsc.engines.generating",
        "pytest_vsc.engines.teaching",
        "pytest_vsc.engines.candidate",
    ],
    "pytest_vsc.engines.openai": [
        "pytest_vsc.engines.chat",
        "pytest_vsc.engines.troubles",
        "pytest_vsc.engines.secrets",
        "pytest_vsc.engines.connection",
        "pytest_vsc.engines.builds",
        "pytest_vsc.engines.pacing",
        "pytest_vsc.engines.costs",
        "pytest_vsc.engines.asking",
    ],
    "pytest_vsc.engines.vllm": ["pytest_vsc.engines.served", "pytest_vsc.engines.flags"],
    "pytest_vsc.engines.outlook": [
        "pytest_vsc.engines.outlook.findings",
        "pytest_vsc.engines.outlook.places",
        "pytest_vsc.engines.outlook.code",
        "pytest_vsc.engines.outlook.loading",
        "pytest_vsc.engines.outlook.processing",
        "pytest_vsc.engines.outlook.fitting",
        "pytest_vsc.engines.outlook.serving",
    ],
    "pytest_vsc.calibrations.tuning": [
        "pytest_vsc.calibrations.lessons",
        "pytest_vsc.calibrations.trained",
        "pytest_vsc.calibrations.layers",
    ],
    "pytest_vsc.calibrations.activation": [
        "pytest_vsc.calibrations.structure",
        "pytest_vsc.calibrations.steering",
        "pytest_vsc.calibrations.revision",
        "pytest_vsc.calibrations.probes",
        "pytest_vsc.calibrations.contrast",
        "pytest_vsc.calibrations.fitting",
        "pytest_vsc.calibrations.drawing",
    ],
    "pytest_vsc.forge": [
        "pytest_vsc.forge.operators",
        "pytest_vsc.forge.spreading",
        "pytest_vsc.forge.letters",
        "pytest_vsc.forge.vocabulary",
        "pytest_vsc.forge.frames",
        "pytest_vsc.forge.folding",
        "pytest_vsc.forge.surface",
        "pytest_vsc.forge.text",
        "pytest_vsc.forge.triggers",
        "pytest_vsc.forge.openings",
        "pytest_vsc.forge.flips",
        "pytest_vsc.forge.styles",
        "pytest_vsc.forge.transport",
        "pytest_vsc.forge.style",
        "pytest_vsc.forge.moves",
        "pytest_vsc.forge.recipes",
        "pytest_vsc.forge.rewriting",
        "pytest_vsc.forge.making",
        "pytest_vsc.forge.weighing",
        "pytest_vsc.forge.plans",
        "pytest_vsc.forge.forging",
        "pytest_vsc.forge.known",
        "pytest_vsc.forge.workbook",
        "pytest_vsc.forge.wordings",
        "pytest_vsc.forge.pairing",
        "pytest_vsc.forge.straining",
        "pytest_vsc.forge.robustness",
        "pytest_vsc.forge.notes",
        "pytest_vsc.forge.reviewing",
        "pytest_vsc.forge.remaking",
        "pytest_vsc.forge.space",
        "pytest_vsc.forge.asking",
        "pytest_vsc.forge.search",
        "pytest_vsc.forge.finds",
    ],
    "pytest_vsc.judges.builtin": [
        "pytest_vsc.judges.concepts",
        "pytest_vsc.judges.hashing",
        "pytest_vsc.judges.features",
        "pytest_vsc.judges.weights",
        "pytest_vsc.judges.reading",
        "pytest_vsc.judges.fitting",
    ],
}
# A leaf that stands beside others, and its rooms: they open engines, and use the rooms of those that they look at.
BESIDE_A_LEAF = {
    "pytest_vsc.engines.outlook": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.findings": set[str](),
    "pytest_vsc.forge.recipes": set[str](),
    "pytest_vsc.forge.making": set[str](),
    "pytest_vsc.forge.plans": set[str](),
    "pytest_vsc.forge.forging": set[str](),
    "pytest_vsc.forge.straining": set[str](),
    "pytest_vsc.forge.space": set[str](),
    "pytest_vsc.engines.outlook.places": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.code": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.loading": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.processing": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.fitting": {"pytest_vsc.engines.transformers"},
    "pytest_vsc.engines.outlook.serving": {"pytest_vsc.engines.transformers", "pytest_vsc.engines.openai"},
}
# What is built on other leaves: it starts the server that one asks, looks at a model's files as another does, or asks
# another what it refuses.
BUILT_ON = {
    "pytest_vsc.engines.flags": {"pytest_vsc.engines.adapter"},
    "pytest_vsc.engines.vllm": {
        "pytest_vsc.engines.adapter",
        "pytest_vsc.engines.checkpoint",
        "pytest_vsc.engines.foreign",
        "pytest_vsc.engines.openai",
    },
    "pytest_vsc.engines.outlook.serving": {"pytest_vsc.engines.vllm"},
}
# What takes seconds to import, and the only modules that may, inside the functions that use it.
SLOW = {"torch", "transformers", "accelerate", "bitsandbytes", "matplotlib", "openai", "peft", "safetensors"}
SLOW |= {"tokenizers"}
MAY_BE_SLOW = {
    "pytest_vsc.calibrations.drawing",
    "pytest_vsc.calibrations.structure",
    "pytest_vsc.calibrations.steering",
    "pytest_vsc.calibrations.revision",
    "pytest_vsc.judges.weights",
    "pytest_vsc.reports.plots",
    "pytest_vsc.reports.tradeoff.plot",
    "pytest_vsc.engines.openai",
    "pytest_vsc.engines.outlook.loading",
    "pytest_vsc.engines.troubles",
    "pytest_vsc.engines.connection",
    "pytest_vsc.engines.asking",
    "pytest_vsc.engines.transformers",
    *ROOMS_OF_A_LEAF["pytest_vsc.engines.transformers"],
    "pytest_vsc.calibrations.layers",
    "pytest_vsc.calibrations.tuning",
}
# The plugin is one of pytest's; what is in `testing` is called by other people's tests, which it fails or skips.
MAY_USE_PYTEST = {"plugin", "testing"}
# The plugin is loaded in every pytest run of its users' environment, whether or not they use it.
NEVER_WITH_THE_PLUGIN = ["torch", "PIL", "openai", "numpy", "pydantic", "scipy", "yaml"]


class Import(NamedTuple):
    """One imported module, and whether the import runs as soon as the importing module is loaded."""

    target: str
    line: int
    at_once: bool


def name_of(file: Path) -> str:
    parts = ("pytest_vsc", *file.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in sorted(ROOT.rglob("*.py")) if "_suites" not in file.parts}
SHIPPED = {name: file for name, file in MODULES.items() if "_fixtures" not in file.parts}


def imports_of(tree: ast.AST, at_once: bool = True) -> Iterator[Import]:
    """Every import in a syntax tree. Those in functions, or for the type checker only, are not made at once."""
    for node in ast.iter_child_nodes(tree):
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (Import(target, node.lineno, at_once) for target in from_targets(node))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for branch, now in ((node.body, False), (node.orelse, at_once)):
                yield from imports_of(ast.Module(branch, []), now)
        else:
            yield from imports_of(node, at_once and not later)


def from_targets(node: ast.ImportFrom) -> list[str]:
    """`from pytest_vsc import runs` imports the module `runs`; `from pytest_vsc.runs import read` imports it too."""
    module = node.module or ""
    return [f"{module}.{alias.name}" if f"{module}.{alias.name}" in SHIPPED else module for alias in node.names]


def room_of(module: str) -> str:
    """The part of the package that a module lies in: the word after `pytest_vsc.`, "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]


def allowed(importer: str, target: str) -> bool:
    """Whether a module of the package may import another of its modules."""
    room, other = room_of(importer), room_of(target)
    if other == "":
        return True  # the package itself holds its version and imports nothing
    if room in EDGES:
        return True
    if room in LEAVES:
        return other in CORE or (other == room and allowed_in_a_leaf_package(importer, target, f"pytest_vsc.{room}"))
    return room in CORE and other in CORE[: CORE.index(room)]


def allowed_in_a_leaf_package(importer: str, target: str, package: str) -> bool:
    """Whether one module of a package of leaves may import another of the same package."""
    if importer in SHARED_BY_LEAVES:
        return False
    if target in SHARED_BY_LEAVES or target in BUILT_ON.get(importer, ()):
        return True
    for leaf, rooms in ROOMS_OF_A_LEAF.items():
        order = [*rooms, leaf]
        if target in rooms:
            return importer in order[order.index(target) + 1 :] or leaf in BESIDE_A_LEAF.get(importer, ())
        if importer in rooms:
            return target == package and importer in BESIDE_A_LEAF
    return package in (importer, target)


def broken(source: str, importer: str) -> list[str]:
    """The imports of a source text that break a layer, as `line: target`."""
    found = imports_of(ast.parse(source))
    ours = (one for one in found if one.target.partition(".")[0] == "pytest_vsc")
    return [f"{one.line}: {one.target}" for one in ours if not allowed(importer, one.target)]


def test_the_list_names_every_room() -> None:
    rooms = {room_of(name) for name in SHIPPED} - {""}
    assert rooms == {*CORE, *LEAVES, *EDGES}
    assert len(CORE) == len(set(CORE))


@pytest.mark.parametrize("module", SHIPPED)
def test_a_module_imports_only_what_stands_above_it(module: str) -> None:
    assert broken(SHIPPED[module].read_text("utf-8"), module) == []


@pytest.mark.parametrize(
    ("importer", "source", "found"),
    [
        ("pytest_vsc.cases", "from pytest_vsc.errors import VscError", []),
        ("pytest_vsc.cases", "from pytest_vsc import __version__", []),
        ("pytest_vsc.cases", "\nfrom pytest_vsc.records import Record", ["2: pytest_vsc.records"]),
        ("pytest_vsc.cases", "def f():\n    import pytest_vsc.records", ["2: pytest_vsc.records"]),
        ("pytest_vsc.gates", "from pytest_vsc import engines", ["1: pytest_vsc.engines"]),
        ("pytest_vsc.gates", "from pytest_vsc.plugin import settings", ["1: pytest_vsc.plugin.settings"]),
        ("pytest_vsc.engines.replay", "from pytest_vsc.engines import EngineSettings", []),
        ("pytest_vsc.engines.replay", "from pytest_vsc.engines import scripted", ["1: pytest_vsc.engines.scripted"]),
        ("pytest_vsc.engines.replay", "from pytest_vsc.engines.files import read_json", []),
        ("pytest_vsc.engines.files", "from pytest_vsc.engines import EngineSettings", ["1: pytest_vsc.engines"]),
        ("pytest_vsc.engines.files", "import pytest_vsc.engines.foreign", ["1: pytest_vsc.engines.foreign"]),
        ("pytest_vsc.engines.transformers", "from pytest_vsc.engines import checkpoint", []),
        ("pytest_vsc.engines.checkpoint", "from pytest_vsc.engines.files import read_json", []),
        ("pytest_vsc.engines.checkpoint", "from pytest_vsc.engines import EngineSettings", ["1: pytest_vsc.engines"]),
        ("pytest_vsc.engines.prompts", "from pytest_vsc.engines.foreign import explain", []),
        ("pytest_vsc.engines.vllm", "from pytest_vsc.engines.openai import OpenAIEngine", []),
        ("pytest_vsc.engines.openai", "import pytest_vsc.engines.vllm", ["1: pytest_vsc.engines.vllm"]),
        ("pytest_vsc.engines.vllm", "import pytest_vsc.engines.prompts", ["1: pytest_vsc.engines.prompts"]),
        ("pytest_vsc.engines.foreign", "import pytest_vsc.engines.prompts", ["1: pytest_vsc.engines.prompts"]),
        (
            "pytest_vsc.engines.foreign",
            "import pytest_vsc.engines.transformers",
            ["1: pytest_vsc.engines.transformers"],
        ),
        ("pytest_vsc.engines.replay", "import pytest_vsc.engines.foreign", ["1: pytest_vsc.engines.foreign"]),
        ("pytest_vsc.engines", "import pytest_vsc.engines.checkpoint", ["1: pytest_vsc.engines.checkpoint"]),
        ("pytest_vsc.engines.outlook", "from pytest_vsc.engines import checkpoint, open_engine", []),
        ("pytest_vsc.engines.outlook", "import pytest_vsc.engines.chat", ["1: pytest_vsc.engines.chat"]),
        ("pytest_vsc.engines.outlook.serving", "from pytest_vsc.engines import open_engine", []),
        ("pytest_vsc.engines.outlook.serving", "import pytest_vsc.engines.asking, pytest_vsc.engines.vllm", []),
        ("pytest_vsc.engines.outlook.serving", "import pytest_vsc.engines.replay", ["1: pytest_vsc.engines.replay"]),
        ("pytest_vsc.engines.outlook.loading", "import pytest_vsc.engines.asking", ["1: pytest_vsc.engines.asking"]),
        ("pytest_vsc.engines.outlook.places", "import pytest_vsc.engines.outlook", ["1: pytest_vsc.engines.outlook"]),
        ("pytest_vsc.engines.checkpoint", "import pytest_vsc.engines.outlook", ["1: pytest_vsc.engines.outlook"]),
        ("pytest_vsc.engines.replay", "import pytest_vsc.judges", ["1: pytest_vsc.judges"]),
        ("pytest_vsc.engines", "def f():\n    from pytest_vsc.engines.scripted import ScriptedEngine", []),
        ("pytest_vsc.plugin.owner", "from pytest_vsc.engines.scripted import ScriptedEngine", []),
        ("pytest_vsc.testing.subjects", "from pytest_vsc.engines import open_engine", []),
        ("pytest_vsc.engines.others", "from pytest_vsc.testing import Subject", ["1: pytest_vsc.testing"]),
    ],
)
def test_a_broken_layer_is_seen(importer: str, source: str, found: list[str]) -> None:
    assert broken(source, importer) == found


@pytest.mark.parametrize("module", SHIPPED)
def test_slow_libraries_are_imported_where_and_when_they_are_used(module: str) -> None:
    slow = [one for one in imports_of(ast.parse(SHIPPED[module].read_text("utf-8"))) if top(one) in SLOW]
    assert [one for one in slow if one.at_once or module not in MAY_BE_SLOW] == []


@pytest.mark.parametrize("module", [name for name in SHIPPED if room_of(name) not in MAY_USE_PYTEST])
def test_pytest_is_imported_by_the_plugin_and_the_kit_only(module: str) -> None:
    found = [one for one in imports_of(ast.parse(SHIPPED[module].read_text("utf-8"))) if top(one) == "pytest"]
    assert found == []


@pytest.mark.parametrize("module", SHIPPED)
def test_the_private_side_of_pytest_is_left_alone(module: str) -> None:
    found = [one for one in imports_of(ast.parse(SHIPPED[module].read_text("utf-8"))) if top(one) == "_pytest"]
    assert found == []


def top(one: Import) -> str:
    return one.target.partition(".")[0]


def test_imports_are_told_apart_by_when_they_are_made() -> None:
    source = """
import torch
if TYPE_CHECKING:
    import accelerate
class C:
    import tokenizers
    def f(self):
        import transformers
try:
    from torch.nn import Linear
except ImportError:
    pass
"""
    assert [(one.target, one.at_once) for one in imports_of(ast.parse(source))] == [
        ("torch", True),
        ("accelerate", False),
        ("tokenizers", True),
        ("transformers", False),
        ("torch.nn", True),
    ]


def test_the_plugin_loads_nothing_heavy() -> None:
    code = f"import sys, pytest_vsc.plugin; print(*[name for name in {NEVER_WITH_THE_PLUGIN} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
