"""Writes the README's figures from docs/results/*.json, so that no number is typed by hand.

    python tools/readme_figures.py

The reports come from runs/*.sh; all of them stand in docs/results.md, which those scripts write.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stemweave.tasks.coupled import COUPLINGS

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
BEGIN, END = "<!-- figures: written by tools/readme_figures.py -->", "<!-- end of figures -->"

TOLD = {
    "expected": "`gmsdi-band`, expected spectra",
    "dirac": "`gmsdi-band`, separator",
    "extractor": "`gmsdi-band`, extractor",
    "ensemble": "`gmsdi-band`, ensemble",
    "beside-band-learned": "`band`, learned",
    "beside-band-dirac": "`band`, Dirac",
}
"""The rules that runs/gmsdi_separation.sh compares, by the names of its reports."""

SINGLE = {
    "none-guidance-1": "no guidance",
    "none-guidance-3": "guidance 3",
    "paper-guidance-3": "guidance 3, the paper's negative prompts",
}
"""Single prompts of runs/gmsdi_generation.sh, by the names of its reports."""

INVENTED = {
    "msldm-band-total": "`msldm-band`",
    "msldm-band-beside-vae-each": "the same over a VAE for each stem",
    "msldm-band-beside-independent-latents": "independent models of each stem's latents",
    "msldm-band-beside-mixture-latents": "a model of the mixtures' latents",
    "msldm-band-beside-band": "`band`",
}
"""Bands that runs/msldm_generation.sh compares, by the names of its reports."""

Report = dict[str, Any]


def report(name: str) -> Report | None:
    """A report, where it was made."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def cell(entry: Report) -> str:
    """value [low, high]."""
    return "–" if entry["status"] != "ok" else f"{entry['value']:.1f} [{entry['low']:.1f}, {entry['high']:.1f}]"


def separations() -> Iterator[str]:
    """Active-only SI-SDRi of the published sets that were measured."""
    found = {name: made for name in ("test-a", "test-b", "test-c", "test-d") if (made := report(f"separation-{name}"))}
    stems = next(iter(found.values()))["stems"]
    yield f"| active-only SI-SDRi, dB | {' | '.join(stems)} | mean |"
    yield "|---|" + "---|" * (len(stems) + 1)
    for name, made in found.items():
        for row in ("masked", "direct", "oracle", "silence"):
            yield f"| {name}, {row} | {' | '.join(map(cell, made['rows'][row]['metrics']['si_sdri'].values()))} |"
    yield ""
    for name, made in found.items():
        yield f"{name}: {made['songs']} songs, {made['seconds'] / 60:.0f} minutes; {settings(made)}."
    yield "Intervals: 95 %, by song. Test-a has the instruments of the training songs, test-b others of the same fonts;"
    yield "test-c and test-d other fonts."


def settings(found: Report) -> str:
    """How a report's separation was made."""
    sampling = found["sampling"]
    return f"{found['likelihood']}, {sampling['steps']} × {sampling['solver']}, {found['precision']} on {found['device']}"


def rules() -> Iterator[str]:
    """Likelihoods against evaluations: the means over stems of a grid of likelihood × steps."""
    found = report("likelihoods")
    if found is None:
        return
    steps = found["vary"]["steps"]
    for table in found["tables"]:
        mean = table["columns"].index("mean")
        means = iter(row["cells"][mean] for row in table["rows"])
        yield f"| {table['title']}: mean active-only SI-SDRi, dB; evaluations: | " + " | ".join(map(str, steps)) + " |"
        yield "|---|" + "---|" * len(steps)
        for rule in found["vary"]["likelihood"]:
            yield f"| {rule} | " + " | ".join(cell(next(means)) for _ in steps) + " |"
        yield ""
    churn = ", ".join(f"{value:g}" for value in found["vary"]["churn"])
    yield f"{found['data']['songs']} songs of 12 s; Euler, churn {churn}; 95 % intervals by song. By `{found['command']}`."


def contexts() -> Iterator[str]:
    """Whether accompaniment hears its context."""
    found = report("context-drums")
    if found is None:
        return
    how = found["sampling"]
    yield f"Pieces of {found['seconds']:.0f} s, {how['steps']} × {how['solver']}. *own*: played against the stem given;"
    yield "*swapped*: against that of another song."
    yield ""
    yield "| given | correlation | own | swapped | own is better | sign test, p |"
    yield "|---|---|---|---|---|---|"
    for given in ("drums", "bass"):
        if found := report(f"context-{given}"):
            for measure, verdict in found["verdicts"].items():
                own, swapped = (f"{verdict[key]['value']:.3f}" for key in ("own", "swapped"))
                better = f"{verdict['better']} of {len(found['pairs'])}"
                yield f"| {given} | {measure} | {own} | {swapped} | {better} | {verdict['p']:.2g} |"


