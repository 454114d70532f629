"""Statistics of latents against a plain computation, and additivity of a codec that is linear by construction."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.shards import Cache, Recipe, plan, write
from stemweave.data.tracks import track
from stemweave.errors import DataError, ModelError
from stemweave.evaluation.protocols.latents import LINEAR, additivity, finish, loudest, sounding, statistics
from stemweave.model.codec import Codec, CodecConfig, joined
from stemweave.nets.sourcevae import SourceVAEConfig

RATE = 1000
CONFIG = CodecConfig("tiny", RATE, SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5)))


@pytest.fixture(name="codec")
def make_codec() -> Codec:
    """Its latents have a mean, of about 1, since the last bias is 1."""
    torch.manual_seed(0)
    codec = Codec(CONFIG).requires_grad_(False)
    codec.net.encoder[-1].bias[:3] = 1.0
    return codec


@pytest.fixture(name="straight")
def make_straight() -> Codec:
    """Without biases, and with snakes that are the identity, everything it does is linear."""
    torch.manual_seed(0)
    codec = Codec(CONFIG).requires_grad_(False)
    for name, value in codec.named_parameters():
        if name.endswith(("alpha", "bias")):
            value.zero_()
    return codec


@pytest.fixture(name="cache")
def make_cache(tmp_path) -> Cache:
    """Bass sounds in the first two of 3.5 s; drums always; of the second song drums are unknown, and bass is silent."""
    rng, songs = np.random.default_rng(0), []
    for number in range(2):
        bass, drums = rng.standard_normal((2, 3500)) * [[0.05], [0.02]]
        bass[2000:] = 0
        bass *= 1 - number
        for name, sound in (("bass", bass), ("drums", drums)):
            soundfile.write(tmp_path / f"{name}{number}.wav", sound, RATE)
        files = {"bass": (tmp_path / f"bass{number}.wav",)} | ({} if number else {"drums": (tmp_path / "drums0.wav",)})
        songs.append(track(f"song{number}", files))
    songs.append(track("song2", {"bass": (), "drums": (tmp_path / "drums1.wav",)}))
    for shard in plan(songs, tmp_path / "cache"):
        list(write(shard, Recipe(("bass", "drums"), RATE)))
    return Cache.open(tmp_path / "cache")


def heard(codec: Codec, cache: Cache, song: int, stem: int, seconds: slice) -> np.ndarray:
    """(latents, frames) of some seconds of a stem, a hundred frames each."""
    audio = torch.from_numpy(cache.read(song, 0, 3500))[None, stem : stem + 1]
    frames = slice(100 * seconds.start, 100 * seconds.stop)
    return codec.encode(audio)[0, 0].double().numpy()[:, frames][:, :350]


def test_statistics_are_of_all_that_sounds(codec, cache):
    found = statistics(codec, cache, range(3))
    every = [heard(codec, cache, 0, 0, slice(0, 2)), *(heard(codec, cache, song, 1, slice(0, 4)) for song in (0, 2))]
    expected = np.concatenate(every, 1)
    assert found.frames == (expected.shape[1],) == (200 + 350 + 350,)
    np.testing.assert_allclose(found.mean[0], expected.mean(1), rtol=1e-9)
    np.testing.assert_allclose(found.std[0], expected.std(1), rtol=1e-9)
    np.testing.assert_allclose(found.rms[0], np.sqrt((expected**2).mean(1)), rtol=1e-9)
    assert statistics(codec, cache, [2]).frames == (350,)


def test_each_vae_has_its_own(codec, straight, cache):
    both = joined("both", {"bass": codec, "drums": straight})
    found = statistics(both, cache, range(3))
    bass = heard(codec, cache, 0, 0, slice(0, 2))
    drums = np.concatenate([heard(straight, cache, song, 1, slice(0, 4)) for song in (0, 2)], 1)
    assert found.frames == (200, 700)
    np.testing.assert_allclose(found.mean, [bass.mean(1), drums.mean(1)], rtol=1e-9)
    np.testing.assert_allclose(found.std, [bass.std(1), drums.std(1)], rtol=1e-9)
    with pytest.raises(DataError, match=r"bass silent in all songs \(RMS under -60 dBFS\); measure codec both on others"):
        statistics(both, cache, [1, 2])


def test_which_frames_sound():
    audio = torch.zeros(2, 1, 25)
    audio[0, 0, 10:20] = 0.0011
    audio[1, 0, :2] = 0.0011
    audio[1, 0, 24] = 1.0
    assert sounding(audio, 10, 4).int().tolist() == [[0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1]]


def test_whitened_latents_have_mean_0_and_variance_1(codec, cache):
    measured = finish(codec, cache, range(3), [])
    assert measured.additivity is None
    assert (codec.config.linear, len(codec.config.mean)) == (False, 3)
    again = statistics(codec, cache, range(3))
    torch.testing.assert_close(again.mean, torch.zeros(1, 3).double(), atol=1e-4, rtol=0)  # of latents about a hundred std high
    torch.testing.assert_close(again.std, torch.ones(1, 3).double(), atol=1e-4, rtol=0)
    before = codec.config
    finish(codec, cache, range(3), [])
    assert codec.config == before


def test_companding_comes_after_whitening_and_never_where_latents_add_up(codec, straight, cache):
    finish(codec, cache, range(3), [], compand=0.2)
    finish(codec, cache, range(3), [], compand=0.2)
    plain = dataclasses.replace(codec.config, compand=0.0)
    finish(codec, cache, range(3), [])
    assert codec.config == plain
    finish(straight, cache, range(3), crops(), compand=0.2)
    assert (straight.config.linear, straight.config.compand) == (True, 0.0)


def crops(count: int = 3) -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(1)
    return [(0.1 * torch.randn(3, 1, 500), torch.tensor([True, True, True])) for _ in range(count)]


def test_a_linear_codec_is_scaled_and_not_shifted(straight, cache):
    measured = finish(straight, cache, range(3), crops())
    assert measured.additivity.pairs == 3
    assert measured.additivity.encoder < 1e-5
    assert measured.additivity.decoder < 1e-5
    assert (straight.config.linear, straight.config.mean) == (True, ())
    torch.testing.assert_close(statistics(straight, cache, range(3)).rms, torch.ones(1, 3).double(), atol=1e-5, rtol=0)


def test_additivity_of_an_encoder_that_adds_a_constant(straight, cache):
    """Of E(a) = La + c it is ‖c‖ / ‖L(a + b) + c‖, each latent over its rms."""
    straight.net.encoder[-1].bias[:3] = torch.tensor([0.5, -1.0, 2.0])
    measured = finish(straight, cache, range(3), crops(1), threshold=0.0)
    scale = measured.statistics.rms[0, :, None].float()
    (audio, known), plain = crops(1)[0], straight.net
    one, other = loudest(audio, known)
    whole = plain.encode((one + other)[None])[0] / scale
    constant = plain.encoder[-1].bias[:3, None] / scale
    assert measured.additivity.encoder == pytest.approx(float(constant.expand_as(whole).norm() / whole.norm()), rel=1e-5)
    assert measured.additivity.decoder < 1e-5
    assert not straight.config.linear
    finish(straight, cache, range(3), crops(1), threshold=measured.additivity.encoder)
    assert (straight.config.linear, straight.config.mean) == (True, ())


def test_a_decoder_that_does_not_add_up_makes_no_linear_codec(straight, cache):
    straight.net.decoder[-1].bias.fill_(0.1)
    measured = finish(straight, cache, range(3), crops())
    assert measured.additivity.encoder < 1e-5
    assert measured.additivity.decoder > LINEAR
    assert not straight.config.linear


def test_pairs_are_the_two_loudest_that_are_known_and_sound():
    audio = torch.zeros(4, 1, 8)
    audio[:, 0, 0] = torch.tensor([0.5, 0.9, 0.7, 0.002])
    every = torch.ones(4, dtype=torch.bool)
    one, other = loudest(audio, every)
    assert (float(one.max()), float(other.max())) == pytest.approx((0.9, 0.7))
    one, other = loudest(audio, torch.tensor([True, False, True, True]))
    assert (float(one.max()), float(other.max())) == pytest.approx((0.7, 0.5))
    assert loudest(audio, torch.tensor([True, False, False, True])) is None  # -63 dBFS
    assert loudest(audio[:1], every[:1]) is None


def test_what_cannot_be_measured_is_skipped(straight, cache):
    silent = [(torch.zeros(2, 1, 500), torch.tensor([True, True]))]
    assert additivity(straight, silent) is None
    assert finish(straight, cache, range(3), silent).additivity is None
    assert not straight.config.linear
    both = joined("both", {"bass": straight, "drums": straight})
    assert finish(both, cache, range(3), crops()).additivity is None
    assert len(both.config.mean) == len(both.config.std) == 6


def test_refuses_sound_that_is_not_the_codecs(codec, cache):
    other = Codec(dataclasses.replace(CONFIG, rate=22050))
    with pytest.raises(ModelError, match="codec tiny has 1 channels at 22050 Hz, the sound 1 at 1000 Hz"):
        statistics(other, cache, range(3))
    with pytest.raises(ModelError, match="has a VAE for each of drums, bass, got bass, drums"):
        statistics(joined("both", {"drums": codec, "bass": codec}), cache, range(3))
    with pytest.raises(DataError, match="bass, drums silent in all songs"):
        statistics(codec, cache, [1])


def test_a_dead_latent_is_named(straight, cache):
    straight.net.encoder[-1].weight[1] = 0.0
    with pytest.raises(ModelError, match=r"the std of latent 1 is 0\.0, expected more than 0"):
        finish(straight, cache, range(3), crops())
