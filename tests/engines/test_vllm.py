"""vLLM, started for a run: what it is told, how it is waited for and watched, and that nothing of it is left behind.

Most of it with a command `vllm` of our own (`fake_vllm`); the last with vLLM itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_vsc.cases import Picture
from pytest_vsc.engines import EngineSettings, open_engine
from pytest_vsc.engines.flags import environment, pinned, rank_of
from pytest_vsc.engines.served import Server, last_words
from pytest_vsc.engines.vllm import VllmEngine
from pytest_vsc.errors import ModelError, SettingsError, VscError
from pytest_vsc.records import Generation, Message, Request
from pytest_vsc.shipped import shipped
from tests import fake_vllm
from tests.drawn import drawn, encoded
from tests.project import Project
from tests.serving import answers, skip_without_vllm, splitting

TINY = shipped("fixtures") / "models/tiny"
SECONDS = 30.0

Opened = Callable[..., VllmEngine]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the command, the only one on PATH; logs go into one beside it."""
    fake_vllm.put(tmp_path / "bin")
    (tmp_path / "logs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "logs"))
    # None beside the interpreter of the tests, whatever is installed there.
    (tmp_path / "python").mkdir()
    (tmp_path / "python/python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python/python"))
    return tmp_path / "bin"


@pytest.fixture
def opened(folder: Path) -> Iterator[Opened]:
    engines: list[VllmEngine] = []

    def open_(source: str | Path = TINY, **settings: Any) -> VllmEngine:
        engines.append(VllmEngine(str(source), EngineSettings(**settings)))
        return engines[-1]

    yield open_
    for engine in engines:
        engine.close()


def ask(text: str, *pictures: Picture, generation: Generation | None = None) -> Request:
    message = Message(role="user", text=text, images=pictures)
    return Request((message,), generation or Generation(max_new_tokens=48))


def answer(engine: VllmEngine, text: str) -> str:
    return engine.submit(ask(text)).result(SECONDS).text


def alive(processes: Sequence[int]) -> list[int]:
    """Those that still run; one that has ended, and that nobody has asked about, does not."""
    ran = subprocess.run(
        [str(shutil.which("ps", path=os.defpath)), "-o", "pid=,stat=", "-p", ",".join(map(str, processes))],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(pid) for pid, state in map(str.split, ran.stdout.splitlines()) if not state.startswith("Z")]


def gone(processes: Sequence[int], seconds: float = SECONDS) -> bool:
    until = time.monotonic() + seconds
    while alive(processes) and time.monotonic() < until:
        time.sleep(0.05)
    return not alive(processes)


def started(folder: Path) -> dict[str, Any]:
    """The notes of the command, as soon as it has written them."""
    until = time.monotonic() + SECONDS
    while not (folder / fake_vllm.NOTES).exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return fake_vllm.notes(folder)


def logs(folder: Path) -> list[Path]:
    return list((folder.parent / "logs").iterdir())


# -- it answers, and is ended


def test_it_is_started_asked_and_ended(opened: Opened, folder: Path) -> None:
    engine = opened()
    engine.load()
    assert answer(engine, "one") == "model: one"
    noted = fake_vllm.notes(folder)
    assert len(alive(noted["processes"])) == 2
    engine.close()
    assert gone([*noted["processes"], noted["leash"]], 0)
    assert logs(folder) == []
    with pytest.raises(VscError, match="closed"):
        answer(engine, "two")


def test_what_it_is_told(opened: Opened, folder: Path) -> None:
    engine = opened(dtype="bfloat16", batch_size=7, trust_remote_code=True, prefix_cache=False, device="cuda:1")
    engine.load()
    noted = fake_vllm.notes(folder)
    told = noted["arguments"]
    place = told.index("--host")
    assert told[:place] == [
        "serve",
        str(TINY),
        *("--dtype", "bfloat16"),
        "--trust-remote-code",
        "--no-enable-prefix-caching",
        *("--generation-config", "vllm"),
        *("--limit-mm-per-prompt", '{"image": 8}'),
        *("--seed", "0"),
        *("--max-num-seqs", "7"),
        *("--served-model-name", "model"),
        "--no-enable-log-requests",
        "--disable-uvicorn-access-log",
    ]
    assert told[place : place + 3] == ["--host", "127.0.0.1", "--port"]
    assert told[place + 4 :] == []
    assert noted["environment"]["CUDA_VISIBLE_DEVICES"] == "1"


