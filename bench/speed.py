"""How fast and how hungry `stemweave separate` is, beside this machine's own rate: writes docs/results/speed.json.

    python bench/speed.py [--model band] [--minutes 3 30] [-o docs/results/speed.json]

Each song is stereo at 44.1 kHz, made of noise bursts and tones; the command line runs in a process of its own, files included.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
import torch

RATE = 44100


def matmul_rate(size: int = 2048, repeats: int = 8) -> float:
    """This machine's float32 matrix products with torch's threads, GFLOP/s: the best of some."""
    a, b, best = torch.randn(size, size), torch.randn(size, size), 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best


def write_song(path: Path, minutes: float) -> None:
    """A stereo song, block by block."""
    rng, block = np.random.default_rng(0), RATE * 10
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for start in range(0, int(minutes * 60 * RATE), block):
            n = start + np.arange(min(block, int(minutes * 60 * RATE) - start))
            tone = 0.1 * np.sin(2 * np.pi * 110 * 2 ** ((n // RATE) % 12 / 12) * n / RATE)
            burst = 0.1 * rng.standard_normal(len(n)) * np.exp(-(n % (RATE // 2)) / 2000)
            file.write(np.stack([tone + burst, tone - 0.3 * burst], 1))


def separate(song: Path, out: Path, model: str) -> tuple[float, float]:
    """(seconds, peak memory in MB) of the command line in its own process."""
    command = [sys.executable, "-m", "stemweave", "separate", str(song), "-n", model, "-o", str(out), "--seed", "0", "--int24"]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measure(minutes: float, model: str) -> dict[str, float]:
    """One length."""
    with tempfile.TemporaryDirectory() as place:
        song = Path(place) / "song.wav"
        write_song(song, minutes)
        with get_context("spawn").Pool(1) as pool:  # a fresh parent each, since peak memory is the maximum over children
            seconds, peak = pool.apply(separate, (song, Path(place) / "out", model))
    return {"minutes": minutes, "seconds": seconds, "times_real_time": 60 * minutes / seconds, "peak_mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="band")
    parser.add_argument("--minutes", type=float, nargs="+", default=[3.0, 30.0])
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/results/speed.json"))
    asked = parser.parse_args()
    lengths = []
    for minutes in asked.minutes:
        lengths.append(measure(minutes, asked.model))
        print(
            "{minutes:g} min: {seconds:.1f} s, {times_real_time:.1f} × real time, peak {peak_mb:.0f} MB".format(**lengths[-1])
        )
    report = {
        "report": "speed",
        "command": "python bench/speed.py",
        "machine": {"processor": platform.processor() or platform.machine(), "threads": torch.get_num_threads()},
        "torch": torch.__version__,
        "matmul_gflops_float32": matmul_rate(),
        "lengths": lengths,
        "memory_ratio_longest_to_shortest": lengths[-1]["peak_mb"] / lengths[0]["peak_mb"],
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(report, indent=1) + "\n")
    print(f"memory ratio {report['memory_ratio_longest_to_shortest']:.3f}, {report['matmul_gflops_float32']:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
