import pytest

from stemweave.cli.factors import factors, points
from stemweave.errors import UsageError


def names(*vary):
    return list(points(factors(vary)))


def test_names_of_points_are_frozen_since_journals_hold_them():
    rules = "likelihood=learned,dirac,gaussian"
    assert names("solver=euler", "churn=20", rules, "steps=1,40") == [
        "euler, churn 20, learned, steps 1",
        "euler, churn 20, learned, steps 40",
        "euler, churn 20, dirac, steps 1",
        "euler, churn 20, dirac, steps 40",
        "euler, churn 20, gaussian, steps 1",
        "euler, churn 20, gaussian, steps 40",
    ]
    assert names("anchor=drums,loudest", "likelihood=even,dirac", "harm=none,gain:-12", "resamples=2") == [
        "even, none, resamples 2",
        "even, gain:-12, resamples 2",
        "drums, dirac, none, resamples 2",
        "drums, dirac, gain:-12, resamples 2",
        "loudest, dirac, none, resamples 2",
        "loudest, dirac, gain:-12, resamples 2",
    ]


def test_numbers_are_read_as_numbers_and_words_as_words():
    assert factors(["churn=20,0.5", "steps=4", "gamma=0.3,constant:0.05"]) == {
        "churn": [20.0, 0.5],
        "steps": [4],
        "gamma": ["0.3", "constant:0.05"],
    }


def test_what_a_likelihood_does_not_have_is_merged():
    vary = ("likelihood=learned,dirac,gaussian", "anchor=bass,piano", "gamma=0.3,constant:0.05", "relaxation=exact,explicit")
    assert names(*vary) == [
        "learned",
        "dirac, bass",
        "dirac, piano",
        "gaussian, gamma 0.3, exact",
        "gaussian, gamma 0.3, explicit",
        "gaussian, gamma constant:0.05, exact",
        "gaussian, gamma constant:0.05, explicit",
    ]


def test_models_and_lineups_cross_with_everything():
    assert names("model=a,b/c", "likelihood=even", "lineup=all,bass+drums", "resamples=1,2") == [
        "a, even, lineup all, resamples 1",
        "a, even, lineup all, resamples 2",
        "a, even, lineup bass+drums, resamples 1",
        "a, even, lineup bass+drums, resamples 2",
        "b/c, even, lineup all, resamples 1",
        "b/c, even, lineup all, resamples 2",
        "b/c, even, lineup bass+drums, resamples 1",
        "b/c, even, lineup bass+drums, resamples 2",
    ]


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        (("gamma=0.3",), "--vary gamma goes with likelihood=gaussian only"),
        (("relaxation=exact,explicit", "likelihood=dirac"), "--vary relaxation goes with likelihood=gaussian only"),
        (("anchor=bass", "likelihood=gaussian"), "--vary anchor goes with likelihood=dirac only"),
    ],
)
def test_a_factor_that_changes_nothing_is_refused(vary, message):
    with pytest.raises(UsageError, match=message):
        names(*vary)
