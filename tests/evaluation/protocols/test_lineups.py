from pathlib import Path

import numpy as np
import soundfile
import torch

from stemweave.data.tracks import Track, track
from stemweave.evaluation.protocols.lineups import Some, everyone


def made(**stems):
    return Track("song", {name: tuple(map(Path, files)) for name, files in stems.items()}, 22050, 1, 22050)


def test_the_others_are_known_to_be_silent():
    song = made(bass=["b.wav"], drums=["kick.wav", "snare.wav"], piano=["p.wav"], guitar=[])
    kept = Some(("bass", "drums"))(song)
    assert dict(kept.stems) == {"bass": song.stems["bass"], "drums": song.stems["drums"], "piano": (), "guitar": ()}
    assert (kept.id, kept.rate, kept.frames) == (song.id, song.rate, song.frames)
    assert song.present(["piano"]) == (True,)


def test_a_stem_that_nobody_knows_stays_unknown():
    kept = Some(("bass", "drums"))(made(bass=["b.wav"], drums=["d.wav"]))
    assert kept.known(("bass", "drums", "piano")) == (True, True, False)


def test_fewer_than_two_with_a_file_are_no_lineup():
    assert Some(("bass", "drums"))(made(bass=["b.wav"], drums=[], piano=["p.wav"])) is None
    assert Some(("bass", "drums"))(made(piano=["p.wav"], guitar=["g.wav"])) is None


def test_everyone_is_the_song_itself():
    song = made(bass=["b.wav"])
    assert everyone(song) is song


def test_silent_stems_keep_the_songs_length(tmp_path):
    files = {}
    for n, (name, frames) in enumerate({"bass": 1000, "drums": 1000, "piano": 9000}.items()):
        files[name] = (tmp_path / f"{name}.wav",)
        soundfile.write(files[name][0], np.full(frames, 0.1 * (n + 1)), 8000, subtype="FLOAT")
    whole = track("song", files)
    heard = Some(("bass", "drums"))(whole).read(("bass", "drums", "piano"))
    assert heard.shape == (3, 1, whole.frames) == (3, 1, 9000)
    assert not heard[2].any()
    assert torch.equal(heard[:2], whole.read(("bass", "drums")))
