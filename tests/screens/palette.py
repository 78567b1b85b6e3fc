"""Pictures with 256 colours of their own: a third of the bytes, and no eye sees it."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Whole = NDArray[np.integer]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = 256
_KIND = 5  # bits that two colours of a kind may differ in, in each part
_RGB = (8, 2, 0, 0, 0)  # depth, colour type, compression, filter, interlace
_INDEXED = (8, 3, 0, 0, 0)


def reduced(png: bytes) -> bytes:
    """The same picture, indexed; takes what a browser makes of a page without transparency."""
    pixels = decoded(png)
    height, width, _ = pixels.shape
    flat = pixels.reshape(-1, 3).astype(np.int32)
    codes = flat[:, 0] << 16 | flat[:, 1] << 8 | flat[:, 2]
    colours, places, counts = np.unique(codes, return_inverse=True, return_counts=True)
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    palette = parts[_chosen(parts, counts)]
    nearest = np.array([((palette - one) ** 2).sum(axis=1).argmin() for one in parts])
    indexed = nearest[places].astype(np.uint8).reshape(height, width)
    rows = np.hstack([np.zeros((height, 1), np.uint8), indexed])  # each begins with its filter
    return _SIGNATURE + b"".join(
        _chunk(kind, body)
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, *_INDEXED)),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chosen(parts: Whole, counts: Whole) -> Whole:
    """Which colours are kept: the commonest of each kind of colour, then the commonest of all.

    Small things have colours of their own too, and are not to fade into what is near.
    """
    common = np.argsort(-counts, kind="stable")
    _, first = np.unique(parts[common] >> _KIND, axis=0, return_index=True)
    kinds = common[np.sort(first)]
    rest = common[~np.isin(common, kinds)]
    return np.concatenate([kinds, rest])[:_COLOURS]


def decoded(png: bytes) -> Bytes:
    """The pixels: height, width, red-green-blue."""
    chunks = list(_chunks(png))
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[0][1])
    if tuple(kind) != _RGB:
        raise ValueError(f"a picture of another kind: {kind}")
    packed = b"".join(body for name, body in chunks if name == b"IDAT")
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * 3)
    above = np.zeros((width, 3), np.uint8)
    pixels = np.empty((height, width, 3), np.uint8)
    for number, row in enumerate(rows):
        above = pixels[number] = _unfiltered(int(row[0]), row[1:].reshape(width, 3), above)
    return pixels


def _unfiltered(kind: int, row: Bytes, above: Bytes) -> Bytes:
    """One row; https://www.w3.org/TR/png-3/#9Filters."""
    match kind:
        case 0:
            return row
        case 1:
            return np.cumsum(row, axis=0, dtype=np.uint8)
        case 2:
            return row + above
        case _:
            return _by_neighbours(kind, row, above)


def _by_neighbours(kind: int, row: Bytes, above: Bytes) -> Bytes:
    made = np.empty_like(row)
    for channel in range(3):
        left = corner = 0
        new, old = row[:, channel].tolist(), above[:, channel].tolist()
        for place, (value, up) in enumerate(zip(new, old, strict=True)):
            guess = (left + up) // 2 if kind == 3 else _paeth(left, up, corner)
            left, corner = (value + guess) & 255, up
            new[place] = left
        made[:, channel] = new
    return made


def _paeth(left: int, up: int, corner: int) -> int:
    straight = left + up - corner
    return min((left, up, corner), key=lambda one: abs(straight - one))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)
