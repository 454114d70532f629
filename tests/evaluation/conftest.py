import numpy as np
import pytest
import soundfile

from stemweave.data.tracks import track

RATE = 22050
NAMES = ("bass", "drums", "piano")


@pytest.fixture
def songs(tmp_path):
    """Three songs of 6, 9 and 13 s of three noises at known levels; the second has a silent piano."""
    made = []
    for number, seconds in enumerate((6, 9, 13)):
        rng = np.random.default_rng(number)
        stems = {}
        for stem, name in enumerate(NAMES):
            path = tmp_path / f"song{number}" / f"{name}.wav"
            path.parent.mkdir(exist_ok=True)
            if (number, name) == (1, "piano"):
                stems[name] = ()
                continue
            audio = rng.standard_normal(seconds * RATE) * 0.1 / (stem + 1)
            soundfile.write(path, audio, RATE, subtype="FLOAT")
            stems[name] = (path,)
        made.append(track(f"song{number}", stems))
    return made
