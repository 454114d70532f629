"""What a command costs: its time and its peak memory, in a process of its own.

A process starts with the peak memory of the one that started it, so a large parent would be measured instead of the command.
Run as a module, this file is a small process in between: it starts the command, and says on stdout what that took.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from stemweave.errors import OutputError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Cost:
    """``seconds`` from start to end, and ``peak``, the most memory that was resident at once, in MB (10^6 bytes)."""

    seconds: float
    peak: float


def cost(command: Sequence[str]) -> Cost:
    """Run ``command`` to its end; where this process is stopped meanwhile, so is the command. Not on Windows.

    Raises :class:`OutputError` where the command fails, with the last line that it said.
    """
    between, pipe = [sys.executable, "-m", "stemweave.evaluation.measures.process", *command], subprocess.PIPE
    with subprocess.Popen(between, stdout=pipe, stderr=pipe, text=True, errors="replace", start_new_session=True) as process:
        try:
            told, said = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    if process.returncode:
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise OutputError(f"{shlex.join(command)} ended with status {process.returncode}: {last[0]}")
    return Cost(**json.loads(told))


def _main(command: Sequence[str]) -> int:
    import resource  # not on Windows

    signal.signal(signal.SIGTERM, lambda *_: None)  # the command hears it too, and is waited for
    start = time.perf_counter()
    status = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    seconds, unit = time.perf_counter() - start, 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / MEGABYTE
    json.dump({"seconds": seconds, "peak": peak}, sys.stdout)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
