"""Pictures lose bytes, and no colour that is rare but of its own kind."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from tests.screens.palette import decoded, reduced

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(rows: list[bytes], width: int, *, colour_type: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, len(rows), 8, colour_type, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def test_every_filter_is_undone() -> None:
    wanted = [[10, 20, 30], [13, 22, 31]]
    rows = [
        bytes([0, *wanted[0], *wanted[1]]),
        bytes([1, 10, 20, 30, 3, 2, 1]),
        bytes([2, 0, 0, 0, 0, 0, 0]),
        bytes([3, 5, 10, 15, 2, 1, 1]),
        bytes([4, 0, 0, 0, 0, 0, 0]),
    ]
    assert decoded(png(rows, 2)).tolist() == [wanted] * 5


def test_a_picture_of_few_colours_stays_as_it_is() -> None:
    made = reduced(png([bytes([0, 255, 0, 0, 0, 0, 255]), bytes([0, 255, 0, 0, 255, 0, 0])], 2))
    assert made.startswith(SIGNATURE)
    palette = made.split(b"PLTE")[1][:6]
    packed = made.split(b"IDAT")[1]
    assert palette == bytes([255, 0, 0, 0, 0, 255])
    assert zlib.decompressobj().decompress(packed) == bytes([0, 0, 1, 0, 0, 0])


def test_a_rare_colour_of_its_own_kind_is_kept() -> None:
    shades = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 3)
    rows = [bytes([0, *pixel.tobytes(), *pixel.tobytes()]) for pixel in shades]
    rows += [bytes([0, 200, 255, 0, 0, 0, 0])]
    palette = reduced(png(rows, 2)).split(b"PLTE")[1][: 256 * 3]
    assert bytes([200, 255, 0]) in {palette[at : at + 3] for at in range(0, len(palette), 3)}


def test_another_kind_of_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="another kind"):
        decoded(png([bytes([0, 1])], 1, colour_type=0))
