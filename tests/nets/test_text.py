"""Conditioners: what a vocabulary reads, what a frozen encoder is asked, and the prompt that stands for none."""

import pytest
import torch

from stemweave.errors import UsageError
from stemweave.nets.prompts import Prompt, joined
from stemweave.nets.text import LONGEST, Bag, Conditioner, Encoded, Words

NAMES = ("bass", "Drums drum kit", "acoustic", "guitar", "piano", "slap", "jazz", "12")
KNOWN = "this model knows bass, drums, acoustic, guitar, piano, slap, jazz, 12"


class Letters:
    """One vector per letter, through weights that are frozen; remembers what it was asked."""

    features = 5
    fingerprint = "letters"

    def __init__(self):
        self.net = torch.nn.Embedding(256, self.features).requires_grad_(False)
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        return [self.net(torch.tensor(list(text.encode()))) for text in texts]


@pytest.fixture
def words():
    torch.manual_seed(0)
    return Conditioner(Words(NAMES), 8)


@pytest.fixture
def letters():
    torch.manual_seed(0)
    return Conditioner(Encoded(Letters()), 8)


def same(a: Prompt, b: Prompt) -> bool:
    return torch.equal(a.tokens, b.tokens) and torch.equal(a.mask, b.mask) and torch.equal(a.pooled, b.pooled)


def prepared(text):
    """The phrases as sets of places."""
    return [[place for place in phrase if place] for phrase in Words(NAMES).prepare([text]).values[0].tolist()]


def test_phrases_are_a_set_in_any_order_and_case(words):
    prompt = words(words.prepare(["Bass, drums"]))
    for text in ("drums, bass", " DRUMS ,bass,", "bass,bass,  drums", "the bass and some drums", "Drum kit; a bass"):
        assert same(words(words.prepare([text])), prompt)
    for other in ("bass", "bass, piano", "bass, drums, piano", "bass drums"):
        assert not torch.allclose(words(words.prepare([other])).pooled, prompt.pooled)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("slap bass", [[1, 6]]),
        ("bass slap", [[1, 6]]),
        ("slap bass, jazz drum kit", [[1, 6], [2, 7]]),
        ("jazz with slap bass and drums", [[1, 6], [2], [7]]),
        ("jazz at 12", [[7], [8]]),
        ("guitar playing jazz plus piano", [[4], [5], [7]]),
        ("guitar+piano/bass: drums. jazz & slap", [[1], [2], [4], [5], [6], [7]]),
        ("acoustic-guitar_jazz", [[3, 4, 7]]),
        ("the guitar, a piano, an acoustic piano", [[3, 5], [4], [5]]),
        ("guitar guitar", [[4]]),
        ("piano, the", [[5]]),
    ],
)
def test_how_texts_are_parted(text, places):
    assert prepared(text) == places


def test_words_inside_words_part_nothing(words):
    """ "and" ends a phrase, the letters of "band" do not."""
    vocabulary = Words(("band", "atlas", "withered"))
    assert vocabulary.prepare(["band atlas withered"]).values.tolist() == [[[1, 2, 3, 0, 0, 0]]]


def test_phrases_are_sums_of_word_vectors(words):
    prepared = words.prepare(["slap bass, piano", "drums"])
    assert prepared.values.tolist() == [[[1, 6, 0, 0, 0, 0], [5, 0, 0, 0, 0, 0]], [[2, 0, 0, 0, 0, 0], [0] * LONGEST]]
    assert prepared.mask.tolist() == [[True, True], [True, False]]
    table = words.embedding.words.weight
    prompt = words(prepared)
    assert torch.allclose(prompt.tokens[0], torch.stack([table[1] + table[6], table[5]]))
    assert torch.equal(prompt.tokens[1], torch.stack([table[2], torch.zeros(8)]))
    assert torch.allclose(prompt.pooled[0], words.pool((table[1] + table[6] + table[5]) / 2))
    assert torch.allclose(prompt.pooled[1], words.pool(table[2]))


def test_the_place_of_no_word_is_zero_and_stays_so():
    torch.manual_seed(0)
    bag = Bag(3, 4)
    optimiser = torch.optim.AdamW(bag.parameters(), lr=0.1)
    bag(torch.tensor([[1, 3, 0]])).square().sum().backward()
    before = bag.words.weight.detach().clone()
    optimiser.step()
    moved = (bag.words.weight != before).any(1).tolist()
    assert moved == [False, True, True, True]  # the second only by its decay
    assert not bag.words.weight[0].any()


@pytest.mark.parametrize("text", ["banjo", "bass, banjo", "Schlagzeug", "ギター", "bass und drums", "бас"])
def test_unknown_words_name_the_known_ones(words, text):
    with pytest.raises(UsageError, match=f"unknown word .* in a prompt: {KNOWN}"):
        words.prepare(["bass", text])


def test_long_nonsense_is_told_in_short(words):
    with pytest.raises(UsageError) as caught:
        words.prepare(["x" * 10_000])
    assert len(str(caught.value)) < 200
    with pytest.raises(UsageError, match="7 words on one sound in 'bass drums acoustic guitar") as caught:
        words.prepare(["bass drums acoustic guitar piano slap jazz" + " jazz" * 2000])
    assert len(str(caught.value)) < 200
    assert "at most 6: part sounds by commas" in str(caught.value)
    assert words.prepare(["bass, " * 2000]).values.tolist() == [[[1, 0, 0, 0, 0, 0]]]  # long, but not nonsense


@pytest.mark.parametrize("text", [",,", "the", "with and", "🎸!"])
def test_texts_without_words_name_nothing(words, text):
    with pytest.raises(UsageError, match=f"names nothing: {KNOWN}"):
        words.prepare([text])


