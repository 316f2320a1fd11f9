"""The quick form of weights: the same numbers, made once, and never in the way."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from refrain_sidecar.inference.models import quick_form
from refrain_sidecar.inference.models.gguf import (
    F16,
    Q4_0,
    Q4_1,
    Q8_0,
    Tensor,
    head,
    layout,
    metadata,
    padded,
    told,
)
from refrain_sidecar.inference.models.manifest import Pinned, QuickForm, manifest, weights_path
from refrain_sidecar.inference.models.quick_form import Loadable, loadable, part

INPUTS, OUTPUTS = 96, 5
F32 = 0
SMALL = bytes(range(20))
Rows = list[list[float]]


@pytest.fixture(autouse=True)
def small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_form, "_WORTH_IT", INPUTS * OUTPUTS)


def numbers(content: bytes, kind: int, inputs: int) -> Rows:
    """What a tensor's bytes stand for (ggml-org/ggml, src/ggml-common.h), a row for each output."""
    found: list[float] = []
    if kind == F16:
        found = list(struct.unpack(f"<{len(content) // 2}e", content))
    elif kind == Q8_0:
        for at in range(0, len(content), 34):
            (scale,) = struct.unpack_from("<e", content, at)
            found += [scale * n for n in struct.unpack_from("<32b", content, at + 2)]
    else:
        size, begins = {Q4_0: (18, 2), Q4_1: (20, 4)}[kind]
        for at in range(0, len(content), size):
            (scale,) = struct.unpack_from("<e", content, at)
            offset = struct.unpack_from("<e", content, at + 2)[0] if kind == Q4_1 else -8 * scale
            packed = content[at + begins : at + size]
            found += [
                scale * n + offset for n in [b & 15 for b in packed] + [b >> 4 for b in packed]
            ]
    return [found[at : at + inputs] for at in range(0, len(found), inputs)]


