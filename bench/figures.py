"""Writes the figures of docs/results/*.json into the README and docs/results.md, so that no number is typed by hand.

    python bench/figures.py

The reports come from runs/band_figures.sh.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
BEGIN, END = "<!-- figures: written by bench/figures.py -->", "<!-- end of figures -->"

Report = dict[str, Any]


def report(name: str) -> Report | None:
    """A report, where it was made."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def cell(entry: Report) -> str:
    """value [low, high]."""
    return "–" if entry["status"] != "ok" else f"{entry['value']:.1f} [{entry['low']:.1f}, {entry['high']:.1f}]"


def separation(name: str) -> Iterator[str]:
    """Active-only SI-SDRi of every row of one report."""
    found = report(name)
    if found is None:
        return
    yield f"| active-only SI-SDRi, dB | {' | '.join(found['stems'])} | mean |"
    yield "|---|" + "---|" * (len(found["stems"]) + 1)
    for row, figures in found["rows"].items():
        if row != "mixture":
            yield f"| {row} | {' | '.join(map(cell, figures['metrics']['si_sdri'].values()))} |"
    yield ""
    yield f"{found['songs']} songs, {found['seconds'] / 60:.0f} minutes; {settings(found)}; 95 % intervals by song."


def settings(found: Report) -> str:
    """How a report's separation was made."""
    sampling = found["sampling"]
    return f"{found['likelihood']}, {sampling['steps']} × {sampling['solver']}, {found['precision']} on {found['device']}"


def rules() -> Iterator[str]:
    """Likelihoods against evaluations: the means over stems of a grid of likelihood × steps."""
    found = report("band-likelihoods")
    if found is None:
        yield "Not measured yet."
        return
    steps = found["vary"]["steps"]
    for table in found["tables"]:
        mean = table["columns"].index("mean")
        means = iter(row["cells"][mean] for row in table["rows"])
        yield f"| {table['title']}: mean active-only SI-SDRi, dB | " + " | ".join(f"{n} evaluations" for n in steps) + " |"
        yield "|---|" + "---|" * len(steps)
        for rule in found["vary"]["likelihood"]:
            yield f"| {rule} | " + " | ".join(cell(next(means)) for _ in steps) + " |"
        yield ""
    churn = ", ".join(f"{value:g}" for value in found["vary"]["churn"])
    yield f"{found['data']['songs']} songs of 12 s; Euler, churn {churn}; 95 % intervals by song."


def contexts() -> Iterator[str]:
    """Whether accompaniment hears its context."""
    yield "| given | correlation | own | swapped | own is better | sign test, p |"
    yield "|---|---|---|---|---|---|"
    for given in ("drums", "bass"):
        if found := report(f"band-context-{given}"):
            for measure, verdict in found["verdicts"].items():
                own, swapped = (f"{verdict[key]['value']:.3f}" for key in ("own", "swapped"))
                better = f"{verdict['better']} of {len(found['pairs'])}"
                yield f"| {given} | {measure} | {own} | {swapped} | {better} | {verdict['p']:.2g} |"


def speed() -> Iterator[str]:
    """Speed and memory of the command line."""
    if found := report("speed"):
        yield "| song, stereo 44.1 kHz | seconds | × real time | peak memory, MB |"
        yield "|---|---|---|---|"
        for one in found["lengths"]:
            yield f"| {one['minutes']:g} min | {one['seconds']:.1f} | {one['times_real_time']:.1f} | {one['peak_mb']:.0f} |"
        yield ""
        yield (
            f"{found['machine']['threads']} threads; their float32 matrix products ran at"
            f" {found['matmul_gflops_float32']:.0f} GFLOP/s in the same run."
            f" Memory, longest to shortest: {found['memory_ratio_longest_to_shortest']:.2f}."
        )


def metric_table(name: str, metric: str, title: str, digits: int = 2) -> Iterator[str]:
    """One more metric of one report."""
    if found := report(name):
        yield f"| {title} | {' | '.join(found['stems'])} | all |"
        yield "|---|" + "---|" * (len(found["stems"]) + 1)
        for row, figures in found["rows"].items():
            values = figures["metrics"][metric].values()
            shown = ("–" if entry["status"] != "ok" else f"{entry['value']:.{digits}f}" for entry in values)
            yield f"| {row} | {' | '.join(shown)} |"


def page() -> str:
    """docs/results.md."""
    own = "songs of our own rendered band; nothing here compares with published results on Slakh2100 or MUSDB18"
    parts = [
        "# Results", f"Written by `bench/figures.py` from `docs/results/*.json`; made by `runs/band_figures.sh`. All on {own}.",
        "## Separation, test-a (timbres as in training, unseen songs)", *separation("band-test-a"), "",
        *metric_table("band-test-a", "si_sdr", "active-only SI-SDR, dB"), "",
        *metric_table("band-test-a", "msdm_si_sdri", "SI-SDRi by the protocol of 2302.02257, dB: silent references count"), "",
        *metric_table("band-test-a", "ghost_median", "output on silent stems, median, dB relative to the mixture"), "",
        *metric_table("band-test-a", "missed", "share of active stem-windows 20 dB or more too quiet"), "",
        "## Separation, test-c (an unseen family of fonts)", *separation("band-test-c"), "",
        "## Likelihoods against evaluations, test-a excerpts", *rules(), "",
        "## Accompaniment hears its context", *contexts(), "",
        "## Speed and memory of `stemweave separate`", *speed(),
    ]  # fmt: skip
    lines = ["\n" + part if part.startswith(("#", "Written")) else part for part in parts]
    return "\n".join(lines).lstrip() + "\n"


def readme_block() -> str:
    """The README's figures."""
    parts = [
        "**Separation**, `stemweave evaluate separation --data test --split test-a --protocol active`:", "",
        *separation("band-test-a"), "",
        "**The same network through the paper's rules**, `runs/band_figures.sh`:", "", *rules(), "",
        "**Accompaniment hears its context**, `stemweave evaluate context --pairs 50 --seconds 6 --solver dpm2m --steps 12`:",
        "", *contexts(), "",
        "**Speed and memory**, `python bench/speed.py`:", "", *speed(),
    ]  # fmt: skip
    return "\n".join(parts)


def main() -> None:
    (ROOT / "docs" / "results.md").write_text(page())
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{readme_block()}\n{END}{rest.split(END)[1]}")
    print("wrote docs/results.md and the figures in README.md")


if __name__ == "__main__":
    main()
