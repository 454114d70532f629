"""The jobs on the command line with a model over latents that hears given stems: as with any model, or refused in one line."""

import dataclasses
import json
from functools import partial

import pytest
import soundfile
import torch

from stemweave.audio.files import read, write
from stemweave.audio.stems import Stems
from stemweave.cli.app import main
from stemweave.model.checkpoint import save
from stemweave.model.model import Model
from stemweave.tasks.studio import load

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture(name="with_tokens")
def make_with_tokens(run, token_folder):
    return partial(run, model=token_folder)


@pytest.fixture
def drums(tmp_path):
    def make(rate=22050, channels=1, samples=3001):
        path = tmp_path / f"drums-{rate}-{channels}-{samples}.wav"
        write(path, 0.1 * torch.randn(channels, samples, generator=torch.Generator().manual_seed(0)), rate)
        return path

    return make


@pytest.mark.parametrize("seconds", [1e-5, 0.02, 0.1])
def test_a_piece_of_any_length(with_tokens, tmp_path, token_folder, seconds):
    """One sample, less than a window, more than three; and the folder's model is the one of `load`."""
    status, _, err = with_tokens("generate", "--seconds", seconds, "--seed", 11)
    assert status == 0, err
    stems = Stems.read(tmp_path / "out" / "tokens" / "piece-11")
    assert (stems.names, stems.rate, stems.audio.shape) == (STEMS, 22050, (4, 1, max(1, round(seconds * 22050))))
    made = load(token_folder, device="cpu", precision="float32").generate(seconds, seed=11).audio
    assert torch.equal(stems.audio, made)
    mixture, _ = soundfile.read(tmp_path / "out" / "tokens" / "piece-11" / "mix.wav", dtype="float32", always_2d=True)
    torch.testing.assert_close(torch.from_numpy(mixture.T), stems.audio.sum(0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("sound", [{}, {"rate": 48000, "channels": 2}, {"rate": 8000}, {"samples": 5}, {"samples": 1}])
def test_playing_along_to_any_sound(with_tokens, drums, tmp_path, sound):
    path = drums(**sound)
    status, _, err = with_tokens("accompany", "--given", f"drums={path}", "--seed", 4)
    assert status == 0, err
    folder = tmp_path / "out" / "tokens" / "with-drums-4"
    stems, (given, rate) = Stems.read(folder), read(path)
    assert (stems.names, stems.rate, stems.audio.shape) == (STEMS, rate, (4, *given.shape))
    assert torch.equal(stems["drums"], given)
    assert json.loads((folder / "manifest.json").read_text())["settings"]["method"] == "learned"


def test_some_stems_only_and_by_the_paper_s_method(with_tokens, drums, tmp_path):
    status, _, err = with_tokens("accompany", "--given", f"drums={drums()}", "--make", "bass", "--method", "replacement")
    assert status == 0, err
    (folder,) = (tmp_path / "out" / "tokens").iterdir()
    assert Stems.read(folder).names == ("bass", "drums")


def test_songs_over_latents_that_do_not_add_up(refuse, token_folder, song):
    for more in ((), ("--likelihood", "dirac")):
        told = refuse("separate", song, *more, model=token_folder)
        assert "tokens works on latents in which stems do not sum to the song" in told


def test_no_song_is_given_a_network_that_hears_none(refuse, run, token_model, tmp_path, song):
    """Over latents that add up, the likelihoods of 2302.02257 take it apart; the learned one is refused."""
    config = token_model.config
    linear = Model(dataclasses.replace(config, codec=dataclasses.replace(config.codec, mean=(), linear=True)))
    linear.load_state_dict(token_model.state_dict())
    save(linear, tmp_path / "linear")
    told = refuse("separate", song, "--likelihood", "learned", model=tmp_path / "linear")
    assert "tokens never heard a mixture; use the likelihood dirac" in told
    status, _, err = run("separate", song, "--likelihood", "dirac", "--anchor", "drums", model=tmp_path / "linear")
    assert status == 0, err
    stems, (whole, rate) = Stems.read(tmp_path / "out" / "tokens" / "song"), read(song)
    assert (stems.names, stems.rate, stems.audio.shape) == (STEMS, rate, (4, *whole.shape))
    torch.testing.assert_close(stems.audio.sum(0), whole, atol=1e-5, rtol=0)


def test_what_the_model_is(token_folder, capsys):
    assert main(["models", "info", str(token_folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["stems"], facts["net"]["latents"], facts["codec"]["name"]) == (list(STEMS), 3, "tiny-codec")


def test_a_folder_whose_codec_is_another_one(refuse, token_folder, tmp_path):
    """Told before anything is made: the network takes other latents than the codec has."""
    folder = tmp_path / "mismatched"
    folder.mkdir()
    for file in token_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    facts = json.loads((folder / "config.json").read_text())
    facts["codec"] |= {"mean": [], "std": [], "net": facts["codec"]["net"] | {"latent": 5}}
    (folder / "config.json").write_text(json.dumps(facts))
    told = refuse("generate", "--seconds", 0.1, model=folder)
    assert "tokens: its network takes 4 x 3 signals, expected 4 x 5" in told
