"""The study of solvers: what is planned and chosen, and what the page says of it."""

import json
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bench.study import making, plan, scored, separating, tables
from bench.study.page import write_page
from bench.study.rows import Rows, text
from bench.study.setting import Setting
from stemweave.errors import DataError
from stemweave.tasks.sampler import Sampler

NAMES = ("bass", "drums", "guitar", "piano")


# What is planned


def test_every_planned_setting_can_be_sampled_and_fits_its_stage():
    factors = plan.factors(NAMES, "bass")
    assert len({factor.name for factor in factors}) == len(factors)
    for setting in [
        *plan.long("bass"),
        *plan.official("drums").values(),
        *making.settings(),
        *(s for f in factors for s in f.settings),
    ]:
        assert Sampler.of(setting.sampling).total == setting.steps
        assert Setting.of(setting.row()) == setting
    assert {one.evaluations for one in plan.official("drums").values()} == {300}
    assert list(plan.official("bass")) == ["dirac, anchor bass", "gaussian, explicit"]
    budgets = next(factor for factor in factors if factor.name == "evaluations")
    assert {one.evaluations for one in budgets.settings if one.likelihood == "even"} == set(plan.BUDGETS)


def test_one_factor_varies_at_a_time():
    fields = {"sigma-max": "sigma_max", "sigma-min": "sigma_min", "churn": "gamma", "anchor": "anchor", "draws": "draws"}
    for factor in plan.factors(NAMES, "bass"):
        for family in factor.families:
            first, *others = family.settings.values()
            if field := fields.get(factor.name):
                assert others
                assert all(replace(other, **{field: getattr(first, field)}) == first for other in others)


# What is chosen


def one(setting, values, diverged=0, level=0.0):
    """A setting with a value per song, the same for all stems."""
    table = np.repeat(np.array(values)[:, None], 4, 1)
    songs = tuple(f"song{k}" for k in range(len(values)))
    return scored.Scored(setting, songs, table, np.full_like(table, level), setting.evaluations, 0.1, diverged)


SPREAD = np.linspace(1.0, 5.0, 12)
DIRAC = Setting("dirac", 1, anchor="bass")


def test_the_cheapest_that_surely_loses_little_is_chosen():
    official = one(plan.reference("dirac", "bass"), SPREAD)
    wobble = np.tile([1.0, -1.0], 6)
    candidates = {
        1: one(replace(DIRAC, steps=1), SPREAD - 0.5),
        2: one(replace(DIRAC, steps=2), SPREAD + 3.0, diverged=1),
        3: one(replace(DIRAC, steps=3), SPREAD + wobble),  # as good on average, but not surely
        4: one(replace(DIRAC, steps=4), SPREAD - 0.1),
        8: one(replace(DIRAC, steps=8), SPREAD + 0.5),
        75: one(replace(DIRAC, steps=75), SPREAD + 1.0),
    }
    others = [official, one(Setting("even", 1), SPREAD + 9)]
    found = {made.setting: made for made in (*candidates.values(), *others)}
    choice = scored.choose("dirac", found, official.setting)
    assert choice.reference is official
    assert choice.cheapest is candidates[4]
    assert choice.affordable is candidates[2]
    assert choice.best is candidates[2]
    assert scored.choose("dirac", {k: v for k, v in found.items() if not v.diverged}, official.setting).best is candidates[75]


def test_nothing_is_chosen_that_only_hands_out_the_mixture_or_has_no_rival():
    official, mixture = one(plan.reference("dirac", "bass"), SPREAD - 9), one(DIRAC, np.zeros(12))
    found = {official.setting: official, mixture.setting: mixture}
    assert scored.choose("dirac", found, official.setting).cheapest is None
    better = one(replace(DIRAC, steps=2), 0.1 * SPREAD)
    assert scored.choose("dirac", {better.setting: better}, official.setting).cheapest is None
    assert scored.choose("dirac", found | {better.setting: better}, official.setting).cheapest is better
    table = tables.choice_table({"dirac": scored.choose("dirac", found, official.setting)})
    assert "dirac, cheapest: none" in [row.name for row in table.rows]
    few = {made.setting: one(made.setting, [3.0] * 3) for made in (official, better)}
    assert scored.choose("dirac", few, official.setting).cheapest is None


