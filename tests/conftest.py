"""What many tests share: one thread, and a tiny model that is quick and knows nothing."""

import dataclasses
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from stemweave.adapters.names import expected, ours, source_vae, unet1d
from stemweave.model.checkpoint import save
from stemweave.model.codec import CodecConfig
from stemweave.model.config import ModelConfig, Prompting, Sampling, Settings, TextConfig
from stemweave.model.model import Model
from stemweave.model.texted import TextModel
from stemweave.nets.dit import LatentTransformerConfig
from stemweave.nets.sourcevae import SourceVAE, SourceVAEConfig
from stemweave.nets.text import Words
from stemweave.nets.textunet import TextUNetConfig
from stemweave.nets.unet import UNetConfig
from stemweave.nets.unet1d import UNet1d, UNet1dConfig
from stemweave.tasks.studio import Studio, load

torch.set_num_threads(1)
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE")  # float32 on processors with bfloat16 too: what is compared is exact
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would what tests start


def pytest_make_parametrize_id(val: object) -> str | None:
    """Rules, widths and solvers by their own short repr, which is the same in every process; other values as pytest has it."""
    known = dataclasses.is_dataclass(val) and not isinstance(val, type)
    said = repr(val) if known else ""
    return said if 0 < len(said) < 100 and " at 0x" not in said else None


THREE = Sampling(3, 2.0, 1e-3)
SETTINGS = Settings(THREE, THREE, learned=Sampling(2, 2.0, 1e-3), dirac=THREE, gaussian=THREE, even=THREE, posterior_mean=THREE)
TINY = ModelConfig(
    name="tiny",
    stems=("bass", "drums", "guitar", "piano"),
    rate=22050,
    window=4096,
    net=UNetConfig(stems=4, hop=64, coefficients=48, widths=(64, 64), blocks=(1, 1), condition=16, bands=16),
    sigma_data=0.06,
    levels=(0.06, 0.07, 0.05, 0.05),
    settings=SETTINGS,
    licence="apache-2.0",
)


PAPER = ModelConfig(
    name="paper",
    stems=TINY.stems,
    rate=22050,
    window=1536,
    net=UNet1dConfig(4, 32, (1, 2, 2), (4, 2), (1, 1), (False, True), 2, 16, 4, 4),
    sigma_data=0.2,
    mixture_level=0.0,
    settings=dataclasses.replace(SETTINGS, conditioning="replacement", likelihood="dirac", anchor="guitar"),
)
"""As the published models are: a `UNet1d` that hears nothing but noised stems, and songs at their own level."""


CODEC = CodecConfig(
    name="tiny-codec",
    rate=22050,
    net=SourceVAEConfig(latent=3, encoder_width=4, decoder_width=8, strides=(2, 5)),
    mean=(0.1, -0.2, 0.0),
    std=(0.5, 2.0, 1.0),
)
"""Ten samples to a frame, of which the last frame loses two."""

LATENT = ModelConfig(
    name="latent",
    stems=TINY.stems,
    rate=22050,
    window=638,
    net=UNet1dConfig(12, 32, (1, 2), (2,), (1,), (True,), heads=2, head_width=8, patch=4),
    sigma_data=0.4,
    codec=CODEC,
    mixture_level=0.0,
    settings=PAPER.settings,
)
"""A model over latents of that codec; its window is 64 frames."""

TOKENS = dataclasses.replace(
    LATENT,
    name="tokens",
    net=LatentTransformerConfig(4, 3, width=32, depth=2, heads=2, condition=8),
    sigma_data=1.0,
    levels=TINY.levels,
    mixture_level=0.1,
    settings=dataclasses.replace(SETTINGS, likelihood="dirac"),
)
"""A model over the same latents that hears given stems itself, as the embedded one is."""

TEXTED = ModelConfig(
    name="texted",
    stems=TINY.stems,
    rate=22050,
    window=4096,
    net=TextUNetConfig(16, hop=64, coefficients=48, widths=(64, 64), blocks=(1, 1), condition=16, bands=16),
    sigma_data=0.09,
    joint=False,
    text=TextConfig(
        Words(("bass", "drums drum kit", "guitar", "piano keys", "slap", "jazz", "lead")),
        16,
        generate=Prompting(1.5, negatives=(("bass", "Drums, Guitar"),)),
        accompany=Prompting(1.5, high=1.0),
        extract=Prompting(2.0, negatives=(("bass", "Drums"), ("drums", "Bass"))),
    ),
    levels=TINY.levels,
    settings=dataclasses.replace(PAPER.settings, extractor=THREE, extracted=("bass", "piano"), conditioning="coherent"),
)
"""A model that is told in words what sounds."""


