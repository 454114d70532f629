"""A U-Net over frames of one signal, told in words what sounds in it: 2403.11706's role, for CPUs.

`unet` over a mixture alone: the same frames, trunk and answers, without stems, given stems or a mixture beside. The prompt's
vector joins the noise level in every block; its tokens are attended to before and after the trunk, and each of them says which
frequencies to expect of it, in every frame (`Sounds`).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stemweave.errors import ModelError
from stemweave.nets.lapped import Lapped, powers
from stemweave.nets.layers import CrossAttention, NoiseEmbedding
from stemweave.nets.prompts import Prompt
from stemweave.nets.unet import FLOOR, Trunk, around, band_matrix, keeping

SEEN = 0.5
"""The noise level, in units of the data's, at which a clean mixture is looked at."""


@dataclass(frozen=True)
class TextUNetConfig:
    """Shape of a `TextUNet`, fields as `UNetConfig`; `text` is the width of prompts."""

    text: int
    channels: int = 1
    hop: int = 512
    coefficients: int = 432
    widths: tuple[int, ...] = (304, 320)
    blocks: tuple[int, ...] = (2, 3)
    condition: int = 96
    bands: int = 128
    kernel: int = 7
    expand: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.hop:
            raise ModelError(f"net: coefficients must be 1 to hop ({self.hop}), got {self.coefficients}")


