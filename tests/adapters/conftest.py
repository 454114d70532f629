"""Tiny pipelines of diffusers with random weights, from configuration."""

import importlib.util
import sys
import types

import pytest
import torch

WORDS = ("slap", "bass", "drums", "loud", "a", "piano", "Music")


@pytest.fixture(scope="session")
def library():
    pytest.importorskip("transformers")
    return pytest.importorskip("diffusers")


class Brownian:
    """Independent increments from a seed, where torchsde is missing: enough for noise levels that each come once."""

    def __init__(self, size, entropy, **_):
        self.size, self.generator = size, torch.Generator().manual_seed(entropy)

    def __call__(self, start, stop):
        return (stop - start).abs().sqrt() * torch.randn(self.size, generator=self.generator)


@pytest.fixture(scope="session")
def cosine(library):
    """The scheduler of Stable Audio, which diffusers hands out only beside torchsde."""
    with pytest.MonkeyPatch.context() as patch:
        if not importlib.util.find_spec("torchsde"):
            patch.setitem(sys.modules, "torchsde", types.SimpleNamespace(BrownianInterval=Brownian))
        return importlib.import_module(
            "diffusers.schedulers.scheduling_cosine_dpmsolver_multistep"
        ).CosineDPMSolverMultistepScheduler


def sentencepieces(longest=12):
    from transformers import T5Tokenizer

    pieces = ["<pad>", "</s>", "<unk>", *("▁" + word for word in WORDS)]
    return T5Tokenizer(vocab=[(piece, -1.0 - i) for i, piece in enumerate(pieces)], extra_ids=0, model_max_length=longest)


def letters():
    from transformers import RobertaTokenizer

    names = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", *"abdimnoprsul"]
    return RobertaTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=[], model_max_length=24)


def t5(width):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(T5Config(vocab_size=16, d_model=width, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).eval()


def oobleck(library):
    return library.AutoencoderOobleck(
        encoder_hidden_size=6, downsampling_ratios=[2, 4], channel_multiples=[1, 2], decoder_channels=4,
        decoder_input_channels=3, audio_channels=2, sampling_rate=80,
    )  # fmt: skip


@pytest.fixture(scope="session")
def stable_audio(library, cosine):
    torch.manual_seed(0)
    transformer = library.StableAudioDiTModel(
        sample_size=12, in_channels=3, out_channels=3, num_layers=2, attention_head_dim=4, num_attention_heads=2,
        num_key_value_attention_heads=2, cross_attention_dim=8, time_proj_dim=8, global_states_input_dim=16,
        cross_attention_input_dim=8,
    )  # fmt: skip
    projection = library.StableAudioProjectionModel(text_encoder_dim=6, conditioning_dim=8, min_value=0, max_value=32)
    scheduler = cosine(solver_order=2)
    return library.StableAudioPipeline(oobleck(library), t5(6), projection, sentencepieces(), transformer, scheduler)


@pytest.fixture(scope="session")
def audioldm2(library):
    import transformers

    torch.manual_seed(1)
    unet = library.AudioLDM2UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=8, sample_size=8, in_channels=4, out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=((None, 8, 16), (None, 8, 16)), attention_head_dim=4,
    )  # fmt: skip
    vae = library.AutoencoderKL(
        block_out_channels=[8, 16], in_channels=1, out_channels=1, norm_num_groups=8, latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * 2, up_block_types=["UpDecoderBlock2D"] * 2,
    )  # fmt: skip
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 32}
    audio = {"patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 1, 1]}
    clap = transformers.ClapModel(transformers.ClapConfig(text_config=text, audio_config=audio, projection_dim=6)).eval()
    talker = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(n_embd=8, n_head=2, n_layer=1, vocab_size=16, bos_token_id=0, eos_token_id=1)
    ).eval()
    talker.config.max_new_tokens = 4
    vocoder = transformers.SpeechT5HifiGan(
        transformers.SpeechT5HifiGanConfig(
            model_in_dim=8, sampling_rate=160, upsample_initial_channel=16, upsample_rates=[2, 2],
            upsample_kernel_sizes=[4, 4], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]],
        )
    ).eval()  # fmt: skip
    scheduler = library.DDIMScheduler(
        beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=True,
        timestep_spacing="trailing",
    )  # fmt: skip
    projection = library.AudioLDM2ProjectionModel(text_encoder_dim=6, text_encoder_1_dim=16, langauge_model_dim=8)
    return library.AudioLDM2Pipeline(
        vae, clap, t5(16), projection, talker, letters(), sentencepieces(), transformers.ClapFeatureExtractor(), unet,
        scheduler, vocoder,
    )  # fmt: skip


@pytest.fixture(scope="session")
def ace_step(library):
    pipelines = pytest.importorskip("diffusers.pipelines.ace_step")
    import transformers

    torch.manual_seed(2)
    size = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}
    transformer = library.AceStepTransformer1DModel(
        **size, num_hidden_layers=2, in_channels=9, audio_acoustic_hidden_dim=3, patch_size=2, sliding_window=4
    )
    conditions = pipelines.AceStepConditionEncoder(
        **size, text_hidden_dim=8, timbre_hidden_dim=3, num_lyric_encoder_hidden_layers=1, num_timbre_encoder_hidden_layers=1,
        sliding_window=4,
    )  # fmt: skip
    torch.nn.init.normal_(conditions.silence_latent)
    qwen = transformers.Qwen3Config(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        head_dim=4,
    )  # fmt: skip
    scheduler = library.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0)
    text = transformers.Qwen3Model(qwen).eval()
    return library.AceStepPipeline(oobleck(library), text, sentencepieces(1024), transformer, conditions, scheduler)
