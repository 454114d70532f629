"""The scripts of runs/: every command that they give is one that stemweave takes."""

import itertools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from stemweave.cli.app import build
from stemweave.cli.factors import factors, places, points
from stemweave.cli.harms import hearing
from stemweave.cli.prompts import NEGATIVES
from stemweave.cli.settings import lineup_of, rule_of
from stemweave.cli.values import one_of

RUNS = Path(__file__).parents[1] / "runs"
SHARED = ("common.sh", "training.sh", "gmsdi.sh", "msldm.sh", "gmsdi_validation.sh", "all.sh", "train_band.sh")
SCRIPTS = sorted(path.name for path in RUNS.glob("*.sh") if path.name not in SHARED)
SPEEDS = ("speed.sh", "gmsdi_speed.sh", "msldm_speed.sh")
STEMS = ("bass", "drums", "guitar", "piano")
TRAINED = ("train", "validation", "train-straight", "validation-straight", "train-swung", "validation-swung")
RECORDER = """#!/usr/bin/env bash
printf '%s\\x1f' "$@" >> "{log}"; printf '\\n' >> "{log}"
while [ $# -gt 0 ]; do case "$1" in --average.folder|--checkpoint.dirpath) mkdir -p "$2" ;; esac; shift; done
"""


@pytest.fixture
def run(tmp_path):
    """Runs a script with a stemweave that only records: its exit status, what it said, and the commands."""
    log, recorder = tmp_path / "log", tmp_path / "stemweave"
    recorder.write_text(RECORDER.format(log=log))
    recorder.chmod(0o755)

    def run(script, *options, python="true"):
        done = subprocess.run(
            ["bash", str(RUNS / script), *options],
            env={"PATH": "/usr/bin:/bin", "STEMWEAVE": str(recorder), "PYTHON": python},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = log.read_text().splitlines() if log.exists() else []
        return done, [line.split("\x1f")[:-1] for line in lines]

    return run


def parsed(arguments):
    """The context of the command that the arguments name; raises the parser's errors."""
    command, context = typer.main.get_command(build(arguments[0])), None
    while hasattr(command, "resolve_command"):
        context = command.context_class(command, parent=context)
        _, command, arguments = command.resolve_command(context, arguments)
    return command.make_context(command.name, list(arguments), parent=context)


@pytest.mark.parametrize("size", [[], ["--quick"]], ids=["full", "quick"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_command_is_understood(run, tmp_path, script, size):
    done, commands = run(script, *size, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert commands
    understood(commands)
    reports = [command[command.index("--json") + 1] for command in commands if "--json" in command]
    assert len(set(reports)) == len(reports) > 0
    assert done.stdout.split("figures: ")[1:]
    assert [command[-2] for command in commands[-2:]] == [f"{tmp_path / 'out'}.md", f"{tmp_path / 'out'}.html"]


@pytest.mark.parametrize("reads", ["true", "false"])
def test_a_model_that_knows_labels_only_is_asked_for_several_at_once(run, tmp_path, reads):
    """`python` says here whether the model reads the prompts."""
    done, commands = run("gmsdi_sources.sh", "--work", str(tmp_path), "--out", str(tmp_path / "out"), python=reads)
    assert done.returncode == 0, done.stderr
    asked = {command[n + 1] for command in commands for n, word in enumerate(command) if word == "-p"}
    assert len(asked) == 8
    assert ("slap bass" in asked) == (reads == "true")
    assert reads == "true" or {word for prompt in asked for word in prompt.split(", ")} == set(STEMS)


def understood(commands):
    """Raises what the parser, or a setting of a grid, does."""
    for command in commands:
        context = parsed(command)
        varied = factors(context.params.get("vary") or [])
        for point in points(varied).values():
            rule_of(point, STEMS)
            hearing(point.get("harm", "none"))
            lineup_of(point.get("lineup", "all"), STEMS)
            one_of(NEGATIVES, point.get("negatives", "own"), "--vary negatives")
        if across := context.params.get("across"):
            places(points(varied), across)


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in (*SPEEDS, "styles.sh")])
def test_own_songs_are_used_instead_of_the_band(run, tmp_path, script):
    _, commands = run(script, "--data", "mine", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert not [command for command in commands if command[0] == "render"]
    assert all("mine" in command for command in commands if "--data" in command)


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in SPEEDS])
def test_no_study_takes_more_than_it_may(run, tmp_path, script):
    """Of what is measured; models are trained on as many songs as ever."""
    _, commands = run(script, "--at-most", "5", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    measured = [command for command in commands if not {str(tmp_path / "work/songs" / name) for name in TRAINED} & set(command)]
    counts = [
        int(command[place + 1])
        for command in measured
        for place, option in enumerate(command)
        if option in ("--songs", "--takes", "--pairs")
    ]
    assert max(counts) == 5


def trained(commands):
    """The names of what was trained, in order."""
    return [command[command.index("--model.config.name") + 1] for command in commands if command[:2] == ["train", "fit"]]


@pytest.fixture
def without_gpu(tmp_path):
    """A python that finds none, and does all else as it should."""
    python = tmp_path / "python"
    python.write_text('#!/usr/bin/env bash\ncase "$*" in *"sys.exit(not torch.cuda"*) exit 1 ;; esac\n')
    python.chmod(0o755)
    return str(python)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ([], ["band", "gmsdi-band", "sourcevae-band", "sourcevae-band-decoder", "msldm-band"]),
        (["--quick"], ["band", "gmsdi-band", "sourcevae-band", "sourcevae-band-decoder", "msldm-band"]),
        (["--model", "band", "--data", "mine"], ["band"]),
        (["--model", "gmsdi-band", "--data", "mine"], ["gmsdi-band"]),
        (["--model", "msldm-band"], ["sourcevae-band", "sourcevae-band-decoder", "msldm-band"]),
    ],
)
def test_one_command_trains_the_embedded_models(run, tmp_path, without_gpu, options, names):
    done, commands = run("train_band.sh", *options, "--work", str(tmp_path), python=without_gpu)
    assert done.returncode == 0, done.stderr
    understood(commands)
    assert trained(commands) == names
    assert all(tmp_path / "finished/results" in Path(c[c.index("--json") + 1]).parents for c in commands if "--json" in c)
    assert ("render" in {command[0] for command in commands}) != ("mine" in options)
    for command in commands if "mine" in options else ():
        if "--data" in command:
            assert command[command.index("--split") + 1] == "validation", "nothing is measured on what it was trained on"
        for word, value in itertools.pairwise(command):
            assert not word.endswith("_songs") or value == "null"
    assert not [word for command in commands for word in command if word.endswith(".workers")]
    again, more = run("train_band.sh", *options, "--work", str(tmp_path), python=without_gpu)
    assert again.returncode == 0
    assert trained(more[len(commands) :]) == []