def test_the_explicit_gaussian_belongs_to_the_gaussian():
    official = one(plan.reference("gaussian", "bass"), SPREAD)
    choice = scored.choose("gaussian", {official.setting: official}, official.setting)
    assert (choice.best, choice.affordable) == (official, None)


def test_the_best_are_crossed_two_at_a_time():
    base = Setting("dirac", 12, anchor="bass")
    leaders = [replace(base, gamma=0.05), replace(base, sigma_max=0.25), replace(base, gamma=0.27), replace(base, draws=4)]
    assert scored.crossed(leaders, base) == [
        replace(base, gamma=0.05, sigma_max=0.25),
        replace(base, gamma=0.27, sigma_max=0.25),  # of two with the same factor the better one is there already
    ]
    found = {made.setting: made for k in range(8) if (made := one(replace(base, steps=k + 1), SPREAD + k))}
    assert [made.setting.steps for made in scored.best(found, "dirac")] == [8, 7, 6, 5, 4]


# The page


@pytest.fixture
def results(tmp_path):
    """A folder of made rows on six songs: the official Dirac, one base, and one crossed setting."""
    folder = tmp_path / "solvers"
    places = [{"song": f"song{k}", "start_s": "1", "length_s": "3"} for k in range(6)]
    rows = Rows(folder / "separation.csv", separating.KEYS, separating.values(NAMES))
    base = plan.bases("dirac", "bass")[0]
    values = {plan.reference("dirac", "bass"): 2.0, base: 2.5, replace(base, gamma=0.05, sigma_max=0.25): 2.25}
    for (setting, value), (k, place) in product(values.items(), enumerate(places)):
        figures = {f"si_sdri_{name}": text(value + k) for name in NAMES} | {f"level_{name}": "-1" for name in NAMES}
        diverged = str(int(value == 2.25 and k < 2))
        more = {"evaluations": str(setting.evaluations), "took_s": "0.5", "diverged": diverged}
        rows.add(setting.row() | place | {"model": "digest"} | figures | more)
    about = {
        "model": {"name": "tiny", "sha256": "0123456789abcdef"}, "precision": "float32", "digest": "digest",
        "stems": list(NAMES), "anchor": "bass", "data": "songs", "excerpts": places, "machine": {"threads": 1},
        "seconds_per_window": 0.1, "commands": ["python -m bench.solvers"],
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def test_the_page_is_written_from_the_rows(results):
    page = write_page(results).read_text()
    assert results.with_suffix(".md").read_text() == page
    assert "| dirac, official | dirac: 150 × euler" in page
    assert "| dirac, 12 evaluations: 0 | 12 | 5.00 [" in page
    assert "2 of 6 diverged" in page
    assert "0.50 [0.50, 0.50]" in page  # the base over the official setting, on every song
    assert "### Where noise ends, σ min\n\n| row" in page
    assert "## Generation\n\nNot measured yet." in page
    assert "(solvers/dirac.png)" in page
    assert (results / "dirac.png").stat().st_size > 1000
    assert "even: no plot yet." in page
    assert "Nothing can be chosen yet for gaussian" in page
    chosen = json.loads((results / "chosen.json").read_text())
    dirac = chosen["separation"]["dirac"]
    assert dirac["cheapest"]["sampling"]["steps"] == 12
    assert dirac["cheapest"]["over_official"]["low"] == pytest.approx(0.5)
    assert dirac["reference"]["evaluations"] == 300
    assert chosen["separation"]["gaussian"] == dict.fromkeys(("reference", "cheapest", "affordable", "best"))
    assert chosen["generation"]["best"] is None


def test_settings_that_lack_a_song_are_left_out(results):
    rows = results / "separation.csv"
    lines = rows.read_text().splitlines(keepends=True)
    rows.write_text("".join(line for line in lines if not (line.startswith("dirac,150") and "song3" in line)))
    assert "dirac, official, not measured" in write_page(results).read_text()


def test_without_rows_there_is_no_page(tmp_path):
    with pytest.raises(DataError, match="measure something first"):
        write_page(tmp_path)
