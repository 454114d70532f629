import io
import tarfile
from collections import Counter

import numpy as np
import pytest
import soundfile
import torch

from stemweave.data.jamendo import member, open_jamendo, read_table, worded
from stemweave.data.texted import Windows
from stemweave.errors import DataError

HEADER = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS"


def tone(hertz, frames=11025, rate=22050):
    """An MP3 of one sine, as bytes."""
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * hertz * np.arange(frames) / rate), rate, format="MP3")
    return file.getvalue()


def write_tar(folder, shard, members):
    path = folder / f"raw_30s_audio-low-{shard:02d}.tar"
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def row(number, *tags, seconds=0.5):
    shard = f"{number % 100:02d}"
    return "\t".join([f"track_{number:07d}", "artist_000001", "album_000002", f"{shard}/{number}.mp3", str(seconds), *tags])


def write_table(folder, *rows):
    path = folder / "autotagging.tsv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


@pytest.fixture
def corpus(tmp_path):
    """Two tar files of train and one of validation; track 301 has no tags and 401 is not in the table."""
    write_tar(tmp_path, 0, {"00/100.low.mp3": tone(500)})
    write_tar(tmp_path, 1, {f"01/{number}.low.mp3": tone(1000) for number in (101, 201, 301, 401)})
    write_tar(tmp_path, 99, {"99/199.low.mp3": tone(2000)})
    rows = [
        row(100, "genre---hiphop", "instrument---electricguitar", "mood/theme---happy"),
        row(101, "instrument---piano"),
        row(201, "genre---rock"),
        row(301),
        row(502, "genre---in a tar file that is not here"),
        row(199, "genre---jazz"),
    ]
    return tmp_path, write_table(tmp_path, *rows)


def take(recordings, count=40, length=2000, rate=22050):
    rng, windows = np.random.default_rng(0), Windows(recordings, length, rate)
    return [windows(rng) for _ in range(count)]


def pitch(audio, rate):
    return float(torch.fft.rfft(audio[0]).abs().argmax()) * rate / audio.shape[1]


def test_windows_are_of_the_track_that_their_tags_belong_to(corpus):
    words = set()
    for audio, rate, text in take(open_jamendo(*corpus)):
        assert (audio.dtype, audio.shape, rate) == (torch.float32, (1, 2000), 22050)
        lone = text in ("piano", "rock")
        assert pitch(audio, rate) == pytest.approx(1000 if lone else 500, abs=12)
        words |= set(text.split(", "))
    assert words == {"hip hop", "electric guitar", "happy", "piano", "rock"}


def test_the_rate_asked_for_is_the_rate_given(corpus):
    for audio, rate, _ in take(open_jamendo(*corpus, "validation"), 3, rate=16000):
        assert rate == 16000
        assert pitch(audio, rate) == pytest.approx(2000, abs=12)


def test_the_splits_are_the_papers(corpus):
    assert [recording.name for recording in open_jamendo(*corpus)] == ["100", "101", "201"]
    assert [recording.name for recording in open_jamendo(*corpus, "validation")] == ["199"]
    folder, _ = corpus
    for shard in (97, 98):
        write_tar(folder, shard, {f"{shard}/{shard}.low.mp3": tone(500)})
    table = write_table(folder, row(97, "genre---a"), row(98, "genre---b"))
    assert [recording.name for recording in open_jamendo(folder, table)] == ["97"]
    assert [recording.name for recording in open_jamendo(folder, table, "validation")] == ["98"]


def test_windows_are_the_samples_that_decoding_from_the_start_gives(tmp_path):
    content = tone(500, 22050 * 4)
    tar = write_tar(tmp_path, 7, {"07/107.low.mp3": content})
    whole, _ = soundfile.read(io.BytesIO(content), dtype="float32")
    for start in (0, 5000, 40000, 60001):
        with member(tar, 107) as sound:
            assert np.abs(sound.read(start, start + 2000)[0].numpy() - whole[start : start + 2000]).max() < 1e-3


