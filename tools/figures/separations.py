"""Songs taken apart: by `band`, by its likelihoods, by names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from figures.reports import Report, cell, dated, report, table
from stemweave.band.presets import PRESETS

SETS = tuple(name for name in PRESETS if name.startswith("test-"))
"""The published sets to measure on, test-a first."""

TOLD = {
    "gmsdi-band-expected": "`gmsdi-band`, expected spectra",
    "gmsdi-band-dirac": "`gmsdi-band`, separator",
    "gmsdi-band-extractor": "`gmsdi-band`, extractor",
    "gmsdi-band-ensemble": "`gmsdi-band`, ensemble",
    "gmsdi-band-beside-band-learned": "`band`, learned",
    "gmsdi-band-beside-band-dirac": "`band`, Dirac",
}
"""The rules that runs/gmsdi_separation.sh compares, by the names of its reports."""

ANOTHER = {
    "gmsdi-unet-band-dirac": "`gmsdi-unet-band`, separator",
    "gmsdi-unet-band-extractor": "`gmsdi-unet-band`, extractor",
    "gmsdi-unet-band-ensemble": "`gmsdi-unet-band`, ensemble",
    "gmsdi-unet-band-beside-gmsdi-band-ensemble": "`gmsdi-band`, ensemble",
}
"""The same rules on another network, and the embedded one on the same songs."""


def separations(*rows: str) -> Iterator[str]:
    """Active-only SI-SDRi of the published sets that were measured: masked, direct, oracle, silence."""
    yield from of_sets({name: report(f"separation-{name}") for name in SETS}, rows)
    yield "Intervals: 95 %, by song. Test-a has the instruments of the training songs, test-b others of the same fonts,"
    yield "test-c and test-d other fonts; test-e notes that people wrote."


def told_elsewhere(*rows: str) -> Iterator[str]:
    """The same of a model of text by expected spectra, where its training heard other sounds."""
    yield from of_sets({name: report(f"gmsdi-band-expected-{name}") for name in SETS[1:]}, rows)


def of_sets(reports: Mapping[str, Report | None], rows: Sequence[str]) -> Iterator[str]:
    """Reports on published sets, as far as they were made."""
    found = {name: made for name, made in reports.items() if made}
    yield from improvements((dated(f"{name}, {row}", made), made, row) for name, made in found.items() for row in rows)
    for name, made in found.items():
        yield f"{name}: {made['songs']} songs, {made['seconds'] / 60:.0f} minutes; {settings(made)}."


def improvements(lines: Iterable[tuple[str, Report, str]]) -> Iterator[str]:
    """A table of what rows of reports on the same stems gave, each as (name, report, row)."""
    for number, (name, made, row) in enumerate(lines):
        if number == 0:
            yield f"| active-only SI-SDRi, dB | {' | '.join(made['stems'])} | mean |"
            yield "|---|" + "---|" * (len(made["stems"]) + 1)
        yield f"| {name} | {' | '.join(map(cell, made['rows'][row]['metrics']['si_sdri'].values()))} |"
    yield ""


def settings(found: Report) -> str:
    """How a report's separation was made."""
    sampling = found["sampling"]
    return f"{found['likelihood']}, {sampling['steps']} × {sampling['solver']}, {found['precision']} on {found['device']}"


PRIORS = {
    "joint": "joint",
    "shuffled": "joint, trained on stems of different songs",
    "independent": "independent",
    "joint*independent": "the product of joint and independent",
}
"""What runs/priors.sh compares, by the names of its models."""


def over_latents() -> Iterator[str]:
    """A prior over latents that add up and the waveform model `band` as separators: the means over stems."""
    found = report("msldm-band-separation")
    if found is None:
        return
    yield f"| prior | likelihood | churn | {' | '.join(kind(one) for one in found['tables'])} |"
    yield "|---|---|---|" + "---|" * len(found["tables"])
    varied = found["vary"]
    for place, rule, churn in product(varied["model"], varied["likelihood"], varied["churn"]):
        means = (mean_of(one, rule, f"churn {churn:g}", place) for one in found["tables"])
        yield f"| `{found['models'][place]['name']}` | {rule} | {churn:g} | {' | '.join(map(cell, means))} |"
    yield ""
    (steps,) = varied["steps"]
    songs = f"{found['data']['songs']} songs of 12 s"
    yield f"{songs}; active-only SI-SDRi, dB, mean over stems; {steps} steps of Euler; 95 % intervals by song."


