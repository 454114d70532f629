import copy
import json
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from huggingface_hub import constants

from stemweave.adapters.diffusers import adapted, load
from stemweave.diffusion.decoded import DecodedLikelihood
from stemweave.diffusion.guidance import Guidance
from stemweave.diffusion.noise import Noise
from stemweave.diffusion.problem import Problem
from stemweave.diffusion.solve import Euler
from stemweave.errors import MissingExtra, ModelError, UsageError
from stemweave.model import checkpoint
from stemweave.model.config import Sampling
from stemweave.tasks.accompany import accompany
from stemweave.tasks.coupled import COUPLINGS
from stemweave.tasks.generate import generate
from stemweave.tasks.sampler import Sampler
from stemweave.tasks.separate import check_separable

pytestmark = pytest.mark.filterwarnings("default")
SHORT = Sampler.of(Sampling(3, 100.0, 0.3))
ALL = ("stable_audio", "audioldm2", "ace_step")


@pytest.fixture(params=ALL)
def pipe(request):
    return request.getfixturevalue(request.param)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def told(pipe, weight, negative=None, prompt="slap bass"):
    return adapted(pipe).told({"bass": prompt}, {"bass": negative} if negative else None, Guidance(weight)).prior()


def walked(prior, x, sigmas):
    """Euler from x (1, latents, frames), by our own step."""
    x = x.unsqueeze(1).float()
    for sigma, target in pairwise(sigmas):
        x = Euler()(prior, x, sigma, target, None).x
    return x.squeeze(1)


def assert_close(found, expected, relative=1e-4):
    assert found.shape == expected.shape
    assert (found - expected).norm() <= relative * expected.norm()


def assert_apart(one, other, relative=1e-2):
    assert (one - other).norm() > relative * other.norm()


def stable_audio_itself(pipe, weight, negative, seed=3, latents=None):
    return pipe(
        "slap bass", num_inference_steps=6, guidance_scale=weight, negative_prompt=negative, generator=seeded(seed),
        latents=latents, output_type="latent",
    ).audios  # fmt: skip


def driven(pipe, prior, noise, seed=3):
    """The pipeline's own scheduler, SDE noise included, fed with our estimates."""
    scheduler, generator = pipe.scheduler, seeded(seed)
    scheduler.set_timesteps(6)
    x = noise * scheduler.init_noise_sigma
    for time, sigma in zip(scheduler.timesteps, scheduler.sigmas[:-1], strict=True):
        scheduler.scale_model_input(x, time)
        estimate = prior(x.unsqueeze(1), sigma.double()).squeeze(1)
        answer = (x / (sigma**2 + 1) - estimate) * (sigma**2 + 1) ** 0.5 / sigma
        x = scheduler.step(answer, time, x, generator=generator).prev_sample
    return x


@pytest.mark.parametrize("negative", [None, "loud drums"])
@pytest.mark.parametrize("weight", [1.0, 7.0])
def test_stable_audio_walks_as_its_pipeline(stable_audio, weight, negative):
    noise = torch.randn(1, 3, 12, generator=seeded(0))
    expected = stable_audio_itself(stable_audio, weight, negative, latents=noise)
    assert_close(driven(stable_audio, told(stable_audio, weight, negative), noise), expected)


def test_stable_audio_hears_guidance_negative_prompts_and_seeds(stable_audio):
    """So that the equalities above say something."""
    usual = stable_audio_itself(stable_audio, 7.0, None)
    assert torch.equal(usual, stable_audio_itself(stable_audio, 7.0, None))
    for other in ((1.0, None, 3), (7.0, "loud drums", 3), (7.0, None, 4)):
        assert_apart(stable_audio_itself(stable_audio, *other), usual)


def test_stable_audio_says_how_long_the_piece_is(stable_audio):
    noise = torch.randn(1, 3, 12, generator=seeded(0))
    expected = stable_audio(
        "drums", 0.5, num_inference_steps=6, guidance_scale=1, latents=noise, generator=seeded(3), output_type="latent"
    ).audios
    said, whole = (adapted(stable_audio, seconds).told({"d": "drums"}).prior() for seconds in (0.5, None))
    assert_close(driven(stable_audio, said, noise), expected, 1e-5)
    assert_apart(driven(stable_audio, whole, noise), expected, 1e-4)


