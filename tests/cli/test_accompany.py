import itertools
import math

import pytest
import torch

from stemweave.audio.files import read, write
from stemweave.audio.formats import FLAC16
from stemweave.audio.stems import Stems

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def stem(tmp_path):
    def make(name, rate=44100, channels=1, seconds=0.25):
        path, samples = tmp_path / f"{name}-{rate}.wav", round(seconds * rate)
        write(path, torch.randn(channels, samples, generator=torch.Generator().manual_seed(len(name))) * 0.1, rate)
        return f"{name}={path}"

    return make


def test_given_stems_come_back_untouched_beside_new_ones(run, stem, tmp_path, manifest):
    given = stem("drums", 48000, 2, 0.2500313)
    status, out, err = run("accompany", "--given", given, "--seed", 4)
    assert status == 0, err
    folder = tmp_path / "out" / "tiny" / "with-drums-4"
    assert str(folder) in out
    stems, (drums, _) = Stems.read(folder), read(given.partition("=")[2])
    assert (stems.names, stems.rate, stems.audio.shape) == (STEMS, 48000, (4, *drums.shape))
    assert torch.equal(stems["drums"], drums)
    assert stems["bass"].abs().max() > 0
    facts = manifest("with-drums-4")
    assert facts["inputs"]["drums"]["rate"] == 48000
    assert (facts["verb"], facts["settings"]["method"], facts["seed"]) == ("accompany", "learned", 4)


@pytest.mark.parametrize("given", [some for count in (1, 2, 3) for some in itertools.combinations(STEMS, count)])
def test_every_subset_can_be_given(run, stem, tmp_path, given):
    pairs = [option for name in given for option in ("--given", stem(name))]
    assert run("accompany", *pairs, "--seed", 1, "--method", "replacement" if len(given) == 2 else "learned")[0] == 0
    stems = Stems.read(tmp_path / "out" / "tiny" / f"with-{'-'.join(given)}-1")
    assert stems.names == STEMS
    for name in given:
        assert torch.equal(stems[name], read(tmp_path / f"{name}-44100.wav")[0])


def test_only_what_is_asked_for_is_made(run, stem, tmp_path):
    run("accompany", "--given", stem("drums"), "--make", "bass", "--title", "duo", "--seed", 1, "--takes", 2)
    for seed in (1, 2):
        assert Stems.read(tmp_path / "out" / "tiny" / f"duo-{seed}").names == ("bass", "drums")


def test_given_stems_of_different_rates_and_channels(run, stem, tmp_path):
    status, _, err = run("accompany", "--given", stem("drums", 44100, 2), "--given", stem("bass", 22050), "--seed", 1)
    assert status == 0, err
    stems = Stems.read(tmp_path / "out" / "tiny" / "with-drums-bass-1")
    assert (stems.rate, stems.audio.shape[1]) == (44100, 2)
    assert torch.equal(stems["drums"], read(tmp_path / "drums-44100.wav")[0])


@pytest.mark.parametrize("samples", [1, 1001])
def test_silence_and_one_sample(run, tmp_path, samples):
    write(tmp_path / "x.wav", torch.zeros(1, samples), 44100)
    assert run("accompany", "--given", f"piano={tmp_path / 'x.wav'}", "--seed", 1)[0] == 0
    made = Stems.read(tmp_path / "out" / "tiny" / "with-piano-1")
    assert made.audio.shape == (4, 1, samples)
    assert math.isfinite(float(made.audio.sum()))


def test_given_stems_in_integers_share_one_gain(run, tmp_path, manifest):
    write(tmp_path / "x.wav", torch.full((1, 2000), 1.9), 44100)
    run("accompany", "--given", f"piano={tmp_path / 'x.wav'}", "--seed", 1, "--format", "flac")
    gain = manifest("with-piano-1")["gain"]
    assert gain < 0.6
    piano, _ = read(tmp_path / "out" / "tiny" / "with-piano-1" / "piano.flac")
    torch.testing.assert_close(piano, torch.full((1, 2000), 1.9 * gain), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--given", "drums"], "--given is 'drums', expected NAME=FILE"),
        (["--given", "=x.wav"], "expected NAME=FILE"),
        (["--given", "drums="], "expected NAME=FILE"),
        (["--given", "drums=no.wav"], "no.wav does not exist"),
        (["--given", "kazoo=no.wav"], "'kazoo'"),
        (["--given", "drums=a.wav", "--given", "drums=b.wav"], "--given names drums twice"),
        ([option for name in STEMS for option in ("--given", f"{name}=x.wav")], "all stems are given"),
        (["--given", "drums=x.wav", "--make", "kazoo"], "'kazoo'"),
        (["--given", "drums=x.wav", "--make", "bass,bass"], "--make names bass twice"),
        (["--given", "drums=x.wav", "--make", "drums"], "cannot be both given and made"),
        (["--given", "drums=x.wav", "--method", "magic"], "--method is 'magic'"),
        (["--given", "drums=x.wav", "--takes", "0"], "0 takes"),
        (["--given", "drums=x.wav", "--steps", "0"], "--steps is 0"),
    ],
)
def test_refuses_in_one_line(refuse, options, message):
    assert message in refuse("accompany", *options)


def test_given_stems_of_different_lengths(refuse, stem):
    options = ["--given", stem("drums"), "--given", stem("bass", seconds=0.3)]
    assert "differ in length: drums 0.250 s, bass 0.300 s" in refuse("accompany", *options)


def test_a_format_that_cannot_hold_what_is_given(refuse, stem):
    assert "MP3 cannot hold 96000 Hz" in refuse("accompany", "--given", stem("drums", 96000), "--format", "mp3")


def test_flac_is_given_as_well(run, tmp_path):
    write(tmp_path / "x.flac", torch.full((1, 500), 0.25), 44100, FLAC16)
    assert run("accompany", "--given", f"bass={tmp_path / 'x.flac'}", "--seed", 1)[0] == 0
    assert Stems.read(tmp_path / "out" / "tiny" / "with-bass-1")["bass"].unique().tolist() == [0.25]
