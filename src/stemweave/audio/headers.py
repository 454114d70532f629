"""What the first and last bytes of a file say before a decoder is asked: foreign formats, and files cut short."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_UNKNOWN_SIZE = 0xFFFFFFFF  # what programs write that could not go back to fill the size in
_OGG_TAIL = 65_536 + 282  # bytes: the longest possible Ogg page
_END_OF_STREAM = 0x04


def foreign_format(path: Path) -> str | None:
    """The name of a common sound or video format that libsndfile cannot decode, or None."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return "MPEG-4 (m4a, AAC or ALAC)"
    if head[:4] == b"ADIF" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xF6 == 0xF0):
        return "AAC"
    if head[:4] == b"\x30\x26\xb2\x75":
        return "Windows Media"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "Matroska or WebM"
    return None


def is_cut_short(path: Path) -> bool:
    """Whether a WAV, AIFF or Ogg file ends before its own header says it should.

    libsndfile takes what is left of such files for the whole; other formats fail or fall short when their end is read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in (b"RIFF", b"RF64"):
            return _chunk_beyond(file, b"data", "little", size)
        if magic == b"FORM":
            return _chunk_beyond(file, b"SSND", "big", size)
        if magic == b"OggS":
            return _last_page_is_open(file, size)
    return False


def _chunk_beyond(file: BinaryIO, wanted: bytes, order: str, size: int) -> bool:
    wide = 0
    for name, length in _chunks(file, order):
        if name == b"ds64":
            wide = int.from_bytes(file.read(16)[8:], "little")
        if name == wanted:
            claimed = wide if length == _UNKNOWN_SIZE else length
            return file.tell() + claimed > size
    return True  # the file ends before any sound


def _chunks(file: BinaryIO, order: str) -> Iterator[tuple[bytes, int]]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], "big" if order == "big" else "little")
        start = file.tell()
        yield head[:4], length
        file.seek(start + length + length % 2)


def _last_page_is_open(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - _OGG_TAIL))
    tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return True
    segments = tail[at + 26]
    body = sum(tail[at + 27 : at + 27 + segments])
    return at + 27 + segments + body > len(tail) or not tail[at + 5] & _END_OF_STREAM
