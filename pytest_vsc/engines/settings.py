"""How an engine is to run: what a user may ask of it. Which of it an engine heeds is told in `effects`."""

from __future__ import annotations

from typing import Literal

from pydantic import InstanceOf

from pytest_vsc.cases import Value
from pytest_vsc.protocols import Edit


class EngineSettings(Value):
    """How an engine is to run. "auto" and None leave the choice to the engine, which says what it chose.

    device: "auto", "cpu", "cuda", "cuda:1", "mps". dtype: "auto", "float32", "bfloat16", "float16".
    batch_size: the most requests that the model works on at once. revision: of a hub model, or the named build.
    timeout: seconds that a request may take once the model works on it; None is without end, at a server 120 s.
    attention: "sdpa", "eager", "flash_attention_2" ... kv_cache: "dynamic" or "static" (fixed shapes, for compilation).
    prefix_cache: whether what all prompts of a batch begin with is read once, where the model class allows that.
    cache: folder in which what is costly to compute of a model's files may be kept.
    adapter: folder of a PEFT adapter. quantization: "8bit" or "4bit", None for none. device_map: how a model is spread
    over several devices, by accelerate's word. max_pixels: larger pictures are shrunk to so many.
    concurrency: the most requests that a server is given at once. headers: names of HTTP headers, each with the name of
    the environment variable that holds its value. key: name of the environment variable that holds the server's key.
    max_cost: US dollars that the answers may cost. prices: file with what tokens cost.
    server_args: further arguments of a server that is started for the run.
    edits: of what the loaded model computes, made in this order.
    """

    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    revision: str | None = None
    trust_remote_code: bool = False
    timeout: float | None = None
    attention: str | None = None
    kv_cache: Literal["dynamic", "static"] = "dynamic"
    prefix_cache: bool = True
    cache: str | None = None
    adapter: str | None = None
    quantization: Literal["8bit", "4bit"] | None = None
    device_map: str | None = None
    max_pixels: int | None = None
    concurrency: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    key: str | None = None
    max_cost: float | None = None
    prices: str | None = None
    server_args: tuple[str, ...] = ()
    edits: tuple[InstanceOf[Edit], ...] = ()
