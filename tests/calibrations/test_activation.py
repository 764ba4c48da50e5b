"""Activation revisions: fitted, put on, and exactly what they say they are; alone, in batches, in other families."""

from __future__ import annotations

import hashlib
import pickle
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_vsc.calibrations import open_calibrations, probes, revision, spelled
from pytest_vsc.calibrations.activation import Revision, revision_of
from pytest_vsc.calibrations.revision import Gate, Level, RevisionCard, Tried, read_card, read_tensors
from pytest_vsc.calibrations.steering import Gate as Reader
from pytest_vsc.calibrations.steering import Push, Reading, Steering
from pytest_vsc.calibrations.structure import structure_of
from pytest_vsc.calibrations.used import write_used
from pytest_vsc.cli.frontier import recommended
from pytest_vsc.engines import EngineSettings, generating, open_engine
from pytest_vsc.engines.candidate import Candidate
from pytest_vsc.engines.decoding import FirstScores
from pytest_vsc.engines.effects import refuse_without_effect
from pytest_vsc.engines.generating import Model
from pytest_vsc.errors import ModelError, SettingsError
from pytest_vsc.leakage import Used
from pytest_vsc.protocols import Resting
from pytest_vsc.records import Request, Response
from pytest_vsc.shipped import shipped
from tests import families
from tests.families import FAMILIES, TEXTS, ask, picture

pytest.importorskip("torch")
pytest.importorskip("transformers")

pytestmark = pytest.mark.heavy

TINY = shipped("fixtures") / "models/tiny"


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Those of torch spin against other work on the same cores."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


EIGHT = [ask(text, *([picture(number)] if number % 3 else []), tokens=8) for number, text in enumerate(TEXTS)]


def load(folder: Path, *edits: Revision, **settings: Any) -> tuple[Candidate, Model]:
    candidate = Candidate(str(folder), EngineSettings(device="cpu", dtype="float32", edits=edits, **settings))
    candidate.check()
    return candidate, generating.load(candidate.how(), candidate.processor)


