"""Codecs: stems one by one, whitened, of any length; and what a model is told about them."""

import dataclasses
from pathlib import Path

import pytest
import torch

from stemweave.errors import ModelError
from stemweave.model.checkpoint import load_codec, save
from stemweave.model.codec import LARGEST, Codec, CodecConfig, Identity, joined
from stemweave.model.config import ModelConfig
from stemweave.model.model import Model


@pytest.fixture(name="codec")
def make_codec(latent_model: Model) -> Codec:
    assert isinstance(latent_model.codec, Codec)
    return latent_model.codec


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_stems_are_coded_one_by_one_and_whitened(codec: Codec) -> None:
    audio = noise(2, 4, 1, 98)
    latents = codec.encode(audio)
    assert latents.shape == (2, 4, 3, 10)
    mean, std = (torch.tensor(values)[:, None] for values in (codec.config.mean, codec.config.std))
    for item in range(2):
        for stem in range(4):
            plain = codec.net.encode(audio[item, stem : stem + 1])[0]
            torch.testing.assert_close(latents[item, stem], (plain - mean) / std)
            torch.testing.assert_close(
                codec.decode(latents, 98)[item, stem], codec.net.decode(plain[None], 98)[0], atol=1e-5, rtol=1e-5
            )
    assert (codec.hop, codec.channels, codec.linear) == (10, 3, False)


def test_latents_are_as_they_are_without_statistics(codec: Codec) -> None:
    plain = Codec(dataclasses.replace(codec.config, mean=(), std=()))
    plain.load_state_dict(codec.state_dict())
    audio = 0.05 * noise(1, 2, 1, 33)
    latents = codec.net.encode(audio[0])
    torch.testing.assert_close(plain.encode(audio)[0], latents)
    torch.testing.assert_close(plain.decode(latents[None], 33)[0], codec.net.decode(latents, 33))


def test_companded_latents_are_the_whitened_ones_with_large_ones_drawn_in(codec: Codec) -> None:
    companded = Codec(dataclasses.replace(codec.config, compand=0.25))
    companded.load_state_dict(codec.state_dict())
    audio = noise(1, 4, 1, 98)
    whitened, made = codec.encode(audio), companded.encode(audio)
    torch.testing.assert_close(made, torch.asinh(4 * whitened) / torch.asinh(torch.tensor(4.0)))
    torch.testing.assert_close(companded.decode(made, 98), codec.decode(whitened, 98), atol=1e-5, rtol=1e-4)
    assert made.abs().max() < whitened.abs().max() < LARGEST
    torch.testing.assert_close(companded.decode(9 * made.sign(), 98), codec.decode(LARGEST * made.sign(), 98))
    assert companded.digest() != codec.digest()
    for change, message in (
        ({"compand": -1.0}, "compand is -1.0, expected 0 or more"),
        ({"compand": float("nan")}, "compand is nan"),
        ({"compand": 0.25, "linear": True, "mean": ()}, "companded latents do not add up"),
    ):
        with pytest.raises(ModelError, match=message):
            dataclasses.replace(codec.config, **change)


def test_every_length_around_a_hop_is_kept(codec: Codec) -> None:
    for samples in (*range(1, 45), 638, 639):
        latents = codec.encode(torch.zeros(1, 1, 1, samples))
        assert latents.shape[-1] == codec.config.net.frames(samples)
        assert codec.decode(latents, samples).shape == (1, 1, 1, samples)
    with pytest.raises(ModelError, match="got no samples"):
        codec.encode(torch.zeros(1, 1, 1, 0))
    with pytest.raises(ModelError, match="39 samples need 5 frames, got 4"):
        codec.decode(torch.zeros(1, 1, 3, 4), 39)


def test_no_codec_has_the_same_form() -> None:
    none, audio = Identity(2), noise(1, 4, 2, 50)
    assert (none.hop, none.channels, none.linear) == (1, 2, True)
    assert torch.equal(none.decode(none.encode(audio), 40), audio[..., :40])
    assert not none.state_dict()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": (0.0,)}, "got 1 values of mean, expected 3 or none"),
        ({"std": (1.0, 1.0)}, "got 2 values of std, expected 3 or none"),
        ({"std": (1.0, 0.0, 1.0)}, "the std of latent 1 is 0.0, expected more than 0"),
        ({"std": (1.0, float("nan"), 1.0)}, "std holds .*, expected finite numbers"),
        ({"mean": ("a", 0.0, 0.0)}, "mean holds .*, expected finite numbers"),
        ({"linear": True}, "shifted by a mean do not add up"),
        ({"linear": True, "mean": (), "std": (), "stems": ("bass", "drums")}, "one VAE per stem do not add up"),
        ({"stems": ("bass", "drums")}, "got 3 values of mean, expected 6 or none"),
        ({"stems": ("bass", "bass")}, "a stem is named twice in bass, bass"),
    ],
)
def test_statistics_that_cannot_be(codec: Codec, change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=f"codec tiny-codec: .*{message}"):
        dataclasses.replace(codec.config, **change)  # type: ignore[arg-type]
    assert dataclasses.replace(codec.config, mean=(), linear=True).linear


