"""Prompts, negative prompts, guidance and couplings of generate, separate and accompany."""

import json

import pytest
import torch

from stemweave.audio.files import read, write
from stemweave.audio.stemfiles import null_depth
from stemweave.audio.stems import Stems
from stemweave.cli.app import main

SHORT = ("--seconds", 0.02, "--seed", 1)


@pytest.fixture
def told(run, text_folder, tmp_path):
    """Run a verb with the model of text; the folder of its only result and its manifest."""

    def call(verb, *arguments):
        status, _, err = run(verb, *arguments, "--overwrite", model=text_folder)
        assert status == 0, err
        (path,) = (tmp_path / "out" / "texted").rglob("manifest.json")
        return path.parent, json.loads(path.read_text())

    return call


@pytest.fixture
def no(refuse, text_folder):
    return lambda *arguments, model=text_folder: refuse(*arguments, model=model)


@pytest.fixture
def kit(tmp_path):
    path = tmp_path / "kit.wav"
    write(path, torch.randn(2, 1001, generator=torch.Generator().manual_seed(0)) * 0.1, 44100)
    return path


# generate


def test_stems_by_names_of_ones_own(told):
    folder, facts = told("generate", "-p", "low=slap bass", "-p", "jazz drums", *SHORT)
    assert Stems.read(folder).names == ("jazz-drums", "low")
    assert list(facts["files"]) == ["low", "jazz-drums", "mix"]
    settings = facts["settings"]
    assert settings["prompts"] == {"low": "slap bass", "jazz-drums": "jazz drums"}
    assert (settings["negatives"], settings["coupling"]) == ({}, "joint")
    assert settings["guidance"] == {"weight": 1.5, "low": 0.0, "high": None, "rescale": 0.0}
    assert facts["arguments"]["prompt"] == ["low=slap bass", "jazz drums"]
    assert facts["null_db"] <= -110


def test_it_is_what_a_told_studio_makes(told, text_studio):
    words = ("-p", "low=slap bass", "-p", "kit=drums", "--negative", "low=piano", "--guidance", 3)
    folder, facts = told("generate", *words, *SHORT)
    studio = text_studio.told({"low": "slap bass", "kit": "drums"}, negatives={"low": "piano"}, guidance=3)
    wanted, found = studio.generate(0.02, seed=1), Stems.read(folder)
    assert all(torch.equal(found[name], wanted[name]) for name in ("low", "kit"))
    assert (facts["settings"]["negatives"], facts["settings"]["guidance"]["weight"]) == ({"low": "piano"}, 3.0)
    plain = text_studio.told({"low": "slap bass", "kit": "drums"}).generate(0.02, seed=1)
    assert not torch.allclose(found["low"], plain["low"])


def test_without_prompts_its_own_stems_and_negatives(told):
    folder, facts = told("generate", *SHORT)
    assert set(Stems.read(folder).names) == {"bass", "drums", "guitar", "piano"}
    assert facts["settings"]["prompts"] == {"bass": "Bass", "drums": "Drums", "guitar": "Guitar", "piano": "Piano"}
    assert facts["settings"]["negatives"] == {"bass": "Drums, Guitar"}


def test_guidance_alone_keeps_the_stems(told):
    _, facts = told("generate", "--guidance", 0, *SHORT)
    assert set(facts["settings"]["prompts"]) == {"bass", "drums", "guitar", "piano"}
    assert facts["settings"]["guidance"]["weight"] == 0


@pytest.mark.parametrize(
    ("word", "negatives"),
    [
        ("own", {"bass": "Drums, Guitar"}),
        ("none", {}),
        ("paper", {"bass": "Drums, Guitar, Piano", "drums": "Bass", "guitar": "Bass, Drums", "piano": "Bass, Drums"}),
    ],
)
def test_all_negatives_by_one_word(told, word, negatives):
    _, facts = told("generate", "--negative", word, *SHORT)
    assert facts["settings"]["negatives"] == negatives


@pytest.mark.parametrize("coupling", ["joint", "coherent", "coherent-root", "coherent-proportional", "consistent", "imitating"])
def test_every_coupling_is_made_and_noted(told, coupling):
    folder, facts = told("generate", "-p", "a=bass", "-p", "b=drums", "-p", "c=keys", "--coupling", coupling, *SHORT)
    assert facts["settings"]["coupling"] == coupling
    assert Stems.read(folder).audio.shape == (3, 1, 441)


