"""A picture is what its bytes are, whole; whatever else is handed in is refused in a sentence."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import pictures

from refrain_sidecar.enrichment import InputRefused
from refrain_sidecar.enrichment.vision.picture import picture_of

WHOLE = {
    "PNG 16×16": pictures.RED,
    "JPEG 16×16": pictures.JPEG,
    "WebP 16×16": pictures.WEBP_LOSSLESS,
}


@pytest.mark.parametrize(("measures", "data"), WHOLE.items(), ids=WHOLE)
def test_each_format_is_known_by_its_bytes_whatever_its_name(measures: str, data: bytes) -> None:
    picture = picture_of("holiday.txt", data)
    assert (picture.measures, picture.data) == (measures, data)


@pytest.mark.parametrize(
    ("data", "measures"),
    [(pictures.WEBP_LOSSY, "WebP 16×16"), (pictures.WEBP_ALPHA, "WebP 16×9")],
    ids=["lossy", "alpha"],
)
def test_webp_is_read_in_all_its_ways(data: bytes, measures: str) -> None:
    assert picture_of("a.webp", data).measures == measures


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_wherever_it_was_cut_short_it_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(InputRefused, match=r"cut short|is not a PNG, JPEG or WebP"):
            picture_of("a.png", data[:length])


def test_a_png_in_which_any_byte_is_another_is_refused() -> None:
    for at in range(len(pictures.RED)):
        damaged = bytearray(pictures.RED)
        damaged[at] ^= 0x20
        with pytest.raises(InputRefused):
            picture_of("a.png", bytes(damaged))


def test_what_a_camera_writes_behind_a_jpeg_does_no_harm() -> None:
    assert picture_of("a.jpg", pictures.JPEG + b"its maker's own data").format == "JPEG"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is not a PNG, JPEG or WebP picture"),
        (b"Dear diary, today was a good day.", "is not a PNG, JPEG or WebP picture"),
        (b"GIF89a\x01\x00\x01\x00", "is not a PNG, JPEG or WebP picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a PNG, JPEG or WebP picture"),
        (pictures.png_of((b"IEND", b"")), "0 × 0 pixels"),
        (
            pictures.png_of((b"IHDR", pictures.header(60_000, 60_000)), (b"IEND", b"")),
            "60,000 × 60,000 pixels, and at most 100,000,000",
        ),
        (pictures.JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1), "engines cannot read; save it as PNG"),
        (pictures.JPEG.replace(b"\xff\xdb", b"\xfe\xdb", 1), "does not begin where it should"),
        (b"\xff\xd8\xff\xd9", "cut short"),
        (pictures.WEBP_MOVING, "it moves; save one of its pictures"),
        (b"RIFF" + struct.pack("<I", 22) + b"WEBPEXIF" + bytes(14), "begin with a picture"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_picture_for_an_engine_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InputRefused, match=why) as refused:
        picture_of("a.png", data)
    assert str(refused.value).startswith("a.png ")


@given(
    begin=st.sampled_from([data[:12] for data in WHOLE.values()]),
    rest=st.binary(max_size=200),
    cut=st.sampled_from(sorted(WHOLE.values())),
    at=st.integers(0, 400),
)
def test_no_bytes_are_too_much_for_it(begin: bytes, rest: bytes, cut: bytes, at: int) -> None:
    for data in (begin + rest, cut[:at] + rest, cut[:at] + rest + cut[at:]):
        with suppress(InputRefused):
            assert picture_of("a", data).width > 0
