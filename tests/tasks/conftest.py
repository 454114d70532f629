import pytest
from torch import Tensor

from stemweave.diffusion.guidance import Prompted
from stemweave.model.lineup import Words
from stemweave.model.texted import TextModel

LEVELS = {"bass": 0.10, "drums": 0.20, "guitar": 0.05, "piano": 0.08}


class Table(TextModel):
    """The exact answer where each name of a prompt is an independent Gaussian; nothing said is one of 0.4. Notes its calls."""

    @property
    def expects(self) -> bool:
        return False

    def voice(self) -> Prompted:
        return self._answer

    def _answer(self, x: Tensor, sigma: Tensor, prompts: tuple[Words, ...], /) -> Tensor:
        self.calls.append(prompts)
        variance = x.new_tensor([power(text) for text in prompts])[:, None, None]
        return variance / (variance + sigma**2) * x


def power(prompt: Words) -> float:
    return 0.16 if prompt is None else sum(LEVELS[name] ** 2 for name in prompt.casefold().split(", "))


@pytest.fixture
def table(text_model: TextModel) -> Table:
    """A model of text whose prompts are Gaussians: bass 0.1, drums 0.2, guitar 0.05, piano 0.08."""
    model = Table(text_model.config)
    model.calls = []
    return model
