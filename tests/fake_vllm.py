"""A command `vllm` for tests: takes what `vllm serve` takes, and is a real server that says after whoever asks.

It runs in a process of its own, writes down what it was started with, and has a child, as vLLM has. How it behaves is
in the variable FAKE_VLLM: "", "fails", "silent", "stubborn". Asked "die", it is killed; asked "wait", it never answers.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.chat_server import failure, says

ROOT = Path(__file__).parents[1]
VERSION = "0.30.0"
NOTES = "notes.json"
LOG = """\
\x1b[0;36m(APIServer pid=7)\x1b[0;0m INFO 11-27 14:26:24 [api_utils.py:286] non-default args: {arguments}
(EngineCore pid=8) ERROR 11-27 14:27:08 [core.py:1366] Traceback (most recent call last):
(EngineCore pid=8) ERROR 11-27 14:27:08 [core.py:1366]   File "core.py", line 1328, in run_engine_core
(EngineCore pid=8) ERROR 11-27 14:27:08 [core.py:1366] ValueError: no \x1b[31mroom for the model
(APIServer pid=7) Traceback (most recent call last):
(APIServer pid=7) RuntimeError: Engine core initialization failed. See root cause above.
sys:1: UserWarning: leaked objects
"""


def put(folder: Path) -> Path:
    """Write the command into a folder."""
    command = folder / "vllm"
    folder.mkdir(parents=True, exist_ok=True)
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fake_vllm import main; main({str(folder)!r})"
    command.write_text(f"#!{sys.executable}\n{start}\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return command


def notes(folder: Path) -> dict[str, Any]:
    """What the command was started with, and the processes that it consists of."""
    noted: dict[str, Any] = json.loads((folder / NOTES).read_text())
    return noted


def main(folder: str) -> None:
    """The command itself."""
    how, arguments = os.environ.get("FAKE_VLLM", ""), sys.argv[1:]
    if arguments == ["--version"]:
        print(VERSION)
        return
    if how == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # its child inherits that
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    noted = {
        "arguments": arguments,
        "environment": {name: os.environ.get(name) for name in ("VLLM_API_KEY", "CUDA_VISIBLE_DEVICES")},
        "processes": [os.getpid(), child.pid],
        "leash": os.getppid(),
    }
    written = Path(folder) / f"{NOTES}.new"
    written.write_text(json.dumps(noted))
    written.replace(Path(folder) / NOTES)
    print(LOG.format(arguments=arguments) if how == "fails" else f"starting: {arguments}", flush=True)
    if how == "fails":
        sys.exit(1)
    if how == "silent":
        time.sleep(600)
    port = int(arguments[arguments.index("--port") + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


class Handler(BaseHTTPRequestHandler):
    """Answers what it is asked, to whoever has the key."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        served = {"data": [{"id": "model"}, {"id": "adapter"}]}
        self._send(200, "") if self.path == "/health" else self._allowed(200, served)

    def do_POST(self) -> None:
        chat = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = chat["messages"][-1]["content"]
        text = said if isinstance(said, str) else next(part["text"] for part in said if part["type"] == "text")
        if text == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "wait":
            time.sleep(600)
        self._allowed(200, says(f"{chat['model']}: {text}").body)

    def _allowed(self, status: int, body: Any) -> None:
        wrong = self.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}"
        self._send(401, failure(401).body) if wrong else self._send(status, body)

    def _send(self, status: int, body: Any) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is that of the library
        pass
