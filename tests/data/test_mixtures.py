import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from stemweave.data.mixtures import Mixtures, Parts, labels, subset
from stemweave.data.shards import Cache, Recipe, plan, write
from stemweave.data.streams import Stream
from stemweave.data.tracks import track
from stemweave.errors import DataError

STEMS = ("bass", "drums", "guitar", "piano")
LEVELS = (0.01, 0.02, 0.04, 0.08)
"""A different constant per stem, so that a sum tells what is in it."""


@pytest.fixture
def make(tmp_path, helpers):
    """A cache of songs, each given as the stems that sound in its first and in its second half."""
    _, write_sound = helpers

    def cache(*songs, stems=STEMS):
        tracks = []
        for number, halves in enumerate(songs):
            files = {}
            for stem, level in zip(stems, LEVELS, strict=False):
                audio = np.concatenate([np.full((2000, 1), level * (stem in half)) for half in halves])
                files[stem] = (write_sound(tmp_path / f"{number}{stem}.wav", audio),)
            tracks.append(track(f"song{number}", files))
        for shard in plan(tracks, tmp_path / "cache"):
            list(write(shard, Recipe(stems, 22050)))
        return Cache.open(tmp_path / "cache")

    return cache


def take(draw, count, seed=0):
    rng = np.random.default_rng(seed)
    return [draw(rng) for _ in range(count)]


def of(audio):
    """The label of a mixture of the constants, from its samples alone."""
    code = round(float(audio[0, 0]) / LEVELS[0])
    return ", ".join(stem.capitalize() for bit, stem in enumerate(STEMS) if code >> bit & 1)


def test_the_text_names_just_the_stems_in_the_sum(make):
    cache = make((STEMS, STEMS))
    for audio, rate, text in take(Mixtures(cache, 500), 300):
        assert (audio.dtype, audio.shape, rate) == (torch.float32, (1, 500), 22050)
        assert of(audio) == text
        assert text.count(", ") >= 1


def test_sizes_are_equally_likely_and_so_is_every_choice():
    rng = np.random.default_rng(1)
    draws = [tuple(subset(np.arange(4), rng).tolist()) for _ in range(6000)]
    sizes = Counter(map(len, draws))
    assert set(sizes) == {2, 3, 4}
    assert all(count / 6000 == pytest.approx(1 / 3, abs=0.03) for count in sizes.values())
    choices = Counter(draws)
    assert len(choices) == 6 + 4 + 1
    assert all(
        count / 6000 == pytest.approx({2: 1 / 18, 3: 1 / 12, 4: 1 / 3}[len(choice)], abs=0.03)
        for choice, count in choices.items()
    )
    assert all(list(choice) == sorted(set(choice)) for choice in choices)


@pytest.mark.parametrize("whole", [0.0, 0.6, 1.0])
def test_all_that_sounds_is_summed_as_often_as_said(make, whole):
    drawn = take(Mixtures(make((STEMS, STEMS)), 500, whole=whole), 400)
    share = sum(text == ", ".join(map(str.capitalize, STEMS)) for *_, text in drawn) / 400
    assert share == pytest.approx(whole + (1 - whole) / 3, abs=0.07)


def test_what_sounds_is_judged_in_the_window_and_lone_stems_are_never_heard(make):
    cache = make((("bass", "drums"), ("piano",)), (("guitar",), ()))
    drawn = take(Mixtures(cache, 1000), 100)
    assert {text for *_, text in drawn} == {"Bass, Drums", "Bass, Drums, Piano", "Bass, Piano", "Drums, Piano"}
    for audio, _, text in drawn:
        assert audio.square().mean() > 0
        if text == "Bass, Drums":
            assert audio.max() == pytest.approx(0.03, abs=1e-4)


def test_the_threshold_is_minus_sixty_dbfs_after_the_gain(tmp_path, helpers):
    _, write_sound = helpers

    def drawn(level):
        stems = {"bass": 0.1, "drums": 0.1, "piano": level}
        files = {s: (write_sound(tmp_path / f"{level}{s}.wav", np.full((900, 1), v)),) for s, v in stems.items()}
        for shard in plan([track("song", files)], tmp_path / str(level)):
            list(write(shard, Recipe(tuple(stems), 22050)))
        return Mixtures(Cache.open(tmp_path / str(level)), 900)

    assert {text for *_, text in take(drawn(33 / 32768), 60)} > {"Bass, Drums, Piano"}
    assert {text for *_, text in take(drawn(32 / 32768), 60)} == {"Bass, Drums"}
    loud = Mixtures(drawn(32 / 32768).cache, 900, gain_db=6.0)
    heard = sum("Piano" in text for *_, text in take(loud, 600)) / 600
    assert heard == pytest.approx(0.4, abs=0.12)


