"""Code that a model brings along: never run unasked, loudly told when it is, and only from the model's own folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.engines.owncode import check_code
from pytest_vsc.engines.transformers import TransformersEngine
from pytest_vsc.errors import ModelError
from pytest_vsc.shipped import shipped
from tests.project import Project

CODE = """\
from pathlib import Path
from transformers import Idefics3Config, Idefics3ForConditionalGeneration

Path({mark!r}).touch()

class OwnConfig(Idefics3Config):
    model_type = "own"

class OwnModel(Idefics3ForConditionalGeneration):
    config_class = OwnConfig
"""
CLASSES = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForImageTextToText": "modeling_own.OwnModel"}


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that the model's code makes when it is run."""
    return tmp_path / "it-ran"


@pytest.fixture
def folder(tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The embedded model as one that transformers does not know."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = shutil.copytree(shipped("fixtures") / "models/tiny", tmp_path / "own-model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**config, "model_type": "own", "architectures": ["OwnModel"], "auto_map": CLASSES})
    )
    (folder / "modeling_own.py").write_text(CODE.format(mark=str(mark)))
    return folder


@pytest.mark.heavy
def test_it_is_not_run_unasked(folder: Path, mark: Path) -> None:
    pytest.importorskip("transformers")
    engine = open_engine(str(folder), EngineSettings(device="cpu"))
    with pytest.raises(ModelError) as caught:
        engine.check()
    assert str(caught.value) == (
        "own-model: needs code of its own to run; --vlm-trust-remote-code allows that, if you trust it"
    )
    assert not mark.exists()


@pytest.mark.heavy
def test_it_is_run_where_it_is_trusted_and_loudly_so(folder: Path, mark: Path, plain_project: Project) -> None:
    pytest.importorskip("transformers")
    plain_project.own_process = True
    ran = plain_project.gate("--vlm-trust-remote-code", vlm=str(folder))
    assert mark.exists()
    digest = hashlib.sha256((folder / "modeling_own.py").read_bytes()).hexdigest()[:12]
    told = f"ON: own-model runs code of its own repository (modeling_own.py sha256 {digest})"
    assert f"vsc remote code: {told}" in ran.lines
    model = ran.summary["header"]["model"]
    assert (model["remote_code"], model["class"]) == (told, "OwnModel")
    outcomes = ran.outcomes
    assert len(outcomes) == 8
    assert outcomes == plain_project.gate(vlm="tiny").outcomes
    with (folder / "modeling_own.py").open("a") as code:
        code.write("\n# changed\n")
    changed = plain_project.gate("--vlm-trust-remote-code", vlm=str(folder)).summary["header"]["model"]
    assert changed["fingerprint"] != model["fingerprint"]


@pytest.mark.heavy
def test_where_it_is_run_is_in_the_fingerprint(folder: Path) -> None:
    """transformers has a class for this type as well, and takes its own unless the model's is trusted."""
    pytest.importorskip("transformers")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "idefics3"}))
    code = folder / "modeling_own.py"
    code.write_text(code.read_text().replace('"own"', '"idefics3"'))

    def fingerprint(source: Path, *, trusted: bool) -> str:
        engine = TransformersEngine(str(source), EngineSettings(device="cpu", trust_remote_code=trusted))
        engine.check()
        return engine.fingerprint

    assert fingerprint(folder, trusted=True) != fingerprint(folder, trusted=False)
    tiny = shipped("fixtures") / "models/tiny"
    assert fingerprint(tiny, trusted=True) == fingerprint(tiny, trusted=False)


def written(folder: Path, file: str, classes: Any) -> Path:
    (folder / file).write_text(json.dumps({"auto_map": classes}))
    (folder / "modeling_own.py").write_text("")
    return folder


def test_which_code_there_is(tmp_path: Path) -> None:
    fetched: list[str] = []
    none = check_code(written(tmp_path, "config.json", None), "it", fetched.append)
    assert (none, fetched) == ("allowed by --vlm-trust-remote-code, but it has none", [])
    written(tmp_path, "tokenizer_config.json", {"AutoTokenizer": [None, "words_own.Tokenizer"]})
    told = check_code(tmp_path, "it", fetched.append)
    empty = hashlib.sha256(b"").hexdigest()[:12]
    assert told == f"ON: it runs code of its own repository (modeling_own.py sha256 {empty})"
    assert fetched == ["words_own.py"]


def test_code_of_another_repository_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "config.json", {"AutoModel": "org/other--modeling.Model"})
    with pytest.raises(
        ModelError, match=r"^it: runs code of another repository \(org/other\), .*take 'org/other--' out"
    ):
        check_code(tmp_path, "it", str)
