"""The study of solvers: what is counted, what is heard, what is resumed, and the command."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
import typer
from typer.testing import CliRunner

from bench import solvers
from bench.study import bands, making, plan, separating, work
from bench.study.rows import Rows, number, text
from bench.study.setting import CALLS, OWN, Setting, within
from bench.study.songs import fullest
from stemweave.audio.stems import Stems
from stemweave.data.tracks import Track, track
from stemweave.errors import DataError, OutputError, UsageError
from stemweave.evaluation.measures.separation import FLOOR
from stemweave.evaluation.protocols.excerpts import Excerpt
from stemweave.evaluation.statistics import Figure
from stemweave.tasks.likelihoods import even
from stemweave.tasks.sampler import SOLVERS
from stemweave.tasks.starts import STARTS, begun

NAMES, RATE = ("bass", "drums", "guitar", "piano"), 22050
SECOND = Setting("even", 2)


def excerpt(number=0, seconds=1.0):
    torch.manual_seed(number)
    song = Track(f"song{number}", dict.fromkeys(NAMES, ()), RATE, 1, RATE)
    return Excerpt(song, 0, 0.0, Stems(NAMES, 0.05 * torch.randn(4, 1, round(seconds * RATE)), RATE))


@pytest.fixture
def study(tiny_model, tmp_path):
    def made():
        rows = Rows(tmp_path / "separation.csv", separating.KEYS, separating.values(NAMES))
        return work.Study(tiny_model, "digest", (excerpt(0), excerpt(1)), rows)

    return made


# What is counted


@pytest.mark.parametrize(("solver", "steps", "calls"), [(name, 3, 3 * each - (each - 1)) for name, each in CALLS.items()])
def test_evaluations_of_every_solver_are_counted(tiny_model, solver, steps, calls):
    setting = Setting("even", steps, solver)
    assert float(separating.measure(tiny_model, setting, excerpt())["evaluations"]) == setting.evaluations == calls


@pytest.mark.parametrize(
    ("setting", "calls"),
    [
        (Setting("dirac", 3, "heun", resamples=2, anchor="bass"), 10),
        (Setting("gaussian, explicit", 2, gamma=0.1), 2),
        (Setting("learned", 2, draws=3), 6),
        (Setting("posterior-mean", 2), 3),
        (Setting("posterior-mean", 2, start="silence"), 2),
        (Setting("posterior-mean", 2, resamples=2, draws=2), 10),
    ],
)
def test_resamples_draws_and_starts_are_counted(tiny_model, setting, calls):
    assert float(separating.measure(tiny_model, setting, excerpt(seconds=2.5))["evaluations"]) == setting.evaluations == calls


def test_every_solver_is_known():
    assert set(CALLS) == set(SOLVERS)


def test_as_many_steps_as_fit():
    assert [within(Setting("even", 1, "heun"), budget).steps for budget in (1, 2, 3, 12)] == [1, 1, 2, 6]
    assert within(Setting("even", 1, resamples=4), 12).steps == 3
    assert within(Setting("even", 1, resamples=4), 3) is None
    assert within(Setting("posterior-mean", 1), 1) is None


def test_a_setting_survives_a_row_and_gamma_does_not_depend_on_steps():
    setting = plan.reference("dirac", "bass")
    assert Setting.of(setting.row()) == setting
    sampling = setting.sampling
    assert (sampling.steps, sampling.churn, sampling.resamples, sampling.sigma_max, sampling.sigma_min) == (150, 20, 2, 1, 1e-4)
    assert replace(setting, steps=15).sampling.churn == pytest.approx(2)


# What is heard


def test_a_walk_can_begin_at_the_mixture(tiny_model):
    mixture = torch.ones(1, 1, 8)
    powers = torch.tensor(tiny_model.config.levels).square()
    expected = {"silence": torch.zeros(4), "equal": torch.full((4,), 0.25), "power": powers / powers.sum()}
    for name in expected:
        problem = begun(even(tiny_model, mixture), STARTS[name](tiny_model, mixture))
        start = problem.start(torch.zeros(1, 4, 1, 8), torch.tensor(1.0))
        torch.testing.assert_close(start, expected[name][None, :, None, None].expand(1, 4, 1, 8))
    one, other = (
        separating.measure(tiny_model, replace(SECOND, sigma_max=0.25, start=start), excerpt()) for start in (OWN, "power")
    )
    assert one["si_sdri_bass"] != other["si_sdri_bass"]


def song(folder, name, spans, seconds=8):
    """Noise per stem from and to which second."""
    stems = {}
    for stem, (start, stop) in spans.items():
        audio = np.zeros(seconds * RATE)
        audio[start * RATE : stop * RATE] = np.random.default_rng(1).standard_normal((stop - start) * RATE) * 0.1
        path = folder / name / f"{stem}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, audio, RATE, subtype="FLOAT")
        stems[stem] = (path,)
    return track(name, stems)


def test_excerpts_lie_where_most_stems_sound(tmp_path):
    made = song(tmp_path, "one", {"bass": (0, 8), "drums": (2, 7), "piano": (3, 6)})
    (found,) = fullest([made], ("bass", "drums", "piano"), RATE, RATE)
    assert found.start == 4.0  # three stems sound in parts that begin at 3, 4 and 5 s, or touch them: 2.01 to 5.99 s
    assert found.stems.audio.shape == (3, 1, RATE)


def test_songs_that_say_nothing_are_refused(tmp_path):
    made = song(tmp_path, "alone", {"bass": (0, 4), "drums": (5, 8)})
    with pytest.raises(DataError, match="no two stems of alone"):
        list(fullest([made], ("bass", "drums"), RATE, RATE))
    with pytest.raises(DataError, match=r"8\.00 s, expected at least 9\.00 s"):
        list(fullest([made], ("bass", "drums"), 9 * RATE, RATE))


# What is measured, once


def test_a_second_run_only_does_what_lacks(study, tmp_path):
    first = study()
    assert list(first.run([SECOND, SECOND])) == [2 * first.windows] * 2
    assert first.missing([SECOND]) == []
    kept = (tmp_path / "separation.csv").read_text()
    (tmp_path / "separation.csv").write_text(kept[: -len(kept.splitlines()[-1]) // 2])  # the last line is cut off
    again = study()
    assert [(one, where.song) for one, where in again.missing([SECOND])] == [(SECOND, "song1")]
    more = replace(SECOND, steps=1)
    assert again.cost([SECOND, more]) == (2 + 1 + 1) * again.windows
    assert len(list(again.run([SECOND, more]))) == 3

    def without_time(rows):
        return sorted((row | {"took_s": ""}).items() for row in rows)

    assert [row for row in without_time(study().rows) if dict(row)["steps"] == "2"] == without_time(first.rows)
    assert list(study().run([SECOND, more])) == []


def test_other_models_and_excerpts_are_other_work(study, tiny_model):
    first = study()
    list(first.run([SECOND]))
    assert work.Study(tiny_model, "other", first.excerpts, first.rows).missing([SECOND])
    assert work.Study(tiny_model, "digest", (excerpt(0, 1.5),), first.rows).missing([SECOND])
    own = separating.own_rows(first.rows, "digest", separating.places([excerpt(0)]))
    assert [row["song"] for row in own] == ["song0"]


def test_a_walk_that_diverges_counts_as_silence_and_says_so(tiny_model):
    broken = copy.deepcopy(tiny_model)
    next(broken.parameters()).data.fill_(torch.nan)
    found = separating.measure(broken, SECOND, excerpt())
    assert found["diverged"] == "1"
    assert found["level_bass"] == ""
    silent = excerpt().stems.audio
    base = 10 * torch.log10(silent[0].square().sum() / silent[1:].sum(0).square().sum())
    assert float(found["si_sdri_bass"]) == pytest.approx(FLOOR - float(base), abs=0.1)
    assert separating.measure(tiny_model, SECOND, excerpt())["diverged"] == "0"


def test_rows_of_another_study_are_not_touched(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="other columns"):
        Rows(path, ["a"], ["c"])
    assert path.read_text() == "a,b\n1,2\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        Rows(tmp_path / "file" / "rows.csv", ["a"], ["b"]).add({"a": "1", "b": "2"})


def test_what_is_not_known_stays_so():
    assert [text(value) for value in (None, float("nan"), 0.125, "word")] == ["", "", "0.125", "word"]
    assert np.isnan(number(""))

    # Generation


def test_bands_are_made_once_and_compared_with_real_songs(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(making, "settings", lambda: [making.BASE, making.BASE])
    monkeypatch.setattr(making, "bleed", lambda bands: Figure(len(bands) / 100, 0.0, 1.0, len(bands)))
    real = making.Real.of("songs", [excerpt(k, 4.0) for k in range(9)])

    def made():
        rows = Rows(tmp_path / "generation.csv", making.KEYS, making.values(NAMES))
        return making.Making(tiny_model, "digest", 8, 4.0, real, rows)

    first = made()
    assert first.cost == 8 * first.windows
    assert list(first.run()) == [first.windows] * 8
    assert (made().cost, list(made().run())) == (0, [])
    found = bands.made(made().rows, first.about())
    (one,) = found.values()
    assert (one.evaluations, one.figures["alike"], first.about()["alike"]) == (1, 0.08, 0.09)
    assert one.figures["kad_low"] < one.distance < one.figures["kad_high"]
    assert bands.made(made().rows, first.about() | {"bands": "9"}) == {}
    table = bands.table(found.values(), NAMES)
    assert table.rows[0].cells[0].value == "1"
    assert "too small" in table.text(table.rows[0].cells[1])


def band(steps, distance, high=None):
    setting = replace(making.BASE, steps=steps) if steps < 150 else making.OFFICIAL
    ends = {"kad_low": distance - 1, "kad_high": high or distance + 1}
    return bands.Made(setting, {"evaluations": steps, "kad": distance, **ends}, 12)


def test_the_cheapest_bands_within_the_official_interval_are_chosen():
    several = [band(4, 9.0), band(8, 5.9), band(32, 4.0), band(64, 3.0), band(150, 5.0)]
    found = {one.setting: one for one in several}
    assert list(bands.choose(found).values()) == [several[4], several[1], several[2], several[3]]
    assert bands.choose({}) == dict.fromkeys(("reference", "cheapest", "affordable", "best"))


# The command


@pytest.fixture
def run(tiny_folder, tmp_path):
    for k in range(2):
        song(tmp_path / "songs", f"song{k}", dict.fromkeys(NAMES, (0, 3)), seconds=3)
    app = typer.Typer()
    app.command()(solvers.solvers)

    def call(*options):
        words = ["-n", tiny_folder, "--data", tmp_path / "songs", "--songs", 2, "--results", tmp_path / "out", *options]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_the_command_measures_goes_on_and_writes_the_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr(solvers, "stages", lambda _stems, _anchor: {"brief": lambda _study: [SECOND]})
    few = ("--only", "brief", "--seconds", 1, "--threads", 1)
    planned = run(*few, "--plan")
    assert f"{2 * 2 * 10} windows" in planned.output  # two evaluations of two songs of ten windows
    assert not (tmp_path / "out").exists()
    assert run(*few).exit_code == 0
    page, rows = tmp_path / "out.md", (tmp_path / "out" / "separation.csv").read_text()
    assert "2 songs are too few" in page.read_text()
    assert "(n = 2 too small)" in page.read_text()
    assert "\n0 min in all" in run(*few, "--plan").output
    page.unlink()
    assert run("--page").exit_code == 0
    assert page.exists()
    assert (tmp_path / "out" / "separation.csv").read_text() == rows


def test_a_slice_is_measured_anew_and_printed(run, tmp_path, monkeypatch):
    monkeypatch.setattr(solvers, "SLICED", 2)
    monkeypatch.setattr(solvers, "LIKELIHOODS", ("even",))
    monkeypatch.setattr(solvers, "bases", lambda *_: (SECOND,))
    monkeypatch.setattr(solvers, "reference_of", lambda *_: replace(SECOND, steps=1))
    for _ in range(2):
        told = run("--slice", "--seconds", 1, "--threads", 1).output
        assert "60/60" in told  # three evaluations of ten windows of two songs
        assert "| even, 2 × euler, σ 1 to 0.001 | 2 |" in told
        assert "| dirac, official | 1 |" in told
        assert "(n = 2 too small)" in told
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_asked_is_refused(run):
    with pytest.raises(UsageError, match="--only is 'speed', expected one of evaluations"):
        run("--only", "speed", "--seconds", 1)
    with pytest.raises(UsageError, match="excerpts have"):
        run("--only", "churn")
    with pytest.raises(UsageError, match="--threads"):
        run("--threads", 0, "--seconds", 1)
