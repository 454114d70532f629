"""The tables of `evaluate accompaniment`, from songs in memory and accompanists whose habits are known."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.errors import DataError
from stemweave.evaluation.comparison import holm
from stemweave.evaluation.measures.coherence import chroma_correlation, onset_correlation
from stemweave.evaluation.measures.pulse import Pulse
from stemweave.evaluation.measures.sets import frechet_distance, kad, kernel_width
from stemweave.evaluation.measures.strangers import strangers
from stemweave.evaluation.measures.subsets import Songs
from stemweave.evaluation.protocols.accompaniment import silences, tables
from stemweave.evaluation.protocols.context import Pair
from stemweave.evaluation.protocols.ensembles import coherence, rhythms
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.played import Played, sounding
from stemweave.evaluation.protocols.rhythm import Tracked
from stemweave.evaluation.protocols.styles import by_style
from stemweave.evaluation.protocols.subdistances import distances, embedded_bands

RATE, NAMES, SECONDS = 22050, ("bass", "drums", "guitar", "piano"), 3


def song(number):
    """Four stems that play notes of one root at the times of their song."""
    rng, time = np.random.default_rng(number), np.arange(SECONDS * RATE) / RATE
    pulse = np.exp(-6 * ((time * (1.5 + number / 9) + number / 7) % 1))
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    sounds = [0.1 * pulse * np.sin(2 * np.pi * root * times * time) for times in (0.5, 3, 1, 2)]
    return torch.from_numpy(np.stack(sounds)).float()[:, None] + 1e-4 * torch.from_numpy(rng.standard_normal((4, 1, len(time))))


@pytest.fixture(scope="module")
def real():
    """Ten songs of 3 s; the last two are waltzes, the others tell the style rock."""
    tracks = [Track(f"song{k}", {}, RATE, 1, SECONDS * RATE, text="waltz" if k > 7 else "rock") for k in range(10)]
    return tuple(Excerpt(track, 0, 0.0, Stems(NAMES, song(k).float(), RATE)) for k, track in enumerate(tracks))


def played(real, given, source):
    """Song k's new stems are those of song ``source`` (k)."""
    new = [name not in given for name in NAMES]
    mask = torch.tensor(new)[:, None, None]
    made = [
        replace(one.stems, audio=torch.where(mask, real[source(k)].stems.audio, one.stems.audio)) for k, one in enumerate(real)
    ]
    return Played(given, real, tuple(made))


@pytest.fixture(scope="module")
def perfect(real):
    return played(real, ("drums",), lambda k: k)


@pytest.fixture(scope="module")
def deaf(real):
    return played(real, ("bass",), lambda k: (k + 3) % 10)


class Spots:
    """An embedding of two numbers in three windows: quick, and different for every song."""

    name, rate, window, dimension = "spots", RATE, RATE, 2

    def settings(self):
        return {}

    def __call__(self, mono):
        parts = mono.reshape(SECONDS, -1)
        return torch.stack([parts.std(1), parts.diff(dim=1).std(1)], 1).double().numpy()


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_what_was_played_knows_its_parts(perfect):
    assert perfect.new == ("bass", "guitar", "piano")
    assert replace(perfect, given=("bass", "drums")).name == "bass + drums"
    assert [band.song for band in perfect.bands] == [one.song for one in perfect.real]
    assert perfect.bands[3].stems is perfect.made[3]


def test_songs_without_a_part_to_play_are_left_out(real):
    audio = real[0].stems.audio.clone()
    audio[1] = 0
    silent = replace(real[0], stems=replace(real[0].stems, audio=audio))
    kept = sounding((silent, *real[1:]), ("drums",))
    assert [one.song for one in kept] == [one.song for one in real[1:]]
    with pytest.raises(DataError, match="drums and a stem to make sound in 7 excerpts, expected 8"):
        sounding((silent, *real[1:8]), ("drums",))


