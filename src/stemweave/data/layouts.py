"""Which tracks a folder holds: MSDM's layout and our band's, Slakh2100, MUSDB18-HQ, MoisesDB, any folder of stems.

A track is a folder with ``metadata.yaml`` (Slakh2100), with ``data.json`` (MoisesDB) or with sound files named after
stems (``<track>/<stem>.wav``: MSDM, our band, MUSDB18-HQ, your own); or it is the files ``<track>_<stem>.wav`` of one
folder; or, as MSDM ships its data, ``<stem>_22050/<split>/<track>.wav``. A parent folder called train..., val... or
test... is the split. Nothing is downloaded.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from stemweave.audio.formats import SUFFIXES
from stemweave.data.tracks import Track, highest_rate, track
from stemweave.errors import DataError, MissingExtra

SLAKH = ("bass", "drums", "guitar", "piano")
MOISES = (
    *("vocals", "bass", "drums", "other", "guitar", "other_plucked", "percussion", "piano"),
    *("other_keys", "bowed_strings", "wind"),
)
MIXES = {"mix", "mixture", "master", "song", "residual", "instrumental", "accompaniment", "no_vocals", "linear_mixture"}
ALIASES = {
    "bass": {"bass", "bass_guitar", "electric_bass", "double_bass", "bassline"},
    "drums": {"drums", "drum", "drumkit", "drum_kit", "kit", "beat"},
    "guitar": {"guitar", "guitars", "gtr", "electric_guitar", "acoustic_guitar", "lead_guitar", "rhythm_guitar"},
    "piano": {"piano", "pianos", "keys", "keyboard", "keyboards"},
    "vocals": {"vocals", "vocal", "vox", "voice", "voices", "singing"},
    "other": {"other", "others", "rest"},
}
NAMES = {alias: stem for stem, aliases in ALIASES.items() for alias in aliases} | {name: name for name in MOISES}
SPLIT = re.compile(r"(train|val|test)[\w-]*$", re.IGNORECASE)
NUMBERED = re.compile(r"[ _-]*\d+$")
SLAKH_TRACK = re.compile(r"Track(\d{5})$")
MUSDB_VALIDATION = {
    "Actions - One Minute Smile",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Johnny Lokke - Promises & Lies",
    "Patrick Talbot - A Reason To Leave",
    "Triviul - Angelsaint",
    "Alexander Ross - Goodbye Bolero",
    "Fergessen - Nos Palpitants",
    "Leaf - Summerghost",
    "Skelpolu - Human Mistakes",
    "Young Griffo - Pennies",
    "ANiMAL - Rockshow",
    "James May - On The Line",
    "Meaxic - Take A Step",
    "Traffic Experiment - Sirens",
}
"""The tracks of MUSDB18's train folder that its own tools hold out for validation."""


@dataclass(frozen=True)
class Corpus(Sequence[Track]):
    """The tracks of a folder; a track's headers are read when it is asked for."""

    root: Path
    entries: tuple[tuple[str, str, Callable[[], Track]], ...]
    """(id, split, read the track)."""

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        """The track at ``index``, or the corpus of a slice."""
        if isinstance(index, slice):
            return Corpus(self.root, self.entries[index])
        return self.entries[index][2]()

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits in order; "" where a track is in none."""
        return tuple(dict.fromkeys(split for _, split, _ in self.entries))

    def split(self, name: str) -> "Corpus":
        """The tracks of one split; :class:`DataError` if there are none."""
        entries = tuple(entry for entry in self.entries if entry[1] == name)
        if not entries:
            raise DataError(f"{self.root} has no split {name!r}, it has {', '.join(map(repr, self.splits))}")
        return Corpus(self.root, entries)


def open_corpus(root: Path, stems: Iterable[str] = ()) -> Corpus:
    """Find the tracks under ``root``; ``stems`` are recognised beside the usual names of stems.

    Raises :class:`DataError` if ``root`` is missing or holds no track.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder, expected a folder of tracks")
    names = NAMES | {stem: stem for stem in stems}
    entries = tuple(_by_stem(root, names)) or tuple(_find(root, root, names))
    if not entries:
        raise DataError(f"{root} holds no tracks, expected <track>/<stem>.wav, <track>_<stem>.wav or a known corpus")
    return Corpus(root, entries)


