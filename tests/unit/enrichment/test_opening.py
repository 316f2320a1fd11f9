"""Pictures from files and `data:` URLs; what is no such file is refused at once."""

from __future__ import annotations

import os
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from tests import pictures

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.vision.opening import opened


def url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


def test_a_file_and_a_url_that_carries_it_are_the_same_bytes(tmp_path: Path) -> None:
    path = tmp_path / "morning.png"
    path.write_bytes(pictures.RED)

    assert opened(str(path)).data == opened(url(pictures.RED)).data == pictures.RED
    assert opened(str(path)).name == "morning.png"


@pytest.mark.parametrize("kind", ["", "image/jpeg", "text/plain;charset=utf-8"])
def test_what_a_url_says_of_its_type_is_not_believed(kind: str) -> None:
    assert opened(url(pictures.RED, kind)).format == "PNG"


def test_a_link_leads_to_its_picture(tmp_path: Path) -> None:
    (tmp_path / "morning.png").write_bytes(pictures.RED)
    (tmp_path / "link.png").symlink_to("morning.png")
    assert opened(str(tmp_path / "link.png")).data == pictures.RED


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dangling.png").symlink_to("nowhere")
    for name in ("nowhere.png", "dangling.png"):
        with pytest.raises(InputRefused, match="no such file"):
            opened(str(tmp_path / name))
    for name in ("a\0b.png", "x" * 5000, "\ud800.png"):
        with pytest.raises(InputRefused, match="cannot be read"):
            opened(name)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_never_ends_or_never_begins_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (str(tmp_path / "pipe.png"), "/dev/zero", str(tmp_path)):
        with pytest.raises(InputRefused, match="is not a file"):
            opened(path)


def test_100_mb_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.write(pictures.RED)
        file.truncate(100_000_000)
    with pytest.raises(InputRefused, match=r"huge\.png has 100\.0 MB, and at most 20 MB"):
        opened(str(path))


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ("data:image/png,%89PNG", "in base64"),
        ("data:", "in base64"),
        ("data:image/png;base64,?", "holds no base64"),
        ("data:image/png;base64,é", "holds no base64"),
        ("data:image/png;base64,", "is not a PNG"),
        ("data:image/png;base64," + "A" * 27_000_000, "has 20.2 MB, and at most 20 MB"),
    ],
    ids=["percent", "bare", "garbage", "no ASCII", "empty", "large"],
)
def test_a_url_without_a_picture_is_refused(image: str, why: str) -> None:
    with pytest.raises(InputRefused, match=why):
        opened(image)
