"""Music that was invented: whole bands, stems one by one, many of them, through codecs."""

from collections.abc import Iterator, Mapping

from figures.reports import Report, cell, dated, first, of, report, share, short, spread, table
from stemweave.tasks.coupled import COUPLINGS

SINGLE = {
    "none-guidance-1": "no guidance",
    "none-guidance-3": "guidance 3",
    "paper-guidance-3": "guidance 3, the paper's negative prompts",
}
"""Single prompts of runs/gmsdi_generation.sh, by the names of its reports."""
RIVAL = "independent priors, which heard single stems"
"""What runs/priors.sh made, beside them."""

INVENTED = {
    "msldm-band-total": "`msldm-band`",
    "msldm-band-beside-vae-each": "the same over a VAE for each stem",
    "msldm-band-beside-independent-latents": "independent models of each stem's latents",
    "msldm-band-beside-mixture-latents": "a model of the mixtures' latents",
    "msldm-band-beside-band": "`band`",
}
"""Bands that runs/msldm_generation.sh compares, by the names of its reports."""

PRIORS = {
    "priors-generation-joint": "a joint prior",
    "priors-generation-shuffled": "the same, trained on stems of different songs",
    "priors-generation-independent": "independent priors",
}
"""Bands of runs/priors.sh, by the names of its reports."""


def together(model: str) -> Iterator[str]:
    """Are stems made together, by each coupling, more coherent than drawn one by one from the same prompts and seeds?

    Also how alike their waveforms are, which coherence must not come from, and how far they are from real songs.
    """
    found = {name: made for name in COUPLINGS if (made := report(f"{model}-total-{name}"))}
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
        yield f"| {dated(f'`{name}`', made)} | {' | '.join([*better, *rest])} |"
    last = next(reversed(found.values()))
    yield f"| real songs | – | – | {first(last, alike, 'waveforms alike, real')} | {first(last, distance, 'real, shuffled')} |"
    yield ""
    yield f"{last['made']['songs']} takes of {last['seconds']:.0f} s."


def single(model: str) -> Iterator[str]:
    """Stems drawn one by one, with and without negative prompts: how silent they are, and how near to their own kind."""
    made = [(what, report(f"{model}-single-{name}")) for name, what in SINGLE.items()]
    found = {dated(what, one): one for what, one in made if one}
    if not found:
        return
    if rival := report("priors-generation-independent"):
        found[RIVAL] = rival
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
    """Bands over latents beside others."""
    return compared(INVENTED)


def by_priors() -> Iterator[str]:
    """Bands of joint and independent priors of waveforms."""
    return compared(PRIORS)


def compared(names: Mapping[str, str]) -> Iterator[str]:
    """Bands: how far from real songs, silent, noisy, and whether stems belong together. By names of reports."""
    found = {what: made for name, what in names.items() if (made := report(name))}
    if not found:
        return
    yield "| total generation by | takes | KAD × 100 | at one loudness | silent stems | noise | rhythm's gap | harmony's gap |"
    yield "|---|---|---|---|---|---|---|---|"
    near = "Distance to real songs (log-mel statistics{})"
    for what, made in found.items():
        kads = [of(made, near.format(how), "generated", "KAD × 100") for how in ("", " at -23 LUFS")]
        rates = [share(of(made, "Silent and noisy stems", f"generated, {kind}", "mean")) for kind in ("silent", "noise")]
        if len(made["stems"]) == 1:  # of a mixture
            rates = ["–"] * 2
        yield f"| {dated(what, made)} | {kads[0]['n']} | {' | '.join([*map(spread, kads), *rates, *gaps(made)])} |"
    last = next(iter(found.values()))
    rates = (of(last, "Silent and noisy stems", f"real, {kind}", "mean") for kind in ("silent", "noise"))
    kads = [of(last, near.format(how), "real, shuffled", "KAD × 100") for how in ("", " at -23 LUFS")]
    yield f"| real songs | – | {' | '.join([*map(spread, kads), *map(share, rates), '1.00', '1.00'])} |"
    yield ""
    yield f"Takes of {last['seconds']:.0f} s beside {last['data']['songs']} songs. *gap*: how coherent, 0 as stems of"
    yield "different takes and 1 as real stems of one song; 95 % intervals."


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


def codecs_in_short() -> Iterator[str]:
    """The means over stems."""
    found = report("msldm-band-codec")
    if found is None:
        return
    yield f"| single stems through | {' | '.join(one['title'].removeprefix('Codecs: ') for one in found['tables'])} |"
    yield "|---|" + "---|" * len(found["tables"])
    for rows in zip(*(one["rows"] for one in found["tables"]), strict=True):
        yield f"| {rows[0]['name']} | {' | '.join(cell(row['cells'][-1]) for row in rows)} |"
