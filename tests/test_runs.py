"""The scripts of runs/: every command that they give is one that stemweave takes."""

import subprocess
from pathlib import Path

import pytest
import typer

from stemweave.cli.app import build
from stemweave.cli.factors import factors, points
from stemweave.cli.harms import hearing
from stemweave.cli.settings import lineup_of, rule_of

RUNS = Path(__file__).parents[1] / "runs"
SHARED = ("common.sh", "training.sh", "all.sh", "train_band.sh")
SCRIPTS = sorted(path.name for path in RUNS.glob("*.sh") if path.name not in SHARED)
STEMS = ("bass", "drums", "guitar", "piano")
RECORDER = """#!/usr/bin/env bash
printf '%s\\x1f' "$@" >> "{log}"; printf '\\n' >> "{log}"
while [ $# -gt 0 ]; do if [ "$1" = --average.folder ]; then mkdir -p "$2"; fi; shift; done
"""


@pytest.fixture
def run(tmp_path):
    """Runs a script with a stemweave that only records: its exit status, what it said, and the commands."""
    log, recorder = tmp_path / "log", tmp_path / "stemweave"
    recorder.write_text(RECORDER.format(log=log))
    recorder.chmod(0o755)

    def run(script, *options):
        done = subprocess.run(
            ["bash", str(RUNS / script), *options],
            env={"PATH": "/usr/bin:/bin", "STEMWEAVE": str(recorder)},
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
    for command in commands:
        context = parsed(command)
        varied = factors(context.params.get("vary") or [])
        for point in points(varied).values():
            rule_of(point, STEMS)
            hearing(point.get("harm", "none"))
            lineup_of(point.get("lineup", "all"), STEMS)
    reports = [command[command.index("--json") + 1] for command in commands if "--json" in command]
    assert len(set(reports)) == len(reports) > 0
    assert done.stdout.split("figures: ")[1:]
    assert [command[-2] for command in commands[-2:]] == ["docs/results.md", "docs/results.html"]


@pytest.mark.parametrize("script", [name for name in SCRIPTS if name not in ("speed.sh", "styles.sh")])
def test_own_songs_are_used_instead_of_the_band(run, tmp_path, script):
    _, commands = run(script, "--data", "mine", "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert not [command for command in commands if command[0] == "render"]
    assert all("mine" in command for command in commands if "--data" in command)


def test_what_is_there_is_not_measured_again(run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "robustness.json").write_text("{}")
    done, commands = run("robustness.sh", "--work", str(tmp_path / "work"), "--out", str(out))
    assert done.returncode == 0
    assert not [command for command in commands if "grid" in command]
    assert f"figures: {out / 'robustness.json'}" in done.stdout


@pytest.mark.parametrize(("script", "options"), [("speed.sh", ["--fast"]), ("styles.sh", ["--data", "mine"])])
def test_what_is_not_understood_is_refused(run, script, options):
    done, commands = run(script, *options)
    assert done.returncode == 2
    assert options[0] in done.stderr
    assert not commands
