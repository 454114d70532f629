import json
from pathlib import Path

import numpy as np
import pytest
import soundfile


def noise(seed, frames=4410, channels=1, level=0.05):
    """Noise on the int16 grid, so that files and caches hold it exactly: (frames, channels)."""
    audio = np.random.default_rng(seed).standard_normal((frames, channels)) * level
    return (np.rint(audio * 32768) / 32768).astype(np.float32)


def write_sound(path, audio, rate=22050, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype=subtype)
    return path


@pytest.fixture
def band(tmp_path):
    """Our band's layout, two splits; the second training song has no piano, the third is shorter."""
    root = tmp_path / "band"
    for number, (split, frames) in enumerate([("train", 66150), ("train", 66150), ("train", 22050), ("valid", 44100)]):
        folder = root / split / f"Track{number:05d}"
        stems = ("bass", "drums", "guitar") if number == 1 else ("bass", "drums", "guitar", "piano")
        for stem, name in enumerate(stems):
            write_sound(folder / f"{name}.flac", noise((number, stem), frames))
        info = {"style": "bossa", "stems": {name: {"present": name in stems} for name in (*stems, "piano")}}
        (folder / "track.json").write_text(json.dumps(info))
    return root


SLAKH_YAML = """
stems:
  S00: {audio_rendered: true, inst_class: Bass, is_drum: false, program_num: 33}
  S01: {audio_rendered: true, inst_class: Guitar, is_drum: false, program_num: 27}
  S02: {audio_rendered: true, inst_class: Guitar, is_drum: false, program_num: 30}
  S03: {audio_rendered: true, inst_class: Strings (continued), is_drum: false, program_num: 49}
  S04: {audio_rendered: false, inst_class: Piano, is_drum: false, program_num: 0}
  S05: {inst_class: Piano, is_drum: false, program_num: 1}
  S06: {audio_rendered: true, inst_class: Guitar, is_drum: true, program_num: 0}
"""


@pytest.fixture
def slakh(tmp_path):
    """Slakh2100 as published: no split folders, sources S00... whose class stands in metadata.yaml."""
    folder = tmp_path / "slakh" / "Track01501"
    for source in (0, 1, 2, 3, 6):
        write_sound(folder / "stems" / f"S{source:02d}.flac", noise(source), 44100)
    write_sound(folder / "mix.flac", noise(99), 44100)
    (folder / "metadata.yaml").write_text(SLAKH_YAML)
    return folder.parent


@pytest.fixture
def musdb(tmp_path):
    root = tmp_path / "musdb"
    for place in ("train/A - One", "train/Leaf - Summerghost", "test/B - Two"):
        for seed, name in enumerate(("mixture", "bass", "drums", "vocals", "other")):
            write_sound(root / place / f"{name}.wav", noise(seed, channels=2), 44100)
    return root


@pytest.fixture
def moises(tmp_path):
    """MoisesDB: two guitars of other rates and lengths, no piano."""
    folder = tmp_path / "moises" / "moisesdb_v0.1" / "0a1b-uuid"
    write_sound(folder / "guitar" / "g1.wav", noise(1, 44100), 44100)
    write_sound(folder / "guitar" / "g2.wav", noise(2, 22050), 22050)
    write_sound(folder / "drums" / "d.wav", noise(3, 22050), 44100)
    tracks = {"guitar": ("g1", "g2"), "drums": ("d",)}
    stems = [
        {"stemName": stem, "tracks": [{"id": i, "extension": "wav", "trackType": "x", "has_bleed": False} for i in ids]}
        for stem, ids in tracks.items()
    ]
    (folder / "data.json").write_text(json.dumps({"song": "S", "artist": "A", "genre": "rock", "stems": stems}))
    return tmp_path / "moises"


@pytest.fixture
def helpers():
    return noise, write_sound


@pytest.fixture
def no_temporary_files():
    def check(folder: Path) -> None:
        assert not list(folder.rglob(".*"))

    return check
