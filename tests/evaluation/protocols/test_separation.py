import math
import time

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.tracks import track
from stemweave.errors import DataError
from stemweave.evaluation.measures.separation import active_scores, msdm_scores
from stemweave.evaluation.protocols.estimators import oracle, separator, trivial
from stemweave.evaluation.protocols.separation import corpus_hash, run
from stemweave.evaluation.protocols.summary import pooled, summary, whole
from stemweave.evaluation.statistics import song_means
from stemweave.tasks.separate import Separation, direct, masked

NAMES = ("bass", "drums", "piano")


def blurred(references, rate, seed):
    """The truth with noise that differs by seed, and the same 20 dB too quiet for the first stem."""
    noise = torch.randn(references.shape, generator=torch.Generator().manual_seed(seed)) * 0.02
    quiet = torch.ones(len(references), 1, 1)
    quiet[0] = 0.05
    return {"noisy": references + noise, "quiet": (references + noise) * quiet}


def rows(songs, estimators, **options):
    results = [result for song in run(songs, NAMES, estimators, **options) for result in song]
    return {row: [r for r in results if r.row == row] for row in dict.fromkeys(r.row for r in results)}


def test_every_song_and_row_is_scored_as_the_functions_score(songs):
    results = rows(songs, [blurred, trivial], seeds=(5,))
    assert list(results) == ["noisy", "quiet", "silence", "mixture"]
    for number, song in enumerate(songs):
        truth = song.read(NAMES)
        estimate = blurred(truth, 22050, 5)["noisy"]
        result = results["noisy"][number]
        assert (result.song, result.seconds) == (song.id, song.seconds)
        expected = active_scores(estimate, truth, 22050)
        for name in vars(expected):
            assert torch.equal(getattr(result.scores, name).nan_to_num(9e9), getattr(expected, name).nan_to_num(9e9))
        assert torch.equal(result.louder.sdr.nan_to_num(9e9), active_scores(estimate, truth, 22050, -47.0).sdr.nan_to_num(9e9))


def test_the_paper_protocol_separates_chunk_by_chunk(songs):
    asked = []

    def watched(references, rate, seed):
        asked.append((tuple(references.shape), rate))
        return blurred(references, rate, seed)

    results = rows(songs, [watched])["noisy"]
    chunk = ((3, 1, 2**18), 22050)
    assert asked == [((3, 1, 6 * 22050), 22050), ((3, 1, 9 * 22050), 22050), ((3, 1, 13 * 22050), 22050), chunk]
    assert [len(result.msdm) for result in results] == [0, 0, 5]
    truth = songs[2].read(NAMES)[..., : 2**18]
    assert torch.equal(results[2].msdm, msdm_scores(blurred(truth, 22050, 0)["noisy"][:, 0], truth[:, 0]))
    asked.clear()
    assert [len(result.msdm) for result in rows(songs, [watched], msdm=False)["noisy"]] == [0, 0, 0]
    assert chunk not in asked


def test_seeds_are_averaged_inside_a_song(songs):
    one, two, both = (rows(songs, [blurred], seeds=seeds)["noisy"] for seeds in ((1,), (2,), (1, 2)))
    for a, b, c in zip(one, two, both, strict=True):
        assert torch.allclose(c.means, torch.cat([a.means, b.means]), equal_nan=True)
        assert len(c.scores.sdr) == 2 * len(a.scores.sdr)
    value = summary(both)["si_sdri"][-1].value
    assert value == pytest.approx((summary(one)["si_sdri"][-1].value + summary(two)["si_sdri"][-1].value) / 2)
    spread = [abs(float(a.means.nanmean() - b.means.nanmean())) / math.sqrt(2) for a, b in zip(one, two, strict=True)]
    assert whole(both)["between_seed_std"] == pytest.approx(sum(spread) / 3, rel=1e-6)
    assert math.isnan(whole(one)["between_seed_std"])


