"""A model of a folder or the hub before its weights are loaded: who it is, how it is to be run, and its fingerprint.

It is checked, described and told from others here; it loads no weights and answers nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_vsc.engines import checkpoint, owncode, prefix, quantizing, templates
from pytest_vsc.engines.adapter import Adapter, check_adapter, check_base, described
from pytest_vsc.engines.decoding import PLAIN_GENERATE
from pytest_vsc.engines.files import check_names, check_weights, day_told, digests_of, weights_digest
from pytest_vsc.engines.foreign import foreign, quiet
from pytest_vsc.engines.generating import How
from pytest_vsc.engines.settings import EngineSettings
from pytest_vsc.engines.wording import Wording
from pytest_vsc.errors import ModelError, SettingsError

# Raised whenever this engine would put the same request to the same model in another way (`prompts`, `decoding`).
PREPARATION = 2


class Candidate:
    """One model with the settings that it is to be run with. All but its name is known after `check`.

    said: what a reader must know of it. processor: with its tokenizer. manner: how its chat template takes turns.
    """

    def __init__(self, source: str, settings: EngineSettings) -> None:
        self._source, self._settings = source, settings
        self._local, self.name = checkpoint.is_local(source), checkpoint.name_of(source)
        self._options: dict[str, Any] = {
            "trust_remote_code": settings.trust_remote_code,
            **({"revision": settings.revision} if settings.revision else {}),
        }
        self.said: dict[str, str] = {}
        self.processor: Any = None
        self._config: Any = None
        self.manner = templates.OWN
        self._day = ""
        self._adapter: Adapter | None = None
        self._device_map: str | None = None

    @property
    def kind(self) -> str:
        """Its `model_type`."""
        return str(self._config.model_type)

    @property
    def device(self) -> str:
        """By its name in torch."""
        return self.said["device"]

    def check(self) -> None:
        """See that it can be run like this, by its files and settings. Raises ModelError, SettingsError."""
        checkpoint.require_packages()
        settings = self._settings
        device = checkpoint.device_of(settings.device)
        dtype = checkpoint.dtype_of(settings.dtype, settings.device)
        self._device_map = checkpoint.device_map_of(settings.device_map, settings.device)
        if settings.max_pixels is not None and settings.max_pixels < 1:
            raise SettingsError(f"--vlm-max-pixels: not a picture ({settings.max_pixels}). Expected 1 or more")
        if self._local:
            checkpoint.check_folder(Path(self._source), self.name)
            check_names(Path(self._source), self.name)
        self._adapter = check_adapter(settings.adapter) if settings.adapter else None
        with foreign(self.name), quiet():
            code = self._read()
            self.check_base()
        if settings.quantization:
            quantizing.check_quantization(settings.quantization, device, self._held, self.name)
        self.said = self._words(device, dtype, code)
        if settings.edits and self._complete():
            self._check_edits()

    def _read(self) -> str:
        """Read the config and the processor, and tell what code of the model's own is run for that."""
        self._config = checkpoint.read_config(self._source, self.name, self._options)
        quantizing.refuse_unknown(quantizing.held_in(self._config), self.name)
        if not self._local:
            checkpoint.check_cache(self._folder(), self.name)
        self.processor = checkpoint.read_processor(self._source, self.name, self._options)
        self.manner = templates.manner_of(self.processor, self.name)
        self._day = day_told(self._folder())
        if not self._settings.trust_remote_code:
            return ""
        revision = self._settings.revision
        return owncode.check_code(
            self._folder(),
            self.name,
            lambda file: None if self._local else checkpoint.fetch(self._source, file, revision),
        )

    def _words(self, device: str, dtype: str, code: str) -> dict[str, str]:
        settings = self._settings
        quantization = self._quantization(dtype)
        return {
            "model": self.name,
            "engine": "transformers",
            "type": self.kind,
            "class": (getattr(self._config, "architectures", None) or ["unknown"])[0],
            "device": device,
            "dtype": dtype,
            **self.manner.describe(),
            **({"day": f"told by the chat template: {self._day}"} if self._day else {}),
            **({"max_pixels": f"{settings.max_pixels:,}"} if settings.max_pixels else {}),
            **({"revision": settings.revision} if settings.revision else {}),
            **(described(self._adapter, self.name) if self._adapter else {}),
            **self._edits_described(),
            **({"device_map": self._device_map} if self._device_map else {}),
            **({"remote_code": code} if code else {}),
            **self._versions(),
            **({"quantization": quantization} if quantization else {}),
        }

    def _edits_described(self) -> dict[str, str]:
        """Numbered from the second of one kind on."""
        said: dict[str, str] = {}
        for edit in self._settings.edits:
            number = 1 + sum(
                other.name == edit.name for other in self._settings.edits[: self._settings.edits.index(edit)]
            )
            said |= {f"{word}_{number}" if number > 1 else word: told for word, told in edit.describe().items()}
        return said

    def _complete(self) -> bool:
        """Whether all weights are here already."""
        try:
            self.check_weights()
        except ModelError:
            return False
        return True

    def _check_edits(self) -> None:
        """Raises ModelError for an edit that was made for another model."""
        for edit in self._settings.edits:
            edit.check(self.weights)

    @property
    def _held(self) -> str:
        """How the model's files are quantized."""
        return quantizing.held_words(quantizing.held_in(self._config))

    def _quantization(self, dtype: str) -> str:
        """How the weights are quantized, for a reader and in the fingerprint."""
        if self._settings.quantization:
            return quantizing.words(self._settings.quantization, dtype)
        return f"its own: {self._held}" if self._held else ""

    def _versions(self) -> dict[str, str]:
        quantizers = ["bitsandbytes"] if self._settings.quantization else []
        held = quantizing.libraries_of(quantizing.held_in(self._config))
        return checkpoint.versions([*(["peft"] if self._adapter else []), *quantizers, *held])

    def how(self) -> How:
        """How it is to be loaded and run."""
        settings, options = self._settings, self._options
        if settings.quantization:
            config = quantizing.config_of(settings.quantization, self.said["dtype"])
            options = {**options, "quantization_config": config}
        self._check_edits()
        return How(
            self._source,
            self.name,
            self.device,
            self.said["dtype"],
            settings.attention,
            "static" if settings.kv_cache == "static" else None,
            self._device_map,
            self._reuses_prefixes,
            options,
            self.manner,
            settings.max_pixels,
            self._adapter,
            bool(settings.quantization or self._held),
            settings.edits,
        )

    def check_base(self) -> None:
        """See that its adapter was made for its weights, as far as they are here. Raises ModelError."""
        if self._adapter:
            check_base(self._adapter, self._folder(), self.name, self._settings.cache)

    def check_weights(self) -> None:
        """See that its weights are here. Raises ModelError."""
        check_weights(self._folder(), self.name)

    def fingerprint(self, loaded: Mapping[str, str]) -> str:
        """sha256 (hex) over the files of the model and how it is run. loaded: what the loaded model says of itself."""
        attention = loaded.get("attention") or checkpoint.attention_of(
            self._config, self._settings.attention, self._options
        )
        whole = {
            "preparation": PREPARATION,
            "files": digests_of(self._folder(), self._settings.cache),
            "dtype": self.said["dtype"],
            "device": self.device.partition(":")[0],
            "attention": attention,
            **({"kv_cache": "static"} if self._settings.kv_cache == "static" else {}),
            **({"prefixes": prefix.SHORTEST} if self._reuses_prefixes else {}),
            **({"manner": differences} if (differences := self.manner.differences()) else {}),
            **({"day": self._day} if self._day else {}),
            # Where transformers has a class for it as well, it is another one than without.
            **({"own_code": True} if self.said.get("remote_code", "").startswith(owncode.RUN) else {}),
            **({"generate": "plain"} if self.kind in PLAIN_GENERATE else {}),
            **({"marks": marks} if (marks := Wording(self.processor.tokenizer).marks) else {}),
            **({"max_pixels": self._settings.max_pixels} if self._settings.max_pixels else {}),
            **({"adapter": self._adapter.digests(self._settings.cache)} if self._adapter else {}),
            **({"edits": [edit.identity for edit in edits]} if (edits := self._settings.edits) else {}),
            **({"quantization": self.said["quantization"]} if self._settings.quantization else {}),
            "versions": self._versions(),
        }
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    @property
    def weights(self) -> str:
        """sha256 (hex) over the files of the model and its adapter. Raises ModelError while they are not here."""
        files = digests_of(self._folder(), self._settings.cache)
        if self._adapter:
            files |= self._adapter.digests(self._settings.cache)
        return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()

    @property
    def base(self) -> str:
        """sha256 (hex) over the weight files of the model, without its adapter. Raises ModelError, OSError."""
        return weights_digest(self._folder(), self._settings.cache)

    @property
    def _reuses_prefixes(self) -> bool:
        return self._settings.prefix_cache and prefix.allowed(self._config)

    def _folder(self) -> Path:
        """Where the files lie: the folder itself, or the snapshot in the hub's cache."""
        return checkpoint.folder_of(self._source, self._settings.revision)
