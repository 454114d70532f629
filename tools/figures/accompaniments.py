"""What plays along."""

from collections.abc import Iterator

from figures.reports import dated, of, report, short

OTHERS = {
    "msldm-band-partial": "`msldm-band`, learned",
    "msldm-band-partial-beside-band": "`band`, learned",
    "gmsdi-band-partial-beside-band": "`band`, replacement",
}
"""What else is given the same drums, by the names of their reports."""


def partial(*couplings: str) -> Iterator[str]:
    """Does what plays along with given drums hear them? By these couplings, and by models that hear stems."""
    names = {f"gmsdi-band-partial-{name}": f"`gmsdi-band`, {name}" for name in couplings} | OTHERS
    found = {what: made for name, what in names.items() if (made := report(name))}
    if not found:
        return
    yield "| beside given drums | rhythm with them | with a stranger's | p | waveforms alike | mix: KAD × 100 to the original |"
    yield "|---|---|---|---|---|---|"
    fits, distance = "Do new stems fit what was given", "Distance to the original songs"
    belong = "Do new stems belong to what was given"
    for name, made in found.items():
        what = dated(name, made)
        own, other = (short(of(made, fits, "drums", f"onset, {whose}")) for whose in ("own", "another's"))
        p, alike = of(made, fits, "drums", "onset, p")["value"], short(of(made, belong, "drums", "waveforms alike, new"))
        yield f"| {what} | {own} | {other} | {p} | {alike} | {short(of(made, distance, 'drums', 'KAD, given + new'))} |"
    last = next(reversed(found.values()))
    alike, alone = of(last, belong, "drums", "waveforms alike, original"), of(last, distance, "drums", "KAD, given alone")
    yield f"| the original stems | – | – | – | {short(alike)} | – |"
    yield f"| nothing | – | – | – | – | {short(alone)} |"
    yield ""
    yield f"{last['data']['songs']} songs, {last['seconds']:.0f} s of each; correlations of onsets, p by Holm's rule."


def contexts(name: str) -> Iterator[str]:
    """Whether accompaniment hears its context, by the reports NAME-drums and NAME-bass."""
    found = report(f"{name}-drums")
    if found is None:
        return
    how = found["sampling"]
    yield f"Pieces of {found['seconds']:.0f} s, {how['steps']} × {how['solver']}. *own*: played against the stem given;"
    yield "*swapped*: against that of another song."
    yield ""
    yield "| given | correlation | own | swapped | own is better | sign test, p |"
    yield "|---|---|---|---|---|---|"
    for given in ("drums", "bass"):
        if found := report(f"{name}-{given}"):
            for measure, verdict in found["verdicts"].items():
                own, swapped = (f"{verdict[key]['value']:.3f}" for key in ("own", "swapped"))
                better = f"{verdict['better']} of {len(found['pairs'])}"
                yield f"| {dated(given, found)} | {measure} | {own} | {swapped} | {better} | {verdict['p']:.2g} |"