def written(path: Path) -> bytes:
    """Writes a small file of one tensor in Q4_1 and one that is not; what the first one holds."""
    chance = random.Random(4)
    content = b"".join(
        struct.pack("<ee", chance.uniform(0.001, 0.1), chance.uniform(-1, 0)) + chance.randbytes(16)
        for _ in range(INPUTS * OUTPUTS // 32)
    )
    tensors = [
        Tensor("w.weight", (INPUTS, OUTPUTS), Q4_1, len(content)),
        Tensor("norm.weight", (3,), F32, 12),
        Tensor("small.weight", (32, 1), Q4_1, 20),
    ]
    pairs = told({"general.architecture": "llama", "general.name": "tiny"})
    path.write_bytes(
        head(2, pairs, tensors)
        + padded([content])
        + padded([struct.pack("<3f", 1, 2, 3)])
        + padded([SMALL])
    )
    return content


def tensors_of(path: Path) -> dict[str, tuple[Tensor, bytes]]:
    content = path.read_bytes()
    return {t.name: (t, content[t.at : t.at + t.size]) for t in layout(path).tensors}


def test_both_files_together_say_what_the_weights_said(tmp_path: Path) -> None:
    content = written(tmp_path / "weights.gguf")
    part(tmp_path / "weights.gguf", tmp_path / "quick.gguf", tmp_path / "adapter.gguf")
    quick, adapter = tensors_of(tmp_path / "quick.gguf"), tensors_of(tmp_path / "adapter.gguf")
    assert metadata(tmp_path / "quick.gguf") == metadata(tmp_path / "weights.gguf")
    assert metadata(tmp_path / "adapter.gguf")["adapter.type"] == "lora"
    assert struct.unpack_from("<3f", quick["norm.weight"][1]) == (1, 2, 3)
    assert quick["small.weight"][0].kind == Q4_1, "too small to be worth it"
    assert quick["small.weight"][1].startswith(SMALL)
    size = INPUTS * OUTPUTS // 32 * 18
    assert (quick["w.weight"][0].kind, quick["w.weight"][0].shape) == (Q4_0, (INPUTS, OUTPUTS))
    first, second = adapter["w.weight.lora_a"], adapter["w.weight.lora_b"]
    rank = first[0].shape[1]
    assert (first[0].shape, second[0].shape) == ((INPUTS, rank), (rank, OUTPUTS))
    sums = numbers(first[1][: rank * INPUTS // 32 * 34], Q8_0, INPUTS)
    columns = numbers(second[1][: 2 * rank * OUTPUTS], F16, rank)
    whole = numbers(quick["w.weight"][1][:size], Q4_0, INPUTS)
    for row, (mine, theirs) in enumerate(zip(whole, numbers(content, Q4_1, INPUTS), strict=True)):
        for at in range(INPUTS):
            added = sum(columns[row][n] * sums[n][at] for n in range(rank))
            assert mine[at] + added == pytest.approx(theirs[at], abs=1e-3)


@pytest.mark.parametrize("cut", [3, 10, 40, 90])
def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, cut: int) -> None:
    written(tmp_path / "weights.gguf")
    whole = (tmp_path / "weights.gguf").read_bytes()
    (tmp_path / "weights.gguf").write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"not a GGUF file|ends too early"):
        part(tmp_path / "weights.gguf", tmp_path / "quick.gguf", tmp_path / "adapter.gguf")


@pytest.fixture
def pinned(data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pinned weights' place in a data folder of its own, where another model lies."""
    weights = weights_path(manifest())
    weights.parent.mkdir(parents=True)
    written(weights)
    return weights


@pytest.fixture
def pin(pinned: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Pins what the model in `pinned` becomes, or another digest for it."""

    def repin(digest: str | None = None) -> None:
        part(pinned, tmp_path / "a", tmp_path / "b")
        files = [
            Pinned(digest or quick_form.sha256(path), path.stat().st_size)
            for path in (tmp_path / "a", tmp_path / "b")
        ]
        artifact = attrs.evolve(
            manifest().weights, quick=QuickForm(weights=files[0], adapter=files[1])
        )
        wanted = attrs.evolve(manifest(), weights=artifact)
        monkeypatch.setattr(quick_form, "manifest", lambda: wanted)

    return repin


def test_it_is_made_where_it_is_missing_and_then_left_alone(
    pinned: Path, pin: Callable[..., None], data: Path
) -> None:
    pin()
    made = loadable(pinned)
    assert made.adapter is not None
    assert {path.name for path in pinned.parent.iterdir()} == {
        pinned.name,
        made.weights.name,
        made.adapter.name,
    }
    assert [path.name for path in data.iterdir()] == ["models"], "the work folder is gone"
    before = made.weights.stat().st_mtime_ns
    assert loadable(pinned) == made
    assert made.weights.stat().st_mtime_ns == before
    made.adapter.write_bytes(b"cut")
    assert loadable(pinned) == made
    assert quick_form.sha256(made.adapter) == quick_form.manifest().weights.quick.adapter.sha256  # type: ignore[union-attr]


def test_what_did_not_become_what_is_pinned_is_not_used(
    pinned: Path, pin: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    pin("0" * 64)
    assert loadable(pinned) == Loadable(pinned)
    assert list(pinned.parent.iterdir()) == [pinned]
    assert "slower form" in caplog.text


def test_where_it_cannot_be_put_the_weights_are_used_as_they_are(
    pinned: Path, pin: Callable[..., None]
) -> None:
    pin()
    (pinned.parent / f"{pinned.stem}.quick.gguf" / "a folder").mkdir(parents=True)
    assert loadable(pinned) == Loadable(pinned)


def test_other_weights_are_used_as_they_are(tmp_path: Path) -> None:
    written(tmp_path / "mine.gguf")
    assert loadable(tmp_path / "mine.gguf") == Loadable(tmp_path / "mine.gguf")
