import os
import sys

import pytest

from stemweave.errors import OutputError
from stemweave.evaluation.measures.process import cost


def python(code, *arguments):
    return cost([sys.executable, "-c", code, *map(str, arguments)])


def test_time_is_from_start_to_end():
    assert 0.5 <= python("import time; time.sleep(0.5)").seconds < 5


def test_peak_memory_is_the_commands_own_in_megabytes():
    held = b"x" * 150_000_000  # of this process, which does not count
    small, large = python("pass"), python("b'x' * 200_000_000")
    assert small.peak < 100 < len(held) / 1e6
    assert large.peak - small.peak == pytest.approx(200, abs=5)


def test_what_the_command_says_is_not_heard():
    assert python("print('{} Hello')").seconds > 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys; print('10 %\\r20 %', file=sys.stderr); sys.exit('no space')", "ended with status 1: no space$"),
        ("import sys; sys.exit(3)", "ended with status 3: it said nothing$"),
        ("import os; os.kill(os.getpid(), 9)", "ended with status 137: it said nothing$"),
    ],
)
def test_a_command_that_fails_is_named_with_its_last_words(code, message):
    with pytest.raises(OutputError, match=message):
        python(code)


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(OutputError, match=r"^surely-not-a-command ended with status 1: FileNotFoundError"):
        cost(["surely-not-a-command"])


def test_stopping_stops_the_command_too(tmp_path):
    place = tmp_path / "process"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); os.kill(int(sys.argv[2]), 2); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        python(code, place, os.getpid())
    with pytest.raises(ProcessLookupError):
        os.kill(int(place.read_text()), 0)
