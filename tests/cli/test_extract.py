import json
import math

import pytest
import soundfile
import torch

from stemweave.audio.files import read, write
from stemweave.audio.stemfiles import null_depth


@pytest.fixture
def extract(run, text_folder, song):
    return lambda *arguments, model=text_folder: run("extract", song, *arguments, model=model)


@pytest.fixture
def no(refuse, text_folder, song):
    return lambda *arguments, model=text_folder: refuse("extract", song, *arguments, model=model)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out" / "texted" / "song"


def facts_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_target_residual_mix_and_manifest(extract, song, folder):
    status, out, err = extract("-p", "slap bass", "--seed", 3)
    assert status == 0, err
    assert {path.name for path in folder.iterdir()} == {"target.wav", "residual.wav", "mix.wav", "manifest.json"}
    assert str(folder) in out
    assert null_depth([folder / "target.wav", folder / "residual.wav"], song) <= -80
    facts = facts_of(folder)
    assert facts["null_db"] <= -80
    assert (facts["verb"], facts["seed"], facts["rate"], facts["channels"], facts["samples"]) == ("extract", 3, 44100, 2, 44101)
    settings = facts["settings"]
    assert settings["prompts"] == {"target": "slap bass", "residual": "Drums, Guitar, Piano"}
    assert settings["negatives"] == {"target": "Drums"}
    assert settings["guidance"] == {"weight": 2.0, "low": 0.0, "high": None, "rescale": 0.0}
    assert (settings["steps"], settings["solver"]) == (3, "euler")
    assert facts["arguments"]["prompt"] == "slap bass"


def test_what_was_asked_is_noted(extract, folder):
    asked = ("--rest", "drums", "--negative", "piano", "--guidance", 1.5, "--steps", 1, "--seed", 1)
    status, _, err = extract("-p", "bass", *asked)
    assert status == 0, err
    assert "steps 1 instead of 3" in err
    settings = facts_of(folder)["settings"]
    assert settings["prompts"] == {"target": "bass", "residual": "drums"}
    assert (settings["negatives"], settings["guidance"]["weight"], settings["steps"]) == ({"target": "piano"}, 1.5, 1)


@pytest.mark.parametrize(
    ("negative", "wanted"), [("none", {}), ("paper", {"target": "Drums, Guitar, Piano"}), ("own", {"target": "Drums"})]
)
def test_negative_prompts_by_the_names_of_other_verbs(extract, folder, negative, wanted):
    assert extract("-p", "bass", "--negative", negative, "--seed", 1, "--steps", 1)[0] == 0
    assert facts_of(folder)["settings"]["negatives"] == wanted


def test_negative_prompts_without_guidance_are_said_to_do_nothing(extract):
    _, _, err = extract("-p", "bass", "--negative", "piano", "--guidance", 1, "--seed", 1, "--steps", 1)
    assert "negative prompts (target) do nothing under guidance 1: ask for another, such as --guidance 2" in err


@pytest.mark.parametrize("options", [["--direct"], ["--direct", "--int24"], ["--int24"], ["--format", "flac"]])
def test_they_sum_to_the_song_in_every_way(extract, song, folder, options):
    assert extract("-p", "piano", "--seed", 1, *options)[0] == 0
    facts = facts_of(folder)
    parts = [folder / facts["files"][name] for name in ("target", "residual")]
    assert null_depth(parts, song, facts["gain"]) <= -80
    target, _ = read(parts[0])
    assert ("--direct" in options) == bool(torch.allclose(target[0], target[1], atol=1e-6))


def test_json_lists_what_was_made(extract, folder):
    status, out, _ = extract("-p", "drums", "--json", "--seed", 2)
    assert status == 0
    (facts,) = json.loads(out)
    assert facts == facts_of(folder)
    assert list(facts["files"]) == ["target", "residual", "mix"]


def test_several_songs_at_once_and_existing_ones(run, text_folder, song, tmp_path, folder):
    write(song.with_name("other.wav"), torch.zeros(1, 300), 8000)
    first = ("extract", song.parent, "-p", "bass", "-j", 2, "--seed", 1)
    assert run(*first, model=text_folder)[0] == 0
    assert soundfile.info(tmp_path / "out" / "texted" / "other" / "target.wav").frames == 300
    status, out, err = run(*first, "--skip-existing", "--json", model=text_folder)
    assert (status, json.loads(out)) == (0, [])
    assert "left out 2 of 2 songs" in err


def test_the_embedded_model_of_text_is_the_default(song, tmp_path, text_studio, monkeypatch, capsys):
    from stemweave.cli.app import main

    asked = []
    monkeypatch.setattr("stemweave.cli.prompts.load", lambda name, device: asked.append(name) or text_studio)
    assert main(["extract", str(song), "-p", "bass", "-o", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    assert asked == ["gmsdi-band"]


def test_a_prompt_of_ten_thousand_letters(extract, folder):
    assert extract("-p", "slap bass, " * 910, "--seed", 1, "--steps", 1)[0] == 0
    assert facts_of(folder)["settings"]["prompts"]["residual"] == "Drums, Guitar, Piano"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", ""], "is empty: say what should sound"),
        (["-p", "b" * 10_000], "unknown word 'bbb"),
        (["-p", "kazoo"], "unknown word 'kazoo' in a prompt: this model knows bass, drums, guitar"),
        (["-p", "la guitarra española"], "unknown word 'la'"),
        (["-p", "低音吉他"], "unknown word '低音吉他'"),
        (["-p", "bass, drums, guitar and piano"], "names all that texted knows: say what else sounds"),
        (["-p", "bass", "--rest", ""], "is empty"),
        (["-p", "bass", "--rest", "kazoo"], "unknown word 'kazoo'"),
        (["-p", "bass", "--negative", ""], "is empty"),
        (["-p", "bass", "--negative", "flute"], "unknown word 'flute'"),
        (["-p", "bass", "--guidance", "-1"], "got guidance -1.0; expected 0 to 100"),
        (["-p", "bass", "--guidance", "1e9"], "expected 0 to 100"),
        (["-p", "bass", "--guidance", "nan"], "got guidance nan"),
        (["-p", "bass", "--guidance", "much"], "Invalid value for '--guidance'"),
        (["-p", "bass", "--steps", "0"], "--steps is 0"),
        (["-p", "bass", "--seed", "-1"], "seed -1"),
        (["-p", "bass", "--stems", "bass"], "--stems"),
        (["-p", "drums", "-p", "bass"], "got it 2 times: say 'drums, bass', or use separate"),
        ([], "--prompt"),
    ],
)
def test_refuses_in_one_line(no, options, message):
    assert message in no(*options)


def test_models_that_are_not_told_in_words(no, tiny_folder):
    for options in (["-p", "bass"], ["-p", "bass", "--guidance", 2]):
        assert "tiny is not told in words what sounds" in no(*options, model=tiny_folder)
    assert "--quality paper is for models that are told in words" in no("-p", "bass", "--quality", "paper", model=tiny_folder)


def test_files_that_are_no_songs(refuse, text_folder, tmp_path):
    assert "does not exist" in refuse("extract", tmp_path / "no.wav", "-p", "bass", model=text_folder)


def test_the_papers_way(extract, folder):
    status, _, err = extract("-p", "bass", "--quality", "paper", "--steps", 2, "--seed", 1)
    assert status == 0, err
    assert "steps 2 instead of 150" in err
    settings = facts_of(folder)["settings"]
    assert (settings["solver"], settings["negatives"]) == ("ancestral", {"target": "Drums, Guitar, Piano"})
    assert math.isclose(settings["guidance"]["weight"], 2.0)
