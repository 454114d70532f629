import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from stemweave.band import kinds
from stemweave.band.presets import PRESETS, band
from stemweave.band.score import PROGRAMS as SCORED
from stemweave.band.score import STEMS
from stemweave.band.song import as_json, render_song
from stemweave.band.styles import NAMED
from stemweave.data import descriptions
from stemweave.data.descriptions import Descriptions, Song, instrument, rendered
from stemweave.errors import DataError, UsageError
from stemweave.nets.text import Words

SONG = Song("bossa", 96.4, {"bass": "fingered electric bass", "drums": "brushed drums"})


def drawn(describe, stems=("bass", "drums"), count=400, seed=0):
    rng = np.random.default_rng(seed)
    return [describe("Track00001", stems, rng) for _ in range(count)]


def font(program, *effects, **facts):
    return {"back_end": "soundfont", "program": program, "effects": [{"name": name} for name in effects], **facts}


def test_rich_descriptions_say_what_plays_how_fast_and_in_which_style():
    texts = drawn(Descriptions({"Track00001": SONG}, plain=0.0))
    assert "fingered electric bass, brushed drums, 96 bpm bossa" in texts
    assert "bossa at 96 bpm with brushed drums and fingered electric bass" in texts
    assert len(set(texts)) == 2 * 2 * len(descriptions.PHRASINGS)  # two orders, two ways to list them
    assert all("fingered electric bass" in text and "brushed drums" in text for text in texts)


def test_only_the_stems_asked_for_are_named():
    song = Song("rock", 120.0, {"bass": "slap bass", "drums": "jazz drums", "piano": "grand piano"})
    for text in drawn(Descriptions({"Track00001": song}), ("bass", "piano")):
        assert "drums" not in text.lower()
        assert "bass" in text.lower()
        assert "piano" in text.lower()


def test_labels_come_as_often_as_said_and_names_are_plain_as_often():
    texts = drawn(Descriptions({"Track00001": SONG}, plain=0.4), count=3000)
    assert texts.count("Bass, Drums") / 3000 == pytest.approx(0.4, abs=0.04)
    rich = [text for text in texts if text != "Bass, Drums"]
    assert sum("brushed" not in text for text in rich) / len(rich) == pytest.approx(0.4, abs=0.05)
    assert set(drawn(Descriptions({"Track00001": SONG}, plain=1.0))) == {"Bass, Drums"}


def test_the_generator_decides():
    describe = Descriptions({"Track00001": SONG})
    assert drawn(describe, seed=4) == drawn(describe, seed=4)
    assert drawn(describe, seed=4) != drawn(describe, seed=5)


def test_a_song_in_no_style_of_ours_gets_none():
    texts = drawn(Descriptions({"Track00001": Song("", 90.0, SONG.instruments)}))
    assert not any("playing" in text or ": " in text for text in texts)
    assert any("90 bpm" in text for text in texts)


def test_phrasings_are_those_given():
    phrasings = ("only {band}", "{style} by {band}", "{band} ({tempo})")
    texts = drawn(Descriptions({"Track00001": SONG}, 0.0, phrasings))
    assert "only fingered electric bass, brushed drums" in texts
    assert "bossa by brushed drums and fingered electric bass" in texts
    assert len(set(texts)) == 2 * 2 * len(phrasings)
    texts = drawn(Descriptions({"Track00001": Song("", 90.4, SONG.instruments)}, 0.0, phrasings))
    assert {text[0] for text in texts} == {"o", "f", "b"}
    assert not any(" by " in text for text in texts)
    assert any(text.endswith("(90)") for text in texts)


@pytest.mark.parametrize("phrasing", ["{bnad}", "{}", "{band", "{band.size}", "{band[x]}", "{tempo:q}"])
def test_phrasings_that_cannot_be_filled_in_are_refused(phrasing):
    with pytest.raises(UsageError, match=r"expected {band}, {style} and {tempo} to fill in"):
        Descriptions({}, phrasings=("{band}", phrasing))


@pytest.mark.parametrize("phrasings", [(), ("{style}: {band}", "{band} playing {style}")])
def test_songs_in_no_style_need_a_phrasing_too(phrasings):
    with pytest.raises(UsageError, match=r"no phrasing without {style}"):
        Descriptions({}, phrasings=phrasings)


