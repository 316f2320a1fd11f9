"""An eye for the small model: a projector that sees which of three colours a picture is.

No model that sees is to be had as small as these tests need one, so they make the smallest there
can be, which a real Ollama loads and runs as it does LLaVA's: one patch, whose mean red, green and
blue tell the model's own word for the colour (its embedding) where the picture stands in the
prompt. What SmolLM2 then says to "red" is its own.

    python -m tests.ollama.eye

serves it as `python -m tests.ollama.serving` serves the model without an eye.
"""

from __future__ import annotations

import signal
import struct
import sys
from contextlib import suppress
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ollama.binary import NoOllama
from tests.ollama.serving import OllamaFailed, RealOllama, serving

from refrain_sidecar.inference.models.gguf import metadata
from refrain_sidecar.inference.models.manifest import manifest, weights_path

SEER = "seer"

# How a colour is told from the means of red, green and blue.
COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1)}
SIDE = 16
_CHANNELS = 3
# As far from zero GELU passes on what it is given.
_GAIN = 8.0
# GGUF's numbers for types of values and tensors (ggml-org/ggml, docs/gguf.md).
_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_F32, _Q8_0 = 0, 8
_Q8_0_BLOCK = struct.Struct("<e32b")
_ALIGNED = 32

Tensor = tuple[tuple[int, ...], list[float]]


def create_seer(ollama: RealOllama) -> None:
    """Make the model `SEER`: the small one with an eye. Raises OllamaFailed."""
    weights = weights_path(manifest())
    with TemporaryDirectory() as folder:
        eye = Path(folder, "eye.gguf")
        write_eye(eye, weights)
        ollama.create(SEER, f"FROM {weights}\nFROM {eye}\nPARAMETER num_thread 1\n")


def write_eye(path: Path, weights: Path) -> None:
    """Write the projector that goes with the model in `weights` to `path`, 23 KB."""
    words = _embeddings(weights, tuple(COLOURS))
    size = len(words["red"])
    patch = [
        1 / SIDE**2 if seen == channel else 0.0
        for seen in range(_CHANNELS)
        for channel in range(_CHANNELS)
        for _ in range(SIDE**2)
    ]
    told = [_GAIN * weight for colour in COLOURS.values() for weight in colour]
    spoken = [words[word][at] / _GAIN for at in range(size) for word in COLOURS]
    tensors: dict[str, Tensor] = {
        "v.patch_embd.weight": ((SIDE, SIDE, _CHANNELS, _CHANNELS), patch),
        "v.position_embd.weight": _zeros(_CHANNELS, 1),
        "mm.0.weight": ((_CHANNELS, len(COLOURS)), told),
        "mm.0.bias": _zeros(len(COLOURS)),
        "mm.2.weight": ((len(COLOURS), size), spoken),
        "mm.2.bias": _zeros(size),
        # LLaVA reads what its last layer but one says: of one layer, none is run.
        "v.blk.0.attn_out.weight": _zeros(_CHANNELS, _CHANNELS),
        "v.blk.0.ffn_up.weight": _zeros(_CHANNELS, _CHANNELS),
        "v.blk.0.ffn_down.weight": _zeros(_CHANNELS, _CHANNELS),
    }
    facts = {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": SIDE,
        "clip.vision.patch_size": SIDE,
        "clip.vision.embedding_length": _CHANNELS,
        "clip.vision.feed_forward_length": _CHANNELS,
        "clip.vision.projection_dim": size,
        "clip.vision.block_count": 1,
        "clip.vision.attention.head_count": 1,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.0] * _CHANNELS,
        "clip.vision.image_std": [1.0] * _CHANNELS,
    }
    path.write_bytes(_gguf(facts, tensors))


def _embeddings(weights: Path, words: tuple[str, ...]) -> dict[str, list[float]]:
    """What the model makes of each word in the middle of a sentence."""
    facts = metadata(weights)
    tokens, size = facts["tokenizer.ggml.tokens"], facts["llama.embedding_length"]
    row = size // 32 * _Q8_0_BLOCK.size
    with weights.open("rb") as file:
        head = file.read(4_000_000)
        name = b"token_embd.weight"
        # It is the first of the tensors; their data begin behind the list of them.
        at = head.index(struct.pack("<Q", len(name)) + name)
        first = True
        for _ in range(struct.unpack_from("<Q", head, 8)[0]):
            at += 8 + struct.unpack_from("<Q", head, at)[0]
            at += 4 + 8 * struct.unpack_from("<I", head, at)[0]
            kind, offset = struct.unpack_from("<IQ", head, at)
            assert not first or (kind, offset) == (_Q8_0, 0)
            at, first = at + 12, False
        begin = -(-at // _ALIGNED) * _ALIGNED
        found = {}
        for word in words:
            file.seek(begin + tokens.index(f"Ġ{word}") * row)
            blocks = _Q8_0_BLOCK.iter_unpack(file.read(row))
            found[word] = [scale * step for scale, *steps in blocks for step in steps]
    return found


def _zeros(*dimensions: int) -> Tensor:
    return dimensions, [0.0] * prod(dimensions)


def _gguf(facts: dict[str, object], tensors: dict[str, Tensor]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts))
    head += b"".join(_text(name) + _value(fact) for name, fact in facts.items())
    data = b""
    for name, (dimensions, numbers) in tensors.items():
        shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        head += _text(name) + shape + struct.pack("<IQ", _F32, len(data))
        data += _padded(struct.pack(f"<{len(numbers)}f", *numbers))
    return _padded(head) + data


def _value(fact: object) -> bytes:
    match fact:
        case bool():
            return struct.pack("<I?", _BOOL, fact)
        case int():
            return struct.pack("<II", _UINT32, fact)
        case float():
            return struct.pack("<If", _FLOAT32, fact)
        case list():
            return struct.pack(f"<IIQ{len(fact)}f", _ARRAY, _FLOAT32, len(fact), *fact)
        case _:
            return struct.pack("<I", _STRING) + _text(str(fact))


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNED)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with suppress(KeyboardInterrupt), serving() as ollama:
            create_seer(ollama)
            print(ollama.base_url, flush=True)
            sys.stdin.read()
    except (NoOllama, OllamaFailed) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
