import ast
import signal
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

from stemweave.cli import app
from stemweave.cli.app import VERBS, main
from stemweave.errors import UsageError


def test_help_names_every_verb_and_imports_none(capsys):
    code = "import sys; from stemweave.cli.app import main; main(['--help']); print([m for m in sys.modules if 'torch' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for verb, summary in VERBS.items():
        assert verb in done.stdout
        assert summary.split()[0] in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"stemweave {metadata.version('stemweave')}\n"


def test_no_arguments_show_the_help(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stemweave"])
    assert main() == 0
    assert "separate" in capsys.readouterr().out


@pytest.mark.parametrize(
    "verb", ["generate", "accompany", "separate", "models", "convert", "env", "render", "preprocess", "evaluate", "demo"]
)
def test_every_verb_has_a_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: stemweave" in out
    assert "--help" in out


def test_every_verb_is_a_module_of_its_own():
    for verb in VERBS:
        module = import_module(f"stemweave.cli.{verb}")
        assert hasattr(module, "app") or callable(getattr(module, verb))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["juggle"], "No such command 'juggle'. See stemweave --help"),
        (["separate"], "See stemweave separate --help"),
        (["separate", "x.wav", "--nonsense"], "--nonsense"),
        (["models"], "Missing command. See stemweave models --help"),
        (["models", "juggle"], "No such command 'juggle'"),
        (["evaluate", "extraction"], "See stemweave evaluate extraction --help"),
        (["accompany"], "--given"),
    ],
)
def test_mistakes_are_one_line_with_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("stemweave: ")
    assert message in err


def test_an_error_of_several_lines_is_told_in_one(capsys, monkeypatch):
    def fail(verb):
        raise UsageError("one\n  two")

    monkeypatch.setattr(app, "build", fail)
    assert main(["env"]) == 2
    assert capsys.readouterr().err == "stemweave: one two\n"


def test_being_terminated_counts_as_being_interrupted(capsys, monkeypatch):
    def terminated(verb):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(app, "build", terminated)
    assert main(["env"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_python_dash_m_and_the_script_are_the_same_command():
    done = subprocess.run([sys.executable, "-m", "stemweave", "env"], capture_output=True, text=True, check=True)
    assert metadata.version("torch") in done.stdout
    (script,) = metadata.entry_points(group="console_scripts", name="stemweave")
    assert script.load() is main


def test_no_function_of_the_command_line_is_long():
    lengths = []
    for path in Path(app.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                lengths.append((node.end_lineno - node.lineno + 1, path.name, node.name))
    assert max(lengths)[0] <= 60, max(lengths)