def test_of_several_seeds_the_worst_null_test_and_the_mean_time_count(songs, monkeypatch):
    def half(references, rate, seed):
        return {"half": references * (1, 0.5, 0.75)[seed]}

    ticks = iter([0.0, 1.0, 0.0, 5.0, 0.0, 3.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    (result,) = rows(songs[:1], [half], seeds=(0, 1, 2), msdm=False)["half"]
    assert result.null == pytest.approx(20 * math.log10(0.5), abs=1e-4)
    assert result.took == 3.0


def test_the_second_threshold_leaves_out_what_is_under_minus_47_dbfs(tmp_path):
    rng, files = np.random.default_rng(0), {}
    for name, level in zip(NAMES, (-20, -46, -48), strict=True):
        audio = rng.standard_normal(4 * 22050)
        files[name] = (tmp_path / f"{name}.wav",)
        soundfile.write(files[name][0], audio / audio.std() * 10 ** (level / 20), 22050, subtype="FLOAT")
    (result,) = rows([track("song", files)], [blurred], msdm=False)["noisy"]
    assert result.scores.sdr[0].isfinite().tolist() == [True, True, True]
    assert result.louder.sdr[0].isfinite().tolist() == [True, True, False]


def test_intervals_resample_songs_whose_seeds_are_averaged(songs):
    each = [[r.means[0].tolist() for r in rows(songs, [blurred], seeds=(seed,))["noisy"]] for seed in (1, 2, 3)]
    expected = song_means(torch.tensor(each).mean(0))
    for figure, other in zip(summary(rows(songs, [blurred], seeds=(1, 2, 3))["noisy"])["si_sdri"], expected, strict=True):
        assert (figure.value, figure.low, figure.high) == pytest.approx((other.value, other.low, other.high))
        assert figure.n == other.n


def test_songs_are_scored_as_a_whole_with_every_seed(songs):
    def loudness(estimates, references, rate):
        assert rate == 22050
        return {"ratio": estimates.square().sum((1, 2)) / references.square().sum((1, 2))}

    result = rows(songs, [blurred], seeds=(1, 2), whole=[loudness])["noisy"][0]
    truth = songs[0].read(NAMES)
    expected = [loudness(blurred(truth, 22050, seed)["noisy"], truth, 22050)["ratio"] for seed in (1, 2)]
    assert torch.equal(result.whole["ratio"], torch.stack(expected))
    assert rows(songs, [blurred])["noisy"][0].whole == {}


def test_figures_of_a_row(songs):
    results = rows(songs, [blurred, trivial])
    noisy, quiet, silence, mixture = (summary(results[row]) for row in ("noisy", "quiet", "silence", "mixture"))
    means = [
        [
            float(x)
            for x in active_scores(blurred(s.read(NAMES), 22050, 0)["noisy"], s.read(NAMES), 22050).improvement.nanmean(0)
        ]
        for s in songs
    ]
    assert noisy["si_sdri"] == song_means(means)
    assert [figure.n for figure in noisy["si_sdri"]] == [3, 3, 2, 3]
    assert [figure.value for figure in mixture["si_sdri"]] == pytest.approx([0.0] * 4, abs=1e-5)
    assert [figure.value for figure in silence["si_sdr"]] == [-30.0] * 4
    assert [figure.value for figure in silence["missed"]] == [1.0] * 4
    assert [figure.value for figure in quiet["missed"]] == pytest.approx([1.0, 0.0, 0.0, 1 / 3])
    assert [figure.value for figure in noisy["missed"]] == [0.0] * 4
    assert [figure.n for figure in noisy["msdm_si_sdri"]] == [1] * 4


def test_ghosts_are_pooled_over_windows_in_which_a_stem_is_silent(songs):
    results = rows(songs, [blurred, trivial])
    level = 20 * math.log10(0.02 / math.hypot(0.1, 0.05))
    assert pooled(results["noisy"])["ghost_median"][2:] == pytest.approx([level] * 2, abs=0.1)
    assert all(math.isnan(x) for x in pooled(results["noisy"])["ghost_median"][:2])
    assert summary(results["noisy"])["ghost_rate"][2].value == 1.0
    assert summary(results["silence"])["ghost_rate"][2].value == 0.0
    assert math.isnan(summary(results["silence"])["ghost_rate"][0].value)
    assert pooled(results["silence"])["ghost_p95"][3] < -150


@pytest.mark.parametrize(("level", "missed"), [(-19.9, 0.0), (-20.1, 1.0)])
@pytest.mark.parametrize(("bleed", "ghosts"), [(-40.1, 0.0), (-39.9, 1.0)])
def test_stems_are_missed_from_20_db_under_and_ghosts_are_above_40_db_under_the_mixture(songs, level, missed, bleed, ghosts):
    def quieter(references, rate, seed):
        made = references * 10 ** (level / 20)
        made[~references.any(-1).any(-1)] = references.sum(0) * 10 ** (bleed / 20)
        return {"quieter": made}

    found = summary(rows(songs, [quieter], msdm=False)["quieter"])
    assert [figure.value for figure in found["missed"]] == [missed] * 4
    assert [found["ghost_rate"][k].value for k in (2, 3)] == [ghosts] * 2


def test_what_is_said_of_a_row_as_a_whole(songs):
    results = rows(songs, [blurred, trivial, oracle])
    assert whole(results["silence"])["worst_null_test"] == pytest.approx(0.0, abs=1e-6)
    assert whole(results["mixture"])["worst_null_test"] == pytest.approx(20 * math.log10(2), abs=0.01)
    assert whole(results["oracle"])["worst_null_test"] < -110
    assert whole(results["oracle"])["largest_lag"] == 0
    assert whole(results["oracle"])["times_real_time"] > 0
    assert math.isnan(whole(results["oracle"])["pass_through_error"])


def test_oracle_masks_beat_the_mixture(songs):
    assert summary(rows(songs, [oracle])["oracle"])["si_sdri"][-1].value > 3


def test_a_model_gives_all_its_rows_in_one_walk(studio):
    truth = torch.randn(4, 1, 9000, generator=torch.Generator().manual_seed(0)) * 0.05
    estimate = separator(studio.model, Separation(), {"direct": direct, "masked": masked})(truth, 22050, 3)
    for row, share in (("direct", direct), ("masked", masked)):
        expected = studio.separate(truth.sum(0), rate=22050, seed=3, share=share)
        assert torch.allclose(estimate[row], expected.audio, atol=1e-6)
    assert estimate["direct"].shape == truth.shape
    assert not torch.equal(estimate["direct"], estimate["masked"])


def test_songs_must_say_what_every_stem_is(songs):
    with pytest.raises(DataError, match="song0 holds bass, drums, piano, expected all of bass, vocals"):
        next(run(songs, ("bass", "vocals"), [trivial]))


def test_the_corpus_hash_changes_with_the_songs_and_their_order(songs):
    *_, one = corpus_hash(songs, NAMES)
    *_, again = corpus_hash(songs, NAMES)
    *_, reverse = corpus_hash(songs[::-1], NAMES)
    *_, fewer = corpus_hash(songs[:2], NAMES)
    *_, stems = corpus_hash(songs, NAMES[:2])
    assert one == again
    assert len({one, reverse, fewer, stems}) == 4
