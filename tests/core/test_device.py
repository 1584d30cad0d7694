"""What is freed in a C library's heap goes back to the system when asked for."""

import ctypes
import os
from pathlib import Path

import pytest

from core.device import give_memory_back

MIB = 2**20
BLOCK = 64 * 1024  # bytes: from the heap, never from pages of its own


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library")
def test_freed_memory_goes_back():
    blocks = [bytearray(b"1" * BLOCK) for _ in range(64 * MIB // BLOCK)]
    last = bytearray(b"1" * BLOCK)  # above them, so that they are a gap
    before = resident()
    del blocks
    give_memory_back()
    assert before - resident() > 48 * MIB
    assert last


def test_another_c_library_keeps_it(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    give_memory_back()