def random_revision(folder: Path, model_folder: Path, level: Level, seed: int = 0) -> Path:
    """The folder of a revision of random numbers that fits a model: nothing needs to be learnt for what is shown."""
    candidate, model = load(model_folder)
    structure = structure_of(model.network, lambda: model.force([ask("What is it?", picture(3))], ["Yes"]), "model")
    rng = np.random.default_rng(seed)
    tensors: dict[str, Any] = {"gate.weights": rng.normal(size=structure.hidden), "gate.bias": np.array(0.0)}
    places = []
    for number, layer in enumerate(structure.layers):
        if level == "head" and not layer.projection:
            continue
        shape = (structure.heads, layer.width // structure.heads) if level == "head" else (structure.hidden,)
        width = layer.width if level == "head" else structure.hidden
        direction = rng.normal(size=shape)
        tensors |= {
            f"direction.{number}": direction / np.linalg.norm(direction, axis=-1, keepdims=True),
            f"sigma.{number}": np.full(shape[:-1], 2.0),
            f"null.weights.{number}": rng.normal(size=width) / width,
            f"null.bias.{number}": np.array(0.4),
        }
        heads = range(structure.heads) if level == "head" else [None]
        places += [revision.Place(layer=number, head=head, accuracy=0.8, loss=0.5) for head in heads]
    held = revision.packed({name: np.asarray(value, dtype=np.float32) for name, value in tensors.items()})
    card = RevisionCard(
        model="model",
        weights=candidate.weights,
        level=level,
        samples="prompt",
        direction="mass-mean",
        seed=seed,
        k=len(places),
        heads=structure.heads,
        hidden=structure.hidden,
        layers=tuple(revision.LayerSeen(name=one.name, projection=one.projection) for one in structure.layers),
        places=tuple(places),
        probe=revision.GateSeen(layer=0, accuracy=0.7),
        suites={"mini": "0" * 64},
        fitted=(),
        held=(),
        data="",
        tensors=hashlib.sha256(held).hexdigest(),
        versions={},
    )
    folder.mkdir()
    (folder / revision.FILE).write_bytes(held)
    revision.write_card(folder, card)
    return folder


def put_on(folder: Path, alpha: float, gate: Gate = "none", k: int | None = None) -> Revision:
    return revision_of(folder, read_card(folder, "revision"), k=k, alpha=alpha, gate=gate)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_revision(tmp_path_factory.mktemp("revisions") / "heads", TINY, "head")


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_revision(tmp_path_factory.mktemp("revisions") / "layers", TINY, "layer")


def answers(model: Model, requests: Sequence[Request]) -> tuple[list[str], Any]:
    """Texts, and the logits of the first tokens."""
    first = FirstScores()
    inputs = model.prepare([model.conversation(request) for request in requests])
    outcomes = model.generate(requests, inputs, threading.Event(), first=first)
    return [one.text for one in outcomes if isinstance(one, Response)], first.scores


class Every:
    """A logits processor that keeps the logits of every step."""

    scores: Any = None

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def __call__(self, _: Any, scores: Any) -> Any:
        self.steps.append(scores.clone())
        return scores


def logits(model: Model, requests: Sequence[Request]) -> list[Any]:
    every: Any = Every()
    inputs = model.prepare([model.conversation(request) for request in requests])
    model.generate(requests, inputs, threading.Event(), first=every)
    steps: list[Any] = every.steps
    return steps


# -- what the hooks do


@pytest.mark.parametrize("gate", ["none", "probe", "nullspace"])
@pytest.mark.parametrize("level", ["head", "layer"])
def test_alpha_0_changes_no_bit(level: str, gate: Gate, request: pytest.FixtureRequest) -> None:
    import torch

    folder = request.getfixturevalue(f"{level}s")
    plain = logits(load(TINY)[1], EIGHT)
    edited = logits(load(TINY, put_on(folder, 0.0, gate))[1], EIGHT)
    assert len(plain) == len(edited) > 5
    assert all(torch.equal(one, other) for one, other in zip(plain, edited, strict=True))
    pushed = logits(load(TINY, put_on(folder, 4.0, gate))[1], EIGHT)
    assert not torch.equal(plain[0], pushed[0]), "the hooks are there"


@pytest.mark.parametrize("level", ["head", "layer"])
def test_an_edit_computed_by_hand_is_the_hooks(level: str, request: pytest.FixtureRequest) -> None:
    """One layer: what is added to the last position, and what the layers behind it make of that."""
    import torch

    folder = request.getfixturevalue(f"{level}s")
    edit, card = put_on(folder, 1.5, k=1), read_card(folder, "revision")
    numbers = read_tensors(folder, card.tensors, "revision")
    _, model = load(TINY, edit)
    inputs = dict(model.prepare([model.conversation(EIGHT[1])]))
    network: Any = model.network
    layer = network.model.text_model.layers[0]
    module = layer.self_attn.o_proj if level == "head" else layer

    added = torch.zeros(192)
    if level == "head":
        added[:32] = torch.tensor(1.5 * numbers["sigma.0"][0] * numbers["direction.0"][0])
    else:
        added += torch.tensor(1.5 * numbers["sigma.0"] * numbers["direction.0"])

    def by_hand(states: Any) -> Any:
        states = states.clone()
        states[0, -1] += added
        return states

    with torch.inference_mode():
        plain = network(**inputs).logits
        with model._edits[0]():
            hooked = network(**inputs).logits
        if level == "head":
            handle = module.register_forward_pre_hook(lambda _, args: (by_hand(args[0]),))
        else:
            handle = module.register_forward_hook(lambda _, __, output: by_hand(output))
        expected = network(**inputs).logits
        handle.remove()
        after = network(**inputs).logits
    assert torch.equal(hooked, expected)
    assert torch.equal(plain, after), "outside of a batch nothing is edited"
    assert torch.equal(plain[:, :-1], hooked[:, :-1]), "nothing but the last position is"
    assert (plain[0, -1] - hooked[0, -1]).abs().max() > 0.01


@pytest.mark.parametrize("gate", ["none", "probe", "nullspace"])
def test_a_batch_of_eight_equals_single_ones(heads: Path, gate: Gate) -> None:
    import torch

    _, model = load(TINY, put_on(heads, 10.0, gate))
    texts, scores = answers(model, EIGHT)
    alone = [answers(model, [request]) for request in EIGHT]
    assert texts == [text for (text,), _ in alone]
    assert torch.allclose(scores, torch.cat([score for _, score in alone]), atol=1e-4)
    assert texts != answers(load(TINY)[1], EIGHT)[0]


def test_a_shared_prefix_is_read_unedited(heads: Path) -> None:
    system = "You are a patient assistant who looks at every picture twice before saying anything about it. " * 4
    asked = [ask(text, picture(number), system=system, tokens=12) for number, text in enumerate(TEXTS[:4])]
    _, reusing = load(TINY, put_on(heads, 10.0))
    _, whole = load(TINY, put_on(heads, 10.0), prefix_cache=False)
    first, again = answers(reusing, asked), answers(reusing, asked)
    assert reusing._prefixes is not None
    assert reusing._prefixes._ids is not None, "a prefix was shared"
    assert first[0] == again[0] == answers(whole, asked)[0]
    assert np.allclose(first[1], answers(whole, asked)[1], atol=1e-4)


def test_the_probe_decides_once_for_each_row() -> None:
    """Of two rows one is pushed: at the prompt's end and at each step, whatever comes later."""
    import torch

    class Doubling(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
        def forward(self, states: Any) -> Any:
            return 2 * states

    model = torch.nn.ModuleDict({"first": Doubling(), "second": Doubling()})
    ones = np.ones(3, dtype=np.float32)
    gate = Reader("first", Reading(ones, -1.0))
    steering = Steering(model, [Push("second", 10 * ones, inward=True)], gate)

    def run(states: Any) -> Any:
        return model["second"](model["first"](states))

    prompt = torch.tensor([[[9.0] * 3, [1.0] * 3], [[9.0] * 3, [-1.0] * 3]])
    with steering():
        assert run(prompt)[:, :, 0].tolist() == [[36.0, 24.0], [36.0, -4.0]]
        assert run(torch.tensor([[[-5.0] * 3], [[5.0] * 3]]))[:, :, 0].tolist() == [[0.0], [20.0]]
    with steering():  # another batch is another decision
        assert run(-prompt[:, -1:])[:, :, 0].tolist() == [[-4.0], [24.0]]
    assert run(prompt)[:, :, 0].tolist() == [[36.0, 4.0], [36.0, -4.0]]


def test_without_a_cache_what_was_said_is_pushed_again() -> None:
    import torch

    model = torch.nn.ModuleDict({"only": torch.nn.Identity()})
    steering = Steering(model, [Push("only", np.ones(1, dtype=np.float32), inward=False)], None)
    with steering():
        assert model["only"](torch.zeros(1, 3, 1)).flatten().tolist() == [0, 0, 1]
        assert model["only"](torch.zeros(1, 5, 1)).flatten().tolist() == [0, 0, 1, 1, 1]


# -- other families


TRIED = ("llava", "qwen2_5_vl", "idefics3", "paligemma", "gemma3", "mllama", "aya_vision", "kosmos2", "instructblip")
EVERY_TIME = {"mllama", "kosmos2"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERY_TIME else [pytest.mark.long]) for name in TRIED]
)
def test_in_each_family(name: str, tmp_path: Path) -> None:
    """Alpha 0 changes no bit; an edit changes answers, in a batch as alone; without a picture where it takes that."""
    import torch

    if reason := families.lacking(FAMILIES[name]):
        pytest.skip(reason)
    families.write(FAMILIES[name], tmp_path / "model")
    asked = [ask(text, picture(number), tokens=8) for number, text in enumerate(TEXTS)]
    plain = logits(load(tmp_path / "model")[1], asked)
    for level in revision.LEVELS:
        folder = random_revision(tmp_path / level, tmp_path / "model", level)
        still = logits(load(tmp_path / "model", put_on(folder, 0.0))[1], asked)
        assert all(torch.equal(one, other) for one, other in zip(plain, still, strict=True))
        _, model = load(tmp_path / "model", put_on(folder, 0.5))
        texts, scores = answers(model, asked)
        alone = [answers(model, [request]) for request in asked]
        assert not torch.allclose(scores, plain[0].float(), atol=1e-2)
        assert torch.allclose(scores, torch.cat([score for _, score in alone]), atol=1e-3, rtol=1e-4)
        assert sum(one == other for one, (other, _) in zip(texts, [(t[0], s) for t, s in alone], strict=True)) >= 7


