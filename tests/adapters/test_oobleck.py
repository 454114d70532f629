import pytest
import torch

from stemweave.adapters.diffusers import adapted
from stemweave.errors import ModelError

pytestmark = pytest.mark.filterwarnings("default")


def test_the_codec_keeps_length_and_is_the_autoencoder(stable_audio):
    codec = adapted(stable_audio).codec
    assert (codec.hop, codec.channels, codec.linear) == (8, 3, False)
    for samples in (1, 7, 8, 9, 96):
        sound = torch.randn(1, 2, 2, samples, generator=torch.Generator().manual_seed(1))
        latents = codec.encode(sound)
        assert latents.shape == (1, 2, 3, adapted(stable_audio).config.frames(samples))
        assert codec.decode(latents, samples).shape == sound.shape
    with torch.no_grad():
        expected = stable_audio.vae.decode(stable_audio.vae.encode(sound[0]).latent_dist.mean).sample
    torch.testing.assert_close(codec.decode(latents, 96)[0], expected)
    with pytest.raises(ModelError, match="decode to 96 samples, not 97"):
        codec.decode(latents, 97)
    for wrong in (torch.zeros(1, 1, 2, 0), torch.zeros(1, 1, 1, 9)):
        with pytest.raises(ModelError, match="expected 2 channels of samples"):
            codec.encode(wrong)
