"""A model of mixtures that is told in words what sounds (2403.11706): our network, and how it hears prompts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from stemweave.diffusion.guidance import Prompted
from stemweave.errors import ModelError
from stemweave.model.config import EncoderConfig, ModelConfig, TextConfig
from stemweave.model.lineup import Lineup, Sounds, Words
from stemweave.nets.encoders import clap, sentences, t5
from stemweave.nets.prompts import Prompt, joined
from stemweave.nets.text import Conditioner, Encoded, Reader
from stemweave.nets.text import Words as Vocabulary
from stemweave.nets.textunet import TextUNet


class TextModel(Lineup):
    """Our own: a network and the conditioner it was trained with."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        if not config.text:
            raise ModelError(f"{config.name} is no model of text")
        self.conditioner = Conditioner(reader(config.text), config.text.width)
        self.stand()

    def voice(self) -> Prompted:
        """Each set of prompts is read once in its life."""
        return Asked(self)

    def read(self, texts: Sequence[str]) -> None:
        """Raises UsageError for texts that the model cannot read."""
        self.conditioner.prepare(texts)

    def names(self, text: str) -> Sounds:
        """By a vocabulary, where texts are read by one: all spellings of a word are that word. Raises as `read`."""
        if not isinstance(self.conditioner.reader, Vocabulary):
            return super().names(text)
        return {frozenset(phrase) - {0} for phrase in self.conditioner.prepare([text]).values[0].tolist()}

    def shares(self, mixture: Tensor) -> Tensor:
        """As `Lineup.shares`, from the spectra that the network expects."""
        if not isinstance(self.net, TextUNet):
            return super().shares(mixture)
        scale = self.config.sigma_data
        return scale * self.net.shares(mixture / scale, self.conditioner.null(), self.heard(self.prompts))

    @property
    def expects(self) -> bool:
        """Whether the network is one that expects spectra."""
        return isinstance(self.net, TextUNet)

    def forward(self, x: Tensor, sigma: Tensor, mixture: Tensor, mixed: Tensor) -> Tensor:  # noqa: ARG002
        """As `Model.forward`, without guidance; `mixture` and `mixed` are ignored."""
        return self.each(x, sigma, self.heard(self.prompts))

    def heard(self, prompts: tuple[Words, ...]) -> Prompt:
        """What the network hears of these texts, one after another."""
        texts = [text for text in prompts if text is not None]
        said = iter(self.conditioner(self.conditioner.prepare(texts)).split() if texts else ())
        return joined([self.conditioner.null() if text is None else next(said) for text in prompts])

    def each(self, x: Tensor, sigma: Tensor, heard: Prompt) -> Tensor:
        """Every stem under its own prompt. Shapes: x (batch, stems, channels, samples), sigma (batch, stems), heard (stems)."""
        batch = x.shape[0]
        return self.denoised(x.flatten(0, 1).unsqueeze(1), sigma.flatten(), heard.tiled(batch)).view_as(x)

    def denoised(self, x: Tensor, sigma: Tensor, prompt: Prompt) -> Tensor:
        """Shapes: x (batch, 1, channels, samples), sigma (batch,), prompt (batch) → as x."""
        level = sigma[:, None, None, None]
        answer = self.net(self.precondition.scale(level) * x, self.precondition.noise(sigma), prompt)
        return self.precondition.denoised(x, level, answer)


@dataclass(frozen=True, eq=False)
class Asked:
    """A `TextModel` as `stemweave.diffusion.guidance.Prompted`: each set of prompts is read once."""

    model: TextModel
    _heard: dict[tuple[Words, ...], Prompt] = field(default_factory=dict)

    def __call__(self, x: Tensor, sigma: Tensor, prompts: tuple[Words, ...], /) -> Tensor:
        """Shape: (batch, prompts, channels, samples) → the same."""
        if prompts not in self._heard:
            self._heard[prompts] = self.model.heard(prompts)
        levels = x.new_full(x.shape[:2], float(sigma))
        return self.model.each(x, levels, self._heard[prompts])

    def __repr__(self) -> str:
        return f"Asked({self.model.config.name})"


def reader(config: TextConfig) -> Reader:
    """What turns texts into tensors. Raises ModelError for an encoder this version does not know, and what encoders raise."""
    if not isinstance(config.reader, EncoderConfig):
        return config.reader
    source = (config.reader.source,) if config.reader.source else ()
    match config.reader.encoder:
        case "t5":
            return Encoded(t5(*source))
        case "clap":
            return Encoded(clap(*source))
        case "sentences":
            if source:
                raise ModelError(f"sentences is one model, from a package, but its source is {source[0]!r}: leave it out")
            return Encoded(sentences())
    raise ModelError(f"the model reads texts with {config.reader.encoder!r}; this stemweave has t5, clap and sentences")
