"""The tool that finishes codecs: what it prints, what it writes, and what it refuses."""

import sys

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.layouts import open_corpus
from stemweave.data.shards import Recipe, plan, write
from stemweave.model.checkpoint import load_codec, save
from stemweave.model.codec import Codec, CodecConfig
from stemweave.nets.sourcevae import SourceVAEConfig
from tools.finish_codec import main

STEMS = ("bass", "drums")


@pytest.fixture
def codec(tmp_path):
    torch.manual_seed(0)
    made = Codec(CodecConfig("raw", 22050, SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(4,), patch=64)))
    save(made, tmp_path / "raw", steps_trained=7)
    return tmp_path / "raw"


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(3):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem in STEMS:
            soundfile.write(folder / f"{stem}.wav", 0.05 * rng.standard_normal(22050), 22050)
    for shard in plan(open_corpus(tmp_path / "songs", STEMS), tmp_path / "cache"):
        list(write(shard, Recipe(STEMS, 22050)))
    return tmp_path / "cache"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the tool: (status, stdout, stderr)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["finish_codec.py", *map(str, arguments)])
        try:
            return main(), *capsys.readouterr()
        finally:
            torch.set_grad_enabled(True)

    return call


def test_a_codec_gets_its_statistics(run, codec, data, tmp_path):
    status, out, _ = run(codec, "--data", data, "-o", tmp_path / "done", "--trained-on", "noise")
    assert status == 0
    first, second, third = out.splitlines()
    assert first.startswith("every stem: std of latents ")
    assert first.endswith(f", {3 * 2 * 87} frames")
    assert second.startswith("additivity error of 3 pairs: encoder 0.")
    assert third == "linear: no (neither above 0.1)"
    raw, done = load_codec(codec), load_codec(tmp_path / "done")
    assert (len(done.config.mean), len(done.config.std), done.config.trained_on) == (3, 3, "noise")
    assert (done.config.name, done.config.steps_trained) == ("raw", 7)
    audio = 0.05 * torch.randn(1, 1, 1, 22050)
    plain = raw.encode(audio)[0, 0]
    mean, std = (torch.tensor(values)[:, None] for values in (done.config.mean, done.config.std))
    torch.testing.assert_close(done.encode(audio)[0, 0], (plain - mean) / std)
    assert all(torch.equal(value, raw.state_dict()[name]) for name, value in done.state_dict().items())
    assert (tmp_path / "done" / "model.safetensors").stat().st_size == (codec / "model.safetensors").stat().st_size


def test_the_threshold_decides_whether_it_is_linear(run, codec, data, tmp_path):
    assert run(codec, "--data", data, "-o", tmp_path / "done", "--linear-below", 9, "--songs", 2)[0] == 0
    config = load_codec(tmp_path / "done").config
    assert (config.linear, config.mean, len(config.std)) == (True, (), 3)


def test_companding_is_asked_for(run, codec, data, tmp_path):
    assert run(codec, "--data", data, "-o", tmp_path / "done", "--compand", 0.2)[0] == 0
    assert load_codec(tmp_path / "done").config.compand == 0.2
    status, _, err = run(codec, "--data", data, "-o", tmp_path / "bad", "--compand", -1)
    assert status == 2
    assert "compand is -1.0, expected 0 or more" in err


def test_weights_of_full_precision_stay_so(run, codec, data, tmp_path):
    exact = load_codec(codec)
    exact.net.decoder[0].bias += 1e-3 / 3
    save(exact, tmp_path / "exact", precision=torch.float32)
    assert run(tmp_path / "exact", "--data", data, "-o", tmp_path / "done")[0] == 0
    assert torch.equal(load_codec(tmp_path / "done").net.decoder[0].bias, exact.net.decoder[0].bias)


def test_single_codecs_are_joined(run, codec, data, tmp_path):
    status, out, _ = run(f"bass={codec}", f"drums={codec}", "--data", data, "-o", tmp_path / "each")
    assert status == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == ["bass", "drums", "additivity"]
    assert "skipped" in out
    config = load_codec(tmp_path / "each").config
    assert (config.name, config.stems, config.linear, len(config.std)) == ("each", STEMS, False, 6)


def test_what_cannot_be_finished_ends_in_one_line(run, codec, data, tiny_folder, tmp_path):
    (tmp_path / "there").mkdir()
    out = ("-o", tmp_path / "done")
    for words, message in (
        ((codec, "--data", data, "-o", tmp_path / "there"), "there exists already"),
        ((codec, "--data", tmp_path, *out), "holds no cache"),
        ((tmp_path / "none", "--data", data, *out), "unknown model"),
        ((tiny_folder, "--data", data, *out), "expected a codec"),
        ((codec, codec, "--data", data, *out), "expected one codec, or several as STEM=FOLDER"),
        ((f"bass={codec}", f"bass={codec}", "--data", data, *out), "with different stems"),
        ((f"bass={codec}", "--data", data, *out), "has a VAE for each of bass, got bass, drums"),
        ((codec, "--data", data, "--songs", 0, *out), "--songs is 0"),
    ):
        status, printed, err = run(*words)
        assert (status, printed) == (2, "")
        told = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("finish_codec: ")]
        assert len(told) == 1
        assert message in told[0]
    assert not (tmp_path / "done").exists()


def test_overwriting_must_be_allowed(run, codec, data):
    assert run(codec, "--data", data, "-o", codec)[0] == 2
    assert not load_codec(codec).config.std
    assert run(codec, "--data", data, "-o", codec, "--overwrite")[0] == 0
    assert load_codec(codec).config.std
