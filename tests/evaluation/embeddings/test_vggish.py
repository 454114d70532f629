from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from stemweave.errors import ModelError
from stemweave.evaluation.embeddings import vggish as module
from stemweave.evaluation.embeddings.vggish import Network, examples, vggish

NARROW = partial(Network, ((2,), (3,), (4, 4), (5, 5)), 8)


@pytest.fixture
def narrow(monkeypatch):
    """A network of VGGish's depth but few channels, and random weights for it."""
    monkeypatch.setattr(module, "Network", NARROW)
    torch.manual_seed(0)
    return {name: 0.3 * torch.randn_like(value) for name, value in NARROW().state_dict().items()}


def test_the_network_is_vggishs():
    """72 141 184 parameters, named as torchvggish names them."""
    with torch.device("meta"):
        network = Network()
        found = network(torch.empty(3, 96, 64))
    assert found.shape == (3, 128)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert sum(np.prod(shape) for shape in shapes.values()) == 72_141_184
    convolutions = {0: (64, 1), 3: (128, 64), 6: (256, 128), 8: (256, 256), 11: (512, 256), 13: (512, 512)}
    linears = {0: (4096, 12288), 2: (4096, 4096), 4: (128, 4096)}
    expected = {f"features.{n}.weight": (*shape, 3, 3) for n, shape in convolutions.items()}
    expected |= {f"features.{n}.bias": shape[:1] for n, shape in convolutions.items()}
    expected |= {f"embeddings.{n}.weight": shape for n, shape in linears.items()}
    expected |= {f"embeddings.{n}.bias": shape[:1] for n, shape in linears.items()}
    assert shapes == expected


def test_the_spectrogram_is_that_of_a_slow_one():
    audio = np.random.default_rng(0).standard_normal(15600) * 0.1
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    found = examples(torch.from_numpy(audio).float())
    assert found.shape == (1, 96, 64)
    edges = np.linspace(*(1127 * np.log(1 + np.array([125.0, 7500.0]) / 700)), 66)
    at = 1127 * np.log(1 + np.arange(257) * 16000 / 512 / 700)
    for frame in (0, 1, 50, 95):
        spectrum = np.abs(np.fft.rfft(hann * audio[160 * frame : 160 * frame + 400], 512))
        for band in (0, 1, 20, 63):
            low, middle, high = edges[band : band + 3]
            weights = [max(0.0, min((mel - low) / (middle - low), (high - mel) / (high - middle))) for mel in at]
            assert found[0, frame, band] == pytest.approx(np.log(weights @ spectrum + 0.01), abs=1e-4)


@pytest.mark.parametrize(("samples", "count"), [(15600, 1), (15600 + 15359, 1), (15600 + 15360, 2), (160000, 10)])
def test_examples_are_96_frames_of_10_ms_end_to_end(samples, count):
    audio = torch.randn(samples, generator=torch.Generator().manual_seed(1))
    found = examples(audio)
    assert found.shape == (count, 96, 64)
    assert torch.allclose(found[-1:], examples(audio[15360 * (count - 1) :]), atol=1e-5)


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_from_a_file_make_the_embedding(narrow, tmp_path, suffix, monkeypatch):
    path = tmp_path / f"vggish.{suffix}"
    pca = {"pproc.pca_means": torch.zeros(128, 1)}
    save_file(narrow | pca, path) if suffix == "safetensors" else torch.save(narrow | pca, path)
    embedding = vggish(path)
    audio = 0.1 * torch.randn(50000, generator=torch.Generator().manual_seed(2))
    found = embedding(audio)
    assert found.shape == (3, 128)
    assert found.dtype == np.float64
    assert found == pytest.approx(forward(narrow, examples(audio)).numpy(), abs=1e-5)
    monkeypatch.setattr(module, "BATCH", 2)
    assert embedding(audio) == pytest.approx(found, abs=1e-5)
    assert (found < 0).any(), "the last activation is off"
    assert (embedding.name, embedding.rate, embedding.window, embedding.dimension) == ("VGGish", 16000, 15600, 128)
    assert len(embedding.settings()["weights"]) == 64


def forward(weights, spectrograms):
    """The same, layer by layer, flattened as torchvggish does."""
    x = spectrograms[:, None]
    for number in (0, 3, 6, 8, 11, 13):
        x = functional.conv2d(x, weights[f"features.{number}.weight"], weights[f"features.{number}.bias"], padding=1).relu()
        x = functional.max_pool2d(x, 2) if number not in (6, 11) else x
    x = x.transpose(1, 3).transpose(1, 2).contiguous().view(len(x), -1)
    for number in (0, 2, 4):
        x = functional.linear(x, weights[f"embeddings.{number}.weight"], weights[f"embeddings.{number}.bias"])
        x = x.relu() if number < 4 else x
    return x


def test_files_without_the_weights_are_refused(narrow, tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        vggish(tmp_path / "none.pth")
    path = tmp_path / "wrong.safetensors"
    for wrong, message in (
        (
            {**narrow, "features.0.weight": torch.zeros(2, 1, 5, 5)},
            r"1 tensors differ, first features.0.weight.*\(2, 1, 5, 5\)",
        ),
        ({"other": torch.zeros(1)}, "found none"),
        ({**narrow, "other": torch.zeros(1)}, r"first other: expected none, found \(1,\)"),
    ):
        save_file(wrong, path)
        with pytest.raises(ModelError, match=message):
            vggish(path)


class Sly:
    """Runs when it is unpickled, were it so."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_nothing_but_tensors_is_read(narrow, tmp_path, capsys):
    for suffix in ("safetensors", "pth"):
        path = tmp_path / f"garbage.{suffix}"
        path.write_bytes(b"not a file of tensors at all")
        with pytest.raises(ModelError, match="cannot be read as plain tensors"):
            vggish(path)
    torch.save({"features.0.weight": Sly()}, tmp_path / "sly.pth")
    with pytest.raises(ModelError, match="cannot be read as plain tensors"):
        vggish(tmp_path / "sly.pth")
    assert "unpickled" not in capsys.readouterr().out
    torch.save([1, 2, 3], tmp_path / "list.pth")
    with pytest.raises(ModelError, match="holds no state dict"):
        vggish(tmp_path / "list.pth")
