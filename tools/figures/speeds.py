"""Time and memory."""

from collections.abc import Iterator

from figures.reports import Report, dated, report


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
    yield f"{dated(threads(found), found)}; × real time of {pace(found)}."


def side_by_side(name: str, rival: str) -> Iterator[str]:
    """How fast two models make music, from the reports of one run."""
    found, other = report(name), report(f"{name}-beside-{rival}")
    if found and other:
        yield f"{threads(found)}; × real time of {dated(pace(found), found)};"
        yield f"`{other['model']['name']}`: {dated(pace(other), other)}."


def threads(found: Report) -> str:
    """Of the machine, and what it gave."""
    count, rate = found["machine"]["threads"], found["matmul_gflops_float32"]
    return f"{count} threads, whose float32 matrix products ran at {rate:.0f} GFLOP/s in the same run"


def pace(found: Report) -> str:
    """× real time of each way to make music, and how much of it was made."""
    ways = ", ".join(f"`{row['name']}` {row['cells'][1]['value']:.1f}" for row in found["tables"][2]["rows"])
    return f"{ways} ({found['seconds']:.0f} s of music)"
