import json
import time

import pytest
import torch

from stemweave.audio.stems import Stems
from stemweave.tasks.studio import Studio


def test_a_piece_with_its_seed_in_its_name(run, tmp_path, manifest, studio):
    status, out, err = run("generate", "--seconds", 0.5, "--seed", 11)
    assert status == 0
    folder = tmp_path / "out" / "tiny" / "piece-11"
    assert str(folder) in out
    assert "seed 11" in err
    stems = Stems.read(folder)
    assert (stems.names, stems.rate, stems.audio.shape) == (studio.stems, 22050, (4, 1, 11025))
    assert torch.equal(stems.audio, studio.generate(0.5, seed=11).audio)
    facts = manifest("piece-11")
    assert (facts["seed"], facts["take"], facts["inputs"], facts["settings"]["steps"]) == (11, 0, {}, 3)
    assert facts["null_db"] <= -110


def test_a_seed_is_drawn_shown_and_noted(run, tmp_path):
    _, out, err = run("generate", "--seconds", 0.1, "--json")
    (facts,) = json.loads(out)
    assert f"stemweave: seed {facts['seed']}" in err
    assert facts["folder"] == str(tmp_path / "out" / "tiny" / f"piece-{facts['seed']}")


def test_takes_have_consecutive_seeds_and_do_not_depend_on_each_other(run, tmp_path, manifest):
    run("generate", "--seconds", 0.2, "--seed", 5, "--takes", 3, "-j", 2, "--title", "My song!")
    assert [manifest(f"my-song-{seed}")["take"] for seed in (5, 6, 7)] == [0, 1, 2]
    together = Stems.read(tmp_path / "out" / "tiny" / "my-song-6")
    run("generate", "--seconds", 0.2, "--seed", 6)
    assert torch.equal(Stems.read(tmp_path / "out" / "tiny" / "piece-6").audio, together.audio)
    assert not torch.equal(Stems.read(tmp_path / "out" / "tiny" / "my-song-5").audio, together.audio)


def test_the_loudest_of_several_takes(run, tmp_path, studio):
    _, out, _ = run("generate", "--seconds", 0.1, "--seed", 1, "--takes", 4, "--pick", "loudest", "--json")
    (facts,) = json.loads(out)
    norms = {seed: float(studio.generate(0.1, seed=seed).audio.square().sum()) for seed in (1, 2, 3, 4)}
    assert facts["seed"] == max(norms, key=norms.get)
    assert facts["take"] == facts["seed"] - 1
    assert [path.name for path in (tmp_path / "out" / "tiny").iterdir()] == [f"piece-{facts['seed']}"]


def test_the_loudest_is_timed_with_those_that_were_not_kept(run, monkeypatch):
    generate = Studio.generate

    def slow(*words, **more):
        time.sleep(0.25)
        return generate(*words, **more)

    monkeypatch.setattr(Studio, "generate", slow)
    (facts,) = json.loads(run("generate", "--seconds", 0.1, "--seed", 1, "--takes", 4, "--pick", "loudest", "--json")[1])
    assert facts["timings"]["seconds"] > 1


def test_where_the_loudest_was_kept_no_other_is_made(run, tmp_path):
    words = ("generate", "--seconds", 0.1, "--seed", 1, "--takes", 4, "--pick", "loudest", "--skip-existing", "--json")
    (facts,) = json.loads(run(*words)[1])
    assert json.loads(run(*words)[1]) == []
    assert [path.name for path in (tmp_path / "out" / "tiny").iterdir()] == [f"piece-{facts['seed']}"]


def test_only_some_stems(run, tmp_path):
    run("generate", "--seconds", 0.1, "--seed", 1, "--stems", "drums,bass", "--format", "flac", "--int16")
    folder = tmp_path / "out" / "tiny" / "piece-1"
    assert {path.name for path in folder.iterdir()} == {"bass.flac", "drums.flac", "mix.flac", "manifest.json"}


def test_one_sample(run, tmp_path):
    assert run("generate", "--seconds", 1e-5, "--seed", 1)[0] == 0
    assert Stems.read(tmp_path / "out" / "tiny" / "piece-1").audio.shape == (4, 1, 1)


def test_existing_takes_are_left_out_when_asked(run, refuse, tmp_path):
    run("generate", "--seconds", 0.1, "--seed", 1)
    assert "exists already" in refuse("generate", "--seconds", 0.1, "--seed", 0, "--takes", 2)
    _, out, _ = run("generate", "--seconds", 0.1, "--seed", 0, "--takes", 2, "--skip-existing", "--json")
    assert [facts["seed"] for facts in json.loads(out)] == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seconds", "0"], "0.0 seconds"),
        (["--seconds", "-3"], "-3.0 seconds"),
        (["--seconds", "nan"], "nan seconds"),
        (["--seconds", "inf"], "inf seconds"),
        (["--seconds", "1e9"], "1000000000.0 seconds"),
        (["--takes", "0"], "0 takes"),
        (["--pick", "best"], "--pick"),
        (["--steps", "0"], "--steps is 0"),
        (["--stems", "kazoo"], "'kazoo', but this model knows"),
        (["--title", "!!!"], "--title is '!!!'"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--seed", str(2**63)], "seed"),
    ],
)
def test_refuses_in_one_line(refuse, options, message):
    assert message in refuse("generate", *options)


def test_ctrl_c_leaves_nothing_half_done(run, tmp_path, monkeypatch):
    def interrupt(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("stemweave.tasks.studio.Studio.generate", interrupt)
    assert run("generate", "--takes", 2)[0] == 130
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() or ".part" in path.name]
