"""The three jobs in five lines, on the example song: python examples/five_lines.py OUT"""

import sys
from pathlib import Path

import stemweave as sw

song = Path(__file__).parent / "song"
out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("five_lines")

model = sw.load()
band = model.generate(seconds=3, seed=7)
more = model.accompany({"drums": song / "drums.flac"}, seed=7)
stems = model.separate(sw.Stems.read(song).mixture, rate=sw.Stems.read(song).rate, seed=7)

band.write(out / "band")
more.write(out / "more")
stems.write(out / "stems")