def test_gains_and_signs_change_the_sum_as_said(make):
    cache = make((("bass", "drums"), ("bass", "drums")))
    signs = Counter(
        (float(audio[0, 0]) > 0, abs(float(audio[0, 0])) > 0.02) for audio, *_ in take(Mixtures(cache, 500, polarity=True), 800)
    )
    assert len(signs) == 4
    assert all(count == pytest.approx(200, abs=60) for count in signs.values())
    sums = torch.stack([audio[0, 0] for audio, *_ in take(Mixtures(cache, 500, gain_db=3.0), 400)])
    assert sums.std() == pytest.approx(np.hypot(0.01, 0.02) * np.log(10) / 20 * 3.0, rel=0.25)


def test_a_description_hears_of_the_track_and_the_stems(make):
    cache = make((("bass", "drums"), ("bass", "drums")), (("guitar", "piano"), ("guitar", "piano")))
    heard = set()
    take(Mixtures(cache, 500, describe=lambda track, stems, rng: heard.add((track, tuple(stems))) or ""), 60)
    assert heard == {("song0", ("bass", "drums")), ("song1", ("guitar", "piano"))}


def test_mixtures_stream_in_batches_and_in_workers(make):
    cache = make((STEMS, STEMS))
    loader = DataLoader(Stream(Mixtures(cache, 500), seed=5), batch_size=3, num_workers=2)
    once, again = (list(itertools.islice(loader, 2)) for _ in range(2))
    for (audio, rates, texts), (same, _, words) in zip(once, again, strict=True):
        assert audio.shape == (3, 1, 500)
        assert rates.tolist() == [22050] * 3
        assert [of(item) for item in audio] == list(texts)
        assert torch.equal(audio, same)
        assert texts == words


def test_a_cache_without_two_sounding_stems_ends_in_one_line(make):
    with pytest.raises(DataError, match="none of 1000 windows of 500 samples has two stems that sound") as caught:
        take(Mixtures(make((("bass",), ("bass",)), (("piano",), ())), 500), 1)
    assert "\n" not in str(caught.value)


def test_a_cache_of_one_stem_is_refused(make):
    with pytest.raises(DataError, match="only bass, expected two or more stems"):
        Mixtures(make((("bass",), ("bass",)), stems=("bass",)), 500)


def test_labels_are_the_papers():
    assert labels("", ("bass", "drums"), np.random.default_rng()) == "Bass, Drums"
    assert labels("", ("other_keys", "piano"), np.random.default_rng()) == "Other keys, Piano"


def test_a_part_is_two_or_more_stems_of_the_mixture_and_its_text_names_absent_ones_too(make):
    cache = make((STEMS, STEMS))
    drawn = take(Parts(Mixtures(cache, 500)), 600)
    absent = Counter()
    for audio, rate, text, part, said, others in drawn:
        assert (rate, part.shape, part.dtype) == (22050, (1, 500), torch.float32)
        assert of(audio) == text
        whole, held, named = (set(names.split(", ")) for names in (text, of(part), said))
        assert len(held) >= 2
        assert held <= whole
        assert held <= named
        assert not named & (whole - held), "what sounds beside the part is not named"
        missing = [stem for stem in map(str.capitalize, STEMS) if stem not in whole]
        assert others == ", ".join(missing)
        absent.update(stem in named for stem in missing)
    assert len({(text, of(part)) for _, _, text, part, *_ in drawn}) == 6 + 4 * 4 + 11
    assert absent[True] / absent.total() == pytest.approx(0.5, abs=0.06)


def test_of_two_stems_the_part_is_both(make):
    for audio, _, text, part, said, _ in take(Parts(Mixtures(make((("bass", "drums"),) * 2), 500)), 20):
        assert torch.equal(audio, part)
        assert text == "Bass, Drums"
        assert {"Bass", "Drums"} <= set(said.split(", ")) <= {"Bass", "Drums", "Guitar", "Piano"}
