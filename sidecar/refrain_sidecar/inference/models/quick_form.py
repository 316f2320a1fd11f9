"""The same weights in the form llama.cpp computes with fastest: Q4_0 and an adapter.

Q4_1 gives each block of 32 weights a scale d and an offset m: d·q + m, q from 0 to 15. llama.cpp
has its fast kernels for Q4_0, d·(q - 8). What is between the two, m + 8d, is one number a block,
and so a matrix of low rank: an adapter (LoRA) whose first half adds up the inputs of each block and
whose second half holds these numbers, rounded to half precision like m and d themselves. Nothing
else is rounded, so answers stay what they were (`tests.bench.cold.weights` measures both).
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from refrain_sidecar.inference.models.gguf import (
    F16,
    Q4_0,
    Q4_1,
    Q8_0,
    Tensor,
    head,
    layout,
    padded,
    told,
)
from refrain_sidecar.inference.models.manifest import (
    Pinned,
    data_dir,
    manifest,
    weights_path,
)
from refrain_sidecar.inference.models.work_folder import work_folder

log = logging.getLogger(__name__)

# Weights of a block, and its bytes in each kind.
_BLOCK = 32
_BYTES = {Q4_0: 18, Q4_1: 20, Q8_0: 34}
# Weights from which on a tensor is worth an adapter. Its four small operations are four meetings of
# llama.cpp's threads a token, whatever its size: with one for each tensor two threads decode more
# slowly than before.
_WORTH_IT = 500_000
# Rows of an adapter's halves: llama.cpp multiplies so many at a time.
_STEP = 32
# Half of a block's scale and all of its zeros and ones, in Q8_0.
_ONES = struct.pack("<e", 1.0) + b"\1" * _BLOCK
_ZEROS = bytes(len(_ONES))
_ADAPTER: Mapping[str, str | float] = {
    "general.architecture": "llama",
    "general.type": "adapter",
    "adapter.type": "lora",
    "adapter.lora.alpha": 0.0,
}


@frozen
class Loadable:
    """What llama.cpp is to load; None: no adapter."""

    weights: Path
    adapter: Path | None = None


def loadable(weights: Path) -> Loadable:
    """The pinned weights in their quick form, made where it is missing (2 s, once); other files,
    and where there is no room for it, `weights` as they are."""
    pinned = manifest().weights.quick
    if pinned is None or weights != weights_path(manifest()):
        return Loadable(weights)
    made = Loadable(
        weights.with_name(f"{weights.stem}.quick.gguf"),
        weights.with_name(f"{weights.stem}.adapter.gguf"),
    )
    assert made.adapter is not None
    wanted = ((made.weights, pinned.weights), (made.adapter, pinned.adapter))
    try:
        if not all(_is_there(path, file) for path, file in wanted):
            with work_folder(data_dir()) as work:
                drafts = (work / "weights", work / "adapter")
                part(weights, *drafts)
                for draft, (path, file) in zip(drafts, wanted, strict=True):
                    _check(draft, file)
                    draft.replace(path)
    except (OSError, ValueError) as error:
        log.warning("The model is used in its slower form: %s", error)
        return Loadable(weights)
    return made


def part(weights: Path, quick: Path, adapter: Path) -> None:
    """Write the large tensors of `weights` that are Q4_1 as Q4_0 into `quick`, with all else as it
    is, and the rest of them into `adapter`.

    Raises ValueError if `weights` is not GGUF, and OSError.
    """
    found = layout(weights)
    halves = {t.name: _halves(t) for t in found.tensors if _is_worth_it(t)}
    # The tensors of an adapter stand in pairs, in the order of those they belong to.
    pairs = [tensor for halved in halves.values() for tensor in halved]
    quicker = [_as_q4_0(t) if t.name in halves else t for t in found.tensors]
    with weights.open("rb") as source, quick.open("wb") as first, adapter.open("wb") as second:
        first.write(head(found.pairs, found.metadata, quicker))
        second.write(head(len(_ADAPTER), told(_ADAPTER), pairs))
        for tensor in found.tensors:
            source.seek(tensor.at)
            content = source.read(tensor.size)
            if tensor.name in halves:
                content, offsets = _parted(content[: _blocks(tensor) * _BYTES[Q4_1]])
                second.write(padded([_sums(tensor)]))
                second.write(padded([_columns(tensor, offsets)]))
            first.write(padded([content]))
        for file in (first, second):
            file.flush()
            os.fsync(file.fileno())


def _parted(content: bytes) -> tuple[bytes, list[float]]:
    """Blocks of Q4_1 as blocks of Q4_0, and what each of these is short of."""
    count = len(content) // _BYTES[Q4_1]
    blocks = bytearray(count * _BYTES[Q4_0])
    scales = bytearray(count * 4)
    # Both begin with the scale; Q4_1 has the offset between it and the numbers.
    for byte in range(_BYTES[Q4_1]):
        column = content[byte :: _BYTES[Q4_1]]
        if byte < 4:
            scales[byte::4] = column
        if byte < 2:
            blocks[byte :: _BYTES[Q4_0]] = column
        elif byte >= 4:
            blocks[byte - 2 :: _BYTES[Q4_0]] = column
    both = struct.unpack(f"<{2 * count}e", scales)
    offsets = [m + 8 * d for d, m in zip(both[::2], both[1::2], strict=True)]
    return bytes(blocks), offsets


def _sums(tensor: Tensor) -> bytes:
    """The adapter's first half: row n adds up block n of the inputs."""
    blocks = tensor.shape[0] // _BLOCK
    return b"".join(
        _ONES if row == block else _ZEROS for row in range(_rank(tensor)) for block in range(blocks)
    )


def _columns(tensor: Tensor, offsets: list[float]) -> bytes:
    """Its second half: for every output what each block of inputs is multiplied with."""
    blocks = tensor.shape[0] // _BLOCK
    rest = bytes(2 * (_rank(tensor) - blocks))
    packed = struct.pack(f"<{len(offsets)}e", *offsets)
    row = 2 * blocks
    return b"".join(packed[at : at + row] + rest for at in range(0, len(packed), row))


def _halves(tensor: Tensor) -> tuple[Tensor, Tensor]:
    inputs, outputs = tensor.shape
    rank = _rank(tensor)
    return (
        Tensor(f"{tensor.name}.lora_a", (inputs, rank), Q8_0, rank * inputs // _BLOCK * len(_ONES)),
        Tensor(f"{tensor.name}.lora_b", (rank, outputs), F16, 2 * rank * outputs),
    )


def _as_q4_0(tensor: Tensor) -> Tensor:
    return Tensor(tensor.name, tensor.shape, Q4_0, _blocks(tensor) * _BYTES[Q4_0])


def _is_worth_it(tensor: Tensor) -> bool:
    return tensor.kind == Q4_1 and tensor.shape[0] * tensor.shape[1] >= _WORTH_IT


def _blocks(tensor: Tensor) -> int:
    inputs, outputs = tensor.shape
    return inputs * outputs // _BLOCK


def _rank(tensor: Tensor) -> int:
    return -(-tensor.shape[0] // _BLOCK // _STEP) * _STEP


def _is_there(path: Path, file: Pinned) -> bool:
    try:
        return path.stat().st_size == file.bytes
    except FileNotFoundError:
        return False


def _check(path: Path, file: Pinned) -> None:
    if sha256(path) != file.sha256:
        raise ValueError(f"{path.name} did not become what is pinned")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
