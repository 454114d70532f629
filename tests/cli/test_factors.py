import pytest

from stemweave.cli.factors import factors, places, points
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
        (("anchor=bass", "likelihood=gaussian"), "--vary anchor goes with likelihood=dirac or ensemble only"),
        (("extracted=bass", "likelihood=dirac,extractor"), "--vary extracted goes with likelihood=ensemble only"),
    ],
)
def test_a_factor_that_changes_nothing_is_refused(vary, message):
    with pytest.raises(UsageError, match=message):
        names(*vary)


def test_prompting_crosses_with_everything_and_extracted_stems_are_an_ensembles():
    rules = "likelihood=dirac,extractor,ensemble"
    assert names(rules, "anchor=drums", "extracted=none,bass+piano", "guidance=1,2.5", "negatives=paper") == [
        "dirac, drums, guidance 1, negatives paper",
        "dirac, drums, guidance 2.5, negatives paper",
        "extractor, guidance 1, negatives paper",
        "extractor, guidance 2.5, negatives paper",
        "ensemble, drums, extracted none, guidance 1, negatives paper",
        "ensemble, drums, extracted none, guidance 2.5, negatives paper",
        "ensemble, drums, extracted bass+piano, guidance 1, negatives paper",
        "ensemble, drums, extracted bass+piano, guidance 2.5, negatives paper",
    ]


def test_points_have_places_in_a_table_with_one_factor_along_the_top():
    named = points(factors(["likelihood=dirac,extractor", "anchor=bass,drums", "guidance=1,2"]))
    assert places(named, "guidance") == {
        "dirac, bass, guidance 1": ("dirac, bass", "guidance 1"),
        "dirac, bass, guidance 2": ("dirac, bass", "guidance 2"),
        "dirac, drums, guidance 1": ("dirac, drums", "guidance 1"),
        "dirac, drums, guidance 2": ("dirac, drums", "guidance 2"),
        "extractor, guidance 1": ("extractor", "guidance 1"),
        "extractor, guidance 2": ("extractor", "guidance 2"),
    }
    assert places(named, "anchor")["dirac, drums, guidance 2"] == ("dirac, guidance 2", "drums")
    assert "extractor, guidance 1" not in places(named, "anchor")
    with pytest.raises(UsageError, match="--across is 'steps', expected one of the settings that --vary names"):
        places(named, "steps")


def test_one_factor_alone_is_a_row_of_defaults():
    assert places(points(factors(["steps=1,4"])), "steps") == {
        "steps 1": ("defaults", "steps 1"),
        "steps 4": ("defaults", "steps 4"),
    }