@pytest.mark.parametrize("negative", [None, "loud drums"])
@pytest.mark.parametrize("weight", [1.0, 7.0])
def test_audioldm2_is_eulers_walk(audioldm2, weight, negative):
    """DDIM is Euler's method in σ (2010.02502 section 4.3)."""
    noise = torch.randn(1, 4, 8, 4, generator=seeded(0))

    def itself(weight, negative):
        return audioldm2(
            "slap bass", num_inference_steps=5, guidance_scale=weight, negative_prompt=negative, latents=noise,
            audio_length_in_s=0.4, output_type="latent",
        ).audios  # fmt: skip

    expected = itself(weight, negative)
    alphas = audioldm2.scheduler.alphas_cumprod[audioldm2.scheduler.timesteps].double()
    sigmas = torch.cat([((1 - alphas) / alphas).sqrt(), torch.zeros(1)])
    x = noise.transpose(2, 3).flatten(1, 2) * (1 + sigmas[0] ** 2).sqrt()
    assert_close(walked(told(audioldm2, weight, negative), x, sigmas), expected.transpose(2, 3).flatten(1, 2))
    assert_apart(itself(4.0, negative), expected)


TIMES = [0.98, 0.8, 0.5, 0.2]
LEVELS = torch.tensor([*(t / (1 - t) for t in TIMES), 0.0], dtype=torch.float64)


def ace_step_itself(pipe, weight, noise):
    return pipe(
        "slap bass", audio_duration=1.6, guidance_scale=weight, latents=noise, timesteps=TIMES, output_type="latent"
    ).audios.transpose(1, 2)


def test_ace_step_is_eulers_walk(ace_step):
    noise = torch.randn(1, 16, 3, generator=seeded(0))
    expected = ace_step_itself(ace_step, 1.0, noise)
    x = noise.transpose(1, 2) * (1 + LEVELS[0])
    assert_close(walked(told(ace_step, 1.0), x, LEVELS), expected)
    assert_apart(walked(told(ace_step, 1.0, prompt="drums"), x, LEVELS), expected, 1e-3)


def test_ace_step_without_a_prompt_is_its_reference(ace_step):
    """Under the pipeline's own guidance (APG, with memory), fed with our estimates."""
    guider = pytest.importorskip("diffusers.guiders.adaptive_projected_guidance")
    noise = torch.randn(1, 16, 3, generator=seeded(0))
    voice, memory = adapted(ace_step).voice(), guider.MomentumBuffer(momentum=-0.75)
    x, times = noise, torch.tensor([*TIMES, 0.0]).double()
    for time, after, sigma in zip(times, times[1:], LEVELS, strict=False):
        noisy = x.transpose(1, 2).unsqueeze(1).expand(-1, 2, -1, -1) / (1 - time)
        estimates = voice(noisy, sigma, ("slap bass", None)).transpose(2, 3)
        wanted, reference = ((x.unsqueeze(1) - estimates) / time).unbind(1)
        x = x + (after - time) * guider.normalized_guidance(
            pred_cond=wanted, pred_uncond=reference, guidance_scale=6.0, momentum_buffer=memory, eta=0.0, norm_threshold=2.5,
            use_original_formulation=True, norm_dim=(1,),
        )  # fmt: skip
    assert_close(x.transpose(1, 2), ace_step_itself(ace_step, 7.0, noise))


def test_prompts_of_a_batch_do_not_mix(pipe):
    model, sigma = adapted(pipe), torch.tensor(2.0).double()
    x = torch.randn(2, 3, model.config.width, 8, generator=seeded(0))
    prompts = ("slap bass", None, "loud piano")
    together = model.voice()(x, sigma, prompts)
    for item in range(2):
        assert_close(model.voice()(x[item : item + 1], sigma, prompts), together[item : item + 1])
    swapped = model.voice()(x[:, [2, 1, 0]], sigma, prompts[::-1])
    assert_close(swapped, together[:, [2, 1, 0]])
    assert_apart(model.voice()(x, sigma, prompts[::-1]), together, 1e-4)


