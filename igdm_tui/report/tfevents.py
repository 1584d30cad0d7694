"""The form of TensorBoard's event files: records with checksums, each a small protocol buffer. Nothing is imported.

Sources: TensorFlow's tsl/lib/io/record_writer.h (TFRecord), core/util/event.proto, core/framework/summary.proto,
core/framework/tensor.proto, tensorboard/plugins/hparams/plugin_data.proto. A test reads the files back by another way.
"""

import struct
from collections.abc import Mapping

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
DT_STRING = 7
CASTAGNOLI = 0x82F63B78  # the polynomial of CRC-32C, bits reversed
MASK_DELTA = 0xA282EAD8
Setting = str | int | float | bool | None


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = entry >> 1 ^ (CASTAGNOLI if entry & 1 else 0)
        table.append(entry)
    return tuple(table)


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720, B.4)."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """One TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def version_event(wall_time: float) -> bytes:
    """The first event of every file. wall_time: seconds since 1970."""
    return _event(wall_time, 0, _bytes(3, b"brain.Event:2"))


def scalars_event(wall_time: float, step: int, values: Mapping[str, float]) -> bytes:
    """Numbers by tag at one step."""
    parts = [_bytes(1, _text(1, tag) + _key(2, FIXED32) + struct.pack("<f", _float32(v))) for tag, v in values.items()]
    return _event(wall_time, step, _bytes(5, b"".join(parts)))


def text_event(wall_time: float, step: int, tag: str, text: str) -> bytes:
    """A text in Markdown, for the Text tab."""
    shape = _bytes(2, _number(1, 1))
    tensor = _number(1, DT_STRING) + _bytes(2, shape) + _text(8, text)
    return _event(wall_time, step, _bytes(5, _bytes(1, _text(1, tag) + _bytes(8, tensor) + _plugin("text", b""))))


def settings_event(wall_time: float, settings: Mapping[str, Setting]) -> bytes:
    """Settings by name, for the HParams tab."""
    entries = b"".join(_bytes(1, _text(1, name) + _bytes(2, _value(value))) for name, value in settings.items())
    start = entries + _key(5, FIXED64) + struct.pack("<d", wall_time)
    content = _bytes(3, start)  # version 0 is left out, as every default
    value = _text(1, "_hparams_/session_start_info") + _plugin("hparams", content)
    return _event(wall_time, 0, _bytes(5, _bytes(1, value)))


def _event(wall_time: float, step: int, what: bytes) -> bytes:
    return _key(1, FIXED64) + struct.pack("<d", wall_time) + _number(2, step) + what


def _plugin(name: str, content: bytes) -> bytes:
    """SummaryMetadata of a summary's value."""
    return _bytes(9, _bytes(1, _text(1, name) + (_bytes(2, content) if content else b"")))


def _value(value: Setting) -> bytes:
    """A google.protobuf.Value."""
    if value is None:
        return _number(1, 0)
    if isinstance(value, bool):
        return _number(4, int(value))
    if isinstance(value, int | float):
        return _key(2, FIXED64) + struct.pack("<d", value)
    return _text(3, value)


def _float32(value: float) -> float:
    """What a float32 can hold; beyond it infinity."""
    try:
        struct.pack("<f", value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")
    return value


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode("utf-8", "replace"))


def _bytes(field: int, data: bytes) -> bytes:
    return _key(field, BYTES) + _varint(len(data)) + data


def _number(field: int, value: int) -> bytes:
    return _key(field, VARINT) + _varint(value)


def _key(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + MASK_DELTA) & 0xFFFFFFFF)