def by_priors() -> Iterator[str]:
    """Joint and independent priors of waveforms as separators: the means over stems."""
    found = report("priors-separation")
    if found is None:
        return
    places = found["vary"]["model"]
    rules = [(rule, one) for rule in found["vary"]["likelihood"] for one in found["tables"]]
    yield f"| prior | {' | '.join(f'{rule}, {kind(one)}' for rule, one in rules)} |"
    yield "|---|" + "---|" * len(rules)
    for place in places:
        means = (mean_of(one, rule, place) for rule, one in rules)
        yield f"| {PRIORS[found['models'][place]['name']]} | {' | '.join(map(cell, means))} |"
    yield ""
    (steps,) = found["vary"]["steps"]
    songs = f"{found['data']['songs']} songs of 12 s"
    yield f"{songs}; active-only SI-SDRi, dB, mean over stems; {steps} steps of Euler, no churn; 95 % intervals by song."


def kind(one: Report) -> str:
    """Of which signals a table of separations is: direct, masked."""
    return str(one["title"]).removeprefix("Separation, ")


def mean_of(one: Report, *values: object) -> Report:
    """The mean over stems of a grid's row of these values."""
    (row,) = [row for row in one["rows"] if set(map(str, values)) <= set(row["name"].split(", "))]
    mean: Report = row["cells"][one["columns"].index("mean")]
    return mean


def rules() -> Iterator[str]:
    """Likelihoods against evaluations: the means over stems of a grid of likelihood × steps."""
    found = report("likelihoods")
    if found is None:
        return
    steps = found["vary"]["steps"]
    for one in found["tables"]:
        mean = one["columns"].index("mean")
        means = iter(row["cells"][mean] for row in one["rows"])
        yield f"| {one['title']}: mean active-only SI-SDRi, dB; evaluations: | " + " | ".join(map(str, steps)) + " |"
        yield "|---|" + "---|" * len(steps)
        for rule in found["vary"]["likelihood"]:
            yield f"| {rule} | " + " | ".join(cell(next(means)) for _ in steps) + " |"
        yield ""
    churn = ", ".join(f"{value:g}" for value in found["vary"]["churn"])
    songs = dated(f"{found['data']['songs']} songs of 12 s", found)
    yield f"{songs}; Euler, churn {churn}; 95 % intervals by song. By `{found['command']}`."


def told(*rows: str) -> Iterator[str]:
    """A model of text taking songs apart, beside `band`: masked, direct."""
    return beside(TOLD, rows)


def another(*rows: str) -> Iterator[str]:
    """A model of text of another architecture doing so: masked, direct."""
    return beside(ANOTHER, rows)


def beside(names: Mapping[str, str], rows: Sequence[str]) -> Iterator[str]:
    """Separations of the same songs."""
    found = {called: made for name, called in names.items() if (made := report(name))}
    if not found:
        return
    any_of = next(iter(found.values()))
    yield from improvements((dated(f"{name}, {row}", made), made, row) for name, made in found.items() for row in rows)
    splits = ", ".join(any_of["data"]["splits"])
    yield f"{splits}: {any_of['songs']} songs, {any_of['seconds'] / 60:.1f} minutes; 95 % intervals by song."


def absent() -> Iterator[str]:
    """How loud the answer is where a prompt's sound was taken out of the song."""
    found = report("gmsdi-band-absent")
    if found is None:
        return
    ghosts = table(found, "Ghosts in songs without the instrument")
    yield f"| {dated('dB relative to the song', found)} | " + " | ".join(row["name"] for row in ghosts["rows"]) + " |"
    yield "|---|" + "---|" * len(ghosts["rows"])
    for place, name in enumerate(ghosts["columns"][:2]):
        yield f"| {name} | " + " | ".join(f"{row['cells'][place]['value']:.1f}" for row in ghosts["rows"]) + " |"
