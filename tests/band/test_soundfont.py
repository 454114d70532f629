"""SoundFonts: repeatable across processes, never clipped, one clear sentence when something is missing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stemweave.band import soundfont
from stemweave.band.score import NOTE, RATE, Part
from stemweave.band.soundfont import DRUM_BANK, PACKAGES, Font, SoundFont, chosen, find, font
from stemweave.errors import DataError, MissingExtra


def smallest_font():
    for name in ("TimGM6mb.sf2", "FluidR3Mono_GM.sf3", *PACKAGES):
        try:
            soundfont.library()
            return find((name,))[0]
        except MissingExtra:
            continue
    return None


FONT = smallest_font()
needs_font = pytest.mark.skipif(FONT is None, reason="needs libfluidsynth and a SoundFont")


def part(*rows, program=0):
    return Part(program, np.array(list(rows), dtype=NOTE))


TUNE = part((4410, 9000, 60, 100), (13230, 9000, 64, 80), (13230, 20000, 67, 60))

PRINT_HASH = """
import hashlib, sys
from pathlib import Path
import numpy as np
from stemweave.band.score import NOTE, Part
from stemweave.band.soundfont import SoundFont, font
rows = [(4410, 9000, 60, 100), (13230, 9000, 64, 80), (13230, 20000, 67, 60)]
for bank in (0, 128):
    sound = SoundFont(font(Path(sys.argv[1])), bank).render(Part(0, np.array(rows, dtype=NOTE)), 44100)
    print(hashlib.sha256(sound.tobytes()).hexdigest())
"""


def other_process():
    command = [sys.executable, "-c", PRINT_HASH, str(FONT.path)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.soundfont
@needs_font
@pytest.mark.slow
def test_identical_in_two_processes():
    first, second = other_process(), other_process()
    assert first == second
    assert len(set(first)) == 2


@pytest.mark.soundfont
@needs_font
@pytest.mark.parametrize("bank", [0, DRUM_BANK])
def test_plays_in_time_and_repeats(bank):
    player = SoundFont(FONT, bank)
    sound = player.render(TUNE, RATE)
    assert sound.shape == (RATE,)
    assert sound.dtype == np.float32
    assert np.abs(sound[:4400]).max() < 1e-4  # dither of the synth's 16 bits
    assert np.sqrt(np.mean(sound[4410:8820] ** 2)) > 1e-3
    player.render(part((0, 4410, 40, 127)), 4410)
    assert np.array_equal(player.render(TUNE, RATE), sound)


@pytest.mark.soundfont
@needs_font
def test_what_would_clip_is_rendered_lower_and_scaled_back(monkeypatch):
    chord = part(*((0, 20000, pitch, 127) for pitch in range(40, 80, 4)))
    plain = SoundFont(FONT, 0).render(chord, 20000)
    monkeypatch.setattr(soundfont, "GAIN", 8.0)
    loud = SoundFont(FONT, 0).render(chord, 20000)
    assert np.abs(loud).max() > 1.0  # above full scale: as first rendered it clipped
    assert np.allclose(loud / 16, plain, atol=3e-4)


@pytest.mark.soundfont
@needs_font
def test_an_empty_part_is_all_but_silent():
    assert np.abs(SoundFont(FONT, 0).render(part(), 4410)).max() < 1e-4


@pytest.mark.soundfont
@needs_font
def test_a_preset_that_is_missing_gives_way_to_the_first_of_its_bank(monkeypatch):
    plays = SoundFont(FONT, DRUM_BANK).render(part((0, 4000, 38, 100), program=0), 8820)
    assert np.array_equal(SoundFont(FONT, DRUM_BANK).render(part((0, 4000, 38, 100), program=119), 8820), plays)


@pytest.mark.soundfont
@needs_font
def test_a_bank_without_presets_is_refused():
    with pytest.raises(DataError, match=r"no preset 0 in bank 77; take a General-MIDI font"):
        SoundFont(FONT, 77).render(TUNE, 100)


@pytest.mark.soundfont
@needs_font
def test_version_is_a_version():
    numbers = soundfont.version().split(".")
    assert len(numbers) == 3
    assert int(numbers[0]) >= 2


@pytest.mark.soundfont
@needs_font
def test_a_hollow_soundfont_is_refused(tmp_path):
    hollow = tmp_path / "hollow.sf2"
    hollow.write_bytes(b"RIFF\x04\x00\x00\x00sfbk")
    with pytest.raises(DataError, match="cannot load"):
        SoundFont(font(hollow), 0).render(TUNE, 100)


def test_without_the_library_one_sentence_says_what_to_install(monkeypatch):
    soundfont.library.cache_clear()
    monkeypatch.setitem(sys.modules, "fluidsynth", None)
    with pytest.raises(MissingExtra, match=r"stemweave\[render\].*libfluidsynth3.*--procedural"):
        soundfont.library()
    soundfont.library.cache_clear()


def test_without_the_font_one_sentence_names_the_package(monkeypatch):
    monkeypatch.setattr(soundfont, "FOLDERS", ())
    with pytest.raises(MissingExtra, match=r"fluid-soundfont-gm.*--soundfont.*--procedural"):
        find(("FluidR3_GM.sf2",))


def test_find_keeps_the_order_asked_for_and_skips_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfont, "FOLDERS", (tmp_path / "a", tmp_path / "b"))
    for place in ("a/one.sf2", "b/two.sf3", "b/one.sf2"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"RIFF0000sfbk" + place.encode())
    found = find(("two.sf3", "none.sf2", "one.sf2"))
    assert [one.path for one in found] == [tmp_path / "b/two.sf3", tmp_path / "a/one.sf2"]
    assert found[0].sha256 != found[1].sha256


def test_a_folder_of_the_users_own_comes_before_the_systems(tmp_path, monkeypatch):
    monkeypatch.setattr(soundfont, "FOLDERS", (tmp_path / "system",))
    for place in ("system/one.sf2", "system/two.sf2", "own/one.sf2"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"RIFF0000sfbk")
    monkeypatch.setenv("STEMWEAVE_SOUNDFONTS", str(tmp_path / "own"))
    assert [one.path for one in find(("one.sf2", "two.sf2"))] == [tmp_path / "own/one.sf2", tmp_path / "system/two.sf2"]
    monkeypatch.setenv("STEMWEAVE_SOUNDFONTS", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"STEMWEAVE_SOUNDFONTS is .*none, which is no folder"):
        find(("one.sf2",))


def test_the_given_font_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("STEMWEAVE_SOUNDFONT", "/somewhere/b.sf2")
    assert chosen(Path("a.sf2")) == Path("a.sf2")
    assert chosen(None) == Path("/somewhere/b.sf2")
    monkeypatch.delenv("STEMWEAVE_SOUNDFONT")
    assert chosen(None) is None


def test_a_missing_font_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.sf2 cannot be read"):
        font(tmp_path / "none.sf2")


@pytest.mark.parametrize("content", [b"", b"RIFF1234WAVE", b"not a font at all"])
def test_what_is_no_soundfont_is_refused(tmp_path, content):
    (tmp_path / "x.sf2").write_bytes(content)
    with pytest.raises(DataError, match="is not a SoundFont"):
        font(tmp_path / "x.sf2")


def test_licences():
    assert Font(Path("/x/FluidR3_GM.sf2"), "").licence == "MIT"
    assert "GPL" in Font(Path("/x/TimGM6mb.sf2"), "").licence
    assert "unknown" in Font(Path("/x/mine.sf2"), "").licence
