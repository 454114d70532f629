"""The jobs, on a tiny untrained model: what must hold whatever the model knows."""

import dataclasses
import math
from collections.abc import Sequence

import pytest
import torch

import stemweave as sw
from stemweave.errors import ModelError, UsageError
from stemweave.model.model import Model
from stemweave.tasks import accompany as playing
from stemweave.tasks.sampler import Event
from stemweave.tasks.separate import Separation, separate
from stemweave.tasks.song import Clip, level
from stemweave.tasks.studio import Studio

RULES = [sw.learned, sw.Dirac(), sw.Dirac("piano"), sw.Gaussian(), sw.even, sw.posterior_mean]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def depth(difference: torch.Tensor, song: torch.Tensor) -> float:
    return 10 * math.log10(float(difference.double().square().mean() / song.double().square().mean()) + 1e-30)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("share", [sw.masked, sw.direct])
def test_stems_sum_to_the_song(studio: Studio, rule: sw.Dirac, share: object) -> None:
    song = noise(1, 30000)
    stems = studio.separate(song, rate=22050, likelihood=rule, share=share, seed=1)  # type: ignore[arg-type]
    assert stems.audio.shape == (4, 1, 30000)
    assert depth(stems.mixture - song, song) < -80


@pytest.mark.parametrize("share", [sw.masked, sw.direct])
def test_with_the_residual_they_sum_to_a_stereo_song(studio: Studio, share: object) -> None:
    song = noise(2, 50000)
    stems = studio.separate(song, rate=44100, share=share, residual=True, seed=1)  # type: ignore[arg-type]
    assert stems.residual is not None
    assert stems.residual.shape == (2, 50000)
    assert depth(stems.mixture - song, song) < -80
    assert stems.residual.square().mean() > 0


@pytest.mark.parametrize(("rate", "channels", "samples"), [(8000, 1, 1), (8000, 8, 999), (44100, 2, 40001), (192000, 1, 70000)])
def test_any_rate_channels_and_length(studio: Studio, rate: int, channels: int, samples: int) -> None:
    song = noise(channels, samples)
    stems = studio.separate(song, rate=rate, seed=0)
    assert stems.audio.shape == (4, channels, samples)
    assert stems.rate == rate
    assert depth(stems.mixture - song, song) < -80


def test_silence_stays_silent_and_finite(studio: Studio) -> None:
    stems = studio.separate(torch.zeros(2, 30000), rate=44100, seed=0)
    assert stems.audio.abs().max() == 0


def test_the_level_of_the_song_does_not_matter(studio: Studio) -> None:
    song = noise(1, 20000)
    loud, quiet = (studio.separate(gain * song, rate=22050, seed=3).audio / gain for gain in (1.0, 0.01))
    torch.testing.assert_close(loud, quiet, atol=1e-5, rtol=1e-3)