def test_distances_are_those_of_the_bands_and_fréchet_needs_more_points_than_dimensions(perfect, deaf):
    found = [embedded_bands(one, Spots(), 0) for one in (perfect, deaf)]
    perfect_row, deaf_row = (row.cells for row in distances([perfect, deaf], found, "spots", 0).rows)
    columns = distances([perfect], found[:1], "spots", 0).columns
    assert columns[:2] == ("KAD, given + new", "KAD, given alone")
    assert columns[3:] == ("Fréchet, given + new", "Fréchet, given alone", "Fréchet, given + stranger's", "APA")
    real, made = found[1]["real"].points, found[1]["made"].points
    assert deaf_row[0].value == pytest.approx(kad(real, made, kernel_width(real)))
    assert deaf_row[3].value == pytest.approx(frechet_distance(real, made))
    given = [one.stems["bass"] for one in deaf.real]
    rest = [sum(one.stems[name] for name in ("drums", "guitar", "piano")) for one in deaf.real]
    partner = strangers([one.song for one in deaf.real], np.random.default_rng(0))
    alone = np.concatenate([Spots()(sound[0]) for sound in given])
    strange = np.concatenate([Spots()((sound + rest[other])[0]) for sound, other in zip(given, partner, strict=True)])
    own = np.concatenate([Spots()((sound + other)[0]) for sound, other in zip(given, rest, strict=True)])
    assert [cell.value for cell in deaf_row[3:6]] == pytest.approx([frechet_distance(own, x) for x in (made, alone, strange)])
    assert deaf_row[1].value == pytest.approx(kad(own, alone, kernel_width(own)))
    assert deaf_row[2].value == pytest.approx(kad(own, strange, kernel_width(own)))
    near, far, apart = (frechet_distance(*pair) for pair in ((made, own), (made, strange), (own, strange)))
    assert deaf_row[-1].value == pytest.approx(0.5 + (far - near) / 2 / max(apart, abs(far - near)))
    assert perfect_row[3].value == pytest.approx(0.0, abs=1e-9)
    assert perfect_row[3].value < perfect_row[5].value < perfect_row[4].value
    assert perfect_row[-1].value == pytest.approx(1.0)
    thin = {kind: Songs.of([np.random.default_rng((k, n)).standard_normal((1, 12)) for n in range(10)]) for k, kind in
            enumerate(("real", "made", "given", "stranger"))}  # fmt: skip
    (row,) = distances([perfect], [thin], "thin", 0).rows
    assert [cell.status for cell in row.cells] == ["ok"] * 3 + ["skipped"] * 3 + ["ok"]


def test_new_stems_are_held_against_what_was_given_in_their_own_song_and_in_another(perfect, deaf, real):
    _, fit, _ = islice(tables([perfect, deaf], Spots(), [], 0.15, 3), 3)
    partner = strangers([one.song for one in real], np.random.default_rng(3))
    p = []
    for one in (perfect, deaf):
        given = [sum(song.stems[name] for name in one.given) for song in real]
        new = [sum(made[name] for name in one.new) for made in one.made]
        found = rows(fit)[one.name]
        for kind, measure in (("onset", onset_correlation), ("chroma", chroma_correlation)):
            own = [measure(given[k], new[k], RATE) for k in range(10)]
            swapped = [measure(given[other], new[k], RATE) for k, other in enumerate(partner)]
            assert found[f"{kind}, own"].value == pytest.approx(np.mean(own))
            assert found[f"{kind}, another's"].value == pytest.approx(np.mean(swapped))
            p.append(binomtest(sum(np.greater(own, swapped)), 10, alternative="greater").pvalue)
    told = [rows(fit)[one.name][f"{kind}, p"].value for one in (perfect, deaf) for kind in ("onset", "chroma")]
    assert told == [f"{value:.2g}" for value in holm(p)]
    assert rows(fit)["drums"]["onset, own"].value > 0.5 > 0.3 > rows(fit)["bass"]["onset, own"].value


def test_new_stems_are_counted_as_silent_beside_the_originals(real):
    mute = [one.stems.audio * torch.tensor([1.0, 1.0, float(k > 3), 1.0])[:, None, None] for k, one in enumerate(real)]
    made = tuple(replace(one.stems, audio=audio) for one, audio in zip(real, mute, strict=True))
    table = silences([Played(("drums",), real, made)], 0)
    new, original = rows(table)["drums: new"], rows(table)["drums: original"]
    assert [new[name].value for name in ("bass", "guitar", "piano")] == [0.0, 0.4, 0.0]
    assert [original[name].value for name in ("bass", "guitar", "piano")] == [0.0] * 3
    assert new["drums"].status == original["drums"].status == "skipped"
    assert table.text(new["guitar"]).endswith("(n = 10 too small)")