def told() -> Iterator[str]:
    """A model of text taking songs apart, beside `band`; what it finds of sounds that are not there."""
    found = {name: made for name in TOLD if (made := report(f"gmsdi-band-{name}"))}
    if not found:
        return
    any_of = next(iter(found.values()))
    yield f"| active-only SI-SDRi, dB | {' | '.join(any_of['stems'])} | mean |"
    yield "|---|" + "---|" * (len(any_of["stems"]) + 1)
    for name, made in found.items():
        for row in ("masked", "direct"):
            yield f"| {TOLD[name]}, {row} | {' | '.join(map(cell, made['rows'][row]['metrics']['si_sdri'].values()))} |"
    yield ""
    splits = ", ".join(any_of["data"]["splits"])
    yield f"{splits}: {any_of['songs']} songs, {any_of['seconds'] / 60:.0f} minutes; 95 % intervals by song."


def absent() -> Iterator[str]:
    """How loud the answer is where a prompt's sound was taken out of the song."""
    found = report("gmsdi-band-absent")
    if found is None:
        return
    ghosts = table(found, "Ghosts in songs without the instrument")
    yield "| dB relative to the song | " + " | ".join(row["name"] for row in ghosts["rows"]) + " |"
    yield "|---|" + "---|" * len(ghosts["rows"])
    for place, name in enumerate(ghosts["columns"][:2]):
        yield f"| {name} | " + " | ".join(f"{row['cells'][place]['value']:.1f}" for row in ghosts["rows"]) + " |"


def together() -> Iterator[str]:
    """Are stems made together, by each coupling, more coherent than drawn one by one from the same prompts and seeds?

    Also how alike their waveforms are, which coherence must not come from, and how far they are from real songs.
    """
    found = {name: made for name in COUPLINGS if (made := report(f"gmsdi-band-total-{name}"))}
    if not found:
        return
    yield "| coupling | harmony more coherent than drawn one by one | rhythm | waveforms alike | KAD × 100 to real songs |"
    yield "|---|---|---|---|---|"
    alike, distance = "Do the stems belong together", "Distance to real songs (log-mel statistics)"
    for name, made in found.items():
        better = [
            "–" if count["value"] is None else f"{count['value']} (p {p['value']})"
            for row in table(made, "More coherent than beside")["rows"]
            for count, p in [row["cells"][3:5]]
        ]
        rest = (first(made, alike, "waveforms alike, generated"), first(made, distance, "generated"))
        yield f"| `{name}` | {' | '.join([*better, *rest])} |"
    last = next(reversed(found.values()))
    yield f"| real songs | – | – | {first(last, alike, 'waveforms alike, real')} | {first(last, distance, 'real, shuffled')} |"


def first(found: Report, title: str, name: str) -> str:
    """What stands first in a row of one of a report's tables."""
    return short(of(found, title, name, table(found, title)["columns"][0]))


def of(found: Report, title: str, name: str, column: str) -> Report:
    """A cell of one of a report's tables; an empty one where there is no such table, row or column."""
    for one in found["tables"]:
        for row in one["rows"]:
            if one["title"] == title and row["name"] == name and column in one["columns"]:
                cell: Report = row["cells"][one["columns"].index(column)]
                return cell
    return {"value": None, "status": "skipped"}


def short(entry: Report) -> str:
    """A value with two digits."""
    return "–" if entry["value"] is None else f"{entry['value']:.2f}"


