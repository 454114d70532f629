"""The published sets: what train hears and what the tests hold out, counted in programs, kinds, fonts and seeds."""

import pickle
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from stemweave.band import midi, presets
from stemweave.band import score as scores
from stemweave.band.presets import PRESETS
from stemweave.band.score import STEMS
from stemweave.band.song import draw_player
from stemweave.band.soundfont import LICENCES, PACKAGES, Font
from stemweave.errors import MissingExtra

COMPOSED = [name for name in PRESETS if name != "test-e"]


@cache
def played(name, songs):
    """How often each stem's programs and procedural kinds occur in the first songs of a preset."""
    band = presets.band(PRESETS[name], (Font(Path("/a.sf2"), ""),))
    programs, kinds = ({stem: Counter() for stem in STEMS} for _ in range(2))
    for index in range(songs):
        notes, players, _ = band.streams(0, index)
        score = band.write(index, notes, 4.0, band.programs)
        for stem in STEMS:
            programs[stem][score.parts[stem].program] += 1
            kinds[stem][draw_player(players, band, stem, 0).facts.get("instrument")] += 1
    return programs, kinds


def test_train_and_test_b_share_no_program_and_no_kind():
    train, held = PRESETS["train"], PRESETS["test-b"]
    for stem in STEMS:
        assert train.programs[stem]
        assert held.programs[stem]
        assert not set(train.programs[stem]) & set(held.programs[stem])
        assert set(train.programs[stem]) | set(held.programs[stem]) == set(scores.PROGRAMS[stem])
        assert not {kind.name for kind in train.kinds[stem]} & {kind.name for kind in held.kinds[stem]}
        assert len(held.kinds[stem]) == 1
        assert len(train.kinds[stem]) >= 2


def test_songs_keep_to_their_presets_programs_and_kinds():
    for name, songs in (("train", 200), ("test-b", 80)):
        programs, kinds = played(name, songs)
        for stem in STEMS:
            assert set(programs[stem]) == set(PRESETS[name].programs[stem])
            assert set(kinds[stem]) == {None} | {kind.name for kind in PRESETS[name].kinds[stem]}


def test_every_program_is_heard_often_enough_to_learn():
    programs, _ = played("train", 200)
    for stem in STEMS:
        assert min(programs[stem].values()) >= 200 / len(programs[stem]) / 12


def test_far_fonts_are_never_trained_on():
    train = set(PRESETS["train"].fonts)
    assert not train & (set(PRESETS["test-c"].fonts) | set(PRESETS["test-d"].fonts))
    assert PRESETS["valid"].fonts == PRESETS["test-a"].fonts == PRESETS["train"].fonts
    assert PRESETS["test-c"].procedural == PRESETS["test-d"].procedural == 0.0


def test_splits_differ_so_seeds_do():
    assert len({preset.split for preset in PRESETS.values()}) == len(PRESETS)


def test_every_font_has_a_package_and_a_licence():
    for preset in PRESETS.values():
        for font in preset.fonts:
            assert font in PACKAGES
            assert font in LICENCES


def test_fonts_to_train_on_are_mit():
    assert {LICENCES[font] for font in PRESETS["train"].fonts} == {"MIT"}


@pytest.mark.parametrize("name", COMPOSED)
def test_a_band_travels_to_other_processes(name):
    band = presets.band(PRESETS[name], (Font(Path("/a.sf2"), ""),))
    assert pickle.loads(pickle.dumps(band)) == band


def test_without_fonts_a_band_is_procedural():
    assert presets.band(PRESETS["test-c"], ()).procedural == 1.0
    assert presets.band(PRESETS["test-c"], (Font(Path("/a.sf2"), ""),)).procedural == 0.0


def test_test_e_without_its_packages_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(midi, "FOLDERS", (tmp_path,))
    with pytest.raises(MissingExtra, match=r"freedoom.*openttd-openmsx"):
        presets.band(PRESETS["test-e"], ())