@pytest.fixture(scope="session")
def tiny_model() -> Model:
    """An untrained joint model of four stems; its answers are neither silent nor good."""
    torch.manual_seed(0)
    model = Model(TINY)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def paper_model() -> Model:
    """An untrained model of the published kind."""
    torch.manual_seed(0)
    return Model(PAPER).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def latent_model() -> Model:
    """An untrained model over an untrained codec's latents."""
    torch.manual_seed(0)
    return Model(LATENT).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def token_model() -> Model:
    """An untrained transformer over an untrained codec's latents; its answers are neither silent nor good."""
    torch.manual_seed(0)
    model = Model(TOKENS)
    for parameter in model.net.parameters():
        parameter.data.add_(0.15 * torch.randn_like(parameter))
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def token_folder(token_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny transformer and its codec on disk."""
    folder = tmp_path_factory.mktemp("models") / "tokens"
    save(token_model, folder)
    return folder


@pytest.fixture(scope="session")
def text_model() -> TextModel:
    """An untrained model of text; each of its prompts gives another answer."""
    torch.manual_seed(0)
    model = TextModel(TEXTED)
    for parameter in model.net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def tiny_folder(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model on disk."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save(tiny_model, folder)
    return folder


@pytest.fixture(scope="session")
def studio(tiny_folder: Path) -> Studio:
    """The tiny model, loaded as a user would."""
    return load(tiny_folder, device="cpu", precision="float32")


@pytest.fixture(scope="session")
def text_folder(text_model: TextModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of text on disk."""
    folder = tmp_path_factory.mktemp("models") / "texted"
    save(text_model, folder, precision=torch.float32)
    return folder


@pytest.fixture(scope="session")
def text_studio(text_folder: Path) -> Studio:
    """The tiny model of text, loaded as a user would."""
    return load(text_folder, device="cpu", precision="float32")


WORDS = ("</s>", "<pad>", "<unk>", "bass", "drums", "electric", "slap")


def tokenizer_into(folder: Path) -> ModuleType:
    """Write a tokenizer of these words; gives transformers, or skips the test without it."""
    library: ModuleType = pytest.importorskip("transformers")
    import tokenizers

    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    words.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 0)])
    library.PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)
    return library


@pytest.fixture(scope="session")
def tiny_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random T5 encoder on disk that knows a few words."""
    folder = tmp_path_factory.mktemp("t5")
    library = tokenizer_into(folder)
    torch.manual_seed(0)
    config = library.T5Config(vocab_size=9, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    library.T5EncoderModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random CLAP on disk that knows a few words."""
    folder = tmp_path_factory.mktemp("clap")
    library = tokenizer_into(folder)
    torch.manual_seed(0)
    audio = {"patch_embeds_hidden_size": 8, "hidden_size": 64, "depths": [1, 1, 1, 1], "num_attention_heads": [1, 1, 1, 1]}
    text = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
    library.ClapModel(library.ClapConfig(audio_config=audio, text_config=text)).save_pretrained(folder)
    library.ClapFeatureExtractor(truncation="rand_trunc").save_pretrained(folder)
    return folder


SMALL = UNet1dConfig(4, 32, (1, 2), (2,), (1,), (True,), heads=2, head_width=8, patch=4)
HYPER_PARAMETERS = {
    "learning_rate": 1e-4,
    "in_channels": 4,
    "channels": 32,
    "patch_factor": 4,
    "patch_blocks": 1,
    "resnet_groups": 8,
    "multipliers": [1, 2],
    "factors": [2],
    "num_blocks": [1],
    "attentions": [True],
    "attention_heads": 2,
    "attention_features": 8,
    "attention_multiplier": 2,
    "use_skip_scale": True,
    "diffusion_sigma_data": 0.2,
}


@pytest.fixture(scope="session")
def small_unet() -> UNet1dConfig:
    """The shape of the networks that `publish` writes."""
    return SMALL


@pytest.fixture(scope="session")
def publish() -> Callable[..., UNet1d]:
    """Write a small U-Net as its authors do: publish(path, inputs, seed, blocks, what else the file holds) → the net."""

    def write(path: Path, inputs: int = 4, seed: int = 0, blocks: tuple[int, ...] = (1,), **more: Any) -> UNet1d:
        torch.manual_seed(seed)
        net = UNet1d(dataclasses.replace(SMALL, inputs=inputs, blocks=blocks))
        state = {
            known: value.reshape(shape)
            for name, value in net.state_dict().items()
            for known, shape in unet1d(name, tuple(value.shape)).items()
        }
        twice = {f"{place}{name}": value for place in ("model.unet.", "model.diffusion.net.") for name, value in state.items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        with foreign("audio_diffusion_pytorch.diffusion", "LogNormalDistribution") as law:
            made_with = {**HYPER_PARAMETERS, "in_channels": inputs, "diffusion_sigma_distribution": law}
            torch.save({"epoch": 3, "global_step": 40, "state_dict": twice, "hyper_parameters": made_with} | more, path)
        return net

    return write


@pytest.fixture(scope="session")
def publish_codec() -> Callable[..., SourceVAE]:
    """Write a small codec as its authors write theirs: publish_codec(path, its shape, seed) → the codec, weight norm folded."""

    def write(path: Path, config: SourceVAEConfig = CODEC.net, seed: int = 0) -> SourceVAE:
        torch.manual_seed(seed)
        net = SourceVAE(config)
        tensors = {name: 0.3 * torch.randn(shape) for name, shape in expected(net, source_vae).items()}
        net.load_state_dict(ours(net, source_vae, tensors, str(path)))
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"generator": tensors}, path)
        return net

    return write


@contextmanager
def foreign(module: str, name: str) -> Iterator[object]:
    """An object of a class that exists, by that name, only as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        kind = type(name, (), {"__module__": module})
        for home in (module, module.partition(".")[0]):
            patch.setitem(sys.modules, home, ModuleType(home))
        setattr(sys.modules[module], name, kind)
        made = kind()
        made.mean, made.std = -3.0, 1.0  # type: ignore[attr-defined]
        yield made
