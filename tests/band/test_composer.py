"""The composer: golden notes, ranges, drop-outs, programs, the grid, and stems that belong together."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from stemweave.band.composer import VERSION, arrange, compose
from stemweave.band.grooves import CRASH, CRASH_2, KICK, TOMS
from stemweave.band.harmony import NAMES, QUALITIES
from stemweave.band.score import HELD_OUT, PROGRAMS, RANGES, RATE, STEMS, TRAIN
from stemweave.band.styles import STYLES
from stemweave.errors import UsageError

GOLDEN = Path(__file__).with_name("golden_notes.json")
# to write it anew, for a new VERSION only: cd tests/band && python -c "from test_composer import *; write_golden()"


def song(seed, seconds=60.0, programs=TRAIN):
    return compose(np.random.Generator(np.random.PCG64(seed)), seconds, programs)


def golden():
    """What the file holds: the version and the digests of twenty songs of thirty seconds."""
    return {"version": VERSION, "digests": [song(seed, 30.0, PROGRAMS).digest() for seed in range(20)]}


def write_golden():
    GOLDEN.write_text(json.dumps(golden(), indent=1) + "\n")


@pytest.fixture(scope="module")
def songs():
    return [song(seed) for seed in range(240)]


def chord_classes(name):
    root = next(root for root in sorted(NAMES, key=len, reverse=True) if name.startswith(root))
    return {(NAMES.index(root) + step) % 12 for step in QUALITIES[name.removeprefix(root)]}


def correlations(songs, features, first, second):
    """Mean correlation of two stems' features, of the same song and of neighbours in the list."""
    a, b = ([features(song.parts[stem], song.length) for song in songs] for stem in (first, second))
    same = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    shuffled = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b[1:] + b[:1], strict=True)]
    return np.mean(same), np.mean(shuffled)