def test_the_same_seed_gives_the_same_stems(studio: Studio) -> None:
    song = noise(1, 20000)
    first, again, other = (studio.separate(song, rate=22050, seed=seed).audio for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_segments_join_without_a_seam(tiny_model: Model) -> None:
    """A long song in several segments: blocks join to its length, and steps across seams are like steps elsewhere."""
    song = Clip(noise(1, 60000).cumsum(-1) * 0.02, 22050)
    blocks = list(separate(tiny_model, song, Separation(seed=1)))
    whole = torch.cat(blocks, -1)
    assert len(blocks) > 2
    assert whole.shape == (4, 1, 60000)
    seams = torch.tensor([block.shape[-1] for block in blocks]).cumsum(0)[:-1]
    steps = whole.diff(dim=-1).abs().mean((0, 1))
    assert steps[seams - 1].max() < 6 * steps.mean()


def test_progress_counts_to_a_known_total_and_cancels(tiny_model: Model) -> None:
    events: list[Event] = []
    list(separate(tiny_model, Clip(noise(1, 40000), 22050), Separation(), events.append))
    assert {event.items for event in events} == {events[-1].item + 1}
    assert [event.step for event in events if event.item == 0] == [1, 2]
    assert events[-1].step == events[-1].total == 2

    def stop(event: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(separate(tiny_model, Clip(noise(1, 40000), 22050), Separation(), stop))


def test_level_is_the_rms_of_the_mono_mix() -> None:
    audio = noise(2, 44100 * 21)
    assert level(Clip(audio, 44100)) == pytest.approx(float(audio.mean(0).square().mean().sqrt()), rel=1e-6)


def test_clips_read_like_files() -> None:
    clip = Clip(torch.arange(6.0).reshape(1, 6), 8000)
    assert clip.read(-2, 3).tolist() == [[0, 0, 0, 1, 2]]
    assert clip.read(4, 8).tolist() == [[4, 5, 0, 0]]
    assert clip.read(7, 9).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("song", "rate", "message"),
    [
        (torch.zeros(1, 0), 44100, "expected \\(channels, samples\\)"),
        (torch.zeros(2, 3, 4), 44100, "expected \\(channels, samples\\)"),
        (torch.full((1, 10), torch.nan), 44100, "NaN"),
        (torch.zeros(1, 10, dtype=torch.int16), 44100, "floating point"),
        (torch.zeros(1, 10), None, "need their sample rate"),
        (torch.zeros(1, 10), 3, "need their sample rate"),
    ],
)
def test_unusable_samples_are_refused(studio: Studio, song: torch.Tensor, rate: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        studio.separate(song, rate=rate)


def test_generation_has_the_length_asked_for_and_its_seed(studio: Studio) -> None:
    band = studio.generate(0.3, seed=4)
    assert band.audio.shape == (4, 1, round(0.3 * 22050))
    assert band.seed == 4
    assert band.audio.isfinite().all()
    assert torch.equal(band.audio, studio.generate(0.3, seed=4).audio)
    drawn = studio.generate(0.1)
    assert drawn.seed is not None
    assert torch.equal(drawn.audio, studio.generate(0.1, seed=drawn.seed).audio)


@pytest.mark.parametrize("seconds", [0, -1, math.nan, math.inf, 1e9])
def test_absurd_lengths_are_refused(studio: Studio, seconds: float) -> None:
    with pytest.raises(UsageError, match="seconds; expected"):
        studio.generate(seconds)


def test_the_loudest_take_is_picked(studio: Studio) -> None:
    takes = [studio.generate(0.1, seed=seed) for seed in (10, 11, 12)]
    norms = [float(take.audio.norm()) for take in takes]
    assert sw.loudest(takes).seed == 10 + norms.index(max(norms))


@pytest.mark.parametrize("given", [s for n in range(1, 15) if (s := [k for k in range(4) if n >> k & 1])], ids=str)
def test_every_subset_can_be_given_and_comes_back_untouched(studio: Studio, given: list[int]) -> None:
    sounds = {studio.stems[k]: noise(1, 6000, seed=k) for k in given}
    made = studio.accompany(sounds, rate=22050, seed=2)
    assert made.names == studio.stems
    for name, audio in sounds.items():
        assert torch.equal(made[name], audio)
    for name in set(studio.stems) - set(sounds):
        assert made[name].square().mean() > 0


@pytest.mark.parametrize("conditioning", [playing.learned, playing.replacement])
def test_what_is_made_depends_on_what_is_given(studio: Studio, conditioning: playing.Conditioning) -> None:
    made = [
        studio.accompany({"drums": noise(1, 6000, seed=k)}, rate=22050, seed=2, conditioning=conditioning)["bass"]
        for k in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1])
    assert not torch.allclose(made[0], made[2])


def test_only_what_is_asked_for_is_made(studio: Studio) -> None:
    assert studio.accompany({"drums": noise(1, 4000)}, rate=22050, make=["bass"], seed=0).names == ("bass", "drums")


def test_given_stems_of_other_rates_and_channels(studio: Studio) -> None:
    drums = noise(2, 22050)
    wav = {"drums": drums, "bass": noise(1, 22050)}
    made = studio.accompany(wav, rate=44100, seed=0)
    assert made.rate == 44100
    assert made.audio.shape == (4, 2, 22050)
    assert torch.equal(made["drums"], drums)


@pytest.mark.parametrize(
    ("given", "make", "message"),
    [
        ((), None, "nothing to play along to"),
        (("drums", "kazoo"), None, "got stem 'kazoo'"),
        (("drums",), ("drums",), "both given and made"),
        (("drums",), ("bass", "bass"), "repeated"),
        (("drums",), ("theremin",), "got stem 'theremin'"),
        (("bass", "drums", "guitar", "piano"), None, "all stems are given"),
        (("drums",), (), "no stem is named to be made; choose from bass, guitar, piano"),
        (("drums",), "bass", r"got make='bass'; name the stems to make in a list, such as \['bass'\]"),
    ],
)
def test_names_that_cannot_be(studio: Studio, given: tuple[str, ...], make: Sequence[str] | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        studio.accompany({name: noise(1, 1000) for name in given}, rate=22050, make=make)


def test_given_stems_must_be_equally_long(studio: Studio) -> None:
    with pytest.raises(UsageError, match="differ in length"):
        studio.accompany({"drums": noise(1, 1000), "bass": noise(1, 1001)}, rate=22050)


def test_anchor_names_and_seeds_are_checked(studio: Studio) -> None:
    with pytest.raises(UsageError, match="got anchor 'kazoo'"):
        studio.separate(noise(1, 100), rate=22050, likelihood=sw.Dirac("kazoo"))
    with pytest.raises(UsageError, match="got seed -1"):
        studio.generate(1, seed=-1)


def test_independent_priors_separate_but_neither_hear_mixtures_nor_stems(tiny_model: Model) -> None:
    config = dataclasses.replace(tiny_model.config, joint=False, net=dataclasses.replace(tiny_model.config.net, stems=1))
    torch.manual_seed(0)
    studio = Studio(Model(config).eval().requires_grad_(False), __file__)  # type: ignore[arg-type]
    song = noise(1, 5000)
    assert depth(studio.separate(song, rate=22050, likelihood=sw.Dirac(), seed=0).mixture - song, song) < -80
    with pytest.raises(ModelError, match="never heard a mixture; use the likelihood dirac"):
        studio.separate(song, rate=22050)
    with pytest.raises(ModelError, match="hears no others by this method: play along with another model"):
        studio.accompany({"drums": song}, rate=22050)


def test_any_number_of_stems_by_any_name() -> None:
    """Nothing knows the number four."""
    from stemweave.nets.unet import UNetConfig

    net = UNetConfig(stems=2, hop=64, coefficients=64, widths=(64, 64), blocks=(1, 1), condition=16, bands=16)
    settings = sw.Settings(learned=sw.Sampling(1, 1.0, 0.01))
    config = sw.ModelConfig("duo", ("kora", "voice"), 16000, 2048, net, 0.05, settings=settings)
    studio = Studio(Model(config).eval().requires_grad_(False), __file__)  # type: ignore[arg-type]
    stems = studio.separate(noise(2, 9000), rate=48000, seed=0)
    assert stems.names == ("kora", "voice")
    assert stems["voice"].shape == (2, 9000)