def _find(root: Path, folder: Path, names: Mapping[str, str]) -> Iterator[tuple[str, str, Callable[[], Track]]]:
    read = _reader(folder, names)
    if read:
        name, split = _place(root, folder)
        yield name, split, partial(read, name=name, split=split)
        return
    for name, stems in _loose(folder, names).items():
        prefix, split = _place(root, folder / name)
        yield prefix, split, partial(track, prefix, stems, split)
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith(".") and child.name != "omitted":
            yield from _find(root, child, names)


def _place(root: Path, folder: Path) -> tuple[str, str]:
    """A track's id, its path under ``root`` without the split, and its split."""
    parts = folder.relative_to(root).parts or (folder.resolve().name,)
    split = next((part for part in parts[:-1] if SPLIT.match(part)), "")
    name = "/".join(part for part in parts if part != split)
    if not split and (slakh := SLAKH_TRACK.match(parts[-1])) and (folder / "metadata.yaml").is_file():
        split = _slakh_split(int(slakh[1]))
    return name, "validation" if split == "train" and parts[-1] in MUSDB_VALIDATION else split


def _slakh_split(number: int) -> str:
    return "train" if number <= 1500 else "validation" if number <= 1875 else "test"


def _reader(folder: Path, names: Mapping[str, str]) -> Callable[..., Track] | None:
    if (folder / "metadata.yaml").is_file():
        return partial(_described, slakh_track, folder)
    if (folder / "data.json").is_file():
        return partial(_described, moises_track, folder)
    if any(_stem_of(path, names) in names.values() for path in _sounds(folder)) or _band(folder):
        return partial(stems_track, folder, names=names)
    return None


def _described(read: Callable[..., Track], folder: Path, name: str, split: str) -> Track:
    try:
        return read(folder, name, split)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder}: its metadata is not as its corpus describes it ({error!r})") from error


def stems_track(folder: Path, name: str, split: str = "", names: Mapping[str, str] = NAMES) -> Track:
    """``<track>/<stem>.wav``: MSDM's layout, our band's (``track.json``), MUSDB18-HQ, or anybody's.

    A stem without a file is silent if ``track.json`` says so or the folder is called TrackXXXXX as in MSDM's and
    Slakh's data, where the four stems are the whole song; else it is unknown.
    """
    info = _json(folder / "track.json") if (folder / "track.json").is_file() else {}
    closed = SLAKH if SLAKH_TRACK.match(folder.name) else ()
    silent = dict.fromkeys((*closed, *_absent(info)), ())
    return track(name, silent | _gather(folder, names), split, str(info.get("style", "")))


def slakh_track(folder: Path, name: str, split: str = "") -> Track:
    """Slakh2100 as published: ``metadata.yaml`` names each source's class; sources of one class are added.

    Classes other than bass, drums, guitar and piano are dropped, so the mixture is the sum of the four, not mix.flac.
    """
    stems: dict[str, tuple[Path, ...]] = dict.fromkeys(SLAKH, ())
    for source, entry in _yaml(folder / "metadata.yaml").get("stems", {}).items():
        path = _inside(folder, "stems", f"{source}.flac")
        stem = "drums" if entry.get("is_drum") else str(entry.get("inst_class", "")).lower()
        if stem in stems and entry.get("audio_rendered", path.is_file()):
            stems[stem] += (path,)
    return track(name, stems, split)


