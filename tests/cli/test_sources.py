import json

import pytest
from typer.testing import CliRunner

from stemweave.cli.evaluate import app
from stemweave.errors import DataError, OutputError, UsageError


def sources(*arguments):
    return CliRunner().invoke(app, ["sources", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def made(run, tmp_path):
    """Takes of two and of four stems, as generate writes them."""
    for name, stems in (("two", "bass,drums"), ("four", "bass,drums,guitar,piano")):
        asked = ("--seconds", 4, "--takes", 3, "--steps", 1, "--seed", 1, "--stems", stems)
        status, _, err = run("generate", *asked)
        assert status == 0, err
        (tmp_path / "out").rename(tmp_path / name)
    return tmp_path


def test_takes_by_their_number_of_stems(made):
    result = sources(made / "two", made / "four", "--json", made / "report.json", "--seed", 3)
    assert result.exit_code == 0
    report = json.loads((made / "report.json").read_text())
    assert (report["takes"], report["unpitched"], report["seed"]) == ({"two": 3, "four": 3}, ["drums"], 3)
    (table,) = report["tables"]
    rows = {row["name"]: dict(zip(table["columns"], row["cells"], strict=True)) for row in table["rows"]}
    assert [row["stems"]["value"] for row in rows.values()] == ["2", "4"]
    assert rows["two"]["harmony (chroma)"]["status"] == "skipped"
    manifests = [json.loads(path.read_text()) for path in (made / "four").rglob("manifest.json")]
    expected = sum(facts["timings"]["seconds"] for facts in manifests) / 3 / 4
    assert rows["four"]["s of work per s"]["value"] == pytest.approx(expected)
    assert "(n = 3 too small)" in result.stdout


def test_refusals(made, tmp_path):
    with pytest.raises(DataError, match="none holds no takes, expected what"):
        sources(tmp_path / "none")
    with pytest.raises(UsageError, match="several folders are called 'two': give each a name of its own"):
        sources(made / "two", made / "four" / ".." / "two")
    with pytest.raises(UsageError, match="--unpitched is 'drums,'"):
        sources(made / "two", "--unpitched", "drums,")
    (tmp_path / "mine.json").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        sources(made / "two", "--json", tmp_path / "mine.json")
    manifest = next((made / "two").rglob("manifest.json"))
    for text in ("{", "[]", '{"timings": {}}', '{"timings": {"seconds": "long"}}'):
        manifest.write_text(text)
        with pytest.raises(DataError, match=r"manifest\.json does not say how long the take took"):
            sources(made / "two")
