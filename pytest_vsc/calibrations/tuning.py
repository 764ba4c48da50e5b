"""Trains a LoRA adapter on a loaded model: its steps, checkpoints, and what is written in the end.

It is given the module, and batches with labels; it prepares none, knows no suite and shows nothing. torch, transformers
and peft are imported when it trains.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pytest_vsc.calibrations.layers import Layers
from pytest_vsc.cases import Value
from pytest_vsc.errors import SettingsError

CHECKPOINTS = "checkpoints"
IGNORED = -100  # of a label: nothing is to be learned there
WARM = 0.05  # share of the steps in which the rate rises; then it falls as a cosine
OLDEST = (0, 18)  # of peft: the first that imports beside transformers 5
STATE = "trainer_state.json"  # what a checkpoint is finished with

Batch = Mapping[str, Any]


class Recipe(Value):
    """How an adapter is trained. modules: names of linear layers of the text decoder, () for all."""

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    modules: tuple[str, ...] = ()
    rate: float = 2e-4
    steps: int
    batch_size: int = 8
    accumulation: int = 1
    seed: int = 0
    save_steps: int = 100

    @property
    def at_a_step(self) -> int:
        """Lessons."""
        return self.batch_size * self.accumulation


class Progress(NamedTuple):
    """After a step: which, of how many, its loss, and seconds that are left; None while that is unknown."""

    step: int
    steps: int
    loss: float | None
    left: float | None


class Came(NamedTuple):
    """What came of the training: steps done, the loss of each, and whether that was all of them."""

    step: int
    losses: tuple[float, ...]
    whole: bool


def require_peft(option: str) -> None:
    """Raises SettingsError that names the extra when peft is missing or too old."""
    if importlib.util.find_spec("peft") is None:
        raise SettingsError(f"{option}: needs peft, which is not installed: pip install 'pytest-vsc[calibrate]'")
    version = importlib.metadata.version("peft")
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        raise SettingsError(f"{option}: peft {version} is too old. Expected {OLDEST[0]}.{OLDEST[1]} or later")


def adapted(network: Any, layers: Layers, recipe: Recipe, name: str) -> Any:
    """The model of peft around the network, with a fresh adapter that changes nothing yet. name: of the model."""
    import peft
    import torch

    torch.manual_seed(recipe.seed)
    config = peft.LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=layers.pattern,
        bias="none",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of one library about another
        made = peft.get_peft_model(network, config)
    made.peft_config["default"].base_model_name_or_path = name  # where it lies is about this machine
    return made


# --- steps ---


def loss_of(logits: Any, labels: Any) -> Any:
    """Mean cross entropy of the answers' tokens: the first, which decide, weigh in a long answer as in a short one.

    logits: (rows, length, vocabulary). labels: (rows, length), IGNORED where nothing is learned.
    """
    import torch

    told, wanted = logits[:, :-1].float(), labels[:, 1:].to(logits.device)
    return torch.nn.functional.cross_entropy(told.transpose(1, 2), wanted, ignore_index=IGNORED)


def measured(network: Any, batches: Iterable[Batch]) -> float | None:
    """The mean loss over some batches, each as often as it has rows, without learning; None without any."""
    import torch

    network.eval()
    whole, count = 0.0, 0
    with torch.inference_mode():
        for batch in batches:
            inputs = {key: _there(value, network) for key, value in batch.items() if key != "labels"}
            rows = len(batch["labels"])
            whole += float(loss_of(network(**inputs).logits, batch["labels"])) * rows
            count += rows
    return whole / count if count else None


def _there(value: Any, network: Any) -> Any:
    return value.to(network.device) if hasattr(value, "to") else value


class Watch:
    """What the Trainer tells as it goes, passed on; ends it after a step when that is wanted. Keeps the losses."""

    def __init__(self, told: Callable[[Progress], None], stop: Callable[[], bool], losses: list[float]) -> None:
        self._told, self._stop = told, stop
        self.losses = losses
        self._begun, self._first = 0.0, 0

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *_, **__: None

    def on_train_begin(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        self._begun, self._first = time.monotonic(), state.global_step
        del self.losses[state.global_step :]

    def on_log(self, _: Any, state: Any, *__: Any, logs: Mapping[str, float] | None = None, **___: Any) -> None:
        if logs is None or "loss" not in logs:
            return
        self.losses.append(round(float(logs["loss"]), 4))
        done = state.global_step - self._first
        each = (time.monotonic() - self._begun) / done if done else 0.0
        left = each * (state.max_steps - state.global_step) if done > 1 else None
        self._told(Progress(state.global_step, state.max_steps, self.losses[-1], left))

    def on_step_end(self, _: Any, __: Any, control: Any, **___: Any) -> None:
        if self._stop():
            control.should_save = control.should_training_stop = True


def train(
    model: Any,
    lessons: Sequence[Any],
    collate: Callable[[Sequence[Any]], Batch],
    recipe: Recipe,
    folder: Path,
    *,
    told: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> Came:
    """Train the adapter of `adapted` on lessons in their order, from the last checkpoint in the folder if there is one.

    stop: asked after each step; then the state is kept, and a later call goes on from it as if nothing had been.
    """
    import torch
    import transformers

    from_ = last_checkpoint(folder)
    watch = Watch(told, stop, _losses(from_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = transformers.Trainer(
            model=model,
            args=_arguments(recipe, folder, model),
            data_collator=collate,
            train_dataset=lessons,
            compute_loss_func=lambda outputs, labels, **_: loss_of(outputs.logits, labels) / recipe.accumulation,
            callbacks=[watch],
        )
        trainer.remove_callback(transformers.PrinterCallback)
        trainer._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(
            lessons
        )  # their order is the mixture
        trainer.train(resume_from_checkpoint=str(from_) if from_ else None)
    step = int(trainer.state.global_step)
    return Came(step, tuple(watch.losses), step >= recipe.steps)


def _arguments(recipe: Recipe, folder: Path, model: Any) -> Any:
    import transformers

    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(WARM * recipe.steps),
        weight_decay=0.0,
        seed=recipe.seed,
        data_seed=recipe.seed,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        logging_strategy="steps",
        logging_steps=1,
        save_strategy="steps",
        save_steps=recipe.save_steps,
        save_total_limit=2,
        report_to="none",
        disable_tqdm=True,
        use_cpu=model.device.type == "cpu",
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # else the Trainer puts a copy on every device that it sees
    return arguments


def last_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the latest step in a folder that was written to its end."""
    found = {int(place.name.rpartition("-")[2]): place for place in folder.glob("checkpoint-*") if _finished(place)}
    return found[max(found)] if found else None


def _finished(place: Path) -> bool:
    if not place.name.rpartition("-")[2].isdigit():
        return False
    try:
        return bool(json.loads((place / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def _losses(place: Path | None) -> list[float]:
    """The loss of each step up to a checkpoint."""
    if place is None:
        return []
    said = json.loads((place / STATE).read_text(encoding="utf-8"))
    return [round(float(entry["loss"]), 4) for entry in said["log_history"] if "loss" in entry]


# --- what is written ---


def write_adapter(model: Any, folder: Path) -> None:
    """Write adapter_config.json and adapter_model.safetensors, as peft does, and nothing else."""
    build = folder / CHECKPOINTS / "adapter"
    shutil.rmtree(build, ignore_errors=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model's name is no folder to look into
        model.save_pretrained(str(build), safe_serialization=True, save_embedding_layers=False)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(build / name, folder / name)  # which nobody else could read
    shutil.rmtree(build)
