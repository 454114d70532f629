"""`stemweave preprocess latents` as a user runs it."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch

from stemweave.cli.app import main
from stemweave.data import latents as data_latents
from stemweave.data.latents import Latents
from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Cache, Recipe, plan, write
from stemweave.data.tracks import track
from stemweave.model.checkpoint import load_codec, save
from stemweave.model.codec import Codec, joined
from stemweave.nets.sourcevae import SourceVAEConfig

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def audio(tmp_path):
    """A cache of two splits; the song of the second has no piano."""
    rng = np.random.default_rng(0)
    for place in ("train/Track00001", "train/Track00002", "validation/Track00003"):
        folder = tmp_path / "songs" / place
        folder.mkdir(parents=True)
        for stem in STEMS[: 4 if place.startswith("train") else 3]:
            soundfile.write(folder / f"{stem}.flac", rng.standard_normal(1234) * 0.05, 22050)
    corpus = open_corpus(tmp_path / "songs", STEMS)
    for split in ("train", "validation"):
        for shard in plan(corpus.split(split), tmp_path / "audio" / split):
            list(write(shard, Recipe(STEMS, 22050)))
    return tmp_path / "audio"


@pytest.fixture
def codec(latent_model, tmp_path):
    save(latent_model.codec, tmp_path / "codec", precision=torch.float32)
    return tmp_path / "codec"


@pytest.fixture
def run(audio, codec, tmp_path, capsys):
    """Run it from the cache `audio` by the codec `codec` to tmp_path/out: (status, stdout, stderr)."""

    def call(*arguments, source=audio, by=codec):
        capsys.readouterr()
        words = ["preprocess", "latents", source, "-n", by, "-o", tmp_path / "out", *arguments]
        return main([str(word) for word in words]), *capsys.readouterr()

    return call


@pytest.fixture
def refuse(run, tmp_path):
    """Run it so that it must fail in one line, which it gives, and leave all as it was."""

    def call(*arguments, **more):
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        status, out, err = run(*arguments, **more)
        assert (status, out) == (2, ""), err
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        (told,) = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("stemweave: ")]
        return told

    return call


def test_every_split_is_encoded_and_reported(run, audio, codec, tmp_path):
    status, out, err = run()
    assert status == 0
    assert out.splitlines() == [
        f"{tmp_path}/out/train: 2 songs, 0.00 h of bass, drums, guitar, piano: 3 latents, 2205 times a second, "
        "by codec tiny-codec; verified",
        f"{tmp_path}/out/validation: 1 songs, 0.00 h of bass, drums, guitar, piano: 3 latents, 2205 times a second, "
        "by codec tiny-codec; verified",
    ]
    assert "2/2" in err
    coder, cache, made = load_codec(codec), Cache.open(audio / "train"), Latents.open(tmp_path / "out" / "train")
    assert made.coding.digest == coder.digest()
    for number, entry in enumerate(cache.tracks):
        expected = coder.encode(torch.from_numpy(cache.read(number, 0, entry.frames))[None])[0]
        found = torch.from_numpy(made.read(number, 0, made.tracks[number].frames))
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    late = torch.from_numpy(made.read(0, 5000, 1))[..., 0]
    torch.testing.assert_close(late, coder.silence(4), rtol=1e-5, atol=1e-6)


def test_one_split_by_the_codec_of_a_model(run, audio, latent_model, tmp_path):
    save(latent_model, tmp_path / "model", precision=torch.float32)
    assert run(source=audio / "train", by=tmp_path / "model")[0] == 0
    assert Latents.open(tmp_path / "out").coding.codec == "tiny-codec"


def test_mixtures_and_copies(run, audio, codec, tmp_path):
    assert run("--mixture", "--shifts", 2)[0] == 0
    made, cache, coder = Latents.open(tmp_path / "out" / "train"), Cache.open(audio / "train"), load_codec(codec)
    assert made.stems == ("band",)
    assert [entry.id for entry in made.tracks] == ["Track00001@0", "Track00001@1", "Track00002@0", "Track00002@1"]
    mixture = torch.from_numpy(cache.read(1, 0, 1234)).sum(0, keepdim=True)
    expected = coder.encode(torch.nn.functional.pad(mixture, (5, 0))[None])[0]
    found = torch.from_numpy(made.read(3, 0, expected.shape[-1]))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_again_is_quick_and_another_codec_must_be_allowed(run, refuse, codec, tmp_path):
    run()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert run()[0] == 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    other = load_codec(codec)
    other.config = dataclasses.replace(other.config, std=(1.0, 1.0, 1.0))
    save(other, tmp_path / "other", precision=torch.float32)
    assert "holds other tracks or settings; give --overwrite" in refuse(by=tmp_path / "other")
    assert run("--overwrite", by=tmp_path / "other")[0] == 0
    assert Latents.open(tmp_path / "out" / "train").coding.digest == load_codec(tmp_path / "other").digest()


def test_fewer_songs_leave_none_of_the_others(run, refuse, tmp_path, monkeypatch):
    monkeypatch.setattr(data_latents, "GROUP", 2)
    run("--shifts", 3)
    assert "latents-00001.json is of more songs than there are now; give --overwrite" in refuse()
    assert run("--overwrite")[0] == 0
    assert len(Latents.open(tmp_path / "out" / "train").tracks) == 2


def test_parts_of_the_work(run, tmp_path):
    status, out, _ = run("--shard", "1/2")
    assert (status, out) == (0, "")
    assert not (tmp_path / "out").exists()
    assert run("--shard", "0/2")[0] == 0
    assert len(Latents.open(tmp_path / "out" / "train").tracks) == 2


def test_damaged_latents_end_in_one_line(run, refuse, tmp_path):
    run()
    file = tmp_path / "out" / "train" / "latents-00000.f16"
    whole = file.read_bytes()
    file.write_bytes(whole[:-2] + b"\0\x7c")
    assert "latents-00000.f16 is damaged in Track00002; delete it, and run" in refuse()
    file.write_bytes(whole[:-2])
    assert run()[0] == 0
    assert file.read_bytes() == whole
    (file.with_suffix(".json")).write_text("{")
    assert "is not the index of a cache" in refuse()
    file.with_suffix(".json").unlink()
    assert run()[0] == 0
    assert file.read_bytes() == whole


def test_what_cannot_be_encoded_ends_in_one_line(refuse, audio, codec, tiny_folder, tmp_path):
    assert "no cache of audio, nor folders that do; make one with `stemweave preprocess audio`" in refuse(source=tmp_path)
    assert "expected a codec, or a model that has one" in refuse(by=tiny_folder)
    assert "unknown model" in refuse(by=tmp_path / "none")
    assert "--shifts is 11, expected 1 to 10" in refuse("--shifts", 11)
    assert "--shifts is 0" in refuse("--shifts", 0)
    assert "--shard is '2/2'" in refuse("--shard", "2/2")
    slow = load_codec(codec)
    slow.config = dataclasses.replace(slow.config, rate=16000)
    save(slow, tmp_path / "slow")
    assert "codec tiny-codec has 1 channels at 16000 Hz, the sound 1 at 22050 Hz" in refuse(by=tmp_path / "slow")
    index = audio / "train" / "shard-00000.json"
    index.write_text("{")
    assert "is not the index of a cache" in refuse()


def test_a_vae_per_stem_wants_its_stems(run, refuse, codec, tmp_path):
    single = load_codec(codec)
    for name, stems in (("fits", STEMS), ("other", STEMS[::-1])):
        save(joined(name, dict.fromkeys(stems, single)), tmp_path / name)
    assert "codec other has a VAE for each of piano, guitar, drums, bass, got bass, drums" in refuse(by=tmp_path / "other")
    assert "codec fits has a VAE for each of bass, drums, guitar, piano, got band" in refuse("--mixture", by=tmp_path / "fits")
    assert run(by=tmp_path / "fits")[0] == 0


def test_the_shortest_song_there_is(run, codec, tmp_path):
    soundfile.write(tmp_path / "one.wav", np.full(1, 0.1), 22050)
    song = track("one", {"bass": (tmp_path / "one.wav",)})
    for shard in plan([song], tmp_path / "short"):
        list(write(shard, Recipe(STEMS, 22050)))
    assert run("--shifts", 10, source=tmp_path / "short")[0] == 0
    made = Latents.open(tmp_path / "out")
    assert [entry.frames for entry in made.tracks] == [1] * 8 + [2] * 2  # the last frame loses two of its ten samples
    assert made.tracks[0].known == (True, False, False, False)


def test_stereo(run, tmp_path):

    soundfile.write(tmp_path / "b.wav", np.random.default_rng(0).normal(size=(500, 2)) * 0.1, 22050)
    song = track("one", {"bass": (tmp_path / "b.wav",)})
    for shard in plan([song], tmp_path / "stereo"):
        list(write(shard, Recipe(("bass",), 22050, 2)))
    config = dataclasses.replace(load_codec(tmp_path / "codec").config, net=SourceVAEConfig(2, 3, 4, 8, (5,)), mean=(), std=())
    save(Codec(config), tmp_path / "wide")
    assert run(source=tmp_path / "stereo", by=tmp_path / "wide")[0] == 0
    assert Latents.open(tmp_path / "out").read(0, 0, 9).shape == (1, 3, 9)