def test_each_set_of_prompts_is_read_once(stable_audio, monkeypatch):
    voice, read = adapted(stable_audio).voice(), []
    encode = stable_audio.encode_prompt
    monkeypatch.setattr(stable_audio, "encode_prompt", lambda texts, *rest: read.append(texts) or encode(texts, *rest))
    for _ in range(3):
        voice(torch.zeros(1, 2, 3, 12), torch.tensor(1.0).double(), ("drums", None))
    assert read == [["drums"]]
    assert repr(voice) == "AskedPipeline(StableAudio)"


@pytest.mark.parametrize("coupling", ["joint", "coherent", "consistent"])
def test_stems_are_generated_by_words(pipe, coupling):
    model = adapted(pipe).told({"bass": "slap bass", "drums": "drums"})
    first, again, other = (generate(model, 0.7, seed, SHORT, coupling=COUPLINGS[coupling]) for seed in (1, 1, 2))
    assert first.shape == (2, model.config.channels, round(0.7 * model.config.rate))
    assert torch.equal(first, again)
    assert_apart(other, first)
    assert first.isfinite().all()


def test_longer_pieces_are_made_in_windows(pipe):
    model = adapted(pipe, 1.0)
    assert generate(model, 2.5, 1, SHORT).shape == (1, model.config.channels, round(2.5 * model.config.rate))


def test_their_own_settings_are_those_of_the_pipelines(stable_audio, audioldm2, ace_step):
    weights = {}
    for pipe in (stable_audio, audioldm2, ace_step):
        config = adapted(pipe).config
        weights[config.name] = config.text.generate.weight
        assert Sampler.of(config.settings.generate).total == config.settings.generate.steps
    assert weights == {"StableAudioPipeline": 7.0, "AudioLDM2Pipeline": 3.5, "AceStepPipeline": 7.0}
    sampling, scheduler = adapted(stable_audio).config.settings.generate, stable_audio.scheduler
    scheduler.set_timesteps(100)
    torch.testing.assert_close(Sampler.of(sampling).sigmas.float(), scheduler.sigmas, rtol=2e-2, atol=0)
    assert adapted(stable_audio).config.window == 12 * 8
    assert adapted(audioldm2).config.window == 64
    assert adapted(ace_step).config.window == 60 * 80


def test_spectrograms_decode_as_in_the_pipeline(audioldm2):
    noise = torch.randn(1, 4, 8, 4, generator=seeded(0))
    options = {"num_inference_steps": 1, "guidance_scale": 1.0, "latents": noise, "audio_length_in_s": 0.39}
    latents = audioldm2("bass", output_type="latent", **options).audios
    codec = adapted(audioldm2).codec
    found = codec.decode(latents.transpose(2, 3).reshape(1, 1, 16, 8), 62)
    assert_close(found[0, 0], audioldm2("bass", output_type="pt", **options).audios)
    with pytest.raises(ModelError, match="makes sound and hears none"):
        codec.encode(torch.zeros(1, 1, 1, 64))


def test_a_given_stem_is_heard_beside_new_ones(stable_audio):
    model, sound = adapted(stable_audio).told({"bass": "slap bass", "drums": "drums"}), torch.randn(2, 96, generator=seeded(0))
    found = accompany(model, {"drums": 0.1 * sound}, 80, 1, sampler=SHORT)
    assert torch.equal(found[1], 0.1 * sound)
    assert found.shape == (2, 2, 96)


def test_exact_likelihoods_are_refused_and_the_decoder_offered(pipe):
    with pytest.raises(ModelError, match=r"stems do not sum .* the Gaussian likelihood that is guided through the decoder"):
        check_separable(adapted(pipe))


BEGUN = {
    "stable_audio": lambda pipe: pipe.prepare_latents(1, 3, 12, torch.float32, "cpu", seeded(5))[0],
    "audioldm2": lambda pipe: pipe.prepare_latents(1, 4, 24, torch.float32, "cpu", seeded(5))[0].transpose(1, 2).flatten(0, 1),
    "ace_step": lambda pipe: pipe.prepare_latents(1, 1.6, torch.float32, "cpu", seeded(5))[0].T,
}
"""What a call of each pipeline with this generator begins with, in our order."""