# -- as an edit of the engine


def test_it_is_told_and_known_again(heads: Path, layers: Path) -> None:
    plain, _ = load(TINY)
    one, other = put_on(heads, 1.0), put_on(heads, 1.5, "nullspace", 3)
    assert pickle.loads(pickle.dumps(one)).identity == one.identity != other.identity
    edited = Candidate(str(TINY), EngineSettings(device="cpu", edits=(one, other)))
    edited.check()
    assert edited.said["activation_revision"] == "heads: 24 heads, alpha 1, gate none"
    assert edited.said["activation_revision_2"] == "heads: 3 heads, alpha 1.5, gate nullspace"
    prints = {
        tuple(edits): Candidate(str(TINY), EngineSettings(device="cpu", edits=edits))
        for edits in ((), (one,), (other,))
    }
    for candidate in prints.values():
        candidate.check()
    assert len({candidate.fingerprint({}) for candidate in prints.values()}) == 3
    assert {candidate.weights for candidate in prints.values()} == {plain.weights}


def test_another_model_is_refused(heads: Path) -> None:
    other = shipped("fixtures") / "models/tiny-overcautious"
    with pytest.raises(ModelError) as refused:
        load(other if (other / "config.json").is_file() else TINY, wrong(heads))
    assert str(refused.value).startswith("activation-revision heads: made for another model (model, weights ")
    assert "\n" not in str(refused.value)


