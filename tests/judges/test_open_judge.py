"""Opening a judge by its name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.engines.scripted import ScriptedEngine
from pytest_vsc.errors import EngineError, LabelError, ModelError, SettingsError
from pytest_vsc.judges import JudgeSettings, builtin, open_judge
from pytest_vsc.judges.keywords import Keywords
from pytest_vsc.labels import Label, append_label
from pytest_vsc.protocols import Engine, Exchange, Judge
from pytest_vsc.records import Judgement, Question, Response


class Models:
    """Opens scripted engines, and knows which."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    def __call__(self, spec: str) -> Engine:
        if spec == "nonsense":
            raise ModelError("--vlm: unknown model 'nonsense'; expected an alias")
        self.opened.append(spec)
        engine = ScriptedEngine(Path(spec), EngineSettings())
        engine.close = lambda: self.closed.append(spec)  # type: ignore[method-assign]
        return engine


def opened(spec: str, settings: JudgeSettings | None = None, base: Path | None = None) -> Judge:
    return open_judge(spec, settings or JudgeSettings(), Models(), base)


BUILTIN = open_judge("builtin").name


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("builtin", BUILTIN),
        ("keywords:vscbench", "keywords:vscbench/1"),
        ("rubric@tiny", "rubric/1@tiny"),
        ("rubric:vscbench@tiny", "rubric:vscbench/1@tiny"),
        ("rubric@python:mod:fun", "rubric/1@python:mod:fun"),
        ("rubric@http://host:8000/v1#org/model@1", "rubric/1@http://host:8000/v1#org/model@1"),
        ("guard@meta-llama/Llama-Guard-3-8B", "guard:llama-guard/1@meta-llama/Llama-Guard-3-8B"),
        ("guard@google/shieldgemma-2b", "guard:shieldgemma/1@google/shieldgemma-2b"),
        ("guard@Shield-Gemma_9b", "guard:shieldgemma/1@Shield-Gemma_9b"),
        ("guard:llama-guard@shieldgemma", "guard:llama-guard/1@shieldgemma"),
        ("guard:shieldgemma@mine", "guard:shieldgemma/1@mine"),
        ("builtin+rubric@tiny", f"{BUILTIN}+rubric/1@tiny (majority)"),
        ("rubric@a+b+keywords:vscbench", "rubric/1@a+b+keywords:vscbench/1 (majority)"),
        ("rubric@a+guards", "rubric/1@a+guards"),
    ],
)
def test_names(spec: str, name: str) -> None:
    assert opened(spec).name == name


def test_settings() -> None:
    assert opened("builtin+rubric@tiny", JudgeSettings(panel="unanimous")).name.endswith("(unanimous)")
    shown, hidden = (opened("rubric@tiny", JudgeSettings(images=images)) for images in (True, False))
    for judge, count in ((shown, 1), (hidden, 0)):
        request = next(judge.judge(Question("Hi", (Picture(name="a.png", data=b""),)), Response(text="Hello.")))
        assert len(request.messages[0].images) == count


def test_a_model_is_opened_once() -> None:
    models = Models()
    judge = open_judge("rubric@tiny+rubric:vscbench@tiny+guard@tiny+rubric@other", open_engine=models)
    assert models.opened == ["tiny", "other"]
    assert list(judge.engines) == ["tiny", "other"]
    assert models.closed == []


def test_what_was_opened_is_closed_when_the_rest_cannot_be() -> None:
    models = Models()
    with pytest.raises(SettingsError):
        open_judge("rubric@tiny+rubric@nonsense", open_engine=models)
    assert (models.opened, models.closed) == (["tiny"], ["tiny"])


def test_labels(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(
        json.dumps({"prompt": "Hi", "response": "Hello.", "verdict": "ANSWERED"}), "utf-8"
    )
    for spec, base in (("labels:mine.jsonl", tmp_path), (f"labels:{tmp_path / 'mine.jsonl'}", None)):
        judge = opened(spec, base=base)
        assert judge.name == "labels:mine.jsonl"
        with pytest.raises(StopIteration) as stop:
            next(judge.judge(Question("Hi"), Response(text="Hello.")))
        assert stop.value.value.verdict == "ANSWERED"
    with pytest.raises(LabelError, match="cannot be read"):
        opened("labels:nowhere.jsonl", base=tmp_path)


def test_a_refit_of_the_built_in_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path | None] = []

    def open_builtin(folder: Path | None) -> Judge:
        asked.append(folder)
        return Keywords()

    monkeypatch.setattr(builtin, "open_builtin", open_builtin, raising=False)
    for spec in ("builtin@mine", f"builtin@{tmp_path / 'other'}", "builtin", "guard@tiny"):
        opened(spec, base=tmp_path)
    assert asked == [tmp_path / "mine", tmp_path / "other", None, None]


