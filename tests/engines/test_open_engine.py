"""From a specification to an engine: what each form opens, and what a wrong one is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.errors import ModelError

FORMS = (
    r"expected an alias \(`vsc models` lists them\), a folder, a hub id org/name, "
    r"URL#model of an OpenAI-compatible server, vllm:SPEC, replay:RUN\.jsonl, scripted:FILE\.toml or "
    r"python:module:function"
)

OWN = """
class Own:
    fingerprint = "own"
    lasting = False
    def __init__(self, settings): self.settings = settings
    def check(self): ...
    def load(self): ...
    def describe(self): return {"model": "own"}
    def submit(self, request, *, urgent=False): ...
    def close(self): ...

def half(settings): return object()
"""


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("scripted:some.toml", "ScriptedEngine"),
        ("replay:run.jsonl", "ReplayEngine"),
        ("tiny", "ProcessEngine"),
        ("org/name", "ProcessEngine"),
        (".", "ProcessEngine"),
        ("http://host:8000/v1#model", "OpenAIEngine"),
        ("https://host#org/model", "OpenAIEngine"),
        ("qwen-vl", "ProcessEngine"),
        ("always-refuse", "ScriptedEngine"),
        ("gpt-4o-mini", "OpenAIEngine"),
        ("vllm:tiny", "VllmEngine"),
        ("vllm:org/name", "VllmEngine"),
        ("vllm:.", "VllmEngine"),
    ],
)
def test_what_a_form_opens(spec: str, kind: str) -> None:
    assert type(open_engine(spec, EngineSettings())).__name__ == kind


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tinny", rf"^--vlm: unknown model 'tinny'; {FORMS}; did you mean 'tiny'\?$"),
        ("scriptd:x.toml", rf"^--vlm: unknown model 'scriptd:x\.toml'; {FORMS}; did you mean 'scripted:x\.toml'\?$"),
        ("nothing like it", rf"^--vlm: unknown model 'nothing like it'; {FORMS}$"),
        ("./no/such/folder", rf"^--vlm: no such folder '\./no/such/folder'; {FORMS}$"),
        (
            "http://host:8000/v1",
            r"^--vlm: no model behind the address 'http://host:8000/v1'; expected the name that the server gives it, "
            r"'http://host:8000/v1#model'$",
        ),
        ("https://me:secret@host/v1# ", r"^--vlm: no model behind the address 'https://host/v1'; "),
        (
            "host:8000/v1#model",
            rf"^--vlm: unknown model 'host:8000/v1#model'; {FORMS}; did you mean 'http://host:8000/v1#model'\?$",
        ),
        ("vllm:", rf"^--vlm: nothing after the colon \('vllm:'\); {FORMS}$"),
        (
            "vllm:tinny",
            r"^--vlm vllm: no model 'tinny' that can be served; expected an alias of a model with weights \(`vsc "
            r"models` lists them\), a folder or a hub id org/name; did you mean 'vllm:tiny'\?$",
        ),
        ("vllm:always-refuse", r"^--vlm vllm: no model 'always-refuse' that can be served; expected an alias "),
        ("vlm:tiny", rf"^--vlm: unknown model 'vlm:tiny'; {FORMS}; did you mean 'vllm:tiny'\?$"),
        ("replay:", rf"^--vlm: nothing after the colon \('replay:'\); {FORMS}$"),
    ],
)
def test_what_a_wrong_one_is_told(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_engine(spec, EngineSettings())


def test_a_bare_file_is_told_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run.jsonl").touch()
    with pytest.raises(ModelError, match=r"'run\.jsonl' is a file; .*; did you mean 'replay:run\.jsonl'\?"):
        open_engine("run.jsonl", EngineSettings())


def test_a_users_own_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_own_engine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    engine = open_engine("python:their_own_engine:Own", EngineSettings(batch_size=3))
    assert engine.describe() == {"model": "own"}
    with pytest.raises(ModelError, match=r"made a object, which lacks check, close, .* of an engine"):
        open_engine("python:their_own_engine:half", EngineSettings())
    with pytest.raises(ModelError, match=r"has no function 'hulf'; did you mean 'half'\?"):
        open_engine("python:their_own_engine:hulf", EngineSettings())
    with pytest.raises(ModelError, match=r"cannot import 'no_such_module'.*PYTHONPATH"):
        open_engine("python:no_such_module:make", EngineSettings())
    with pytest.raises(ModelError, match=r"expected python:module:function"):
        open_engine("python:their_own_engine", EngineSettings())


def test_opening_imports_no_model_library() -> None:
    code = (
        "import sys; from pytest_vsc.engines import open_engine, EngineSettings\n"
        "open_engine('tiny', EngineSettings()); open_engine('scripted:x.toml', EngineSettings())\n"
        "open_engine('http://host#model', EngineSettings())\n"
        "print([name for name in ('torch', 'transformers', 'openai', 'PIL', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