def test_the_recipes_vocabulary_knows_all_that_its_songs_are_called():
    recipe = yaml.safe_load((Path(__file__).parents[2] / "recipes" / "gmsdi-band.yaml").read_text())
    vocabulary = Words(tuple(recipe["model"]["config"]["text"]["reader"]["names"]))
    played = [(stem, {"instrument": kind.name}) for stem, each in kinds.TRAIN.items() for kind in each]
    played += [(stem, {"program": number}) for stem in STEMS for number in SCORED[stem]]
    names = {instrument(stem, entry | {"effects": [{"name": fx}]}) for stem, entry in played for fx in ("none", "drive")}
    assert {"overdriven electric guitar", "clean electric guitar", "brushed drums"} < names
    band = {name: name for name in names}
    phrasings = tuple(recipe["data"]["init_args"]["mixtures"]["init_args"]["phrasings"])
    rng = np.random.default_rng(0)
    for style in NAMED:
        describe = Descriptions({"Track00001": Song(style, 96.4, band)}, 0.0, phrasings)
        vocabulary.prepare([describe("Track00001", (name, "brushed drums"), rng) for name in names for _ in range(4)])


def test_players_have_their_names():
    assert instrument("bass", font(33)) == "fingered electric bass"
    assert instrument("guitar", font(27)) == "clean electric guitar"
    assert instrument("guitar", font(27, "chorus", "drive")) == "overdriven electric guitar"
    played = {"instrument": "electric guitar", "timbre": {"drive": 0.0}, "effects": []}
    assert instrument("guitar", played) == "clean electric guitar"
    assert instrument("guitar", played | {"timbre": {"drive": 2.0}}) == "overdriven electric guitar"
    assert instrument("piano", {"instrument": "clavichord", "timbre": {}, "effects": []}) == "clavichord"
    assert instrument("piano", font(99)) == "piano"


def test_every_sound_of_the_band_has_a_name_that_tells_its_stem():
    for stem in STEMS:
        assert set(SCORED[stem]) == set(descriptions.PROGRAMS[stem])
    known = {kind.name for sets in (kinds.TRAIN, kinds.HELD_OUT) for each in sets.values() for kind in each}
    assert set(descriptions.KINDS) <= known


def test_a_song_of_the_band_is_described_from_its_own_track_json(tmp_path):
    _, score, facts = render_song(band(PRESETS["train"], ()), 3, 0, 4.0, 8000)
    (tmp_path / "Track00001").mkdir()
    (tmp_path / "Track00001" / "track.json").write_text(as_json(facts))
    song = rendered(tmp_path)["Track00001"]
    assert (song.style, song.tempo) == (score.style, score.tempo)
    assert set(song.instruments) == {stem for stem in STEMS if facts["stems"][stem]["present"]}
    stems = list(song.instruments)
    for text in drawn(Descriptions(rendered(tmp_path)), stems, 50):
        assert not re.search(r"[{}]", text)
    assert song.style in NAMED


def test_an_unknown_stem_or_track_ends_in_one_line():
    for plain in (0.0, 1.0):
        describe = Descriptions({"Track00001": SONG}, plain)
        with pytest.raises(DataError, match=r"track Track00001 has no piano, its track\.json knows bass, drums"):
            drawn(describe, ("bass", "piano"), 1)
        with pytest.raises(DataError, match=r"track Track00002 has no track\.json"):
            describe("Track00002", ("bass", "drums"), np.random.default_rng())


def test_a_folder_without_songs_and_a_foreign_track_json_end_in_one_line(tmp_path):
    with pytest.raises(DataError, match=r"holds no <track>/track\.json"):
        rendered(tmp_path)
    path = tmp_path / "Track00001" / "track.json"
    path.parent.mkdir()
    good = {"style": "bossa", "tempo": 96, "stems": {"bass": font(33) | {"present": True}}}
    path.write_text(json.dumps(good))
    assert rendered(tmp_path) == {"Track00001": Song("bossa", 96.0, {"bass": "fingered electric bass"})}
    broken = ("{", "[]", "{}", json.dumps(good | {"stems": {"bass": {"present": True}}}), json.dumps(good | {"tempo": "fast"}))
    for content in broken:
        path.write_text(content)
        with pytest.raises(DataError, match=r"not a rendered song's track\.json") as caught:
            rendered(tmp_path)
        assert "\n" not in str(caught.value)


def test_a_style_that_is_not_ours_is_left_out(tmp_path):
    path = tmp_path / "Track00001" / "track.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"style": "human", "tempo": 100, "stems": {"bass": {"present": False}}}))
    assert rendered(tmp_path)["Track00001"] == Song("", 100.0, {})