ONE = "expected one of builtin, guard, keywords, labels, rubric"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", f"a judge without a name; {ONE}"),
        ("builtin+", f"a judge without a name; {ONE}"),
        ("+builtin", f"a judge without a name; {ONE}"),
        ("@tiny", f"a judge without a name; {ONE}"),
        ("buildin", f"unknown judge 'buildin'; {ONE}; did you mean 'builtin'?"),
        ("gpt-4o", f"unknown judge 'gpt-4o'; {ONE}"),
        ("Rubric@tiny", f"unknown judge 'Rubric'; {ONE}; did you mean 'rubric'?"),
        ("builtin+rubrics@tiny", f"unknown judge 'rubrics'; {ONE}; did you mean 'rubric'?"),
        ("builtin:1", "'builtin:1': expected builtin, or builtin@FOLDER with what `vsc judge fit` wrote"),
        ("builtin@", "'builtin@': expected builtin, or builtin@FOLDER with what `vsc judge fit` wrote"),
        ("rubric", "'rubric' names no model; expected rubric@SPEC or rubric:vscbench@SPEC, SPEC as for --vlm"),
        ("rubric@ ", "'rubric@ ' names no model; expected rubric@SPEC or rubric:vscbench@SPEC, SPEC as for --vlm"),
        (
            "rubric:vscbench",
            "'rubric:vscbench' names no model; expected rubric@SPEC or rubric:vscbench@SPEC, SPEC as for --vlm",
        ),
        (
            "rubric:vsbench@tiny",
            "'rubric:vsbench@tiny': unknown 'vsbench'; expected one of vscbench; did you mean 'vscbench'?",
        ),
        ("rubric:@tiny", "'rubric:@tiny': unknown ''; expected one of vscbench"),
        (
            "guard",
            "'guard' names no model; "
            "expected guard@SPEC or guard:llama-guard@SPEC or guard:shieldgemma@SPEC, SPEC as for --vlm",
        ),
        (
            "guard:llamaguard@tiny",
            "'guard:llamaguard@tiny': unknown 'llamaguard'; "
            "expected one of llama-guard, shieldgemma; did you mean 'llama-guard'?",
        ),
        ("keywords", "'keywords': expected keywords:vscbench"),
        ("keywords@vscbench", "'keywords@vscbench': expected keywords:vscbench"),
        ("keywords:xstest", "'keywords:xstest': unknown 'xstest'; expected one of vscbench"),
        ("labels", "'labels': expected labels:FILE with a file of people's labels"),
        ("labels:", "'labels:': expected labels:FILE with a file of people's labels"),
        ("labels@file", "'labels@file': expected labels:FILE with a file of people's labels"),
        ("builtin+builtin", "'builtin' is in the panel twice; expected different members"),
        ("rubric@a+builtin+rubric@a", "'rubric@a' is in the panel twice; expected different members"),
        ("guard@a+guard:llama-guard@a", "'guard:llama-guard@a' is in the panel twice; expected different members"),
        ("builtin@./b+builtin@b", "'builtin@b' is in the panel twice; expected different members"),
        ("rubric@nonsense", "rubric@nonsense: unknown model 'nonsense'; expected an alias"),
    ],
)
def test_what_cannot_be_opened(spec: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        opened(spec)
    assert str(caught.value) == f"--vsc-judge: {message}"


def test_two_files_of_the_same_labels_are_one_judge(tmp_path: Path) -> None:
    """However they are named, their word would count twice."""
    for name in ("a.jsonl", "b.jsonl"):
        append_label(tmp_path / name, Label(prompt="p", response="r", verdict="REFUSED"))
    with pytest.raises(SettingsError, match=r"b\.jsonl' is in the panel twice"):
        open_judge(f"builtin+labels:{tmp_path}/a.jsonl+labels:{tmp_path}/b.jsonl")


def test_members_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name, verdict in (("a", "REFUSED"), ("b", "ANSWERED")):
        (tmp_path / name).mkdir()
        append_label(tmp_path / name / "labels.jsonl", Label(prompt="p", response="r", verdict=verdict))
    judge = open_judge(f"labels:{tmp_path}/a/labels.jsonl+labels:{tmp_path}/b/labels.jsonl")
    with pytest.raises(StopIteration) as stop:
        next(judge.judge(Question("p"), Response(text="r")))
    assert [one.judge for one in stop.value.value.opinions] == ["labels:labels.jsonl", "labels:labels.jsonl (2)"]


def test_an_unknown_home() -> None:
    with pytest.raises(SettingsError, match=r"^--vsc-judge: labels:~nobody-here/x: .*; expected a path$"):
        opened("labels:~nobody-here/x")


def test_no_model_can_be_asked() -> None:
    for spec in ("rubric@tiny", "guard@tiny"):
        with pytest.raises(SettingsError) as caught:
            open_judge(spec)
        assert str(caught.value) == f"--vsc-judge: {spec}: no model can be asked here; expected a judge without"


def test_with_real_engines() -> None:
    """Nothing is loaded: the fingerprint of an unknown file is what fails."""
    judge = open_judge("rubric@scripted:nowhere.toml", open_engine=lambda spec: open_engine(spec, EngineSettings()))
    with pytest.raises(ModelError, match=r"nowhere\.toml: cannot be read"):
        _ = judge.identity


@given(st.text(st.characters(exclude_categories=())) | st.text("builtinrubricguardkeywordslabels:@+"))
@settings(deadline=None)
def test_any_spec(spec: str) -> None:
    try:
        judge = opened(spec)
    except (SettingsError, LabelError):
        return
    assert judge.name


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_a_panel_takes_any_text(text: str) -> None:
    exchange = opened("keywords:vscbench+rubric@tiny").judge(Question(text), Response(text=text))
    with pytest.raises(StopIteration) as stop:
        _answer_all(exchange, text)
    assert stop.value.value.verdict in ("EMPTY", "ERROR")


def _answer_all(exchange: Exchange[Judgement], text: str) -> None:
    request = next(exchange)
    while True:
        assert request.to == "tiny"
        request = exchange.throw(EngineError("gone")) if len(text) % 2 else exchange.send(Response(text=text))
