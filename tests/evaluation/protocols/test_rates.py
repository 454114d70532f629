import torch

from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.protocols.rates import rates

RATE, NAMES = 8000, ("bass", "drums")


def noise(seed, level):
    return level * torch.randn(1, 4 * RATE, generator=torch.Generator().manual_seed(seed))


def tone(seed, level):
    return level * torch.sin(2 * torch.pi * (200 + 30 * seed) * torch.arange(4 * RATE) / RATE)[None]


def excerpt(song, number, bass, drums):
    return Excerpt(Track(song, {}, RATE, 1, 40 * RATE), number, 0.0, Stems(NAMES, torch.stack([bass, drums]), RATE))


def rows(table):
    return {row.name: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}


def test_shares_of_windows_are_of_songs_whatever_their_excerpts():
    """Real basses are tones and real drums noise. Of 4 generated windows one bass is silent, and one is noise."""
    real = [excerpt(f"real{k}", 0, tone(k, 0.1), noise(k, 0.1)) for k in range(5)]
    made = [
        excerpt("one", 0, tone(1, 0.1), noise(20, 0.1)),
        excerpt("one", 1, noise(2, 0.01), noise(21, 0.1)),
        excerpt("two", 0, tone(3, 1e-4), noise(22, 0.1)),
        excerpt("two", 1, tone(4, 0.1), noise(23, 1e-5)),
    ]
    table = rates(made, real, 0)
    assert table.columns == (*NAMES, "mean")
    found = rows(table)
    assert list(found) == ["generated, silent", "generated, noise", "real, silent", "real, noise"]
    silent, noisy = found["generated, silent"], found["generated, noise"]
    assert [silent[name].value for name in table.columns] == [2 / 8, 2 / 8, 2 / 8]
    assert noisy["bass"].value == 2 / 6
    assert noisy["drums"].value < 0.7, "drums are noise in real songs, too"
    assert [found["real, silent"][name].value for name in table.columns] == [0, 0, 0]
    assert found["real, noise"]["bass"].value <= 1 / 10
    assert silent["bass"].n == 2