def partial() -> Iterator[str]:
    """Does what plays along with given drums hear them? By each coupling, and by a model that hears stems."""
    names = {f"gmsdi-band-partial-{name}": f"`{name}`" for name in COUPLINGS} | {"gmsdi-band-partial-beside-band": "`band`"}
    found = {what: made for name, what in names.items() if (made := report(name))}
    if not found:
        return
    yield "| beside given drums | rhythm with them | with a stranger's | p | waveforms alike | mix: KAD × 100 to the original |"
    yield "|---|---|---|---|---|---|"
    fits, distance = "Do new stems fit what was given", "Distance to the original songs"
    belong = "Do new stems belong to what was given"
    for what, made in found.items():
        own, other = (short(of(made, fits, "drums", f"onset, {whose}")) for whose in ("own", "another's"))
        p, alike = of(made, fits, "drums", "onset, p")["value"], short(of(made, belong, "drums", "waveforms alike, new"))
        yield f"| {what} | {own} | {other} | {p} | {alike} | {short(of(made, distance, 'drums', 'KAD, given + new'))} |"
    last = next(reversed(found.values()))
    alike, alone = of(last, belong, "drums", "waveforms alike, original"), of(last, distance, "drums", "KAD, given alone")
    yield f"| the original stems | – | – | – | {short(alike)} | – |"
    yield f"| nothing | – | – | – | – | {short(alone)} |"
    yield ""
    yield f"{last['data']['songs']} songs, {last['seconds']:.0f} s of each; correlations of onsets."


def more_sources() -> Iterator[str]:
    """What becomes of more sources."""
    found = report("gmsdi-band-sources")
    if found is None:
        return
    (made,) = found["tables"]
    yield f"| coupling | {' | '.join(made['columns'][:1] + made['columns'][2:])} |"
    yield "|---|" + "---|" * (len(made["columns"]) - 1)
    for row in made["rows"]:
        coupling, count = row["name"].rsplit("-", 1)
        yield f"| `{coupling}` | {count} | {' | '.join(short(entry) for entry in row['cells'][2:])} |"


def invented() -> Iterator[str]:
    """Bands over latents beside others: how far from real songs, silent, noisy, and whether stems belong together."""
    found = {what: made for name, what in INVENTED.items() if (made := report(name))}
    if not found:
        return
    yield "| total generation by | KAD × 100 | at one loudness | silent stems | noise | rhythm's gap | harmony's gap |"
    yield "|---|---|---|---|---|---|---|"
    near = "Distance to real songs (log-mel statistics{})"
    for what, made in found.items():
        distances = (first(made, near.format(how), "generated") for how in ("", " at -23 LUFS"))
        rates = (of(made, "Silent and noisy stems", f"generated, {kind}", "mean") for kind in ("silent", "noise"))
        yield f"| {what} | {' | '.join([*distances, *map(share, rates), *gaps(made)])} |"
    last = next(iter(found.values()))
    rates = (of(last, "Silent and noisy stems", f"real, {kind}", "mean") for kind in ("silent", "noise"))
    distances = (first(last, near.format(how), "real, shuffled") for how in ("", " at -23 LUFS"))
    yield f"| real songs | {' | '.join([*distances, *map(share, rates), '1.00', '1.00'])} |"
    yield ""
    yield f"Takes of {last['seconds']:.0f} s beside {last['data']['songs']} songs. *gap*: how coherent, 0 as stems of"
    yield "different takes and 1 as real stems of one song."


def gaps(found: Report) -> Iterator[str]:
    """Of rhythm and of harmony, each with its p."""
    for kind in ("rhythm (onsets)", "harmony (chroma)"):
        gap, p = (of(found, "Do the stems belong together", f"{kind}, generated", column) for column in ("gap", "p"))
        yield "–" if gap["value"] is None else f"{gap['value']:.2f} (p {p['value']})"


def codecs() -> Iterator[str]:
    """How well codecs keep single stems."""
    found = report("msldm-band-codec")
    if found is None:
        return
    yield f"| codec | measure | {' | '.join(found['tables'][0]['columns'])} |"
    yield "|---|---|" + "---|" * len(found["tables"][0]["columns"])
    for one in found["tables"]:
        measure = one["title"].removeprefix("Codecs: ")
        for row in one["rows"]:
            yield f"| {row['name']} | {measure} | {' | '.join(short(entry) for entry in row['cells'])} |"


def single() -> Iterator[str]:
    """Stems drawn one by one, with and without negative prompts: how silent they are, and how near to their own kind."""
    made = [(what, report(f"gmsdi-band-single-{name}")) for name, what in SINGLE.items()]
    found = {what: one for what, one in made if one}
    if not found:
        return
    last = next(reversed(found.values()))
    yield f"| | | {' | '.join(last['stems'])} |"
    yield "|---|---|" + "---|" * len(last["stems"])
    for what, one in found.items():
        silent = next(row for row in table(one, "Silent and noisy stems")["rows"] if row["name"] == "generated, silent")
        yield f"| {what} | silent | {' | '.join(map(share, silent['cells'][: len(one['stems'])]))} |"
        yield f"| {what} | nearest to their kind | {' | '.join(recognised(one, 'generated'))} |"
        distances = (first(one, "Distance to real songs (log-mel statistics)", f"generated {stem}") for stem in one["stems"])
        yield f"| {what} | KAD × 100 to real ones | {' | '.join(distances)} |"
    yield f"| real ones | nearest to their kind | {' | '.join(recognised(last, 'real'))} |"