@pytest.mark.parametrize("name", BEGUN)
def test_a_seed_begins_as_the_pipeline_does(request, name):
    """With `generator` in its own call; the next stem has the next seed, and what is drawn later is like any model's."""
    pipe = request.getfixturevalue(name)
    model, wanted = adapted(pipe), BEGUN[name](pipe) / getattr(pipe.scheduler, "init_noise_sigma", 1)
    shape = (1, 2, *wanted.shape)
    begun = model.noise(5)(0, shape)
    assert wanted.shape[0] == model.config.latents
    torch.testing.assert_close(begun[0, 0], wanted)
    assert torch.equal(begun[0, 1], model.noise(6)(0, shape)[0, 0])
    assert torch.equal(model.noise(5)(1, shape), Noise((5,))(1, shape))
    with pytest.raises(UsageError, match="expected a batch of one"):
        model.noise(5)(0, (2, *shape[1:]))


def test_a_pipeline_is_no_folder_of_ours(pipe, tmp_path):
    with pytest.raises(ModelError, match="is not ours: save it with the library that it is from"):
        checkpoint.save(adapted(pipe), tmp_path / "pipeline")
    assert not list(tmp_path.iterdir())


def test_the_decoder_tells_the_latents_the_mixture(pipe):
    model = adapted(pipe).told({"bass": "slap bass", "drums": "drums"}, guidance=Guidance(2.0))
    shape = model.shape(1, 64)

    def decode(latents):
        return model.codec.decode(latents, 64)

    sampler, noise = Sampler.of(Sampling(5, 3.0, 0.1)), Noise((0,))
    free = sampler.run(Problem(model.prior(), shape), noise, id).x
    with torch.no_grad():
        scale = decode(free).std()
        mixture = decode(free).sum(1) + 0.1 * scale * torch.randn(decode(free).sum(1).shape, generator=seeded(5))
        other = decode(sampler.run(Problem(model.prior(), shape), Noise((1,)), id).x).sum(1)
        rule = DecodedLikelihood(model.prior(), mixture, decode, lambda sigma: scale**2 * (1 + 3 * sigma**2))
        guided = decode(sampler.run(Problem(rule, shape), Noise((1,)), id).x).sum(1)
    assert (guided - mixture).norm() < 0.9 * (other - mixture).norm()


def test_texts_it_cannot_hear_are_refused(pipe):
    model = adapted(pipe)
    with pytest.raises(UsageError, match=r"tokens.* hears.*: shorten|more tokens than the 256 this model hears"):
        model.told({"bass": "bass " * 300})
    with pytest.raises(UsageError, match="is empty"):
        model.told({"bass": " "})
    with pytest.raises(UsageError, match="a negative prompt for 'drums'"):
        model.told({"bass": "bass"}, {"drums": "loud"})
    with pytest.raises(UsageError, match="no prompts"):
        model.told({})


def test_prompts_that_are_too_long_together_are_refused(stable_audio):
    """The mixture of a coupling is told all of them."""
    model = adapted(stable_audio).told({"bass": "slap " * 7, "drums": "loud " * 7})
    assert generate(model, 0.5, 1, SHORT).isfinite().all()
    with pytest.raises(UsageError, match=r"a prompt of 1[0-9] tokens, this text model hears 12: shorten 'slap"):
        generate(model, 0.5, 1, SHORT, coupling=COUPLINGS["coherent"])


def test_a_pipeline_has_no_step_of_training(stable_audio):
    model = adapted(stable_audio)
    with pytest.raises(ModelError, match=r"ask its prior\(\)"):
        model(*[torch.zeros(1)] * 4)
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert model.device == torch.device("cpu")


def test_pieces_of_no_length_are_refused(pipe):
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="pieces of"):
            adapted(pipe, wrong)


def test_stable_audio_makes_at_most_its_window(stable_audio):
    with pytest.raises(UsageError, match=r"pieces of 2 s; this model makes at most 1\.2 s at once"):
        adapted(stable_audio, 2.0)


def changed(pipe, **parts):
    other = copy.copy(pipe)
    for name, part in parts.items():
        setattr(other, name, part)
    return other


