import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, ModelError, OutputError, UsageError
from stemweave.evaluation.reports.journal import Journal
from stemweave.model.checkpoint import save
from stemweave.model.model import Model

STEMS = ("bass", "drums", "guitar", "piano")


@pytest.fixture
def run(tiny_folder, tmp_path):
    for number in range(7):
        folder = tmp_path / "songs" / f"Track{number:05d}"
        folder.mkdir(parents=True)
        for stem, name in enumerate(STEMS):
            audio = np.random.default_rng((number, stem)).standard_normal(22050) * 0.05
            soundfile.write(folder / f"{name}.flac", audio, 22050)

    def call(*arguments, model=("--model", tiny_folder)):
        words = ["grid", "--data", tmp_path / "songs", *model, "--device", "cpu", *arguments]
        return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)

    return call


def test_every_combination_is_a_row_and_is_compared_with_the_first(run, tmp_path):
    place = tmp_path / "grid.json"
    result = run("--vary", "likelihood=learned,even", "--vary", "steps=1,2", "--json", place, "--rows", "direct")
    assert result.exit_code == 0
    (table,) = json.loads(place.read_text())["tables"]
    names = [row["name"] for row in table["rows"]]
    assert names == ["learned, steps 1", "learned, steps 2", "even, steps 1", "even, steps 2"]
    assert table["columns"] == [*STEMS, "mean", "over learned, steps 1", "p", "speed"]
    first, *others = (dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"])
    assert first["p"]["status"] == "skipped"
    for row in others:
        difference = row["mean"]["value"] - first["mean"]["value"]
        assert row["over learned, steps 1"]["value"] == pytest.approx(difference, abs=1e-6)
        assert 0 < float(row["p"]["value"]) <= 1
    assert "too small" in result.stdout  # seven songs
    assert not place.with_suffix(".journal").exists()


def test_an_anchor_is_for_dirac_alone(run, tmp_path):
    place = tmp_path / "grid.json"
    run("--vary", "likelihood=even,dirac", "--vary", "anchor=drums,loudest", "--json", place, "--songs", 1, "--rows", "masked")
    (table,) = json.loads(place.read_text())["tables"]
    assert [row["name"] for row in table["rows"]] == ["even", "dirac, drums", "dirac, loudest"]


def test_a_harmed_song_is_separated_and_scored_against_the_true_stems(run, tmp_path):
    place = tmp_path / "grid.json"
    run("--vary", "harm=none,noise:20,voice:20", "--json", place, "--songs", 1, "--rows", "masked")
    (table,) = json.loads(place.read_text())["tables"]
    clear, noisy, sung = (row["cells"][table["columns"].index("mean")]["value"] for row in table["rows"])
    assert noisy < clear - 10
    assert sung < clear - 10


def test_a_stopped_run_goes_on_where_it_was(run, tmp_path, monkeypatch):
    from stemweave.evaluation.protocols import pieces

    whole, place, real = tmp_path / "whole.json", tmp_path / "grid.json", pieces.run
    asked = ("--vary", "steps=1,2", "--rows", "direct")
    run(*asked, "--json", whole)
    calls = []

    def counted(tracks, *others, **options):
        calls.append(tracks[0].id)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(tracks, *others, **options)

    monkeypatch.setattr(pieces, "run", counted)
    assert run(*asked, "--json", place).exit_code == 130
    assert not place.exists()
    with place.with_suffix(".journal").open("a") as file:
        file.write('{"key": "cut o')
    calls.extend([""] * 10)
    assert run(*asked, "--json", place).exit_code == 0
    assert len(calls) == 5 + 10 + (14 - 4)
    one, two = (json.loads(path.read_text()) for path in (whole, place))
    for report in (one, two):
        for row in report["tables"][0]["rows"]:
            row["cells"].pop()  # speed
    assert one == two


def test_another_runs_journal_is_left_alone(run, tmp_path):
    place = tmp_path / "grid.json"
    place.with_suffix(".journal").write_text("{}\n")
    with pytest.raises(DataError, match="another run"):
        run("--vary", "steps=1", "--json", place)
    assert place.with_suffix(".journal").read_text() == "{}\n"


def test_runs_on_other_splits_or_songs_do_not_go_on_in_the_same_journal(run, tmp_path, monkeypatch):
    """Two splits hold a song of one name; what was stopped on one of them is not taken for the other's."""
    monkeypatch.setattr(Journal, "close", lambda journal: None)
    for split, number in (("test-a", 0), ("test-b", 1)):
        shutil.copytree(tmp_path / "songs" / f"Track{number:05d}", tmp_path / "parts" / split / "Track00000")
    data = ("--data", tmp_path / "parts", "--vary", "steps=1", "--rows", "direct", "--overwrite")
    run(*data, "--split", "test-a", "--json", tmp_path / "grid.json")
    before = (tmp_path / "grid.journal").read_text()
    for others in (("--split", "test-b"), ()):
        with pytest.raises(DataError, match=r"grid\.journal holds another run's results"):
            run(*data, *others, "--json", tmp_path / "grid.json")
    assert (tmp_path / "grid.journal").read_text() == before
    run(*data, "--json", tmp_path / "both.json")
    keys = [json.loads(line)["key"] for line in (tmp_path / "both.journal").read_text().splitlines()[1:]]
    assert keys == ["steps 1 | test-a/Track00000", "steps 1 | test-b/Track00000"]
    (table,) = json.loads((tmp_path / "both.json").read_text())["tables"]
    assert table["rows"][0]["cells"][0]["n"] == 2


def test_the_journal_does_not_take_the_reports_name(run, tmp_path):
    with pytest.raises(UsageError, match=r"--json is .*grid\.journal, which is where begun work is kept: give another name"):
        run("--vary", "steps=1", "--json", tmp_path / "grid.journal", "--songs", 1)
    assert not (tmp_path / "grid.journal").exists()


HEAD = (
    '{"data": {"folder": "songs", "sha256": "#", "songs": 1, "splits": [""]}, "device": "cpu", '
    '"model": {"config_sha256": "#", "name": "tiny", "sha256": "#"}, "precision": "float32", "rows": ["direct", "masked"], '
    '"seeds": [0], "vary": {"churn": [20.0], "likelihood": ["learned", "dirac", "gaussian", "even", "posterior-mean"], '
    '"solver": ["euler"], "steps": [1]}}'
)
RECORD = (
    '{"key": "euler, churn 20, %s, steps 1 | Track00000", "value": {"direct": {"si_sdri": [#, #, #, #], "seconds": #, '
    '"took": #}, "masked": {"si_sdri": [#, #, #, #], "seconds": #, "took": #}}}'
)


def test_journals_stay_as_they_are_so_that_half_done_grids_go_on(run, tmp_path, monkeypatch):
    """Byte for byte, but for hashes and measured numbers."""
    monkeypatch.setattr(Journal, "close", lambda journal: None)
    rules = ("learned", "dirac", "gaussian", "even", "posterior-mean")
    vary = ("solver=euler", "churn=20", f"likelihood={','.join(rules)}", "steps=1")
    run(*(word for text in vary for word in ("--vary", text)), "--json", tmp_path / "grid.json", "--songs", 1)
    head, *records = (tmp_path / "grid.journal").read_text().splitlines()
    assert re.sub(r"[0-9a-f]{64}", "#", head) == HEAD
    assert [re.sub(r"-?\d+\.\d+(e-\d+)?", "#", line) for line in records] == [RECORD % rule for rule in rules]


def test_models_cross_with_likelihoods_and_are_named_by_hash(run, tiny_folder, tmp_path):
    place, rival = tmp_path / "grid.json", tmp_path / "rival"
    shutil.copytree(tiny_folder, rival)
    vary = ("--vary", f"model={tiny_folder},{rival}", "--vary", "likelihood=learned,even")
    run(*vary, "--vary", "steps=1", "--json", place, "--songs", 1, "--rows", "direct", model=())
    report = json.loads(place.read_text())
    assert list(report["models"]) == [str(tiny_folder), str(rival)]
    assert all(len(model["sha256"]) == 64 for model in report["models"].values())
    assert "model" not in report
    rows = {row["name"]: [cell["value"] for cell in row["cells"][:5]] for row in report["tables"][0]["rows"]}
    assert list(rows) == [f"{model}, {rule}, steps 1" for model in (tiny_folder, rival) for rule in ("learned", "even")]
    assert rows[f"{tiny_folder}, even, steps 1"] == rows[f"{rival}, even, steps 1"] != rows[f"{rival}, learned, steps 1"]


@pytest.fixture
def independent(tiny_model, tmp_path):
    """A model with one network per stem, on disk."""
    torch.manual_seed(1)
    net = dataclasses.replace(tiny_model.config.net, stems=1)
    save(Model(dataclasses.replace(tiny_model.config, name="independent", joint=False, net=net)), tmp_path / "independent")
    return tmp_path / "independent"


def test_a_product_of_models_is_one_of_the_models(run, tiny_folder, independent, tmp_path):
    place, rules = tmp_path / "grid.json", ("even", "posterior-mean")
    models = [str(tiny_folder), str(independent), f"{tiny_folder}*{independent}"]
    vary = ("--vary", f"model={','.join(models)}", "--vary", f"likelihood={','.join(rules)}")
    run(*vary, "--vary", "steps=2", "--json", place, "--songs", 1, "--rows", "direct", model=())
    report = json.loads(place.read_text())
    one, two, both = (report["models"][name] for name in models)
    assert both == {"name": "tiny*independent", "parts": [one, two]}
    assert all(len(part[name]) == 64 for part in both["parts"] for name in ("sha256", "config_sha256"))
    rows = {row["name"]: [cell["value"] for cell in row["cells"][:5]] for row in report["tables"][0]["rows"]}
    assert list(rows) == [f"{model}, {rule}, steps 2" for model in models for rule in rules]
    for rule in rules:
        assert len({tuple(rows[f"{model}, {rule}, steps 2"]) for model in models}) == 3


def test_a_product_of_a_model_with_itself_is_that_model(run, tiny_folder, tmp_path):
    place, twice = tmp_path / "grid.json", f"{tiny_folder}*{tiny_folder}"
    asked = ("--vary", "likelihood=learned,dirac", "--vary", "steps=2", "--json", place, "--songs", 1, "--rows", "direct")
    values = []
    for model in (tiny_folder, twice):
        run(*asked, "--overwrite", model=("--model", model))
        report = json.loads(place.read_text())
        values.append([cell["value"] for row in report["tables"][0]["rows"] for cell in row["cells"][:5]])
    assert values[0] == values[1]
    assert (report["model"]["name"], len(report["model"]["parts"])) == ("tiny*tiny", 2)


@pytest.mark.parametrize("named", ["{}*", "*{}", "{}**{}", "*"])
def test_refuses_a_product_of_nothing(run, tiny_folder, tmp_path, named):
    with pytest.raises(UsageError, match=r"a model is called '.*\*.*', expected its name, or several with \* between"):
        run("--vary", f"model={named.format(tiny_folder, tiny_folder)}", "--json", tmp_path / "grid.json", model=())
    assert not list(tmp_path.glob("grid*"))


def test_refuses_to_tell_the_mixture_to_a_product_that_never_heard_one(run, tiny_folder, independent, tmp_path):
    vary = ("--vary", f"model={tiny_folder}*{independent}", "--vary", "likelihood=learned")
    with pytest.raises(ModelError, match=r"tiny\*independent never heard a mixture; use the likelihood dirac"):
        run(*vary, "--json", tmp_path / "grid.json", model=())


def test_widths_and_relaxations_belong_to_gaussian(run, tmp_path):
    place = tmp_path / "grid.json"
    vary = ("likelihood=even,gaussian", "gamma=2,constant:0.5", "relaxation=exact,explicit", "steps=2")
    run(*(word for text in vary for word in ("--vary", text)), "--json", place, "--songs", 1, "--rows", "direct")
    (table,) = json.loads(place.read_text())["tables"]
    means = {row["name"].removesuffix(", steps 2"): row["cells"][4]["value"] for row in table["rows"]}
    widths = [f"gamma {gamma}, {form}" for gamma in ("2", "constant:0.5") for form in ("exact", "explicit")]
    assert list(means) == ["even", *(f"gaussian, {width}" for width in widths)]
    assert len({round(mean, 6) for mean in means.values()}) == 5


def test_explicit_steps_that_diverge_are_as_bad_as_silence(run, tmp_path):
    place = tmp_path / "grid.json"
    vary = ("likelihood=gaussian", "gamma=1e-9", "relaxation=exact,explicit", "steps=8")
    run(*(word for text in vary for word in ("--vary", text)), "--json", place, "--songs", 1)
    for table in json.loads(place.read_text())["tables"]:
        exact, explicit = (row["cells"][4]["value"] for row in table["rows"])
        assert explicit == pytest.approx(-25.3, abs=0.3)  # -30 dB, less the mixture's -4.8 dB of four equal stems
        assert exact > explicit + 5


def test_lineups_are_of_the_songs_that_have_them(run, tmp_path):
    place = tmp_path / "grid.json"
    (tmp_path / "songs" / "Track00000" / "drums.flac").unlink()
    vary = ("lineup=all,bass+drums,guitar+piano", "likelihood=dirac", "anchor=piano", "steps=1")
    run(*(word for text in vary for word in ("--vary", text)), "--json", place, "--songs", 2, "--rows", "masked")
    (table,) = json.loads(place.read_text())["tables"]
    rows = {row["name"].split(",")[0]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}
    assert {name: row["mean"]["n"] for name, row in rows.items()} == {
        "lineup all": 2,
        "lineup bass+drums": 1,
        "lineup guitar+piano": 2,
    }
    assert rows["lineup bass+drums"]["piano"]["status"] == "skipped"
    assert rows["lineup bass+drums"]["bass"]["n"] == 1
    assert rows["lineup all"]["drums"]["n"] == 1


def test_styles_have_a_table_and_seeds_a_column(run, tmp_path):
    place = tmp_path / "grid.json"
    for number, style in enumerate(("funk", "ballad")):
        (tmp_path / "songs" / f"Track{number:05d}" / "track.json").write_text(json.dumps({"style": style}))
    arguments = ("--songs", 3, "--rows", "direct", "--by", "style", "--seeds", 2)
    result = run("--vary", "steps=1", "--vary", "likelihood=even", "--json", place, *arguments)
    assert result.exit_code == 0
    table, by_style = json.loads(place.read_text())["tables"]
    assert table["columns"][-2:] == ["SD between seeds", "speed"]
    assert table["rows"][0]["cells"][-2]["n"] == 3
    assert table["rows"][0]["cells"][-2]["value"] > 0
    assert by_style["columns"] == ["ballad", "funk", "unknown"]
    assert [cell["n"] for cell in by_style["rows"][0]["cells"]] == [1, 1, 1]
    assert "### Separation, direct, by style" in result.stdout


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ("speed=3", "expected one of likelihood"),
        ("steps=two", "not all numbers"),
        ("steps=0", "expected 1 to"),
        ("steps", "expected names"),
        ("solver=best", "expected one of"),
        ("likelihood=hope", "expected one of learned"),
        ("harm=rust:3", "is no degradation"),
        ("harm=mp3:high", "has no number"),
        ("harm=noise:900", "no good"),
        ("harm=voice:loud", "has no number after the colon, expected a voice's level"),
        ("lineup=bass+kazoo", "expected all, or two or more"),
        ("gamma=0.3", "goes with likelihood=gaussian only"),
        ("anchor=drums", "goes with likelihood=dirac or ensemble only"),
        ("model=band", "--vary names models too"),
    ],
)
def test_refuses_what_is_no_setting(run, tmp_path, vary, message):
    with pytest.raises(UsageError, match=message):
        run("--vary", vary, "--json", tmp_path / "grid.json")
    assert not list(tmp_path.glob("grid*"))


def test_refuses_other_groups_and_a_lineup_that_no_song_has(run, tmp_path):
    with pytest.raises(UsageError, match="--by is 'stem', expected one of style"):
        run("--vary", "steps=1", "--by", "stem", "--json", tmp_path / "grid.json")
    for name in ("bass", "drums"):
        (tmp_path / "songs" / "Track00000" / f"{name}.flac").unlink()
    with pytest.raises(DataError, match="none of 1 songs has two stems of 'lineup bass\\+drums'"):
        run("--vary", "lineup=all,bass+drums", "--songs", 1, "--json", tmp_path / "grid.json")
    assert not list(tmp_path.glob("grid*"))


def test_refuses_a_setting_twice_and_a_report_that_is_there(run, tmp_path):
    with pytest.raises(UsageError, match="names steps twice"):
        run("--vary", "steps=1", "--vary", "steps=2", "--json", tmp_path / "grid.json")
    (tmp_path / "grid.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run("--vary", "steps=1", "--json", tmp_path / "grid.json")
    assert (tmp_path / "grid.json").read_text() == "mine"
