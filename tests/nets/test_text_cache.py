import pytest
import torch

from stemweave.errors import DataError, OutputError
from stemweave.nets.text_cache import TextCache


class Lengths:
    """As many vectors as a text has letters; counts its calls."""

    features = 2

    def __init__(self, fingerprint="lengths"):
        self.fingerprint, self.asked = fingerprint, []

    def __call__(self, texts):
        self.asked.append(list(texts))
        return [torch.full((len(text), 2), float(len(text))) for text in texts]


def test_an_encoder_hears_what_is_new_and_nothing_else():
    cache, encoder = TextCache(), Lengths()
    assert [len(found) for found in cache.encoded(encoder, ["ab", "c", "ab"])] == [2, 1, 2]
    cache.encoded(encoder, ["c", "ab"])
    cache.encoded(encoder, ["c", "def"])
    assert encoder.asked == [["ab", "c"], ["def"]]
    assert len(cache) == 3


def test_another_encoder_is_asked_anew():
    cache, other = TextCache(), Lengths("other")
    cache.encoded(Lengths(), ["ab"])
    cache.encoded(other, ["ab"])
    assert other.asked == [["ab"]]


def test_a_file_outlives_the_program(tmp_path):
    path = tmp_path / "new folder" / "texts.safetensors"
    first = TextCache(path)
    found = first.encoded(Lengths(), ["ab", "c"])
    assert not path.exists()
    first.write()
    encoder = Lengths()
    again = TextCache(path).encoded(encoder, ["ab", "c"])
    assert encoder.asked == []
    assert all(torch.equal(a, b) for a, b in zip(found, again, strict=True))
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    path = tmp_path / "texts.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(DataError, match=r"texts\.safetensors is not a cache of encoded texts: delete it"):
        TextCache(path)
    with pytest.raises(DataError, match="is not a cache"):
        TextCache(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match="has no file: give it a path"):
        TextCache().write()
    cache = TextCache(tmp_path / "file" / "texts.safetensors")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"texts\.safetensors cannot be written"):
        cache.write()