def test_a_model_knows_the_shape_of_its_stems(latent_model: Model, tiny_model: Model) -> None:
    assert latent_model.shape(2, 638) == (2, 4, 3, 64)
    assert latent_model.shape(1, 639) == (1, 4, 3, 65)
    assert tiny_model.shape(2, 638) == (2, 4, 1, 638)
    for model in (latent_model, tiny_model):
        audio = noise(2, 4, 1, 77)
        assert model.codec.encode(audio).shape == model.shape(2, 77)
        assert model.codec.channels == model.config.width
    assert isinstance(tiny_model.codec, Identity)


def test_codecs_of_other_models_are_refused(latent_model: Model) -> None:
    config = latent_model.config
    assert config.codec is not None
    other = dataclasses.replace(config.codec, rate=44100)
    with pytest.raises(ModelError, match="latent has 1 channels at 22050 Hz, but its codec tiny-codec 1 at 44100 Hz"):
        dataclasses.replace(config, codec=other)
    stereo = dataclasses.replace(config.codec, net=dataclasses.replace(config.codec.net, channels=2))
    with pytest.raises(ModelError, match="but its codec tiny-codec 2 at 22050 Hz"):
        dataclasses.replace(config, codec=stereo)
    fine = CodecConfig("fine", 22050, dataclasses.replace(config.codec.net, latent=5))
    expected = "takes 12 signals, expected 20 for bass, drums, guitar, piano with 5 latents of codec fine each"
    with pytest.raises(ModelError, match=expected):
        Model(dataclasses.replace(config, codec=fine))


def two(codec: Codec) -> tuple[Codec, Codec]:
    """Codecs of one form with other weights and statistics."""
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        statistics = {"mean": (seed, 0.0, 0.5), "std": (1.0, seed, 0.5)}
        name, steps = f"codec-{seed}", 10 * seed
        config = dataclasses.replace(codec.config, name=name, steps_trained=steps, **statistics)  # type: ignore[arg-type]
        made.append(Codec(config).requires_grad_(False))
    return made[0], made[1]


def test_a_vae_per_stem_codes_each_stem_by_its_own(codec: Codec, tmp_path: Path) -> None:
    bass, drums = two(codec)
    both, audio = joined("both", {"bass": bass, "drums": drums}), noise(2, 2, 1, 57)
    latents, sound = both.encode(audio), both.decode(noise(2, 2, 3, 6), 57)
    for stem, one in enumerate((bass, drums)):
        assert torch.equal(latents[:, stem], one.encode(audio[:, stem : stem + 1])[:, 0])
        assert torch.equal(sound[:, stem], one.decode(noise(2, 2, 3, 6)[:, stem : stem + 1], 57)[:, 0])
    config = both.config
    assert (config.stems, config.mean, config.steps_trained) == (("bass", "drums"), (1, 0.0, 0.5, 2, 0.0, 0.5), 20)
    save(both, tmp_path / "both", precision=torch.float32)
    back = load_codec(tmp_path / "both")
    assert back.config == config
    assert torch.equal(back.encode(audio), latents)
    assert "by a VAE for each of bass, drums" in (tmp_path / "both" / "README.md").read_text()


def test_a_vae_per_stem_wants_just_these_stems(codec: Codec, latent_model: Model) -> None:
    bass, drums = two(codec)
    both = joined("both", {"bass": bass, "drums": drums})
    for stems in (1, 3):
        with pytest.raises(ModelError, match=f"both has a VAE for each of bass, drums, in this order; got {stems} stems"):
            both.encode(noise(1, stems, 1, 50))
        with pytest.raises(ModelError, match=f"got {stems} stems"):
            both.decode(noise(1, stems, 3, 5), 20)
    with pytest.raises(ModelError, match="latent has the stems bass, drums, guitar, piano, but its codec both a VAE for each"):
        dataclasses.replace(latent_model.config, codec=both.config)
    four = joined("four", dict(zip(latent_model.config.stems, (bass, drums, bass, drums), strict=True)))
    model = Model(dataclasses.replace(latent_model.config, codec=four.config))
    assert model.codec.encode(noise(1, 4, 1, 50)).shape == model.shape(1, 50)