def test_the_key_is_in_the_environment_alone(opened: Opened, folder: Path) -> None:
    engine, other = opened(), opened()
    engine.load()
    noted = fake_vllm.notes(folder)
    key = noted["environment"]["VLLM_API_KEY"]
    assert len(key) >= 32
    (log,) = logs(folder)
    assert log.stat().st_mode & 0o077 == 0
    assert "starting" in log.read_text()
    told = f"{noted['arguments']} {log.read_text()} {engine.describe()} {engine.fingerprint} {engine!r}"
    assert key not in told
    other.load()
    assert fake_vllm.notes(folder)["environment"]["VLLM_API_KEY"] != key


def test_an_adapter_is_asked_by_its_own_name(opened: Opened, folder: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 9, "rank_pattern": {"a": 20}}')
    (adapter / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    engine = opened(adapter=str(adapter))
    engine.load()
    assert answer(engine, "one") == "adapter: one"
    told = fake_vllm.notes(folder)["arguments"]
    place = told.index("--enable-lora")
    lora = ["--enable-lora", "--max-lora-rank", "32", "--lora-modules", f"adapter={adapter}"]
    assert told[place : place + 5] == lora
    assert engine.describe()["adapter"] == "adapter"


def test_one_that_does_not_end_by_itself_is_killed(
    opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM", "stubborn")
    engine = opened()
    engine.load()
    noted = fake_vllm.notes(folder)
    engine.close()
    assert gone(noted["processes"], 1)


# -- it fails


def test_one_that_fails_is_told_at_once_with_its_words_and_its_log(
    opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_VLLM", "fails")
    engine = opened()
    with pytest.raises(ModelError) as caught:
        engine.load()
    (log,) = logs(folder)
    words = f"tiny: vllm serve: ended with status 1 (ValueError: no room for the model); its log: {log}"
    assert str(caught.value) == words
    assert "Engine core initialization failed" in log.read_text()
    assert gone(fake_vllm.notes(folder)["processes"], 5)


def test_one_that_dies_ends_the_run(opened: Opened, folder: Path) -> None:
    engine = opened()
    engine.load()
    waiting = engine.submit(ask("wait"))
    with pytest.raises(ModelError, match=r"^tiny: vllm serve was ended by SIGKILL; .* \(starting: .*\); its log: /"):
        answer(engine, "die")
    assert isinstance(waiting.exception(SECONDS), ModelError)
    assert isinstance(engine.submit(ask("one")).exception(SECONDS), ModelError)
    assert gone(fake_vllm.notes(folder)["processes"], 5)
    engine.close()
    assert len(logs(folder)) == 1


def test_one_that_says_nothing_any_more_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = Server("it", silence=1.0)
    code = "import time\nfor _ in range(8): print('going on', flush=True); time.sleep(0.2)\ntime.sleep(600)"
    since = time.monotonic()
    server.start([sys.executable, "-c", code], os.environ)
    with pytest.raises(ModelError, match=r"^it: .* writes nothing any more since 1 s \(going on\); its log: /"):
        server.wait("http://127.0.0.1:9/health")
    assert time.monotonic() - since > 2  # while it writes it is waited for
    server.close()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_command_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = Server("it")
    server.start([str(tmp_path / "none")], os.environ)
    with pytest.raises(ModelError, match=r"^it: ended with status 127 \(.*/none: No such file or directory\); its log"):
        server.wait("http://127.0.0.1:9/health")
    server.close()


def test_closed_while_it_starts(opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "silent")
    engine, raised = opened(), list[BaseException]()

    def load() -> None:
        try:
            engine.load()
        except ModelError as error:
            raised.append(error)

    loading = threading.Thread(target=load)
    loading.start()
    noted = started(folder)
    engine.close()
    loading.join(SECONDS)
    assert [str(error) for error in raised] == ["tiny: vllm serve: closed"]
    assert gone(noted["processes"], 0)
    assert logs(folder) == []


# -- however this process ends

OWNER = """
import sys, time
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.vllm import VllmEngine
VllmEngine(sys.argv[1], EngineSettings()).load()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["", "silent"])
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_it(folder: Path, how: str, ended_by: signal.Signals) -> None:
    environ = {**os.environ, "FAKE_VLLM": how, "PYTHONPATH": str(fake_vllm.ROOT), "TMPDIR": str(folder)}
    real = str(Path(sys.executable).readlink())
    with subprocess.Popen([real, "-c", OWNER, str(TINY)], stdout=subprocess.PIPE, stderr=-3, env=environ) as owner:
        assert owner.stdout is not None
        noted = started(folder)
        if not how:
            assert owner.stdout.readline() == b"ready\n"
        assert len(alive(noted["processes"])) == 2
        owner.send_signal(ended_by)
    assert gone([*noted["processes"], noted["leash"]])


def test_nor_when_its_leash_is_killed(opened: Opened, folder: Path) -> None:
    engine = opened()
    engine.load()
    noted = fake_vllm.notes(folder)
    os.kill(noted["leash"], signal.SIGKILL)
    assert gone([noted["leash"]])
    engine.close()
    assert gone(noted["processes"], 5)


# -- what it needs, and what it is


def test_without_vllm(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match=r"^tiny: needs vLLM in this environment, or its .*: pip install vllm$"):
        opened().check()


def test_a_folder_is_looked_at_before_anything_is_started(opened: Opened, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"^empty: no config\.json in the folder"):
        opened(tmp_path / "empty").check()
    shutil.copytree(TINY, tmp_path / "cut")
    weights = tmp_path / "cut/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"^cut: model\.safetensors: \d+ bytes, but its header promises"):
        opened(tmp_path / "cut").check()
    assert not (folder / fake_vllm.NOTES).exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"attention": "sdpa"},
            r"^--vlm-attention: vLLM has its own way \('sdpa'\)\. Expected none, or --vlm-vllm-args='--atten",
        ),
        ({"device_map": "auto"}, r"^--vlm-device-map: vLLM has its own way \('auto'\)\. .*--tensor-parallel-size N'$"),
        ({"kv_cache": "static"}, r"^--vlm-kv-cache: vLLM has its own way \('static'\)\. Expected none$"),
        ({"quantization": "8bit"}, r"^--vlm-quantization: vLLM loads no weights as 8bit .*\. Expected 4bit$"),
        ({"batch_size": 0}, r"^--vlm-batch-size: not a batch \(0\)\. Expected 1 or more$"),
        ({"device": "mps"}, r"^--vlm-device: not for vLLM 0\.30\.0 \('mps'\)\. Expected auto, cuda, cuda:N$"),
        (
            {"server_args": ("--port", "1")},
            r"^--vlm-vllm-args: --port is chosen for the run\. Expected other arguments of `vllm serve`$",
        ),
        ({"server_args": ("--served_model_name=x",)}, r"^--vlm-vllm-args: --served-model-name is chosen for the run"),
        ({"server_args": ("--dtype=half",)}, r"^--vlm-vllm-args: --dtype is set by --vlm-dtype\. "),
        ({"server_args": ("--no-trust-remote-code",)}, r"^--vlm-vllm-args: .* is set by --vlm-trust-remote-code\. "),
        ({"server_args": ("--hf-token=x",)}, r"^--vlm-vllm-args: --hf-token is set by the variable HF_TOKEN\. "),
        ({"server_args": ("--enable-log-requests",)}, r"^--vlm-vllm-args: --enable-log-requests is chosen for"),
        (
            {"adapter": "/nowhere"},
            r"^--vlm-adapter: no such folder \(/nowhere\)\. Expected one as save_pretrained of peft",
        ),
    ],
)
def test_what_it_is_not_run_with(opened: Opened, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(VscError, match=message):
        opened(**settings).check()


@pytest.mark.parametrize(
    ("config", "rank"),
    [
        ({"r": 1}, 8),
        ({"r": 16}, 16),
        ({"r": 17}, 32),
        ({"r": 8, "rank_pattern": {"q": 300}}, 320),
        ({"r": 513}, r"of rank 513; vLLM serves ranks up to 512$"),
        ({"r": 8, "peft_type": "IA3"}, r"^--vlm-adapter mine: is a IA3; vLLM serves LORA adapters only$"),
        ({}, "LORA adapters only"),
    ],
)
def test_the_rank_that_there_is_room_for(tmp_path: Path, config: dict[str, Any], rank: int | str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", **config}))
    if isinstance(rank, int):
        assert rank_of(folder) == rank
    else:
        with pytest.raises(ModelError, match=rank):
            rank_of(folder)


@pytest.mark.parametrize(
    ("device", "visible", "given"),
    [("auto", "3", "3"), ("cuda:1", None, "1"), ("cuda:0", None, "0"), ("cuda:1", "4,6", "6"), ("cuda", None, None)],
)
def test_the_device_is_one_of_those_that_are_seen(device: str, visible: str | None, given: str | None) -> None:
    environ = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    assert environment(environ, "key", device).get("CUDA_VISIBLE_DEVICES") == given


def test_a_device_that_is_not_seen(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with pytest.raises(SettingsError, match=r"^--vlm-device: no device 'cuda:2' in CUDA_VISIBLE_DEVICES \(4,6\)$"):
        opened(device="cuda:2").check()


def test_what_it_says_of_itself(opened: Opened) -> None:
    engine = opened(server_args=("--enforce-eager",), concurrency=3)
    assert engine.describe() == {}
    engine.check()
    assert engine.describe() == {
        "model": "tiny",
        "engine": "vllm",
        "server": "vllm serve, on this machine",
        "vllm": fake_vllm.VERSION,
        "dtype": "auto",
        "flags": "--enforce-eager",
        "concurrency": "3",
    }


def test_the_fingerprint_is_of_the_files_and_of_how_they_are_run(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(TINY, copy)

    def printed(source: Path = TINY, **settings: Any) -> str:
        engine = opened(source, **settings)
        engine.check()
        return engine.fingerprint

    same = printed()
    assert same == printed(copy) == printed(concurrency=3, batch_size=4)
    template = tmp_path / "template.jinja"
    template.write_text("one")
    named: dict[str, Any] = {"server_args": ("--chat-template", str(template))}
    prints = {same, printed(dtype="float32"), printed(server_args=("--enforce-eager",)), printed(**named)}
    template.write_text("two")
    prints.add(printed(**named))
    monkeypatch.setenv("VLLM_SOMETHING", "1")
    prints.add(printed())
    (copy / "chat_template.jinja").write_text("other")
    prints.add(printed(copy))
    (copy / "chat_template.jinja").write_text("{{ strftime_now('%Y') }}")
    prints |= {printed(copy)}
    monkeypatch.setattr("pytest_vsc.engines.vllm.day_told", lambda _: "2026-03-01")
    prints |= {printed(copy)}
    assert len(prints) == 9


@pytest.mark.heavy
def test_the_model_is_known_by_its_files(opened: Opened) -> None:
    other = open_engine("tiny", EngineSettings(device="cpu"))
    engine = opened()
    engine.check()
    try:
        other.check()
        assert engine.weights == other.weights  # type: ignore[attr-defined]
    finally:
        other.close()


HUB = """
import sys
from pytest_vsc.engines import EngineSettings
from pytest_vsc.engines.vllm import VllmEngine
from pytest_vsc.errors import ModelError
for name in ("org/name", "org/other"):
    engine = VllmEngine(name, EngineSettings())
    try:
        engine.check()
        print(engine.weights, len(engine.fingerprint))
    except ModelError as error:
        print(error)
"""


@pytest.mark.heavy
def test_a_model_of_the_hub_is_looked_up_in_its_cache(folder: Path, tmp_path: Path, opened: Opened) -> None:
    revision = "a" * 40
    cached = tmp_path / "hub/models--org--name"
    shutil.copytree(TINY, cached / "snapshots" / revision)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(revision)
    environ = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(fake_vllm.ROOT)}
    ran = subprocess.run(
        [str(Path(sys.executable).readlink()), "-c", HUB],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environ},
    )
    missing = "org/other: not in the local cache, and the hub cannot be reached, or must not be (HF_HUB_OFFLINE)"
    assert ran.stdout.splitlines() == [f"{opened().weights} 64", missing]


def test_answers_are_kept_where_all_that_decides_them_is_known(
    opened: Opened, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not opened().lasting  # vLLM in an environment of its own
    (folder / "python").symlink_to(Path(sys.executable).readlink())
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    assert opened().lasting
    assert opened(server_args=("--tensor-parallel-size", "2")).lasting
    assert not opened(server_args=("--tokenizer", "org/name")).lasting


def test_files_that_arguments_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text")
    one = pinned([f"--chat-template={file}", "--max-model-len", "100"])
    assert one is not None
    assert list(one) == [f"--chat-template={file}"]
    assert pinned(["--enforce-eager"]) == {}
    assert pinned(["--tokenizer", str(tmp_path)]) is None
    assert pinned(['--speculative-config={"model": "org/name"}']) is None


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        (fake_vllm.LOG, "ValueError: no room for the model"),
        ("vllm serve: error: unrecognized arguments: --x\n", "vllm serve: error: unrecognized arguments: --x"),
        ("torch.OutOfMemoryError: CUDA\nlast", "torch.OutOfMemoryError: CUDA"),
        ("a\x07\x1b[31mb\u202e", "a b"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_last_words_of_a_log(log: str, words: str) -> None:
    assert last_words(log) == words


# -- the whole plugin


@pytest.mark.parametrize("mode", ["no-xdist", "n2"])
def test_a_run_by_it(folder: Path, plain_project: Project, mode: str) -> None:
    plain_project.mode = mode
    ran = plain_project.gate("--vlm-vllm-args=--enforce-eager --max-model-len '1000'", vlm="vllm:tiny")
    noted = fake_vllm.notes(folder)
    assert noted["arguments"][-3:] == ["--enforce-eager", "--max-model-len", "1000"]
    assert ran.summary["header"]["model"]["engine"] == "vllm"
    assert len(ran.outcomes) == 8
    assert ran.run[1]["response"]["text"].startswith("model: ")
    assert gone([*noted["processes"], noted["leash"]], 0)


def test_arguments_that_no_shell_would_take(plain_project: Project) -> None:
    ran = plain_project.gate("--vlm-vllm-args='", vlm="vllm:tiny")
    assert ran.status == 4
    assert "ERROR: --vlm-vllm-args: no closing quotation ('''). Expected arguments as in a shell" in ran.lines


def test_a_run_whose_server_fails(folder: Path, plain_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_VLLM", "fails")
    ran = plain_project.gate(vlm="vllm:tiny")
    assert ran.status == 4
    assert "tiny: vllm serve: ended with status 1 (ValueError: no room for the model); its log: " in ran.out


# -- vLLM itself


@pytest.mark.heavy
def test_vllm_itself_answers_as_the_model_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_vllm()
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = splitting(TINY, tmp_path / "model")
    one, two = (Picture(f"{n}.png", data=encoded(drawn(n, 96))) for n in (1, 2))
    system = Message(role="system", text="Be kind.")
    requests = [
        ask("What is shown here?", one),
        ask("How do I use this?", two),
        ask("How do I use these?", one, two),
        ask("How do I bake bread?"),
        Request((system, *ask("How do I use this?", one).messages), Generation(max_new_tokens=48)),
        ask("How do I use this?", one, generation=Generation(max_new_tokens=2)),
    ]
    far = open_engine(f"vllm:{model}", EngineSettings(dtype="float32"))
    near = open_engine(str(model), EngineSettings(dtype="float32", device="cpu"))
    try:
        far.check()
        assert far.lasting
        far.load()
        (log,) = tmp_path.glob("vsc-server-*.log")
        near.check()
        near.load()
        told, expected = answers(far, requests), answers(near, requests)
        assert "How do I" not in log.read_text()
        assert far.describe()["vllm"]
    finally:
        far.close()
        near.close()
    assert told == expected
    assert told[0][0]
    assert told[-1][1] == "length"
    assert not log.exists()


@pytest.mark.heavy
def test_vllm_itself_tells_why_it_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    skip_without_vllm()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = open_engine("vllm:tiny", EngineSettings(server_args=("--no-such-flag",)))
    with pytest.raises(ModelError, match=r"^tiny: vllm serve: ended with status 2 \(.*--no-such-flag.*; its log: /"):
        engine.load()
