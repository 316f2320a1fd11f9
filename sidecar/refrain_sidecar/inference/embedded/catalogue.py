"""The one model there is, as Ollama's list, show and ps tell of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from refrain_sidecar.inference.embedded import keep_alive
from refrain_sidecar.inference.embedded.failures import model_not_found
from refrain_sidecar.inference.embedded.shapes import moment
from refrain_sidecar.inference.models import gguf
from refrain_sidecar.inference.models.installation import Installed

# llama.cpp's `general.file_type` (enum llama_ftype) for the quantisations a small model comes in.
_FILE_TYPES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1"}
_LICENCE = "Apache-2.0: https://www.apache.org/licenses/LICENSE-2.0"


@frozen
class Catalogue:
    """`installed` and the metadata of its weights file."""

    installed: Installed
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, installed: Installed) -> Catalogue:
        """Reads the weights' metadata. Raises ValueError or OSError if they are not readable."""
        return cls(installed, gguf.metadata(installed.weights))

    @property
    def trained_ctx(self) -> int:
        """The longest context the model was trained for, in tokens."""
        return int(self._architecture("context_length"))

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows: the most log-probabilities there can be."""
        return len(self.metadata["tokenizer.ggml.tokens"])

    def check(self, name: str) -> None:
        """Raises EngineFailure 404 unless `name` is the model's."""
        if plain_name(name) != self.installed.model:
            raise model_not_found(name)

    def tags(self) -> dict[str, Any]:
        """The answer to /api/tags."""
        entry = self._entry() | {"modified_at": self._modified_at(), "details": self._details()}
        return {"models": [entry]}

    def ps(self, num_ctx: int | None, expires_at: float) -> dict[str, Any]:
        """The answer to /api/ps; `num_ctx` None: nothing is loaded. `expires_at` as time.time()."""
        if num_ctx is None:
            return {"models": []}
        if math.isinf(expires_at):
            expires_at = datetime.now(UTC).timestamp() + keep_alive.LONGEST_S
        entry = self._entry() | {
            "details": self._details(),
            "expires_at": moment(datetime.fromtimestamp(expires_at, UTC)),
            "size_vram": 0,
            "context_length": num_ctx,
        }
        return {"models": [entry]}

    def show(self) -> dict[str, Any]:
        """The answer to /api/show. Lists (the vocabulary) are null, as without `verbose`."""
        info = {k: None if isinstance(v, list) else v for k, v in self.metadata.items()}
        template = info.pop("tokenizer.chat_template", "")
        return {
            "license": _LICENCE,
            "modelfile": f"FROM {self.installed.model}\n",
            "parameters": "",
            "template": template,
            "details": self._details(),
            "model_info": info,
            "capabilities": ["completion"],
            "modified_at": self._modified_at(),
        }

    def _entry(self) -> dict[str, Any]:
        return {
            "name": self.installed.model,
            "model": self.installed.model,
            "size": self.installed.bytes,
            "digest": self.installed.digest,
        }

    def _details(self) -> dict[str, Any]:
        family = self.metadata["general.architecture"]
        return {
            "parent_model": "",
            "format": "gguf",
            "family": family,
            "families": [family],
            "parameter_size": self.installed.model.partition(":")[2].upper(),
            "quantization_level": _FILE_TYPES.get(self.metadata.get("general.file_type", -1), ""),
            "context_length": self.trained_ctx,
            "embedding_length": int(self._architecture("embedding_length")),
        }

    def _architecture(self, key: str) -> Any:
        return self.metadata[f"{self.metadata['general.architecture']}.{key}"]

    def _modified_at(self) -> str:
        changed = self.installed.weights.stat().st_mtime
        return moment(datetime.fromtimestamp(changed, UTC))


def plain_name(name: str) -> str:
    """`name` as `ollama list` shows it: without the default registry and folder, with its tag."""
    plain = name.lower().removeprefix("registry.ollama.ai/").removeprefix("library/")
    return plain if ":" in plain else f"{plain}:latest"