def wrong(folder: Path) -> Revision:
    """The same with a card that says that it was made for another model."""
    card = read_card(folder, "revision").model_copy(update={"weights": "0" * 64})
    return Revision(str(folder), card, 1, 1.0, "none")


@pytest.mark.parametrize("spec", ["http://host#model", "replay:run.jsonl", "scripted:model.toml", "vllm:org/name"])
def test_only_a_local_model_can_be_edited(heads: Path, spec: str) -> None:
    settings = EngineSettings(edits=(put_on(heads, 1.0),))
    with pytest.raises(SettingsError) as refused:
        refuse_without_effect(spec, settings, open_engine(spec, EngineSettings()), [], typed=())
    said = str(refused.value)
    assert said.startswith("--vsc-calibrate activation-revision: no effect on a ")
    assert said.endswith("expected with a local model (a folder or a hub id). Leave it out")
    refuse_without_effect("tiny", settings, open_engine("tiny", EngineSettings()), [])


# -- as a calibration


def said_against(spec: str, base: Path) -> str:
    with pytest.raises((SettingsError, ModelError)) as refused:
        open_calibrations(spec, base)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_the_words_of_the_command_line(heads: Path) -> None:
    base = heads.parent
    (one,) = open_calibrations("activation-revision:heads,alpha=0.5,gate=nullspace,k=5", base)
    assert spelled((one,)) == "activation-revision:heads,alpha=0.5,gate=nullspace,k=5"
    (left,) = open_calibrations("activation-revision:heads", base)
    assert dict(left.settings) == {"": "heads", "alpha": "1", "gate": "none", "k": "24"}
    assert left.sha256 != one.sha256
    edits: Any = left
    assert [edit.k for edit in edits.edits] == [24]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "no folder; expected activation-revision:DIR with what `vsc calibrate fit` wrote"),
        (":there,alpha=1", "there: no such folder"),
        (":heads,alpha=much", "alpha: not a number ('much'); expected one such as 0.5"),
        (":heads,alpha=nan", "alpha: not a number ('nan'); expected one such as 0.5"),
        (":heads,k=25", "k: out of range (25); expected 1 to 24, the heads"),
        (":heads,k=19,gate=probe", "k: out of range (19); expected 1 to 18, the heads behind the gate's layer 0"),
        (":heads,k=0", "k: out of range (0); expected 1 or more"),
        (":heads,gate=prob", "gate: unknown 'prob'; expected one of none, nullspace, probe; did you mean 'probe'?"),
        (":heads,alhpa=1", "unknown setting 'alhpa'; expected one of alpha, gate, k; did you mean 'alpha'?"),
    ],
)
def test_what_it_cannot_do_with(words: str, said: str, heads: Path) -> None:
    assert said in said_against(f"activation-revision{words}", heads.parent)


