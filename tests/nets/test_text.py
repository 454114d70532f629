import pytest
import torch

from stemweave.errors import UsageError
from stemweave.nets.prompts import Prompt, joined
from stemweave.nets.text import Conditioner, Encoded, Labels

STEMS = ("bass", "Drums", "acoustic guitar", "piano")


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
def labels():
    torch.manual_seed(0)
    return Conditioner(Labels(STEMS), 8)


@pytest.fixture
def letters():
    torch.manual_seed(0)
    return Conditioner(Encoded(Letters()), 8)


def same(a: Prompt, b: Prompt) -> bool:
    return torch.equal(a.tokens, b.tokens) and torch.equal(a.mask, b.mask) and torch.equal(a.pooled, b.pooled)


def test_labels_are_a_set_in_any_order_and_case(labels):
    prompt = labels(labels.prepare(["Bass, drums"]))
    for text in ("drums, bass", " DRUMS ,bass,", "bass,bass,  drums"):
        assert same(labels(labels.prepare([text])), prompt)
    assert same(labels(labels.prepare(["Acoustic  Guitar"])), labels(labels.prepare(["acoustic guitar"])))
    for other in ("bass", "bass, piano", "bass, drums, piano"):
        assert not torch.allclose(labels(labels.prepare([other])).pooled, prompt.pooled)


def test_labels_are_rows_of_one_table(labels):
    prepared = labels.prepare(["piano, bass", "drums"])
    assert prepared.values.tolist() == [[0, 3], [1, 0]]
    assert prepared.mask.tolist() == [[True, True], [True, False]]
    table = labels.embedding.weight
    prompt = labels(prepared)
    assert torch.equal(prompt.tokens[0], table[[0, 3]])
    assert torch.equal(prompt.tokens[1], torch.stack([table[1], torch.zeros(8)]))
    assert torch.allclose(prompt.pooled[0], labels.pool(table[[0, 3]].mean(0)))
    assert torch.allclose(prompt.pooled[1], labels.pool(table[1]))


@pytest.mark.parametrize("text", ["banjo", "bass, banjo", "Schlagzeug", "ギター", "bass drums"])
def test_unknown_labels_name_the_known_ones(labels, text):
    with pytest.raises(UsageError, match=r"unknown label .*: this model knows bass, Drums, acoustic guitar, piano"):
        labels.prepare([text])


def test_long_nonsense_is_told_in_short(labels):
    with pytest.raises(UsageError) as caught:
        labels.prepare(["x" * 10_000])
    assert len(str(caught.value)) < 200
    assert labels.prepare(["bass, " * 2000]).values.tolist() == [[0]]  # long, but not nonsense


def test_labels_of_commas_alone_name_nothing(labels):
    with pytest.raises(UsageError, match="',,' names nothing: this model knows bass"):
        labels.prepare([",,"])


@pytest.mark.parametrize("names", [(), ("bass", "Bass"), ("bass", " "), ("bass, drums",)])
def test_vocabularies_that_cannot_be_told_apart_are_refused(names):
    with pytest.raises(UsageError, match="expected distinct names without commas"):
        Labels(names)


@pytest.mark.parametrize("empty", ["", "  \n\t"])
@pytest.mark.parametrize("kind", ["labels", "letters"])
def test_empty_prompts_are_counted(request, kind, empty):
    with pytest.raises(UsageError, match="prompt 2 of 2 is empty"):
        request.getfixturevalue(kind).prepare(["bass", empty])


def test_texts_are_a_list_and_not_none(labels):
    with pytest.raises(UsageError, match="no prompts"):
        labels.prepare([])
    with pytest.raises(UsageError, match="got the text 'bass', expected a list"):
        labels.prepare("bass")


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


def test_one_prompt_serves_a_batch_and_other_numbers_are_refused(labels):
    one, two = labels.prepare(["bass"]), labels.prepare(["bass", "drums"])
    prompt = labels(one, 3)
    three = labels(labels.prepare(["bass"] * 3))
    assert torch.equal(prompt.tokens, three.tokens)
    assert torch.equal(prompt.mask, three.mask)
    assert torch.allclose(prompt.pooled, three.pooled)
    assert same(labels(two, 2), labels(two))
    with pytest.raises(UsageError, match="2 prompts for a batch of 3: expected one for all, or 3"):
        labels(two, 3)


def test_prompts_join_into_one_batch(labels):
    parts = [labels(labels.prepare(["bass, drums, piano"])), labels.null(), labels(labels.prepare(["piano"]))]
    whole = joined(parts)
    assert whole.mask.tolist() == [[True] * 3, [True, False, False], [True, False, False]]
    assert torch.equal(whole.pooled, torch.cat([part.pooled for part in parts]))
    assert torch.equal(whole.tokens[1, 0], labels.null_token)
    with pytest.raises(UsageError, match="no prompts to join"):
        joined([])


@pytest.mark.parametrize("kind", ["labels", "letters"])
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
def test_shares_that_are_none_are_refused(labels, share):
    with pytest.raises(UsageError, match="expected 0 to 1"):
        labels.dropped(labels.null(), share)


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
