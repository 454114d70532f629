"""Players: what each pattern and each hand writes into a bar."""

from dataclasses import replace

import numpy as np
import pytest

from stemweave.band import styles
from stemweave.band.basslines import HIGHEST, LOWEST, bassline, locked, root, walking
from stemweave.band.comping import keys, keys_on_kicks, pluck, riff, riff_on_kicks, strum
from stemweave.band.fretboard import shape
from stemweave.band.grooves import CRASH, CRASH_2, HAT, KICK, SNARE, TOMS, Groove, beat
from stemweave.band.harmony import Chord, voice
from stemweave.band.leads import invent, lead
from stemweave.band.patterns import MAYBE, Bar, Motif, Slot, lean, pick, played, steps
from stemweave.band.score import RANGES

C, G7 = Chord(0, ""), Chord(7, "7")


def slot(chord, at=0.0, length=4.0):
    return Slot(at, length, chord, voice(chord, (60, 64, 67)), shape(chord, 0))


BAR = Bar(
    start=8.0,
    beats=4,
    slots=(slot(C),),
    after=slot(G7),
    scale=(0, 2, 4, 5, 7, 9, 11),
    energy=0.8,
    number=1,
    last=False,
    kicks=(0.0, 0.375, 0.5),
    motif=Motif((((0.0, 0.25, 0), (0.375, 0.125, 1), (0.5, 0.5, 2)),) * 2),
)