class TextUNet(nn.Module):
    """F of EDM's preconditioning (2206.00364 eq. 7) for one signal and a prompt."""

    bands: Tensor
    spread: Tensor

    def __init__(self, config: TextUNetConfig) -> None:
        super().__init__()
        self.config = config
        channels, low, bands, width = config.channels, config.coefficients, config.bands, config.widths[0]
        self.lapped = Lapped(config.hop)
        self.noise = NoiseEmbedding(1, config.condition)
        self.told = nn.Linear(config.text, config.condition)
        matrix = band_matrix(config.hop, bands)
        self.register_buffer("bands", matrix, persistent=False)
        self.register_buffer("spread", (matrix.T > 0).float(), persistent=False)
        self.enter = nn.Linear(channels * (2 * low + bands), width)
        self.before = CrossAttention(width, config.condition, config.text)
        self.trunk = Trunk(config.widths, config.blocks, config.condition, config.kernel, config.expand)
        self.after = CrossAttention(width, config.condition, config.text)
        self.own = nn.Linear(width, channels * low)
        self.keep = nn.Linear(width, channels * (3 * bands + low))
        self.sounds = Sounds(width, config.text, channels * (3 * bands + low))
        self.presence = Presence(width, config.text)
        nn.init.normal_(self.own.weight, std=0.02 / width**0.5)
        for blank in (self.own.bias, self.keep.weight, self.keep.bias):
            nn.init.zeros_(blank)

    def forward(self, x: Tensor, sigma: Tensor, prompt: Prompt) -> Tensor:
        """One evaluation.

        Shapes: x (batch, 1, channels, samples), preconditioned to unit scale; sigma (batch,), in units of the data's level;
        prompt (batch), `text` wide. Returns the shape of x.
        """
        return self.estimate(x, sigma, prompt)[0]

    def estimate(self, x: Tensor, sigma: Tensor, prompt: Prompt) -> tuple[Tensor, "Heard"]:
        """The same, and what was heard on the way, of which `expected` is asked."""
        samples, signal = x.shape[-1], self.lapped.cosines(self.padded(x.squeeze(1)))
        heard = self.heard(signal, sigma, prompt)
        own = F.pad(self.split(self.own(heard.hidden)), (0, self.config.hop - self.config.coefficients))
        answer = self.lapped.inverse(own + self.gains(heard, self.expected(heard, prompt), sigma) * signal)
        return answer[..., :samples].unsqueeze(1), heard

    def heard(self, signal: Tensor, sigma: Tensor, prompt: Prompt) -> "Heard":
        """What the trunk makes of a signal's coefficients, (batch, channels, frames, hop)."""
        kind, power = self.enter.weight.dtype, powers(signal)
        told, tokens = prompt.pooled.to(kind), prompt.tokens.to(kind)
        condition = self.noise(sigma[:, None], torch.zeros_like(sigma)) + self.told(told)
        hidden = self.before(self.enter(self.features(signal, power).to(kind)), condition, tokens, prompt.mask)
        hidden = self.after(self.trunk(hidden, condition), condition, tokens, prompt.mask)
        return Heard(hidden, power.add(FLOOR).log(), around(power).add(FLOOR).log())

    def shares(self, mixture: Tensor, told: Prompt, parts: Prompt) -> Tensor:
        """A mixture shared out in the ratio of the powers that the prompts of its parts let expect; the parts sum to it.

        Each sound keeps of its share as much as it is likely to sound at all (`kept`). Shape: mixture (batch, channels,
        samples), in units of the data's level; what the trunk is told (1): nothing, lest it believe it; parts (parts) → (batch,
        parts, channels, samples).
        """
        batch, count, samples = len(mixture), len(parts), mixture.shape[-1]
        signal, heard = self.look(mixture, told)
        heard, asked = Heard(*(each.repeat_interleave(count, 0) for each in heard)), parts.tiled(batch)
        likely = self.present(heard, asked).sigmoid() * asked.mask
        sounds = self.each(heard, asked).unflatten(0, (batch, count)).flatten(1, 2).softmax(1)
        masks = kept(sounds, likely.unflatten(0, (batch, count)).flatten(1)).unflatten(1, (count, -1)).sum(2)
        return self.lapped.inverse(masks * signal.unsqueeze(1))[..., :samples]

    def look(self, mixture: Tensor, told: Prompt) -> tuple[Tensor, "Heard"]:
        """A clean mixture's coefficients, and what the trunk makes of them. Shapes: as of `shares`."""
        signal, batch = self.lapped.cosines(self.padded(mixture)), len(mixture)
        level = mixture.new_full((batch,), SEEN)
        return signal, self.heard(signal / math.hypot(1, SEEN), level, told.repeated(batch))

    def padded(self, x: Tensor) -> Tensor:
        """Followed by silence up to whole frames."""
        return F.pad(x, (0, -x.shape[-1] % self.config.hop))

    def surprise(self, expected: Tensor, clean: Tensor, loud: Tensor) -> Tensor:
        """How far an expected log power is from that of the clean signal (batch, 1, channels, samples), in units of the data's.

        Mean Itakura-Saito divergence over frames and frequencies, (batch,): the log-likelihood of Gaussian coefficients whose
        variance is what was expected. They count by the root of the power expected of all that sounds, whose logarithm `loud`
        is: else the many faint ones rule. No weight depends on the clean signal, so what is best to expect stays the same.
        """
        signal = self.lapped.cosines(self.padded(clean.squeeze(1)))
        ratio = (powers(signal) + FLOOR).log() - torch.logaddexp(expected, expected.new_tensor(FLOOR).log())
        weight = (0.5 * loud.detach()).exp()
        weight = weight / weight.mean((1, 2, 3), keepdim=True)
        return (weight * (ratio.clamp(max=8.0).exp() - ratio - 1)).mean((1, 2, 3))

    def lower(self, dtype: torch.dtype) -> None:
        """Run the matrix products in `dtype`; the transforms and what they touch stay in float32."""
        for part in (
            self.noise.mlp,
            self.told,
            self.enter,
            self.before,
            self.trunk,
            self.after,
            self.own,
            self.keep,
            self.sounds,
            self.presence,
        ):
            part.to(dtype)

    def features(self, signal: Tensor, power: Tensor) -> Tensor:
        """What enters at each frame: low coefficients and their log magnitudes; log bands of all magnitudes."""
        loud, low = power.sqrt(), self.config.coefficients
        parts = (signal[..., :low], torch.log1p(10 * loud[..., :low]), torch.log1p(10 * (loud @ self.bands)))
        return torch.cat([part.transpose(1, 2).flatten(2) for part in parts], -1)

    def split(self, answer: Tensor) -> Tensor:
        """Shape: (batch, frames, channels * n) → (batch, channels, frames, n)."""
        return answer.float().unflatten(-1, (self.config.channels, -1)).transpose(1, 2)

    def expected(self, heard: "Heard", prompt: Prompt) -> Tensor:
        """The log power that a prompt's sounds, whose powers add, bring to each frequency of what was heard.

        Shape: (batch, channels, frames, hop), in units of the data's.
        """
        return self.each(heard, prompt).logsumexp(1)

    def each(self, heard: "Heard", prompt: Prompt) -> Tensor:
        """The log power that each sound of a prompt brings: a_0 + a_1 ln(power here) + a_2 ln(power around, in time), per band.

        The a_0 of lower frequencies are one by one. Shape: (batch, sounds, channels, frames, hop); padding brings nothing.
        """
        bands, low = self.config.bands, self.config.coefficients
        each = self.sounds(heard.hidden, prompt.tokens.to(heard.hidden.dtype)).float()
        each = each.unflatten(-1, (self.config.channels, -1)).permute(0, 1, 3, 2, 4)
        offset, here, near, fine = each.split((bands, bands, bands, low), -1)
        power = self.wide(offset, fine)
        power = power + (here @ self.spread) * heard.here.unsqueeze(1) + (near @ self.spread) * heard.near.unsqueeze(1)
        return power.masked_fill(~prompt.mask[:, :, None, None, None], -math.inf)

    def present(self, heard: "Heard", prompt: Prompt) -> Tensor:
        """The log odds that each sound of a prompt sounds anywhere in what was heard. Shape: (batch, sounds)."""
        return self.presence(heard.hidden, prompt.tokens.to(heard.hidden.dtype)).float()

    def gains(self, heard: "Heard", expected: Tensor, sigma: Tensor) -> Tensor:
        """What F must add so that D keeps a share of each noised coefficient, as `StemUNet.gains`; lower ones one by one."""
        bands, low = self.config.bands, self.config.coefficients
        offset, here, near, fine = self.split(self.keep(heard.hidden)).split((bands, bands, bands, low), -1)
        logit = expected + self.wide(offset, fine) + (here @ self.spread) * heard.here + (near @ self.spread) * heard.near
        return keeping(logit, sigma[:, None, None, None])

    def answers(self, logs: Tensor) -> Tensor:
        """What a sound would have to answer for these log powers: their bands, nothing fine. Shape: (n, hop) → (n, all)."""
        bands = (logs.exp() @ self.bands).log()
        return F.pad(bands, (0, 2 * self.config.bands + self.config.coefficients)).repeat(1, self.config.channels)

    def wide(self, bands: Tensor, fine: Tensor) -> Tensor:
        """Values in bands, and for the lower frequencies one by one, at all frequencies."""
        return bands @ self.spread + F.pad(fine, (0, self.config.hop - self.config.coefficients))


