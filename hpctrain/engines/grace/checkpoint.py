"""How long the data of a TensorFlow checkpoint must be, by its index. Pure.

The index is a table of LevelDB's format, written without compression: blocks of keys and values,
each key by what it does not share with the one before; at the end of the file the place of the
block that lists the blocks. The values are protocol buffers (BundleEntryProto of TensorFlow) that
tell where in the data a tensor is. So a download that broke off is found before the queue.
"""

from __future__ import annotations

from collections.abc import Iterator

_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER = 48
# Numbers of the fields of a BundleEntryProto.
_OFFSET, _SIZE = 4, 5
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def length_of_data(index: bytes) -> int:
    """Return how many bytes the data have at least; ValueError if the index is not whole."""
    try:
        return _length(index)
    except IndexError as error:
        raise ValueError("it is not whole") from error


def _length(index: bytes) -> int:
    footer = index[-_FOOTER:]
    if len(footer) < _FOOTER or footer[-8:] != _MAGIC:
        raise ValueError("it is not whole")
    _, place = _handle(footer, 0)  # of a block that is not used
    (begin, size), _ = _handle(footer, place)
    ends = [0]
    for _, handle in _entries(index[begin : begin + size]):
        (start, length), _ = _handle(handle, 0)
        if index[start + length] != 0:
            raise ValueError("it is compressed")
        for key, value in _entries(index[start : start + length]):
            if key:  # the empty one is of the whole checkpoint
                fields = dict(_fields(value))
                ends.append(fields.get(_OFFSET, 0) + fields.get(_SIZE, 0))
    return max(ends)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """List keys and values of a block; at its end are the places where whole keys begin."""
    if len(block) < 4:
        raise ValueError("it is not whole")
    end = len(block) - 4 * (1 + int.from_bytes(block[-4:], "little"))
    place, key = 0, b""
    while place < end:
        shared, place = _varint(block, place)
        own, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + own]
        yield key, block[place + own : place + own + length]
        place += own + length


def _fields(value: bytes) -> Iterator[tuple[int, int]]:
    """List the whole numbers of a message, by the numbers of their fields."""
    place = 0
    while place < len(value):
        tag, place = _varint(value, place)
        kind = tag & 7
        if kind == _VARINT:
            number, place = _varint(value, place)
            yield tag >> 3, number
        elif kind == _BYTES:
            length, place = _varint(value, place)
            place += length
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("it is damaged")
