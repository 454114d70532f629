"""From an exported training run to a codec that ships: measures the statistics of its latents and whether they add up.

    python tools/finish_codec.py .work/models/sourcevae-band --data .work/cache/train -o codec/
    python tools/finish_codec.py bass=.work/models/bass drums=.work/models/drums --data .work/cache/train -o codec/

The second form joins codecs trained on one stem each into a codec with a VAE for each of these stems.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from stemweave.audio.files import refuse_existing
from stemweave.data.crops import FixedCrops
from stemweave.data.shards import Cache
from stemweave.errors import StemweaveError, UsageError
from stemweave.evaluation.protocols.latents import LINEAR, Measured, finish
from stemweave.model.checkpoint import least_precision, load_codec, save
from stemweave.model.codec import Codec, joined


def codec_of(words: Sequence[str], name: str) -> Codec:
    """One codec by its folder or hub id, or several joined by the stems that they are given for. Raises UsageError for both."""
    pairs = [(stem, place) for stem, _, place in (word.partition("=") for word in words) if place]
    if not pairs and len(words) == 1:
        return load_codec(words[0])
    if len(pairs) != len(words) or len(dict(pairs)) != len(words):
        raise UsageError(f"got {' '.join(words)}; expected one codec, or several as STEM=FOLDER with different stems")
    return joined(name, {stem: load_codec(place) for stem, place in pairs})


def described(codec: Codec, found: Measured, threshold: float) -> str:
    """What was measured, and what was made of it, in lines."""
    each, measured, errors = codec.config.stems or ("every stem",), found.statistics, found.additivity
    lines = [
        f"{name}: std of latents {std.min():.3g} to {std.max():.3g}, mean {mean.abs().max():.3g} at most, {count} frames"
        for name, std, mean, count in zip(each, measured.std, measured.mean, measured.frames, strict=True)
    ]
    if errors:
        lines.append(f"additivity error of {errors.pairs} pairs: encoder {errors.encoder:.3f}, decoder {errors.decoder:.3f}")
        lines.append(f"linear: {'yes' if codec.config.linear else 'no'} (neither above {threshold:g})")
    else:
        lines.append("additivity: skipped (no two stems that sound at once through one VAE); linear: no")
    return "\n".join(lines)


def main() -> int:
    """Finish one codec."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec", nargs="+", help="its folder or hub id, or several as STEM=FOLDER")
    parser.add_argument("--data", type=Path, required=True, help="cache of audio to measure on, best of training songs")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the finished codec")
    parser.add_argument("--songs", type=int, default=100, help="how many, evenly spread (default: 100)")
    parser.add_argument("--linear-below", type=float, default=LINEAR, help=f"largest additivity error ({LINEAR})")
    parser.add_argument("--compand", type=float, default=0.0, help="draw in what is above so many std, unless it is linear")
    parser.add_argument("--trained-on", default="")
    parser.add_argument("--overwrite", action="store_true", help="replace the codec that is there")
    asked = parser.parse_args()
    torch.set_grad_enabled(False)
    try:
        if asked.songs < 1:
            raise UsageError(f"--songs is {asked.songs}, expected 1 or more")
        refuse_existing(asked.output, asked.overwrite)
        cache, codec = Cache.open(asked.data), codec_of(asked.codec, asked.output.absolute().name)
        tracks = np.unique(np.linspace(0, len(cache.tracks) - 1, asked.songs).round().astype(int)).tolist()
        crops = FixedCrops(cache, 4 * cache.rate, len(tracks))
        with tqdm(tracks, unit="song") as watched:
            found = finish(codec, cache, watched, (crops[n] for n in range(len(crops))), asked.linear_below, asked.compand)
        if asked.trained_on:
            codec.config = dataclasses.replace(codec.config, trained_on=asked.trained_on)
        save(codec, asked.output, overwrite=asked.overwrite, precision=least_precision(codec))
    except StemweaveError as error:
        print(f"finish_codec: {error}", file=sys.stderr)
        return 2
    print(described(codec, found, asked.linear_below))
    return 0


if __name__ == "__main__":
    sys.exit(main())