def onsets(part, length):
    """Whether a note starts, in frames of 50 ms."""
    frames = np.zeros(-(-length // 2205))
    frames[part.notes["start"] // 2205] = 1
    return frames


def chroma(part, length):
    """Notes that sound, by frame of 250 ms and pitch class."""
    frames = np.zeros((-(-length // 11025), 12))
    for note in part.notes:
        frames[note["start"] // 11025 : (note["start"] + note["length"] - 1) // 11025 + 1, note["pitch"] % 12] = 1
    return frames.ravel()


def test_golden_notes():
    assert golden() == json.loads(GOLDEN.read_text())


def test_the_same_seed_gives_the_same_notes_in_another_process():
    code = (
        "import numpy as np; from stemweave.band.composer import compose; from stemweave.band.score import TRAIN;"
        "print(*(compose(np.random.Generator(np.random.PCG64(i)), 20.0, TRAIN).digest() for i in range(30)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == [song(seed, 20.0).digest() for seed in range(30)]


def test_songs_differ(songs):
    assert len({s.digest() for s in songs}) == len(songs)


def test_a_global_seed_has_no_say():
    np.random.seed(1)
    first = song(5, 10.0).digest()
    np.random.seed(2)
    assert song(5, 10.0).digest() == first


def test_every_style_is_reached_about_evenly(songs):
    names = [s.style for s in songs]
    assert set(names) == {style.name for style in STYLES}
    assert len(STYLES) == len({style.name for style in STYLES}) == 13
    many = [song(seed, 1.0).style for seed in range(650)]
    assert all(25 <= many.count(style.name) <= 80 for style in STYLES)


def test_tempo_meter_and_key_are_the_style_s(songs):
    by_name = {style.name: style for style in STYLES}
    for s in songs:
        style = by_name[s.style]
        assert style.tempo[0] <= s.tempo <= style.tempo[1]
        assert s.meter == style.meter
        assert s.key in {f"{note} {mode.name}" for note in NAMES for mode in style.modes}


def check_notes(s):
    assert set(s.parts) == set(STEMS)
    for stem, part in s.parts.items():
        notes = part.notes
        low, high = RANGES[stem]
        assert (notes["start"] >= 0).all()
        assert (notes["length"] > 0).all()
        assert (notes["start"] + notes["length"] <= s.length).all()
        assert ((low <= notes["pitch"]) & (notes["pitch"] <= high)).all()
        assert ((notes["velocity"] >= 1) & (notes["velocity"] <= 127)).all()
        assert (np.diff(notes["start"]) >= 0).all()


def test_notes_lie_inside_the_song_and_the_instrument(songs):
    for s in songs:
        assert s.length == 60 * RATE
        check_notes(s)


def test_a_note_ends_before_the_same_key_is_struck_again(songs):
    for s in songs[:60]:
        for stem, part in s.parts.items():
            voices = np.zeros(len(part.notes), int) if stem == "bass" else part.notes["pitch"]
            for voice in np.unique(voices):
                notes = part.notes[voices == voice]
                assert (notes["start"][1:] >= (notes["start"] + notes["length"])[:-1]).all()


@pytest.mark.parametrize("seconds", [1.0, 1.0001, 2.5, 7.3, 12.0, 33.3, 600.0])
def test_any_length_is_filled_exactly(seconds):
    for seed in range(4 if seconds > 60 else 25):
        s = song(seed, seconds)
        assert s.length == round(seconds * RATE)
        assert any(part.present for part in s.parts.values())
        check_notes(s)


@pytest.mark.parametrize("seconds", [1e-6, 0.001, 0.1])
def test_a_length_too_short_for_music_is_still_a_song(seconds):
    s = song(0, seconds)
    assert s.length == max(round(seconds * RATE), 1)
    check_notes(s)


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan"), float("inf"), 600.1, 1e9])
def test_absurd_lengths_are_refused(seconds):
    with pytest.raises(UsageError, match=r"a song of .* seconds cannot be composed; give a length above 0 and up to 600"):
        song(0, seconds)


@pytest.mark.parametrize("programs", [{}, {**PROGRAMS, "piano": ()}, {s: PROGRAMS[s] for s in ("bass", "drums", "guitar")}])
def test_a_stem_without_programs_is_refused_by_name(programs):
    with pytest.raises(UsageError, match=r"no programs for .*piano"):
        song(0, 10.0, programs)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
@pytest.mark.parametrize("programs", [TRAIN, HELD_OUT, PROGRAMS], ids=["train", "held-out", "all"])
def test_every_style_plays_the_allowed_programs_only(style, programs):
    for seed in range(12):
        s = arrange(np.random.Generator(np.random.PCG64(seed)), style, 8.0, programs)
        assert s.style == style.name
        assert all(s.parts[stem].program in programs[stem] for stem in STEMS)


@pytest.mark.parametrize("programs", [TRAIN, HELD_OUT], ids=["train", "held-out"])
def test_every_allowed_program_is_heard(programs):
    used = {stem: set() for stem in STEMS}
    for seed in range(400):
        for stem, part in song(seed, 1.0, programs).parts.items():
            used[stem].add(part.program)
    assert used == {stem: set(programs[stem]) for stem in STEMS}


def test_a_style_prefers_its_own_sounds():
    metal = next(style for style in STYLES if style.name == "metal")
    guitars = [arrange(np.random.default_rng(i), metal, 1.0, PROGRAMS).parts["guitar"].program for i in range(200)]
    assert np.mean([program in (29, 30) for program in guitars]) == pytest.approx(0.75 + 0.25 * 2 / 8, abs=0.08)


AIMS = {"bass": 0.18, "drums": 0.10, "guitar": 0.28, "piano": 0.30}  # silent share of 1 s windows


def test_stems_are_silent_as_often_as_aimed(songs):
    shares = {stem: [1 - s.parts[stem].sounding(s.length).mean() for s in songs] for stem in STEMS}
    for stem, aim in AIMS.items():
        assert np.mean(shares[stem]) == pytest.approx(aim, abs=0.04), stem
        assert min(shares[stem]) < 0.02
        assert max(shares[stem]) == 1
        absent = np.mean([not s.parts[stem].present for s in songs])
        assert 0.01 < absent < 0.16, stem


def test_somebody_always_plays(songs):
    silent = [~np.any([part.sounding(s.length) for part in s.parts.values()], axis=0) for s in songs]
    assert np.concatenate(silent).mean() == 0
    assert all(sum(part.present for part in s.parts.values()) >= 2 for s in songs)


def test_stems_enter_and_leave(songs):
    changes = [np.abs(np.diff(part.sounding(s.length).astype(int))).sum() for s in songs for part in s.parts.values()]
    assert np.mean([change > 0 for change in changes]) > 0.5


def test_beats_lie_on_the_grid(songs):
    for s in songs:
        beat = 60 * RATE / s.tempo
        bar = {(4, 4): 4, (3, 4): 3, (12, 8): 4}[s.meter]
        assert s.beats.dtype == s.downbeats.dtype == np.int64
        assert np.abs(s.beats - np.arange(len(s.beats)) * beat).max() <= 0.5
        assert s.beats[-1] < s.length <= s.beats[-1] + beat + 1
        assert (s.downbeats == s.beats[::bar]).all()
        assert {at for at, _ in s.chords} <= set(s.beats.tolist())
        assert {at for at, _ in s.sections} <= set(s.downbeats.tolist())


def test_chords_and_sections_are_in_order_and_begin_with_the_song(songs):
    for s in songs:
        for marks in (s.chords, s.sections):
            assert marks[0][0] == 0
            assert all(a[0] < b[0] for a, b in pairwise(marks))
        assert all(a[1] != b[1] for a, b in pairwise(s.chords))
        assert {name for _, name in s.sections} <= {"intro", "verse", "chorus", "bridge", "solo", "break", "ending"}
    kinds = {name for s in songs for _, name in s.sections}
    assert kinds == {"intro", "verse", "chorus", "bridge", "solo", "break", "ending"}


def test_a_song_ends_on_its_tonic_all_together(songs):
    for s in songs:
        start, name = s.sections[-1]
        bar = s.downbeats[1] - s.downbeats[0]
        assert name == "ending"
        assert 0.49 * bar < s.length - start <= 1.51 * bar
        for stem, part in s.parts.items():
            last = part.notes[part.notes["start"] > start - 2205]
            if part.present:
                assert len(last), stem
                assert (last["start"] < start + 4410).all()
        bass = s.parts["bass"].notes
        if len(bass):
            assert NAMES[bass["pitch"][-1] % 12] in s.chords[-1][1]
            assert bass["start"][-1] + bass["length"][-1] > s.length - 0.15 * bar - 4410


def test_a_short_song_is_cut(songs):
    assert all("ending" not in {name for _, name in song(seed, 2.0).sections} for seed in range(50))


def chord_tone_share(songs, stem, other):
    """Share of the stem's notes within the chords of another song of the list, ``other`` places on."""
    shares = []
    for i, s in enumerate(songs):
        notes, chords = s.parts[stem].notes, songs[(i + other) % len(songs)].chords
        where = np.searchsorted([at for at, _ in chords], notes["start"] + 2205, side="right") - 1
        classes = [chord_classes(name) for _, name in chords]
        inside = [int(p) % 12 in classes[k] for p, k in zip(notes["pitch"], where, strict=True)]
        shares += [np.mean(inside)] if inside else []
    return np.mean(shares)


@pytest.mark.parametrize(("stem", "least"), [("bass", 0.8), ("guitar", 0.9), ("piano", 0.9)])
def test_notes_are_chord_tones(songs, stem, least):
    own, foreign = chord_tone_share(songs[:80], stem, 0), chord_tone_share(songs[:80], stem, 1)
    assert own > least
    assert foreign < 0.5


def full_band(songs):
    return [s for s in songs if all(part.present for part in s.parts.values())]


@pytest.mark.parametrize("other", ["bass", "guitar", "piano"])
def test_stems_play_with_the_drums_of_their_own_song(songs, other):
    same, shuffled = correlations(full_band(songs), onsets, "drums", other)
    assert same > shuffled + 0.2
    assert abs(shuffled) < 0.05


@pytest.mark.parametrize("other", ["bass", "guitar"])
def test_stems_share_the_harmony_of_their_own_song(songs, other):
    same, shuffled = correlations(full_band(songs)[:100], chroma, "piano", other)
    assert same > shuffled + 0.25
    assert abs(shuffled) < 0.05


def test_sections_open_with_crashes_and_close_with_fills(songs):
    cymbals, toms = [], []
    for s in songs:
        notes = s.parts["drums"].notes
        cymbals += [abs(s.downbeats - t).min() for t in notes["start"][np.isin(notes["pitch"], (CRASH, CRASH_2))]]
        for (at, name), bar in ((mark, np.diff(s.downbeats)[0]) for mark in s.sections[1:]):
            before = notes[(notes["start"] >= at - bar) & (notes["start"] < at - 1000)]
            if len(before) and name != "ending":
                toms.append(np.isin(before["pitch"], TOMS).any())
    assert np.mean(np.array(cymbals) < 2205) > 0.7
    assert np.mean(toms) > 0.5


def test_choruses_are_louder_than_intros(songs):
    loudness = {"intro": [], "chorus": []}
    for s in songs:
        ends = [*(at for at, _ in s.sections[1:]), s.length]
        for (at, name), end in zip(s.sections, ends, strict=True):
            for part in s.parts.values():
                inside = part.notes[(part.notes["start"] >= at) & (part.notes["start"] < end)]
                if name in loudness and len(inside):
                    loudness[name].append(inside["velocity"].mean())
    assert np.mean(loudness["chorus"]) > np.mean(loudness["intro"]) + 5


def test_time_and_velocity_are_human(songs):
    deviations, velocities = [], set()
    for s in songs[:60]:
        notes = s.parts["drums"].notes
        kicks = notes[notes["pitch"] == KICK]
        near = np.array([(s.beats - t)[np.abs(s.beats - t).argmin()] for t in kicks["start"]])
        deviations += (near[np.abs(near) < 1000] / RATE).tolist()
        velocities |= set(notes["velocity"].tolist())
    assert 0.001 < np.std(deviations) < 0.005
    assert abs(np.mean(deviations)) < 0.001
    assert len(velocities) > 60