def test_a_stem_s_own_vae_codes_alone_as_it_does_beside_the_others(codec: Codec) -> None:
    bass, drums = two(codec)
    both, audio = joined("both", {"bass": bass, "drums": drums}), noise(2, 2, 1, 57)
    latents = both.encode(audio)
    for stem, name in enumerate(both.config.stems):
        alone = both.of(name)
        assert torch.equal(alone.encode(audio[:, stem : stem + 1]), latents[:, stem : stem + 1])
        assert torch.equal(alone.decode(latents[:, stem : stem + 1], 57), both.decode(latents, 57)[:, stem : stem + 1])
    assert codec.of("anything") is codec
    with pytest.raises(ModelError, match="both has a VAE for each of bass, drums, and none for 'piano'"):
        both.of("piano")


def test_what_cannot_be_joined(codec: Codec) -> None:
    bass, drums = two(codec)
    both = joined("both", {"bass": bass, "drums": drums})
    plain, wide = (
        Codec(dataclasses.replace(codec.config, name="other", **change)) for change in ({"mean": ()}, {"rate": 8000})
    )
    for pair, message in (
        ({}, "codec all: got none to join"),
        ({"bass": both}, "both has a VAE for each of bass, drums already"),
        ({"bass": bass, "drums": plain}, "codecs codec-1 and other differ in more than weights"),
        ({"bass": bass, "drums": wide}, "codecs codec-1 and other differ in more than weights"),
    ):
        with pytest.raises(ModelError, match=message):
            joined("all", pair)


def test_which_sound_a_codec_takes(codec: Codec) -> None:
    codec.config.check(("anything",), 22050, 1)
    for rate, channels in ((44100, 1), (22050, 2)):
        with pytest.raises(ModelError, match=f"tiny-codec has 1 channels at 22050 Hz, the sound {channels} at {rate} Hz"):
            codec.config.check(("bass",), rate, channels)
    each = dataclasses.replace(codec.config, stems=("bass", "drums"), mean=(), std=())
    each.check(("bass", "drums"), 22050, 1)
    with pytest.raises(ModelError, match="has a VAE for each of bass, drums, got drums, bass"):
        each.check(("drums", "bass"), 22050, 1)


def test_long_sounds_pass_in_chunks(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = 0.05 * noise(1, 2, 1, 1234)
    whole = codec.encode(audio)
    sound, seen = codec.decode(whole, 1234), [0]
    monkeypatch.setattr("stemweave.nets.chunked.encode.__defaults__", (16,))
    monkeypatch.setattr("stemweave.nets.chunked.decode.__defaults__", (16,))
    hook = codec.net.decoder.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-1]))
    torch.testing.assert_close(codec.encode(audio), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(codec.decode(whole, 1234), sound, atol=1e-5, rtol=0)
    hook.remove()
    assert whole.shape[-1] == 124
    assert 16 < max(seen) < 100


def test_silence_is_what_silence_is_coded_as_far_from_its_ends(codec: Codec) -> None:
    middle = codec.encode(torch.zeros(1, 3, 1, 2000))[0, ..., 100]
    torch.testing.assert_close(codec.silence(3), middle, atol=1e-6, rtol=1e-6)
    bass, drums = two(codec)
    each = joined("both", {"bass": bass, "drums": drums}).silence(2)
    torch.testing.assert_close(each, torch.cat((bass.silence(1), drums.silence(1))))


def test_the_digest_is_of_all_that_decides_the_latents(codec: Codec) -> None:
    bass, drums = two(codec)
    assert bass.digest() == two(codec)[0].digest()
    renamed = Codec(dataclasses.replace(bass.config, name="else", steps_trained=3, licence="mit"))
    renamed.load_state_dict(bass.state_dict())
    assert renamed.digest() == bass.digest()
    with torch.no_grad():
        renamed.net.decoder[0].bias[0] += 1e-3
    assert renamed.digest() == bass.digest(), "latents are the encoder's"
    scaled = Codec(dataclasses.replace(bass.config, std=(1.0, 1.0, 0.25)))
    scaled.load_state_dict(bass.state_dict())
    changed = Codec(bass.config)
    changed.load_state_dict(bass.state_dict())
    with torch.no_grad():
        changed.net.encoder[0].bias[0] += 1e-3
    both, other = joined("a", {"bass": bass, "drums": drums}), joined("a", {"drums": bass, "bass": drums})
    assert len({one.digest() for one in (bass, drums, scaled, changed, both, other)}) == 6


def test_it_survives_json(latent_model: Model) -> None:
    assert ModelConfig.from_json(latent_model.config.to_json()) == latent_model.config
    text = latent_model.config.to_json()
    for change, message in (("3", "expected a list, got 3"), ("[1, NaN, 2]", "expected a finite number, got nan")):
        start = text.index('"std": ') + len('"std": ')
        broken = text[:start] + change + text[text.index("]", start) + 1 :]
        with pytest.raises(ModelError, match=message):
            ModelConfig.from_json(broken)