def test_on_a_gpu_training_begins_with_the_first_songs_and_other_cores_draw_crops(run, tmp_path):
    done, commands = run("train_band.sh", "--work", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert trained(commands) == ["band", "band", "gmsdi-band", "sourcevae-band", "sourcevae-band-decoder", "msldm-band"]
    first, *others = (number for number, command in enumerate(commands) if command[:2] == ["train", "fit"])
    rendered = [number for number, command in enumerate(commands) if command[0] == "render" and "train" in command]
    assert [commands[number][commands[number].index("--songs") + 1] for number in rendered[:2]] == ["192", "960"]
    assert rendered[0] < first < others[0]
    for number in (first, *others):
        at = "--data.init_args.mixtures.init_args" if "gmsdi-band" in commands[number] else "--data"
        assert 1 <= int(commands[number][commands[number].index(f"{at}.workers") + 1]) <= 8
        assert commands[number][commands[number].index(f"{at}.batch_size") + 1] == "64"


def test_rendering_that_fails_beside_training_is_said(run, tmp_path):
    recorder = tmp_path / "stemweave"
    failing = '[ "$1 $5" != "render 960" ] || { echo "stemweave: the disk is full" >&2; exit 2; }'
    recorder.write_text(recorder.read_text().replace("\n", f"\n{failing}\n", 1))
    done, _ = run("train_band.sh", "--work", str(tmp_path))
    assert done.returncode == 2
    assert "stemweave: the disk is full" in done.stderr


def test_only_models_of_ours_are_trained_by_it(run):
    done, commands = run("train_band.sh", "--model", "mine")
    assert (done.returncode, commands) == (2, [])
    assert "--model is mine, expected band, gmsdi-band or msldm-band" in done.stderr


@pytest.mark.parametrize(
    ("there", "steps", "wanted"),
    [
        ({}, "100", ["--trainer.max_steps", "100"]),
        ({"models/x/config.json": '{"steps_trained": 30}'}, "100", ["--model.start_from", "{work}/models/x"]),
        ({"models/x/config.json": '{"steps_trained": 30}'}, "100", ["--trainer.max_steps", "70"]),
        ({"models/x/config.json": '{"steps_trained": 30}'}, "30", None),
        ({"runs/x/last.ckpt": "", "runs/x/before": "30"}, "100", ["--ckpt_path", "{work}/runs/x/last.ckpt"]),
        ({"runs/x/last.ckpt": "", "runs/x/before": "30"}, "100", ["--trainer.max_steps", "70"]),
        ({"runs/x/trained": ""}, "100", None),
    ],
)
def test_training_goes_on_from_a_checkpoint_or_from_weights_alone(tmp_path, there, steps, wanted):
    for name, text in there.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    log, recorder = tmp_path / "log", tmp_path / "stemweave"
    recorder.write_text(RECORDER.format(log=log))
    recorder.chmod(0o755)
    sources = f"source {RUNS}/common.sh --work {tmp_path} --out {tmp_path}/out; source runs/training.sh"
    script = f"{sources}; fit x band train validation {steps}"
    env = {"PATH": "/usr/bin:/bin", "STEMWEAVE": str(recorder), "PYTHON": sys.executable}
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    commands = [line.split("\x1f")[:-1] for line in log.read_text().splitlines()]
    fits = [command for command in commands if command[:2] == ["train", "fit"]]
    assert (tmp_path / "runs/x/trained").exists()
    assert len(fits) == (wanted is not None)
    for command in fits:
        place = command.index(wanted[0])
        assert command[place + 1] == wanted[1].format(work=tmp_path)


@pytest.mark.parametrize(("status", "wanted"), [(2, 0), (3, 3)])
def test_sets_whose_fonts_are_not_installed_are_left_out(run, tmp_path, status, wanted):
    """Status 2 is that of what is missing; whatever else goes wrong ends the script."""
    recorder = tmp_path / "stemweave"
    recorder.write_text(recorder.read_text().replace("\n", f'\n[ "$1 $3" != "render test-c" ] || exit {status}\n', 1))
    done, commands = run("separation.sh", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert done.returncode == wanted, done.stderr
    assert ("test-c is left out" in done.stderr) == (status == 2)
    measured = {Path(command[-1]).name for command in commands if command[:2] == ["evaluate", "separation"]}
    assert [f"separation-{name}.json" in measured for name in ("test-b", "test-c", "test-e")] == [
        True,
        False,
        status == 2,
    ]


def test_what_is_there_is_not_measured_again(run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "robustness.json").write_text("{}")
    done, commands = run("robustness.sh", "--work", str(tmp_path / "work"), "--out", str(out))
    assert done.returncode == 0
    assert not [command for command in commands if "grid" in command]
    assert f"figures: {out / 'robustness.json'}" in done.stdout


@pytest.mark.parametrize(
    ("script", "options", "place"),
    [
        ("speed.sh", ["-n", "my/model"], "results/model"),
        ("separation.sh", ["--data", "my/songs"], "results/band-songs"),
        ("separation.sh", ["--data", "my/songs", "-n", "my/model", "--quick"], "results/model-songs/quick"),
        ("gmsdi_grid.sh", ["--model", "other"], "results/other"),
        ("gmsdi_grid.sh", ["--data", "my/songs"], "results/gmsdi-band-songs"),
    ],
)
def test_another_model_or_other_songs_have_a_place_of_their_own(run, tmp_path, script, options, place):
    """Or reports that are there would be taken for theirs."""
    done, commands = run(script, *options, "--work", str(tmp_path))
    assert done.returncode == 0, done.stderr
    reports = {Path(command[command.index("--json") + 1]).parent for command in commands if "--json" in command}
    assert reports == {tmp_path / place}
    assert [command[-2] for command in commands[-2:]] == [f"{tmp_path / place}.md", f"{tmp_path / place}.html"]


@pytest.mark.parametrize(
    ("script", "options"),
    [("speed.sh", ["--fast"]), ("styles.sh", ["--data", "mine"]), ("length.sh", ["--at-most", "few"])],
)
def test_what_is_not_understood_is_refused(run, script, options):
    done, commands = run(script, *options)
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert not commands


@pytest.mark.parametrize("size", [[], ["--quick"]], ids=["full", "quick"])
def test_the_studies_of_a_model_of_text_are_those_of_another_one_by_one_argument(run, tmp_path, size):
    options = ("-n", "hub/other", *size, "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    done, commands = run("gmsdi_validation.sh", *options)
    assert done.returncode == 0, done.stderr
    understood(commands)
    models = {command[command.index("-n") + 1] for command in commands if "-n" in command}
    assert models == {"hub/other", "band", "gmsdi-band", str(tmp_path / "work/models/other-chosen")}
    reports = {Path(command[command.index("--json") + 1]).name for command in commands if "--json" in command}
    assert all(name.startswith("other-") for name in reports)
    compared = [command[2:4] for command in commands if command[:2] == ["evaluate", "compare"]]
    assert [str(tmp_path / "out" / f"other-{name}.json") for name in ("beside-gmsdi-band-ensemble", "ensemble")] in compared


def test_another_architecture_is_trained_before_its_studies(run, tmp_path):
    done, commands = run("gmsdi_validation.sh", "--quick", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    understood(commands)
    assert trained(commands) == ["gmsdi-unet-band"]
    models = {command[command.index("-n") + 1] for command in commands if "-n" in command}
    assert models == {str(tmp_path / "work/models" / name) for name in ("gmsdi-unet-band", "gmsdi-unet-band-chosen")} | {
        "band",
        "gmsdi-band",
    }


@pytest.mark.parametrize(
    ("options", "there", "expected"),
    [
        ([], ["gmsdi"], ["gmsdi"]),
        ([], ["gmsdi", "msldm"], ["gmsdi", "msldm"]),
        ([], [], []),
        (["--model", "mine"], ["gmsdi"], []),
    ],
)
def test_another_model_for_all_scripts_is_none_of_other_kinds(run, tmp_path, options, there, expected):
    place = tmp_path / "runs"
    place.mkdir()
    for kind in there:
        (tmp_path / f"src/stemweave/model/pretrained/{kind}-band").mkdir(parents=True)
    shutil.copy(RUNS / "all.sh", place)
    for script in SCRIPTS:
        (place / script).write_text("#!/usr/bin/env bash\n")
        (place / script).chmod(0o755)
    done, _ = run(place / "all.sh", *options)
    assert done.returncode == 0, done.stderr
    assert [kind for kind in ("gmsdi", "msldm") if f"runs/{kind}_generation.sh" in done.stdout] == expected
    assert "runs/speed.sh" in done.stdout
