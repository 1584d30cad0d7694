"""Event files: read back by a reader of the wire format that knows nothing of the writer, and by TensorBoard itself."""

import struct

import pytest

from igdm_tui.report.tensorboard import write_tensorboard
from igdm_tui.report.tfevents import crc32c
from tests.igdm_tui.report.conftest import FLAG


def slow_crc32c(data):
    """By its definition: division of bits, no table."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def records(data):
    """The payloads of a TFRecord file; their checksums must be right."""
    place = 0
    while place < len(data):
        length = data[place : place + 8]
        (size,) = struct.unpack("<Q", length)
        body = data[place + 12 : place + 12 + size]
        for part, at in ((length, place + 8), (body, place + 12 + size)):
            (masked,) = struct.unpack_from("<I", data, at)
            unmasked = (masked - 0xA282EAD8) & 0xFFFFFFFF
            assert (unmasked >> 17 | unmasked << 15) & 0xFFFFFFFF == slow_crc32c(part)
        yield body
        place += 16 + size


def message(data):
    """Fields of a protocol buffer: (number, value) with bytes, whole numbers and raw fixed values."""
    fields, place = [], 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(data):
        key = varint()
        number, kind = key >> 3, key & 7
        if kind == 0:
            fields.append((number, varint()))
            continue
        size = {1: 8, 5: 4}[kind] if kind != 2 else varint()
        fields.append((number, data[place : place + size]))
        place += size
    return fields


def read_file(path):
    """Scalars by (tag, step), texts by tag, settings by name, and the wall times in order."""
    scalars, texts, settings, times = {}, {}, {}, []
    for body in records(path.read_bytes()):
        event = dict(message(body))
        times.append(struct.unpack("<d", event[1])[0])
        for number, value in message(event.get(5, b"")):
            assert number == 1
            found = dict(message(value))
            tag = found[1].decode()
            if 2 in found:
                scalars[tag, event[2]] = struct.unpack("<f", found[2])[0]
            elif 8 in found:
                texts[tag] = dict(message(found[8]))[8].decode()
            else:
                content = dict(message(dict(message(dict(message(found[9]))[1]))[2]))[3]
                for field, entry in message(content):
                    if field == 1:
                        name, setting = dict(message(entry)).values()
                        settings[name.decode()] = message(setting)[0]
    return scalars, texts, settings, times


@pytest.fixture
def files(store, runs, tmp_path):
    return write_tensorboard(store, runs, tmp_path)


def float32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def test_every_number_is_there_as_a_float32(store, runs, files):
    for run, path in zip(runs, files, strict=True):
        scalars, *_ = read_file(path)
        expected = {}
        for by, prefix in (("step", "train"), ("epoch", "epoch")):
            for name in store.series_names(run.id)[by]:
                series = store.series(run.id, name, by=by)
                for step, value in zip(series.steps, series.values, strict=True):
                    expected[f"{prefix}/{name}", int(step)] = float32(value)
        last = max(step for _, step in expected)
        for row in store.evaluations(run.id):
            expected |= {(f"evaluation/final/{name}", last): float32(value) for name, value in row.metrics.items()}
        assert scalars == expected


def test_flags_and_settings_go_with_it(runs, files):
    _, texts, settings, times = read_file(files[1])
    assert list(texts) == ["evaluation/final/autoattack flags"]
    assert FLAG[:40] in texts["evaluation/final/autoattack flags"]
    assert settings["igdm.alpha"] == (2, struct.pack("<d", 10))
    assert settings["method.name"] == (3, b"adaad")
    assert settings["method.teacher_in_attack"] == (4, 1)
    assert times == sorted(times)
    assert read_file(files[0])[1] == {}


def test_a_second_export_replaces_the_first(store, runs, files, tmp_path):
    assert write_tensorboard(store, runs, tmp_path) == files
    assert len(list(tmp_path.rglob("*tfevents*"))) == len(runs)


def test_names_make_no_other_folders(store, runs, tmp_path, monkeypatch):
    monkeypatch.setattr("igdm_tui.report.tensorboard.event_records", lambda store, run: iter([b""]))
    for name in ("../../up", "/etc/x", "a\x00b", "", "..", "名前", "x" * 300):
        (path,) = write_tensorboard(store, [run_named(runs[0], name)], tmp_path)
        assert path.parent.parent == tmp_path


def run_named(run, name):
    from dataclasses import replace

    return replace(run, name=name)


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E)],
)
def test_checksums_are_those_of_rfc_3720(data, crc):
    assert crc32c(data) == crc


def test_tensorboard_itself_reads_them(store, runs, files):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    found = accumulator.EventAccumulator(str(files[0]))
    found.Reload()
    loss = store.series(runs[0].id, "loss", by="epoch")
    assert [event.value for event in found.Scalars("epoch/loss")] == pytest.approx(list(loss.values))
