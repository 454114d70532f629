"""docs/laws.md names code and tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "laws.md").read_text("utf-8")
CODE = sorted(set(re.findall(r"\b(\w+)\.py:(\w+)", PAGE)))
TESTS = sorted(set(re.findall(r"\b(test_\w+)\.py::(test_\w+)", PAGE)))


def test_the_page_names_something():
    assert len(CODE) > 20
    assert len(TESTS) > 30


@pytest.mark.parametrize(("module", "name"), CODE)
def test_code_exists(module, name):
    text = (ROOT / "src" / "stemweave" / "diffusion" / f"{module}.py").read_text("utf-8")
    assert re.search(rf"^(def|class) {name}\b", text, re.MULTILINE)


@pytest.mark.parametrize(("module", "name"), TESTS)
def test_tests_exist(module, name):
    assert f"\ndef {name}(" in (ROOT / "tests" / "diffusion" / f"{module}.py").read_text("utf-8")