def kept(shares: Tensor, likely: Tensor) -> Tensor:
    """Shares of sounds of which each is there only with some probability: it keeps so much of its own.

    What it leaves goes to the others in the ratio of what they keep: exact where one sound is in doubt. Shape: shares (batch,
    sounds, ...), which sum to 1; likely (batch, sounds) → as shares.
    """
    likely = likely.reshape(*likely.shape, *[1] * (shares.ndim - 2))
    own = likely * shares
    left = (1 - likely) * shares / (own.sum(1, keepdim=True) - own).clamp_min(1e-4)
    found = own * (1 + left.sum(1, keepdim=True) - left)
    return found / found.sum(1, keepdim=True).clamp_min(1e-9)


class Heard(NamedTuple):
    """What the trunk made of a signal (batch, frames, width), its log powers here and around (batch, channels, frames, hop)."""

    hidden: Tensor
    here: Tensor
    near: Tensor


class Sounds(nn.Module):
    """What each sound of a prompt brings: what is usual for it, and more or less of that in each frame.

    Because the sounds of a prompt are heard one by one and their powers add, a sound told alone is one that was told with
    others.
    """

    def __init__(self, width: int, text: int, answers: int, inner: int = 64, kinds: int = 20) -> None:
        super().__init__()
        self.family, self.usual = nn.Linear(text, kinds, bias=False), nn.Linear(kinds, answers)
        self.place = nn.Linear(width, inner)
        self.kind = nn.Linear(text, inner, bias=False)
        self.gain = nn.Linear(text, inner, bias=False)
        self.answer = nn.Linear(inner, answers, bias=False)
        nn.init.normal_(self.answer.weight, std=0.1 / inner**0.5)
        for blank in (self.usual.weight, self.usual.bias, self.gain.weight):
            nn.init.zeros_(blank)

    def forward(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Shape: hidden (batch, frames, width), tokens (batch, n, text) → (batch, n, frames, answers)."""
        here = F.gelu(self.place(hidden).unsqueeze(1) + self.kind(tokens).unsqueeze(2)) * (1 + self.gain(tokens)).unsqueeze(2)
        return self.usual(self.family(tokens)).unsqueeze(2) + self.answer(here)

    @torch.no_grad()
    def expect(self, tokens: Tensor, answers: Tensor) -> None:
        """Make these answers the usual ones of these sounds: least squares of least norm about their mean.

        Shape: tokens (sounds, text), answers (sounds, answers); of more sounds than `kinds`, what is closest.
        """
        fitted = torch.linalg.pinv(tokens.double()) @ (answers - answers.mean(0)).double()
        into, strength, out = torch.linalg.svd(fitted, full_matrices=False)
        kinds = min(self.family.out_features, len(strength))
        self.usual.bias.copy_(answers.mean(0))
        for weight, factor in ((self.family.weight, into.T), (self.usual.weight.T, strength[:, None] * out)):
            weight.zero_()[:kinds].copy_(factor[:kinds])


class Presence(nn.Module):
    """Whether each sound of a prompt sounds at all in what was heard: a sound and a whole recording, compared."""

    def __init__(self, width: int, text: int, inner: int = 56) -> None:
        super().__init__()
        self.place, self.kind = nn.Linear(width, inner), nn.Linear(text, inner)

    def forward(self, hidden: Tensor, tokens: Tensor) -> Tensor:
        """Log odds. Shape: hidden (batch, frames, width), tokens (batch, n, text) → (batch, n)."""
        recording = F.gelu(self.place(hidden)).mean(1)
        return (self.kind(tokens) @ recording.unsqueeze(-1)).squeeze(-1)