def test_a_distilled_model_knows_no_guidance(ace_step):
    model = adapted(changed(ace_step, is_turbo=True)).told({"bass": "bass"})
    assert generate(model, 0.5, 1).isfinite().all()
    with pytest.raises(UsageError, match="distilled and knows no guidance"):
        generate(model.told({"bass": "bass"}, guidance=Guidance(3.0)), 0.5, 1)


def test_other_schedulers_are_refused(library, stable_audio, audioldm2, ace_step):
    flow, ddim = ace_step.scheduler, library.DDIMScheduler(prediction_type="v_prediction")
    for pipe, scheduler, expected in (
        (stable_audio, library.EDMDPMSolverMultistepScheduler(prediction_type="v_prediction"), "Cosine.* reads noise levels"),
        (stable_audio, type(stable_audio.scheduler)(prediction_type="epsilon"), "that predicts epsilon; expected Cosine"),
        (audioldm2, ddim, "DDIMScheduler that predicts v_prediction; expected a scheduler with a beta_schedule and epsilon"),
        (audioldm2, flow, "FlowMatchEulerDiscreteScheduler that predicts None"),
        (ace_step, ddim, "DDIMScheduler; expected FlowMatch"),
    ):
        with pytest.raises(ModelError, match=expected):
            adapted(changed(pipe, scheduler=scheduler))


def test_a_model_of_speech_is_refused(audioldm2, monkeypatch):
    monkeypatch.setattr(audioldm2.text_encoder_2.config, "model_type", "vits")
    with pytest.raises(ModelError, match="told what to speak"):
        adapted(audioldm2)


@pytest.fixture(scope="module")
def folder(stable_audio, tmp_path_factory):
    place = tmp_path_factory.mktemp("pipelines") / "stable"
    stable_audio.save_pretrained(place)
    return place


def test_a_folder_is_read_without_its_scheduler(stable_audio, folder):
    model = load(folder)
    assert model.config.name == folder.name
    expected = generate(adapted(stable_audio).told({"d": "drums"}), 0.7, 1, SHORT)
    assert torch.equal(generate(model.told({"d": "drums"}), 0.7, 1, SHORT), expected)
    assert load(str(folder), 0.5).parts.seconds == 0.5


@pytest.mark.parametrize("kind", ["audioldm2", "ace_step"])
def test_folders_of_other_pipelines_are_read(request, kind, tmp_path):
    pipe = request.getfixturevalue(kind)
    pipe.save_pretrained(tmp_path)
    expected = generate(adapted(pipe).told({"d": "drums"}), 0.4, 1, SHORT)
    assert_close(generate(load(tmp_path).told({"d": "drums"}), 0.4, 1, SHORT), expected, 1e-5)


def test_pickled_weights_are_never_read(stable_audio, tmp_path):
    stable_audio.save_pretrained(tmp_path, safe_serialization=False)
    assert list(tmp_path.glob("transformer/*.bin"))
    with pytest.raises(ModelError, match="is not what StableAudioPipeline of diffusers reads") as told:
        load(tmp_path)
    assert "\n" not in str(told.value)


def test_what_is_no_known_pipeline_is_refused(library, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    for name in ("DDIMPipeline", ["own_code", "OwnPipeline"]):
        (tmp_path / "other" / "model_index.json").write_text(json.dumps({"_class_name": name}))
        with pytest.raises(ModelError, match="this stemweave knows StableAudioPipeline"):
            load(tmp_path / "other")
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for nothing in (tmp_path / "empty", "nobody/nothing", "no such/folder/at all"):
        with pytest.raises(ModelError, match="is not what DiffusionPipeline of diffusers reads") as told:
            load(nothing)
        assert "\n" not in str(told.value)


def test_an_older_diffusers_is_named(library, folder, monkeypatch):
    older = SimpleNamespace(__version__="0.1", DiffusionPipeline=library.DiffusionPipeline, DDPMScheduler=library.DDPMScheduler)
    monkeypatch.setattr("stemweave.adapters.diffusers.diffusers", lambda: older)
    with pytest.raises(ModelError, match=r"diffusers 0\.1 has no StableAudioPipeline: pip install -U diffusers"):
        load(folder)


@pytest.mark.parametrize("missing", ["diffusers", "transformers"])
def test_without_the_library_the_extra_is_named(missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtra, match=r"pip install 'stemweave\[diffusers\]'"):
        load("anything")