def test_nothing_is_unpacked(corpus):
    folder, _ = corpus
    before = sorted(folder.rglob("*"))
    take(open_jamendo(*corpus), 5)
    assert sorted(folder.rglob("*")) == before


def test_tags_are_shuffled_and_dropped_but_never_all():
    rng = np.random.default_rng(2)
    drawn = Counter(worded(("a", "b"), 0.5, rng) for _ in range(4000))
    expected = {"a": 0.375, "b": 0.375, "a, b": 0.125, "b, a": 0.125}
    assert {text: count / 4000 for text, count in drawn.items()} == pytest.approx(expected, abs=0.03)
    assert {worded(("a", "b"), 1.0, rng) for _ in range(50)} == {"a", "b"}
    assert {worded(("a", "b"), 0.0, rng) for _ in range(50)} == {"a, b", "b, a"}


def test_a_table_has_any_number_of_tag_columns(corpus):
    _, table = corpus
    rows = read_table(table)
    assert (rows[0].id, rows[0].shard, rows[0].tags) == (100, 0, ("hip hop", "electric guitar", "happy"))
    assert [len(each.tags) for each in rows] == [3, 1, 1, 0, 1, 1]


def one_line(message, call, *arguments):
    with pytest.raises(DataError, match=message) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)


def test_a_missing_or_foreign_table_ends_in_one_line(corpus):
    folder, table = corpus
    one_line(r"nowhere\.tsv cannot be read", open_jamendo, folder, folder / "nowhere.tsv")
    for content in ("", "id\tpath\n1\t2\n"):
        table.write_text(content)
        one_line("is not a table of MTG-Jamendo", open_jamendo, folder, table)
    for line in ("track_1", row(100).replace("00/100.mp3", "../100.mp3"), row(100, "piano"), row(100, "---piano")):
        write_table(folder, row(101), line)
        one_line(r"autotagging\.tsv, line 3: expected", open_jamendo, folder, table)


def test_a_split_that_is_unknown_or_not_there_ends_in_one_line(corpus):
    folder, table = corpus
    one_line("no split 'test', it has train, validation", open_jamendo, folder, table, "test")
    (folder / "raw_30s_audio-low-99.tar").unlink()
    one_line(r"holds no raw_30s_audio-low-NN\.tar of the split validation", open_jamendo, folder, table, "validation")
    write_table(folder, row(301))
    one_line("has no tagged track of the 2 tar files", open_jamendo, folder, table)


def spoiled(folder, content):
    """The recordings of a tar file of one member."""
    write_tar(folder, 5, {"05/105.low.mp3": content})
    for shard in (0, 1):
        (folder / f"raw_30s_audio-low-{shard:02d}.tar").unlink()
    return open_jamendo(folder, write_table(folder, row(105, "genre---rock")))


def test_a_corrupt_member_ends_in_one_line(corpus):
    recordings = spoiled(corpus[0], b"\0" * 5000)
    one_line(r"low-05\.tar: 105\.low\.mp3 is not sound or damaged", take, recordings, 1)


def test_a_member_cut_short_ends_in_one_line(corpus):
    whole = tone(500, 44100)
    recordings = spoiled(corpus[0], whole[: len(whole) // 4])
    one_line(r"105\.low\.mp3 has no samples, or none that are finite, at", take, recordings, 20)


def test_a_track_that_the_tar_file_lacks_ends_in_one_line(corpus):
    folder, _ = corpus
    table = write_table(folder, row(901, "genre---rock"))
    one_line(r"low-01\.tar has no track 901\.low\.mp3", take, open_jamendo(folder, table), 1)


@pytest.mark.parametrize("spoil", [lambda content: b"x" * 3000, lambda content: content[:-12000]])
def test_a_damaged_tar_file_ends_in_one_line(corpus, spoil):
    folder, table = corpus
    path = folder / "raw_30s_audio-low-99.tar"
    path.write_bytes(spoil(path.read_bytes()))
    one_line(r"low-99\.tar is damaged or not a tar file", take, open_jamendo(folder, table, "validation"), 1)