def test_prompts_without_a_model_want_the_embedded_one_of_text(tmp_path, text_studio, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("stemweave.cli.prompts.load", lambda name, device: asked.append(name) or text_studio)
    words = ["--seconds", "0.02", "--seed", "1", "-o", str(tmp_path / "out")]
    assert main(["generate", "-p", "low=slap bass", *words]) == 0, capsys.readouterr().err
    assert main(["generate", *words, "--title", "other"]) == 0, capsys.readouterr().err
    assert asked == ["gmsdi-band", "band"]
    assert (tmp_path / "out" / "texted" / "piece-1" / "low.wav").exists()


def test_a_prompt_of_ten_thousand_letters(told):
    long = ("slap bass, " * 910).strip(", ")
    folder, facts = told("generate", "-p", long, *SHORT)
    (name,) = Stems.read(folder).names
    assert len(name) <= 60
    assert name.startswith("slap-bass")
    assert facts["settings"]["prompts"] == {name: long}


def test_the_papers_settings(told):
    _, facts = told("generate", "-p", "bass=slap bass", "-p", "kit=drums", "--quality", "paper", "--steps", 2, *SHORT)
    settings = facts["settings"]
    assert (settings["solver"], settings["coupling"], settings["steps"]) == ("adpm2", "coherent", 2)
    assert settings["negatives"] == {"bass": "Drums, Guitar, Piano"}


def test_the_papers_steps_are_said(run, text_folder):
    words = ("--quality", "paper", "--steps", 1, *SHORT)
    assert "steps 1 instead of 600" in run("generate", *words, model=text_folder)[2]
    assert "steps 1 instead of 150" in run("generate", "-p", "bass=bass", *words, "--title", "one", model=text_folder)[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-p", ""], "--prompt is ''"),
        (["-p", "?!"], "--prompt is '?!', expected a few letters"),
        (["-p", "bass="], "--prompt is 'bass=', expected NAME=TEXT"),
        (["-p", "bass= "], "expected NAME=TEXT"),
        (["-p", "=slap bass"], "--prompt is '=slap bass', expected NAME=TEXT"),
        (["-p", "=" + 10_000 * "b"], "expected NAME=TEXT"),
        (["-p", "b" * 10_000], "unknown word 'bbb"),
        (["-p", "b" * 61 + "=bass"], "use at most 60 letters"),
        (["-p", "bass=kazoo"], "unknown word 'kazoo' in a prompt: this model knows"),
        (["-p", "bass=der tiefe Bass"], "unknown word 'der'"),
        (["-p", "低音吉他"], "unknown word '低音吉他'"),
        (["-p", "bass=bass", "-p", "bass=slap bass"], "--prompt names bass twice"),
        (["-p", "bass", "-p", "Bass"], "--prompt names bass twice"),
        (["-p", "mix=bass"], "'mix' cannot name a stem"),
        (["-p", "residual=bass"], "'residual' cannot name a stem"),
        (["-p", "../../bass=bass"], "cannot name a stem"),
        (["-p", ".bass=bass"], "cannot name a stem"),
        (["-p", "bass=bass", "--negative", "drums=bass"], "a negative prompt for 'drums'; the stems are bass"),
        (["--negative", "flute=bass"], "a negative prompt for 'flute'; the stems are bass, drums"),
        (["--negative", "drums"], "--negative is 'drums', expected NAME=TEXT"),
        (["--negative", ""], "--negative is '', expected NAME=TEXT"),
        (["--negative", "bass="], "--negative is 'bass=', expected NAME=TEXT"),
        (["--negative", "bass=drums", "--negative", "bass=piano"], "--negative names bass twice"),
        (["--negative", "bass=kazoo"], "unknown word 'kazoo'"),
        (["--guidance", "-0.5"], "got guidance -0.5; expected 0 to 100, 1 for none"),
        (["--guidance", "inf"], "got guidance inf"),
        (["--guidance", "nan"], "got guidance nan"),
        (["--guidance", "high"], "Invalid value for '--guidance'"),
        (["--coupling", "magic"], "--coupling is 'magic', expected one of joint, coherent"),
        (["-p", "low=bass", "--stems", "bass"], "--stems names 'bass', but this model knows low"),
    ],
)
def test_generate_refuses_in_one_line(no, options, message):
    line = no("generate", *SHORT, *options)
    assert message in line
    assert len(line) < 300


@pytest.mark.parametrize("options", [["-p", "bass=slap bass"], ["--negative", "bass=drums"], ["--guidance", "2"]])
def test_models_that_are_not_told_in_words(no, tiny_folder, options):
    message = "tiny is not told in words what sounds, as a prompt needs; use one such as gmsdi-band"
    assert message in no("generate", *SHORT, *options, model=tiny_folder)


@pytest.mark.parametrize("options", [["--quality", "paper"], ["--coupling", "coherent"], ["--coupling", "consistent"]])
def test_what_is_for_models_of_text_alone(no, tiny_folder, options):
    assert "told in words" in no("generate", *SHORT, *options, model=tiny_folder)


# separate


def test_songs_into_named_stems(told, song):
    folder, facts = told("separate", song, "-p", "kit=jazz drums", "-p", "low=bass", "--negative", "low=piano", "--seed", 1)
    assert null_depth([folder / "kit.wav", folder / "low.wav"], song) <= -80
    settings = facts["settings"]
    assert settings["prompts"] == {"kit": "jazz drums", "low": "bass"}
    assert (settings["negatives"], settings["guidance"]["weight"]) == ({"low": "piano"}, 1.0)
    assert (settings["likelihood"], settings["anchor"]) == ("dirac", "loudest")


