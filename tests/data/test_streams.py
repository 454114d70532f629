import itertools

import pytest
import torch
from torch.utils.data import DataLoader

from stemweave.data.streams import TRIES, Fixed, Stream, until
from stemweave.errors import DataError


def number(rng):
    return int(rng.integers(10**9))


def take(stream, count=6):
    return list(itertools.islice(stream, count))


def test_the_same_seeds_give_the_same_stream_and_others_another():
    first = take(Stream(number, 7, rank=0))
    assert first == take(Stream(number, 7, rank=0)) == take(Stream(number, 7))
    assert len(set(first)) == 6
    later = Stream(number, 7)
    later.set_epoch(1)
    for other in (Stream(number, 8), Stream(number, 7, rank=1), later):
        assert not set(first) & set(take(other))


def test_each_worker_draws_its_own():
    once, again = (torch.cat(take(DataLoader(Stream(number, 7), batch_size=2, num_workers=2), 4)).tolist() for _ in range(2))
    assert once == again
    assert len(set(once)) == 8


def test_fixed_draws_do_not_depend_on_the_order_they_are_read_in():
    fixed = Fixed(number, 5, seed=3)
    forward = [fixed[k] for k in range(5)]
    assert forward == [fixed[k] for k in reversed(range(5))][::-1] == list(fixed)
    assert (len(fixed), len(set(forward))) == (5, 5)
    assert forward != [Fixed(number, 5, seed=4)[k] for k in range(5)]
    for outside in (5, -1):
        with pytest.raises(IndexError):
            fixed[outside]


def test_until_gives_the_first_that_is_something_and_gives_up():
    calls = []

    def third(rng):
        calls.append(rng)
        return "x" if len(calls) == 3 else None

    assert until(third, None, "nothing") == "x"
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(DataError, match=r"^nothing$"):
        until(lambda rng: calls.append(rng), None, "nothing")
    assert len(calls) == TRIES
