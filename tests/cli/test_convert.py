"""``stemweave convert``: from published files to a model that sings, and every way in which that can go wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stemweave.adapters import msdm, msldm
from stemweave.cli.app import main
from stemweave.cli.convert import by_stem
from stemweave.errors import UsageError
from stemweave.model.checkpoint import load, load_codec
from stemweave.nets.sourcevae import SourceVAEConfig

STEMS = ("bass", "drums", "guitar", "piano")
VAE = SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5))


@pytest.fixture(autouse=True)
def small_recipes(small_unet, monkeypatch):
    monkeypatch.setattr(msdm, "MSDM", replace(msdm.MSDM, net=small_unet, window=4096))
    monkeypatch.setattr(msdm, "ISDM", replace(msdm.ISDM, net=replace(small_unet, inputs=1), window=4096))
    codec, net = replace(msldm.SOURCE_VAE, net=VAE), replace(small_unet, inputs=12)
    monkeypatch.setattr(msldm, "SOURCE_VAE", codec)
    small = replace(msldm.MSLDM, net=net, window=638, codec=codec)
    monkeypatch.setattr(msldm, "MSLDM", small)
    monkeypatch.setattr(msldm, "MSLDM_LARGE", replace(small, net=replace(net, blocks=(2,))))


@pytest.fixture(name="file")
def make_file(publish, tmp_path):
    publish(tmp_path / "files" / "epoch=419-valid_loss=0.014.ckpt")
    return tmp_path / "files" / "epoch=419-valid_loss=0.014.ckpt"


@pytest.fixture(name="files")
def make_files(publish, tmp_path):
    paths = [tmp_path / "files" / f"{stem}.ckpt" for stem in STEMS]
    for seed, path in enumerate(paths):
        publish(path, inputs=1, seed=seed)
    return paths


@pytest.fixture(name="prior")
def make_prior(publish, tmp_path):
    publish(tmp_path / "files" / "msldm.ckpt", inputs=12, hyper_parameters={"diffusion_sigma_data": 0.4})
    return tmp_path / "files" / "msldm.ckpt"


@pytest.fixture(name="codec")
def make_codec(publish_codec, tmp_path):
    publish_codec(tmp_path / "files" / "sourcevae_ckpt", VAE)
    return tmp_path / "files" / "sourcevae_ckpt"


@pytest.fixture(name="refused")
def make_refused(tmp_path, capsys):
    """Run `convert` where it must fail with status 2, in one line, and leave everything as it was; the line."""

    def call(*arguments):
        capsys.readouterr()
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        assert main(["convert", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
        (told,) = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("stemweave: ")]
        return told

    return call


def test_a_joint_model_and_a_song_through_it(file, song, tmp_path, capsys):
    folder = tmp_path / "models" / "sep"
    assert main(["convert", "msdm", str(file), "-o", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{folder}: bass, drums, guitar, piano at 22050 Hz, ")
    assert f"writing {folder}" in err
    assert load(folder).config.name == "sep"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["sep"]
    assert main(["models", "info", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "converted from epoch=419-valid_loss=0.014.ckpt (sha256 " in facts["trained_on"]
    done = main(["separate", str(song), "-n", str(folder), "-o", str(tmp_path / "out"), "--steps", "1", "--resamples", "1"])
    assert done == 0
    assert (tmp_path / "out" / "sep" / "song" / "bass.wav").exists()


def test_one_stem_models_in_order_or_by_name(files, tmp_path):
    named = [f"{path.stem}={path}" for path in reversed(files)]
    assert main(["convert", "isdm", *map(str, files), "-o", str(tmp_path / "one")]) == 0
    assert main(["convert", "isdm", *named, "-o", str(tmp_path / "two")]) == 0
    one, two = load(tmp_path / "one").state_dict(), load(tmp_path / "two").state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["a", "b", "c"],
        ["a", "b", "c", "d", "e"],
        ["bass=a", "b", "c", "d"],
        ["bass=a", "bass=b", "guitar=c", "piano=d"],
        ["bass=a", "drums=b", "guitar=c"],
        ["bass=a", "drums=b", "guitar=c", "vocals=d"],
        ["bass=a", "drums=b", "guitar=c", "piano="],
    ],
)
def test_what_does_not_say_which_is_which(texts):
    with pytest.raises(UsageError, match="expected one file for each of bass, drums, guitar, piano"):
        by_stem(texts, STEMS)


def test_names_with_an_equals_sign_are_files(tmp_path, monkeypatch):
    texts = [f"epoch={number}.ckpt" for number in range(4)]
    assert by_stem(texts, STEMS) == [Path(text) for text in texts]
    monkeypatch.chdir(tmp_path)
    Path("bass=1.ckpt").touch()
    with pytest.raises(UsageError, match=r"bass=1\.ckpt may be a file of that name"):
        by_stem(["bass=1.ckpt", "drums=b", "guitar=c", "piano=d"], STEMS)
    assert by_stem(["./bass=1.ckpt", "b", "c", "d"], STEMS)[0] == Path("bass=1.ckpt")


def test_what_is_there_stays_unless_it_may_be_replaced(file, refused, tmp_path):
    place = tmp_path / "model"
    assert main(["convert", "msdm", str(file), "-o", str(place)]) == 0
    assert "exists already: use --overwrite" in refused("msdm", file, "-o", place)
    assert main(["convert", "msdm", str(file), "-o", str(place), "--overwrite"]) == 0
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "mine.wav").touch()
    assert "exists and is no model" in refused("msdm", file, "-o", tmp_path / "songs", "--overwrite")
    assert "is where epoch=419" in refused("msdm", file, "-o", file.parent, "--overwrite")


def test_a_file_that_cannot_be_used_leaves_nothing(file, files, refused, tmp_path):
    place = tmp_path / "model"
    assert "does not exist; expected a published checkpoint file" in refused("msdm", tmp_path / "none", "-o", place)
    assert "first in_channels: expected 1, found 4" in refused("isdm", file, *files[1:], "-o", place)
    assert "got a b; expected one file for each" in refused("isdm", "a", "b", "-o", place)
    file.write_bytes(file.read_bytes()[:-500])
    assert "is damaged or cut short" in refused("msdm", file, "-o", place)
    assert "Missing" in refused("msdm", file)
    assert "No such command 'other'" in refused("other", file, "-o", place)


def test_a_model_over_latents_sings_and_plays_along(prior, codec, song, tmp_path, capsys):
    folder, out = tmp_path / "models" / "latent", tmp_path / "out"
    assert main(["convert", "msldm", str(prior), str(codec), "-o", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"{folder}: bass, drums, guitar, piano at 22050 Hz, ")
    with_model = ["-n", str(folder), "-o", str(out), "--steps", "1"]
    assert main(["generate", "--seconds", "0.1", "--seed", "3", *with_model]) == 0
    assert main(["accompany", "--given", f"drums={song}", "--make", "bass", *with_model]) == 0
    assert len(list(out.glob("latent/*/bass.wav"))) == 2
    capsys.readouterr()
    assert main(["separate", str(song), *with_model]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("stemweave: latent works on latents in which stems do not sum to the song")
    assert main(["models", "info", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "sourcevae_ckpt (sha256 " in facts["codec"]["trained_on"]
    assert "msldm.ckpt (sha256 " in facts["trained_on"]


def test_the_codec_may_be_converted_before(prior, codec, tmp_path, capsys):
    place = tmp_path / "codec"
    assert main(["convert", "sourcevae", str(codec), "-o", str(place)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{place}: 3 latents for every 10 samples at 22050 Hz, ")
    assert load_codec(place).config.name == "codec"
    assert main(["convert", "msldm", str(prior), str(place), "-o", str(tmp_path / "two")]) == 0
    assert main(["convert", "msldm", str(prior), str(codec), "-o", str(tmp_path / "one")]) == 0
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    assert (one.config.codec.name, two.config.codec.name) == ("sourcevae", "codec")
    assert all(torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items())


def test_the_larger_network_is_told_by_its_file(publish, prior, codec, tmp_path):
    publish(prior, inputs=12, blocks=(2,), hyper_parameters={"diffusion_sigma_data": 0.4})
    assert main(["convert", "msldm", str(prior), str(codec), "-o", str(tmp_path / "large")]) == 0
    assert load(tmp_path / "large").config.net.blocks == (2,)


def test_networks_and_codecs_that_cannot_be_used(file, prior, codec, refused, tmp_path):
    place, folder = tmp_path / "model", tmp_path / "codec"
    assert main(["convert", "sourcevae", str(codec), "-o", str(folder)]) == 0
    assert "it is a network's file: `stemweave convert msldm` takes it before" in refused("msldm", codec, prior, "-o", place)
    assert "is a folder: expected the network's file first, then the codec" in refused("msldm", folder, prior, "-o", place)
    assert "it is a network's file" in refused("sourcevae", prior, "-o", place)
    assert "it is a codec's file" in refused("msdm", codec, "-o", place)
    assert "is not this network: 2 of its hyper_parameters differ" in refused("msldm", file, codec, "-o", place)
    assert "does not exist; expected a published" in refused("msldm", prior, tmp_path / "none", "-o", place)
    assert "is a folder; expected a published" in refused("msldm", prior, codec.parent, "-o", place)
    assert "is where codec lies" in refused("msldm", prior, folder, "-o", folder, "--overwrite")
    codec.write_bytes(codec.read_bytes()[:-300])
    assert "sourcevae_ckpt is damaged or cut short" in refused("sourcevae", codec, "-o", place)
    assert "sourcevae_ckpt is damaged or cut short" in refused("msldm", prior, codec, "-o", place)
    prior.write_bytes(prior.read_bytes()[:-300])
    assert "msldm.ckpt is damaged or cut short" in refused("msldm", prior, folder, "-o", place)


def test_a_codec_of_another_size_is_refused(prior, publish_codec, refused, tmp_path, monkeypatch):
    other = replace(VAE, latent=5)
    publish_codec(tmp_path / "other", other)
    monkeypatch.setattr(msldm, "SOURCE_VAE", replace(msldm.SOURCE_VAE, net=other))
    told = refused("msldm", prior, tmp_path / "other", "-o", tmp_path / "model")
    assert "its network takes 12 signals, expected 20" in told
    assert "5 latents of codec sourcevae each" in told