@pytest.mark.parametrize("names", [(), ("bass", "Bass"), ("bass", " "), ("bass", "--"), ("drums kit", "kit"), ("drum drum",)])
def test_vocabularies_that_cannot_be_told_apart_are_refused(names):
    with pytest.raises(UsageError, match="expected names with distinct spellings"):
        Words(names)


@pytest.mark.parametrize("text", ["bass guitar", "Bass  Guitar", "a bass guitar", "bass guitars"])
def test_a_bass_guitar_is_a_bass(words, text):
    assert torch.equal(words.prepare([text]).values, words.prepare(["bass"]).values)
    assert not torch.equal(words.prepare(["bass, guitar"]).values, words.prepare(["bass"]).values)


@pytest.mark.parametrize("empty", ["", "  \n\t"])
@pytest.mark.parametrize("kind", ["words", "letters"])
def test_empty_prompts_are_counted(request, kind, empty):
    with pytest.raises(UsageError, match="prompt 2 of 2 is empty"):
        request.getfixturevalue(kind).prepare(["bass", empty])


def test_texts_are_a_list_and_not_none(words):
    with pytest.raises(UsageError, match="no prompts"):
        words.prepare([])
    with pytest.raises(UsageError, match="got the text 'bass', expected a list"):
        words.prepare("bass")


def test_unequal_lengths_are_padded_and_change_nothing(letters):
    both, short = letters(letters.prepare(["a", "much longer"])), letters(letters.prepare(["a"]))
    assert both.tokens.shape == (2, 11, 8)
    assert both.mask.sum(1).tolist() == [1, 11]
    assert torch.allclose(both.tokens[:1, :1], short.tokens)
    assert not both.tokens[0, 1:].any()
    assert torch.allclose(both.pooled[:1], short.pooled)


def test_the_size_of_an_encoders_vectors_does_not_matter(letters):
    before = letters(letters.prepare(["bass"]))
    loud = Conditioner(Encoded(Letters()), 8)
    loud.load_state_dict(letters.state_dict())
    loud.reader.encoder.net.weight.copy_(100 * letters.reader.encoder.net.weight)
    assert torch.allclose(loud(loud.prepare(["bass"])).tokens, before.tokens, atol=1e-3)


def test_the_encoder_hears_each_text_once(letters):
    first = letters.prepare(["bass", "drums", "bass"])
    again = letters.prepare([" drums ", "piano"])
    assert letters.reader.encoder.asked == ["bass", "drums", "piano"]
    assert torch.equal(again.values[0], first.values[1])


def test_one_prompt_serves_a_batch_and_other_numbers_are_refused(words):
    one, two = words.prepare(["bass"]), words.prepare(["bass", "drums"])
    prompt = words(one, 3)
    three = words(words.prepare(["bass"] * 3))
    assert torch.equal(prompt.tokens, three.tokens)
    assert torch.equal(prompt.mask, three.mask)
    assert torch.allclose(prompt.pooled, three.pooled)
    assert same(words(two, 2), words(two))
    with pytest.raises(UsageError, match="2 prompts for a batch of 3: expected one for all, or 3"):
        words(two, 3)


def test_prompts_join_into_one_batch(words):
    parts = [words(words.prepare(["bass, drums, piano"])), words.null(), words(words.prepare(["piano"]))]
    whole = joined(parts)
    assert whole.mask.tolist() == [[True] * 3, [True, False, False], [True, False, False]]
    assert torch.equal(whole.pooled, torch.cat([part.pooled for part in parts]))
    assert torch.equal(whole.tokens[1, 0], words.null_token)
    with pytest.raises(UsageError, match="no prompts to join"):
        joined([])


@pytest.mark.parametrize("kind", ["words", "letters"])
def test_dropout_replaces_whole_prompts_by_the_null_prompt(request, kind):
    conditioner = request.getfixturevalue(kind)
    prompt = conditioner(conditioner.prepare(["bass", "piano"] * 500))
    assert same(conditioner.dropped(prompt, 0.0), prompt)
    null = conditioner.null(1000).padded(prompt.mask.shape[1])
    assert same(conditioner.dropped(prompt, 1.0), null)
    some = conditioner.dropped(prompt, 0.1, torch.Generator().manual_seed(0))
    assert same(some, conditioner.dropped(prompt, 0.1, torch.Generator().manual_seed(0)))
    gone = (some.pooled == null.pooled).all(1)
    assert 60 < gone.sum() < 140
    for field in ("tokens", "mask", "pooled"):
        found = getattr(some, field)
        assert torch.equal(found[gone], getattr(null, field)[gone])
        assert torch.equal(found[~gone], getattr(prompt, field)[~gone])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_that_are_none_are_refused(words, share):
    with pytest.raises(UsageError, match="expected 0 to 1"):
        words.dropped(words.null(), share)


def test_only_what_is_learned_learns_and_is_saved(letters):
    prompt = letters(letters.prepare(["bass", "drums"]))
    half = letters.dropped(prompt, 0.5, torch.Generator().manual_seed(1))
    assert (half.pooled == letters.null_pooled).all(1).tolist() in ([True, False], [False, True])
    (half.tokens.square().sum() + half.pooled.square().sum()).backward()
    named = dict(letters.named_parameters())
    assert set(named) == {"embedding.1.weight", "embedding.1.bias", "pool.weight", "pool.bias", "null_token", "null_pooled"}
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in named.values())
    assert letters.reader.encoder.net.weight.grad is None
    assert set(letters.state_dict()) == set(named)