def rng(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def test_a_pattern_fills_its_bar_and_holds():
    assert [tuple(step) for step in steps("x--o.x")] == [(0, 0.5, "x"), (0.5, 1 / 6, "o"), (5 / 6, 1 / 6, "x")]
    assert steps("....") == ()


def test_maybe_hits_come_at_their_rate():
    generator = rng()
    count = sum(len(played(generator, "x???")) for _ in range(4000))
    assert count == pytest.approx(4000 * (1 + 3 * MAYBE), rel=0.03)


def test_pick_is_even_and_lean_follows_energy():
    generator = rng()
    counts = np.bincount([pick(generator, (0, 1, 2)) for _ in range(6000)])
    assert counts == pytest.approx(2000, rel=0.1)
    calm = np.mean([lean(generator, range(5), 0.2) for _ in range(2000)])
    lively = np.mean([lean(generator, range(5), 0.9) for _ in range(2000)])
    assert calm < 1.2 < 2.8 < lively
    assert {lean(generator, range(5), e) for e in (-1.0, 0.0, 1.0, 2.0) for _ in range(9)} <= set(range(5))


def test_bar_knows_which_chord_sounds():
    bar = replace(BAR, slots=(slot(C, 0, 2), slot(G7, 2, 2)))
    assert [bar.slot(at).chord for at in (0, 1.99, 2, 3.5)] == [C, C, G7, G7]


def test_bassline_reads_degrees_from_the_chord():
    bar = replace(BAR, after=slot(C))
    events = bassline("r358o67n", 1.0)(rng(), bar)
    assert [e.pitch for e in events] == [36, 40, 43, 48, 36, 45, 46, 36]
    assert [e.at for e in events] == [8 + i / 2 for i in range(8)]
    assert events[4].loudness < events[0].loudness
    assert events[4].length < events[3].length


def test_bass_leads_into_a_new_chord_by_step_fifth_or_semitone():
    target = root(G7)
    for seed in range(50):
        events = bassline("rrra")(rng(seed), BAR)
        assert events[-1].pitch - target in (-2, -1, 1, 2, 7)
        assert [e.pitch for e in events[:3]] == [36, 36, 36]


def test_bass_stays_put_when_the_chord_does():
    bar = replace(BAR, after=slot(C))
    assert all(e.pitch == 36 for seed in range(30) for e in bassline("rrrr")(rng(seed), bar))


def test_locked_bass_plays_where_the_drum_hits():
    assert [e.at for e in locked()(rng(), BAR)] == [8, 9.5, 10]


def test_walking_bass_walks():
    bar = replace(BAR, slots=(slot(C, 0, 2), slot(G7, 2, 2)), after=slot(C))
    for seed in range(50):
        events = [e for e in walking(rng(seed), bar) if e.at % 1 == 0]
        assert [e.at for e in events] == [8, 9, 10, 11]
        assert events[0].pitch == root(C)
        assert events[1].pitch % 12 in C.classes
        assert events[2].pitch == root(G7)
        assert all(LOWEST <= e.pitch <= HIGHEST for e in events)


def test_a_down_stroke_sweeps_upwards_and_an_up_stroke_back_over_the_high_strings():
    down, up = (strum(pattern)(rng(), BAR) for pattern in "DU")
    strings = shape(C, 0)
    assert tuple(e.pitch for e in down) == strings
    assert tuple(e.pitch for e in up) == strings[::-1][:4]
    for stroke in (down, up):
        lags = [e.lag for e in stroke]
        assert lags == sorted(set(lags))
        assert lags[0] == 0
        assert 0.005 < lags[1] < 0.02


def test_strum_damps_and_pushes():
    full, damped, ahead = (strum(pattern)(rng(), BAR)[0] for pattern in "Dm>")
    assert damped.length < 0.1 < full.length
    assert damped.loudness < full.loudness
    assert ahead.pitch % 12 == G7.root


def test_riffs_are_power_chords_muted_or_ringing():
    events = riff("X-x.")(rng(), BAR)
    assert [e.pitch for e in events] == [48, 55, 60, 48, 55]
    assert events[0].length > 1.5 > events[3].length
    assert sorted({e.at for e in riff_on_kicks(rng(), BAR)}) == [8, 9.5, 10]


def test_plucked_strings_ring_until_the_chord_changes():
    bar = replace(BAR, slots=(slot(C, 0, 2), slot(G7, 2, 2)))
    events = pluck("b.2.b.p.")(rng(), bar)
    first, second = shape(C, 0), shape(G7, 0)
    assert [e.pitch for e in events] == [first[0], first[2], second[0], *second[-3:]]
    assert events[0].at + events[0].length == pytest.approx(10, abs=0.05)
    assert events[1].at + events[1].length == pytest.approx(10, abs=0.05)


def test_piano_plays_two_hands():
    events = keys("x.04", "R-5-")(rng(), BAR)
    hand = BAR.slots[0].keys
    assert [e.pitch for e in events] == [*hand, hand[0], hand[1] + 12, 36, 48, 55]
    assert sorted({e.at for e in keys_on_kicks(rng(), BAR)}) == [8, 9.5, 10]
    assert {e.pitch for e in keys(">")(rng(), BAR)} == set(BAR.after.keys)


def test_a_beat_plays_its_groove():
    groove = Groove("x...x...", "..X...X.", "xxxxxxxx")
    events = beat(rng(), BAR, groove, HAT)
    assert [e.at - 8 for e in events if e.pitch == KICK] == [0, 2]
    assert [e.at - 8 for e in events if e.pitch == SNARE] == [1, 3]
    assert sum(e.pitch == HAT for e in events) == 8
    assert groove.kicks == (0, 0.5)


def test_accents_are_louder_than_ghosts():
    loud, ghost = beat(rng(), BAR, Groove("", "X..o", ""), HAT)
    assert ghost.loudness < loud.loudness / 2


def test_loud_sections_begin_with_a_crash_and_end_with_a_fill():
    groove = Groove("x...x...", "..X...X.", "xxxxxxxx")
    opening = [beat(rng(i), replace(BAR, number=0, energy=1.0), groove, HAT) for i in range(40)]
    assert all(any(e.pitch in (CRASH, CRASH_2) and e.at == 8 for e in events) for events in opening)
    closing = [beat(rng(i), replace(BAR, number=2, last=True), groove, HAT) for i in range(200)]
    filled = np.mean([any(e.pitch in TOMS for e in events) for events in closing])
    plain = np.mean([any(e.pitch in TOMS for e in beat(rng(i), BAR, groove, HAT)) for i in range(200)])
    assert filled > 0.6
    assert plain == 0
    assert all(8 <= e.at < 12 for events in closing for e in events)


def test_a_lead_repeats_its_motif_then_varies_and_closes_it():
    play = lead(64, 83)
    theme = play(rng(1), replace(BAR, number=0))
    again = play(rng(2), replace(BAR, number=0))
    later = {tuple(play(rng(seed), replace(BAR, number=2))) for seed in range(30)}
    closes = [events for seed in range(30) if (events := play(rng(seed), replace(BAR, number=3)))]
    assert theme == again
    assert len(later) > 3
    assert all(events[-1].at < 10 for events in closes)
    assert 10 < len(closes) < 30


def test_a_lead_puts_strong_beats_on_chord_tones_and_stays_below_its_top():
    for seed in range(60):
        bar = replace(BAR, motif=invent(rng(seed), 8, 0.6))
        for event in lead(74, 80)(rng(seed), bar):
            assert event.pitch <= 80
            assert event.pitch % 12 in ((*C.classes,) if event.at % 1 == 0 else BAR.scale)


@pytest.mark.parametrize("style", styles.STYLES, ids=lambda style: style.name)
def test_every_writer_of_every_style_stays_in_its_bar_and_range(style):
    length = float(style.beats)
    bar = replace(
        BAR,
        beats=style.beats,
        slots=(slot(Chord(3, "9"), 0, 2), slot(Chord(1, "m7"), 2, length - 2)),
        after=slot(Chord(11, "maj7"), 0, length),
        motif=invent(rng(), style.cells, 0.5),
    )
    for stem in ("bass", "guitar", "piano"):
        low, high = RANGES[stem]
        for write in getattr(style, stem):
            events = [event for seed in range(6) for event in write(rng(seed), bar)]
            assert events
            assert all(8 <= e.at < 8 + length for e in events)
            assert all(e.length > 0 and 0 < e.loudness <= 1 for e in events)
            assert all(low <= e.pitch <= high for e in events)


@pytest.mark.parametrize("style", styles.STYLES, ids=lambda style: style.name)
def test_every_groove_divides_its_bar_into_steps_of_the_meter(style):
    allowed = {12} if style.meter == (12, 8) else {style.beats * n for n in (1, 2, 4)}
    for groove in style.grooves:
        patterns = [groove.kick, groove.back, groove.top, *(pattern for _, pattern in groove.extra)]
        assert {len(pattern) for pattern in patterns} <= allowed
        assert all(set(pattern) <= set("Xxo?.-") for pattern in patterns)
        assert groove.kicks