def test_new_stems_of_the_song_belong_and_those_of_another_do_not(perfect, deaf, real):
    all_but_piano = played(real, ("bass", "drums", "guitar"), lambda k: (k + 3) % 10)
    table = coherence([perfect, deaf], 0)
    assert rows(table)["drums"]["rhythm (onsets), gap"].status == "ok"
    own, foreign = (dict(zip(table.columns, row.cells, strict=True)) for row in table.rows)
    assert own["rhythm (onsets), new"].value == pytest.approx(own["rhythm (onsets), original"].value)
    assert own["rhythm (onsets), gap"].value == pytest.approx(1.0)
    # to a given bass, drums come of another song, and so does the guitar with them: one pairing of two holds
    assert foreign["rhythm (onsets), gap"].value == pytest.approx(0.5, abs=0.1)
    assert own["harmony (chroma), gap"].value == pytest.approx(1.0)
    (alone,) = rows(coherence([all_but_piano], 0)).values()
    # drums, bass and guitar were all given: their rhythm says nothing of what is new
    assert {alone[f"rhythm (onsets), {what}"].status for what in ("new", "original", "gap")} == {"skipped"}
    assert alone["harmony (chroma), new"].value < alone["harmony (chroma), original"].value


def test_copies_are_told(real):
    made = tuple(replace(one.stems, audio=one.stems.audio[1:2].expand(4, -1, -1)) for one in real)
    table = coherence([Played(("drums",), real, made)], 0)
    assert "not to be believed, given: drums" in table.note
    assert rows(table)["drums"]["waveforms alike, new"].value > 0.99


def test_strangers_keep_worse_time_than_the_original_stems(perfect, deaf):
    heard = []

    class Counted(Pulse):
        def __call__(self, audio, rate):
            heard.append(audio)
            return super().__call__(audio, rate)

    _, together = rhythms([perfect, deaf], Tracked(Counted()), 0.15, 0)
    kinds = ("given + new", "original")
    assert [row.name for row in together.rows] == [f"{given}: {kind}" for given in ("drums", "bass") for kind in kinds]
    own, original, foreign, _ = (
        {c: cell.value for c, cell in zip(together.columns, row.cells, strict=True)} for row in together.rows
    )
    assert own == original
    assert foreign["CBS, 4 stems"] < original["CBS, 4 stems"]
    assert len(heard) == 3 * 10 * 4  # the original songs but once


def pair(song, own, swapped):
    return Pair(song, "other", 0, {"onset": own, "chroma": own / 2}, {"onset": swapped, "chroma": swapped / 2})


def test_styles_are_means_over_choices_and_kad_needs_eight_songs(perfect, deaf):
    bands = [embedded_bands(one, Spots(), 0) for one in (perfect, deaf)]
    pairs = [[pair(one.name, level, 0.1) for one in perfect.real] for level in (0.6, 0.2)]
    table = by_style([perfect, deaf], bands, pairs, 0)
    rock, waltz = rows(table)["rock"], rows(table)["waltz"]
    assert rock["onset, own"].value == pytest.approx(0.4)
    assert rock["chroma, another's"].value == pytest.approx(0.05)
    assert (rock["onset, own"].n, waltz["onset, own"].n) == (8, 2)
    assert (rock["songs"].value, waltz["songs"].value) == ("8", "2")
    assert waltz["KAD × 100"].status == "skipped"
    expected = []
    for points in bands:
        of_rock, made = (points[kind].points[: 8 * SECONDS] for kind in ("real", "made"))
        expected.append(kad(of_rock, made, kernel_width(of_rock)))
    assert rock["KAD × 100"].value == pytest.approx(np.mean(expected))


def test_the_report_has_styles_only_where_songs_tell_them(perfect):
    titles = [table.title for table in tables([perfect], Spots(), [Tracked(Pulse())], 0.15, 0)]
    assert titles == [
        "Distance to the original songs",
        "Do new stems fit what was given",
        "Silent stems",
        "Do new stems belong to what was given",
        "Does each stem keep time (pulse (Ellis 2007, ours))",
        "Do stems keep time together (pulse (Ellis 2007, ours))",
        "By style",
    ]
    silent = tuple(replace(one, track=replace(one.track, text="")) for one in perfect.real)
    assert [table.title for table in tables([replace(perfect, real=silent)], Spots(), [], 0.15, 0)] == titles[:4]
