import base64
import io
import json
import re

import numpy as np
import pytest
import soundfile

from stemweave.audio.formats import FLAC16
from stemweave.errors import AudioError, DataError
from stemweave.evaluation.reports.clips import Room, unclipped
from stemweave.evaluation.reports.listening import key, page, trials

RATE = 8000
LEVELS = {"ours": 0.3, "theirs": 0.02, "real": 0.1, "shuffled": 0.15}
ITEMS = [f"item{k}" for k in range(6)]


@pytest.fixture
def folders(tmp_path):
    """Noise of 0.1 s by two systems and two anchors, each at a level of its own."""
    for number, (system, level) in enumerate(LEVELS.items()):
        (tmp_path / system).mkdir()
        for k, item in enumerate(ITEMS):
            audio = np.random.default_rng((number, k)).uniform(-1, 1, 800)
            soundfile.write(
                tmp_path / system / f"{item}.wav", audio * level / np.sqrt(np.mean(audio**2)), RATE, subtype="FLOAT"
            )
    return {system: tmp_path / system for system in LEVELS}


def data_of(text):
    return json.loads(re.search(r'<script type="application/json" id="test">(.*?)</script>', text, re.DOTALL)[1])


def sounds_of(text):
    """Samples by code."""
    clips = [clip for trial in data_of(text)["trials"] for clip in trial["clips"]]
    return {clip["code"]: soundfile.read(io.BytesIO(base64.b64decode(clip["sound"].split(",")[1])))[0] for clip in clips}


def test_every_trial_holds_one_item_by_every_system_once(folders):
    made = trials(folders, 0)
    assert sorted(trial.item for trial in made) == ITEMS
    for trial in made:
        assert sorted(clip.system for clip in trial.clips) == sorted(LEVELS)
        assert {clip.path for clip in trial.clips} == {folders[system] / f"{trial.item}.wav" for system in LEVELS}


def test_orders_are_drawn_by_the_seed(folders):
    def order(seed):
        return [(trial.item, [clip.system for clip in trial.clips]) for trial in trials(folders, seed)]

    assert order(3) == order(3)
    assert [item for item, _ in order(3)] != [item for item, _ in order(4)]
    assert len({tuple(systems) for _, systems in order(3)}) > 1
    assert [item for item, _ in order(3)] != ITEMS


def test_codes_are_all_different_and_only_the_key_knows_them(folders):
    made = trials(folders, 5)
    secret = key(made, 5)
    assert secret["seed"] == 5
    assert len(secret["codes"]) == len(ITEMS) * len(LEVELS)
    for trial in made:
        for clip in trial.clips:
            assert secret["codes"][clip.code] == clip.system
    assert not key(trials(folders, 6), 6)["codes"].keys() & secret["codes"].keys()


def test_the_page_names_no_system_no_path_and_no_seed(folders, tmp_path):
    made = trials(folders, 987654)
    text = page(made, Room(FLAC16, 5))
    without_sound = re.sub(r"base64,[A-Za-z0-9+/=]*", "", text)
    for secret in ("ours", "theirs", "shuffled", "987654", ".wav", str(tmp_path)):
        assert secret not in without_sound
    assert not re.search(r"\breal\b", without_sound)
    assert set(data_of(text)["trials"][0]) == {"item", "clips"}
    assert [trial["item"] for trial in data_of(text)["trials"]] == [trial.item for trial in made]


def test_clips_are_equally_loud_unless_told(folders):
    made = trials(folders, 1)
    codes = key(made, 1)["codes"]
    even = sounds_of(page(made, Room(FLAC16, 5)))
    assert [np.sqrt(np.mean(sound**2)) for sound in even.values()] == pytest.approx([0.1] * len(codes), rel=1e-3)
    own = sounds_of(page(made, Room(FLAC16, 5), level=unclipped))
    for code, sound in own.items():
        assert np.sqrt(np.mean(sound**2)) == pytest.approx(LEVELS[codes[code]], rel=0.01)


def test_nothing_in_the_page_comes_from_outside(folders):
    text = page(trials(folders, 1), Room(FLAC16, 5), question="</script><script>alert(1)</script>")
    assert "://" not in text
    assert not re.search(r"<(script|link|img|iframe)[^>]*\s(src|href)=", text)
    assert text.count("<script") == text.count("</script>") == 2
    assert data_of(text)["question"] == "</script><script>alert(1)</script>"
    assert "default-src &#x27;none&#x27;" in text
    assert "This listening test needs JavaScript" in text


def test_two_formats_are_one_item_and_other_files_are_left_alone(folders):
    audio, rate = soundfile.read(folders["ours"] / "item0.wav")
    (folders["ours"] / "item0.wav").unlink()
    soundfile.write(folders["ours"] / "item0.flac", audio, rate)
    (folders["ours"] / "notes.txt").write_text("")
    (folders["ours"] / ".hidden.wav").write_text("")
    assert len(trials(folders, 0)) == len(ITEMS)
    soundfile.write(folders["ours"] / "item0.ogg", audio, rate)
    with pytest.raises(DataError, match="holds item0 2 times"):
        trials(folders, 0)


def test_a_missing_clip_is_named(folders):
    (folders["theirs"] / "item3.wav").unlink()
    with pytest.raises(DataError, match="theirs lacks item3, which another folder has"):
        trials(folders, 0)
    (folders["theirs"] / "item4.wav").unlink()
    with pytest.raises(DataError, match="theirs lacks item3 and 1 more"):
        trials(folders, 0)


def test_anchors_and_systems_are_required(folders, tmp_path):
    with pytest.raises(DataError, match="no folder for shuffled"):
        trials({name: path for name, path in folders.items() if name != "shuffled"}, 0)
    with pytest.raises(DataError, match="at least one system"):
        trials({name: folders[name] for name in ("real", "shuffled")}, 0)
    with pytest.raises(DataError, match="gone is not a folder"):
        trials({**folders, "ours": tmp_path / "gone"}, 0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no clips"):
        trials({**folders, "ours": tmp_path / "empty"}, 0)


def test_lengths_that_tell_systems_apart_are_refused(folders):
    soundfile.write(folders["ours"] / "item2.wav", np.zeros(3000) + 0.1, RATE)
    with pytest.raises(DataError, match=r"item2\.wav lasts 0\.10 s and .*ours/item2\.wav 0\.38 s"):
        page(trials(folders, 0), Room(FLAC16, 5))
    soundfile.write(folders["ours"] / "item2.wav", np.zeros(1500) + 0.1, RATE)
    page(trials(folders, 0), Room(FLAC16, 5))


def test_what_cannot_be_read_or_held_is_refused(folders):
    with pytest.raises(DataError, match=r"larger than 0\.001 MB"):
        page(trials(folders, 0), Room(FLAC16, 0.001))
    (folders["ours"] / "item1.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"item1\.wav"):
        page(trials(folders, 0), Room(FLAC16, 5))