def recognised(found: Report, kind: str) -> Iterator[str]:
    """Of each stem's sounds, how many are nearest to real ones of it."""
    nearest = {row["name"]: row["cells"] for row in table(found, "Nearest stem (log-mel statistics at -23 LUFS)")["rows"]}
    return (share(nearest[f"{kind} {stem}"][place]) for place, stem in enumerate(found["stems"]))


def share(entry: Report) -> str:
    """In percent."""
    return "–" if entry["value"] is None else f"{100 * entry['value']:.0f} %"


def table(found: Report, title: str) -> Report:
    """One of a report's tables."""
    named: Report = next(one for one in found["tables"] if one["title"] == title)
    return named


def speed(name: str) -> Iterator[str]:
    """Time and memory of `separate`, and of making music, as a report of that name has them."""
    found = report(name)
    if found is None:
        return
    yield "| `separate`, stereo at 44.1 kHz, files included | seconds | × real time | peak memory, MB |"
    yield "|---|---|---|---|"
    for row in found["tables"][0]["rows"]:
        seconds, times, peak, _ = (entry["value"] for entry in row["cells"])
        yield f"| {row['name']} | {seconds:.1f} | {times:.1f} | {peak:.0f} |"
    yield ""
    yield f"{threads(found)}; × real time of {pace(found)}."


def side_by_side(name: str, rival: str) -> Iterator[str]:
    """How fast two models make music, from the reports of one run."""
    found, other = report(name), report(rival)
    if found and other:
        yield f"{threads(found)}; × real time of {pace(found)};"
        yield f"`{other['model']['name']}`: {pace(other)}."


def threads(found: Report) -> str:
    """Of the machine, and what it gave."""
    count, rate = found["machine"]["threads"], found["matmul_gflops_float32"]
    return f"{count} threads, whose float32 matrix products ran at {rate:.0f} GFLOP/s in the same run"


def pace(found: Report) -> str:
    """× real time of each way to make music."""
    return ", ".join(f"`{row['name']}` {row['cells'][1]['value']:.1f}" for row in found["tables"][2]["rows"])


def readme_block() -> str:
    """The README's figures."""
    parts = {
        "**Separation** by `band`, `runs/separation.sh`:": separations(),
        "**The same network through the paper's rules**, `runs/likelihoods.sh`:": rules(),
        "**Songs taken apart by names**, `runs/gmsdi_separation.sh`:": told(),
        "**Asked for a sound that was taken out of the song**, the same, masked:": absent(),
        "**Stems that `gmsdi-band` makes together**, `runs/gmsdi_generation.sh`:": together(),
        "**Stems that `gmsdi-band` makes one by one**, the same:": single(),
        "**Stems that `gmsdi-band` plays along**, the same:": partial(),
        "**Two to eight sources**, `runs/gmsdi_sources.sh`:": more_sources(),
        "**Music over latents**, `runs/msldm_generation.sh`:": invented(),
        "**What a codec keeps of single stems**, `runs/msldm_codec.sh`:": codecs(),
        "**Accompaniment by `band` hears its context**, `runs/accompaniment.sh`:": contexts(),
        "**Speed and memory** of `band`, `runs/speed.sh`:": speed("speed"),
        "**Speed and memory** of `gmsdi-band`, `runs/gmsdi_speed.sh`:": speed("gmsdi-band-speed"),
        "**Speed** of `msldm-band`, `runs/msldm_speed.sh`:": side_by_side("msldm-band-speed", "msldm-band-speed-beside-band"),
    }
    return "\n\n".join(title + "\n\n" + ("\n".join(lines) or "Not measured yet.") for title, lines in parts.items())


def main() -> None:
    """Put them between their marks."""
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{readme_block()}\n{END}{rest.split(END)[1]}")
    print("wrote the figures in README.md")


if __name__ == "__main__":
    main()