def test_a_folder_that_was_altered(heads: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(heads, tmp_path / "altered")
    held = bytearray((folder / revision.FILE).read_bytes())
    held[-1] ^= 1
    (folder / revision.FILE).write_bytes(held)
    assert "its revision.safetensors is not that of its card.json; fit it anew" in said_against(
        "activation-revision:altered", tmp_path
    )
    (folder / revision.CARD).write_text("{}")
    assert "its card.json cannot be read (ValidationError)" in said_against("activation-revision:altered", tmp_path)


def test_a_list_of_its_cases_that_was_altered(heads: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(heads, tmp_path / "revised")
    card = read_card(folder, "revision").model_copy(update={"fitted": ("dev/one",), "held": ("dev/two",)})
    revision.write_card(folder, card)

    def used() -> Sequence[Used]:
        (one,) = open_calibrations("activation-revision:revised", tmp_path)
        assert isinstance(one, Resting)
        return one.used()

    with pytest.raises(ModelError, match=r"^revised: card.json without used.json, the cases that it rests on"):
        used()
    cases = [Used(suite="dev", case=name, group=name, prompt="", words=()) for name in ("one", "two")]
    write_used(folder, cases[:1])
    with pytest.raises(ModelError, match=r"used.json lacks cases that card.json names \(1, such as dev/two\); fit it"):
        used()
    write_used(folder, cases)
    assert len(used()) == 2


def test_what_is_edited_elsewhere_is_another_edit(heads: Path) -> None:
    one = put_on(heads, 1.0, "probe")
    later = one.card.probe.model_copy(update={"layer": 1})
    moved = [layer.model_copy(update={"name": f"{layer.name}.mlp"}) for layer in one.card.layers]
    for change in ({"probe": later}, {"layers": tuple(moved)}):
        other = Revision(one.folder, one.card.model_copy(update=change), 6, one.alpha, one.gate)
        assert other.identity != Revision(one.folder, one.card, 6, one.alpha, one.gate).identity


# -- the numbers


def test_probes_and_directions() -> None:
    rng = np.random.default_rng(1)
    unsafe = np.arange(80) % 2 == 0
    rows = rng.normal(size=(80, 6))
    rows[unsafe, 2] += 4.0
    probe = probes.fit_probe(rows, unsafe)
    assert probes.accuracy(probe.margins(rows), unsafe) > 0.95
    assert np.argmax(np.abs(probe.weights)) == 2
    for how in revision.DIRECTIONS:
        direction = probes.direction_of(rows, unsafe, how)
        assert np.isclose(np.linalg.norm(direction), 1)
        assert direction[2] > 0.9
    assert not probes.direction_of(np.ones((4, 2)), np.array([True, True, False, False]), "mass-mean").any()


def test_the_null_space_gate_is_closed_for_safe_rows_and_open_for_unsafe_ones() -> None:
    rng = np.random.default_rng(2)
    unsafe = np.arange(200) % 2 == 0
    rows = rng.normal(size=(200, 8)) * np.array([9, 8, 7, 6, 0.3, 0.3, 0.3, 0.3])
    rows[unsafe, 5] += 2.0
    rows[unsafe, 0] += 9.0  # what safe ones vary in is no ground to act on
    null = probes.fit_null(rows, unsafe)
    opened = null.open(rows)
    assert opened[~unsafe].mean() < 0.1
    assert opened[unsafe].mean() > 0.8
    assert abs(null.weights[:4]).max() < 0.05 < null.weights[5]
    moved = rows[~unsafe] + rng.normal(size=(100, 8)) * np.array([9, 8, 7, 6, 0, 0, 0, 0])
    assert np.allclose(null.open(moved), null.open(rows[~unsafe]), atol=0.1)


def test_the_setting_that_gains_most_and_costs_little() -> None:
    def tried(under: float | None, over: float | None, utility: float | None = 0.8, invalid: int = 0) -> Tried:
        return Tried(k=1, alpha=1, gate="none", undersafety=under, oversafety=over, utility=utility, invalid=invalid)

    base = tried(0.5, 0.3)
    good, costly, unknown = tried(0.2, 0.4), tried(0.1, 0.3, 0.7), tried(None, 0.0)
    assert recommended([base, good, costly, unknown, tried(0.4, 0.3), tried(0.0, 0.0, 0.8, 9)]) is good
    assert recommended([base, tried(0.2, 0.6), costly]) is None
