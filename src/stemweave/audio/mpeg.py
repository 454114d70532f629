"""What libsndfile leaves to know of an MP3: how long it really is, and where its sound is whole after a seek."""

from collections.abc import Iterator
from pathlib import Path

_KBITS = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),  # MPEG-1
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),  # MPEG-2 and 2.5
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
LEAD = 16 * 1152
"""Samples to decode and drop before those that are wanted: after a seek the first frames lack what frames before them hold."""
_SLACK = 8  # frames of tags, encoder delay and padding


def says_length(path: Path) -> bool:
    """Whether the first frame holds a table of contents, and so the length."""
    with path.open("rb") as file:
        file.seek(_after_tag(file.read(10)))
        first = file.read(2048)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


def least_samples(path: Path) -> int:
    """Samples that the MPEG layer III frames found one after another surely hold; 0 where there are none."""
    lengths = list(_frames(path.read_bytes()))
    return sum(lengths[_SLACK:])


def _frames(content: bytes) -> Iterator[int]:
    """Samples per frame, from the first frame to the first place that is none."""
    at = _after_tag(content)
    while frame := _frame(content[at : at + 4]):
        samples, size = frame
        yield samples
        at += size


def _after_tag(content: bytes) -> int:
    """Where an ID3v2 tag ends (its size has 7 bits a byte)."""
    if content[:3] != b"ID3" or len(content) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True))


def _frame(head: bytes) -> tuple[int, int] | None:
    """Samples and bytes of the frame that begins with ``head``, or None."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or rate == 3 or bits in (0, 15):
        return None
    first = version == 3
    size = (144_000 if first else 72_000) * _KBITS[first][bits] // _RATES[version][rate] + (head[2] >> 1 & 1)
    return (1152 if first else 576), size