def moises_track(folder: Path, name: str, split: str = "") -> Track:
    """MoisesDB: ``data.json`` lists the files of its eleven stems; rates and lengths may differ between files."""
    info = _json(folder / "data.json")
    stems: dict[str, tuple[Path, ...]] = dict.fromkeys(MOISES, ())
    for stem in info.get("stems", []):
        files = tuple(_inside(folder, stem["stemName"], f"{source['id']}.{source['extension']}") for source in stem["tracks"])
        stems[stem["stemName"]] = stems.get(stem["stemName"], ()) + files
    return track(name, stems, split, str(info.get("genre", "")), highest_rate)


def _sounds(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))


def _stem_of(path: Path, names: Mapping[str, str]) -> str:
    """The stem a file is named after: "Electric Guitar 2.wav" is guitar; a name of its own if it is none we know."""
    name = re.sub(r"[ -]+", "_", path.stem.strip().lower())
    return names.get(name) or names.get(NUMBERED.sub("", name)) or name


def _gather(folder: Path, names: Mapping[str, str]) -> dict[str, tuple[Path, ...]]:
    stems: dict[str, tuple[Path, ...]] = {}
    for path in _sounds(folder):
        stem = _stem_of(path, names)
        if any(path.stem == other.stem for other in stems.get(stem, ())):
            raise DataError(f"{folder} holds {path.stem!r} in two formats, expected one; remove one of them")
        if stem not in MIXES:
            stems[stem] = (*stems.get(stem, ()), path)
    return stems


def _loose(folder: Path, names: Mapping[str, str]) -> dict[str, dict[str, tuple[Path, ...]]]:
    """The tracks of a folder of ``<track>_<stem>.wav`` files."""
    tracks: dict[str, dict[str, tuple[Path, ...]]] = {}
    for path in _sounds(folder):
        name, _, stem = path.stem.rpartition("_")
        if name and stem.lower() in names:
            stems = tracks.setdefault(name, {})
            stem = names[stem.lower()]
            stems[stem] = (*stems.get(stem, ()), path)
    return tracks


def _by_stem(root: Path, names: Mapping[str, str]) -> Iterator[tuple[str, str, Callable[[], Track]]]:
    """``<stem>_22050/<split>/<track>.wav``, as MSDM ships its data; a missing file is silence."""
    roots = {names[p.name.rpartition("_")[0]]: p for p in root.glob("*_*") if p.name.rpartition("_")[0] in names}
    roots = {stem: p for stem, p in roots.items() if p.is_dir() and p.name.rpartition("_")[2].isdigit()}
    places = sorted({f.relative_to(p).with_suffix("") for p in roots.values() for f in p.glob("*/*.wav")})
    for place in places:
        files = {stem: (p / place).with_name(place.name + ".wav") for stem, p in roots.items()}
        stems = {stem: (path,) if path.is_file() else () for stem, path in files.items()}
        split = place.parent.as_posix()
        yield place.name, split, partial(track, place.name, stems, split)


def _band(folder: Path) -> bool:
    return (folder / "track.json").is_file()


def _absent(info: Mapping[str, Any]) -> list[str]:
    return [stem for stem, entry in info.get("stems", {}).items() if not entry.get("present", True)]


def _inside(folder: Path, *names: str) -> Path:
    """``folder`` / ``names``; :class:`DataError` if a name from metadata is absolute or climbs out of the folder."""
    for name in names:
        paths = (PurePosixPath(name), PureWindowsPath(name))
        if any(p.is_absolute() or p.drive or p.root or ".." in p.parts for p in paths):
            raise DataError(f"{folder}: its metadata points outside the folder ({name!r}); do not trust this corpus")
    return folder.joinpath(*names)


def _json(path: Path) -> dict[str, Any]:
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    return _mapping(path, info)


def _yaml(path: Path) -> dict[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("Slakh2100's metadata.yaml needs PyYAML: pip install pyyaml") from error
    try:
        info = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise DataError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    return _mapping(path, info)


def _mapping(path: Path, info: object) -> dict[str, Any]:
    if not isinstance(info, dict):
        raise DataError(f"{path} holds a {type(info).__name__}, expected a mapping")
    return info