@pytest.mark.parametrize("likelihood", ["extractor", "ensemble", "dirac", "even", "gaussian", "posterior-mean"])
def test_every_likelihood_of_a_model_of_text(told, song, likelihood):
    folder, facts = told("separate", song, "--likelihood", likelihood, "--seed", 1, "--steps", 1)
    assert facts["settings"]["likelihood"] == likelihood
    assert null_depth([folder / f"{name}.wav" for name in ("bass", "drums", "guitar", "piano")], song) <= -80


def test_an_extractor_notes_what_extraction_is_told(told, song):
    usual = {"bass": "Drums", "drums": "Bass"}
    _, facts = told("separate", song, "--likelihood", "extractor", "--seed", 1, "--steps", 1)
    assert (facts["settings"]["negatives"], facts["settings"]["guidance"]["weight"]) == (usual, 2.0)
    _, facts = told("separate", song, "--likelihood", "ensemble", "--anchor", "drums", "--seed", 1, "--steps", 1)
    settings = facts["settings"]
    assert (settings["negatives"], settings["guidance"]["weight"]) == ({}, 1.0)
    assert settings["extraction"]["negatives"] == usual
    assert (settings["anchor"], settings["extracted"]) == ("drums", ["bass", "piano"])


def test_separate_refuses_in_one_line(no, song, tiny_folder):
    assert "never heard a mixture" in no("separate", song, "--likelihood", "learned")
    assert "the one stem bass would be all of the song: name the others too, or use extract" in no(
        "separate", song, "-p", "bass"
    )
    two = ("-p", "low=bass", "-p", "high=piano")
    assert "got anchor 'drums'; expected one of low, high" in no("separate", song, *two, "--anchor", "drums")
    steer = "steer a walk: leave them out with --likelihood expected, or use dirac"
    for option in (("--guidance", 2), ("--negative", "bass=drums")):
        assert steer in no("separate", song, *option, "--likelihood", "expected")
    for likelihood in ("extractor", "ensemble"):
        assert "tiny is not told in words" in no("separate", song, "--likelihood", likelihood, model=tiny_folder)
    assert "--quality paper is for models" in no("separate", song, "--quality", "paper", model=tiny_folder)


@pytest.mark.parametrize("command", ["separation", "extraction", "accompaniment", "context"])
def test_the_papers_settings_are_for_models_of_text_where_they_measure_too(command, tiny_folder, tmp_path, capsys):
    words = ["--data", str(tmp_path), "--json", str(tmp_path / "x.json"), "--quality", "paper", "-n", str(tiny_folder)]
    more = {"context": ["--given", "drums"], "accompaniment": ["--made", str(tmp_path / "made")]}
    assert main(["evaluate", command, *words, *more.get(command, [])]) == 2
    assert "--quality paper is for models that are told in words" in capsys.readouterr().err


# accompany


def test_named_stems_beside_a_given_one(told, kit):
    words = ("-p", "low=slap bass", "-p", "lead guitar", "--negative", "low=piano", "--seed", 1)
    folder, facts = told("accompany", "--given", f"drums={kit}", *words)
    stems = Stems.read(folder)
    assert set(stems.names) == {"low", "lead-guitar", "drums"}
    assert torch.equal(stems["drums"], read(kit)[0])
    settings = facts["settings"]
    assert settings["method"] == "coherent"
    assert settings["prompts"] == {"low": "slap bass", "lead-guitar": "lead guitar", "drums": "Drums"}
    assert settings["negatives"] == {"low": "piano"}
    assert settings["guidance"] == {"weight": 1.5, "low": 0.0, "high": 1.0, "rescale": 0.0}


def test_a_given_stem_may_have_a_prompt_of_its_own(told, kit):
    _, facts = told("accompany", "--given", f"kit={kit}", "-p", "kit=jazz drums", "-p", "low=bass", "--seed", 1)
    assert facts["settings"]["prompts"] == {"kit": "jazz drums", "low": "bass"}


@pytest.mark.parametrize("method", ["coherent", "coherent-root", "coherent-proportional", "coherent-sources", "consistent"])
def test_the_ways_to_hear_given_stems(told, kit, method):
    _, facts = told("accompany", "--given", f"drums={kit}", "--method", method, "--seed", 1)
    assert facts["settings"]["method"] == method
    assert set(facts["settings"]["prompts"]) == {"bass", "drums", "guitar", "piano"}


def test_accompany_refuses_in_one_line(no, kit, tiny_folder):
    given = ("accompany", "--given", f"drums={kit}", "--seed", 1)
    for method in ("replacement", "learned"):
        assert "hears no others by this method: play along by the method coherent or consistent" in no(
            *given, "--method", method
        )
    assert "unknown word 'sax'" in no("accompany", "--given", f"sax={kit}", "-p", "low=bass")
    assert "all stems are given" in no(*given, "-p", "drums=drums")
    assert "got stem 'flute'" in no("accompany", "--given", f"flute={kit}")
    for options in (["-p", "low=bass"], ["--method", "coherent"], ["--quality", "paper"]):
        assert "told in words" in no(*given, *options, model=tiny_folder)
