import json
import math
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import torch

from stemweave.audio.files import read, write
from stemweave.audio.formats import FLAC16, MP3, OGG
from stemweave.audio.stemfiles import null_depth
from stemweave.audio.stems import Stems
from stemweave.cli.app import main

STEMS = ("bass", "drums", "guitar", "piano")


def test_stems_mix_and_manifest_appear_and_sum_to_the_song(run, song, tmp_path, manifest):
    status, out, err = run("separate", song, "--seed", 3)
    folder = tmp_path / "out" / "tiny" / "song"
    assert status == 0
    assert {path.name for path in folder.iterdir()} == {*(f"{name}.wav" for name in (*STEMS, "mix")), "manifest.json"}
    assert str(folder) in out
    assert "knows bass, drums, guitar, piano only: voices" in err
    assert "100%" in err
    files = [folder / f"{name}.wav" for name in STEMS]
    assert null_depth(files, song) <= -80
    assert soundfile.info(files[0]).subtype == "FLOAT"
    facts = manifest("song")
    assert facts["null_db"] == pytest.approx(null_depth(files, song), abs=0.01)
    assert (facts["rate"], facts["channels"], facts["samples"], facts["seed"]) == (44100, 2, 44101, 3)
    assert (facts["verb"], facts["settings"]["likelihood"], facts["settings"]["steps"]) == ("separate", "learned", 2)
    assert facts["inputs"]["song"]["path"] == str(song)
    assert len(facts["model"]["sha256"]) == len(facts["inputs"]["song"]["sha256"]) == 64
    assert facts["versions"].keys() >= {"stemweave", "torch", "soundfile"}
    assert facts["levels"]["mix"]["rms_dbfs"] == pytest.approx(-20, abs=0.2)
    assert facts["timings"]["seconds"] > 0
    assert (facts["device"], facts["gain"], facts["take"]) == ("cpu", 1.0, 0)


def test_quality_starts_from_the_best_settings(run, song, manifest):
    """The tiny model's own settings take two steps; its best, left as they are by default, one."""
    assert run("separate", song, "--seed", 3, "--quality", "best")[0] == 0
    assert manifest("song")["settings"]["steps"] == 1
    status, _, err = run("separate", song, "--seed", 3, "--quality", "fine")
    assert status == 2
    assert "'fine'" in err


@pytest.mark.parametrize(
    ("options", "subtype", "suffix", "limit"),
    [
        (["--int24"], "PCM_24", ".wav", -80),
        (["--float32"], "FLOAT", ".wav", -110),
        (["--int16"], "PCM_16", ".wav", -60),
        (["--format", "flac"], "PCM_24", ".flac", -80),
        (["--format", "ogg"], "VORBIS", ".ogg", 0),
        (["--format", "mp3"], "MPEG_LAYER_III", ".mp3", 0),
        (["--residual"], "FLOAT", ".wav", -110),
        (["--residual", "--direct", "--int24"], "PCM_24", ".wav", -80),
        (["--stems", "drums", "--residual"], "FLOAT", ".wav", -110),
        (["--likelihood", "dirac", "--anchor", "piano"], "FLOAT", ".wav", -110),
        (["--likelihood", "gaussian", "--steps", "2", "--solver", "heun"], "FLOAT", ".wav", -110),
        (["--likelihood", "even", "--steps", "1", "--churn", "1", "--resamples", "2"], "FLOAT", ".wav", -110),
        (["--likelihood", "posterior-mean", "--steps", "1"], "FLOAT", ".wav", -110),
    ],
)
def test_every_way_of_writing_and_of_hearing(run, song, tmp_path, manifest, options, subtype, suffix, limit):
    status, _, err = run("separate", song, *options)
    assert status == 0, err
    facts = manifest("song")
    folder = tmp_path / "out" / "tiny" / "song"
    parts = [folder / name for part, name in facts["files"].items() if part != "mix"]
    assert {path.suffix for path in parts} == {suffix}
    assert {soundfile.info(path).subtype for path in parts} == {subtype}
    assert null_depth(parts, song, facts["gain"]) <= limit
    assert ("residual" in facts["files"]) == ("--residual" in options)


def test_only_some_stems_leave_the_mix_whole(run, song, tmp_path, manifest):
    run("separate", song, "--stems", "piano,bass")
    facts = manifest("song")
    assert list(facts["files"]) == ["bass", "piano", "mix"]
    assert facts["null_db"] is None
    assert null_depth([tmp_path / "out" / "tiny" / "song" / "mix.wav"], song) <= -110


def test_direct_gives_the_model_s_own_signals(run, song, tmp_path):
    run("separate", song, "--direct")
    bass, _ = read(tmp_path / "out" / "tiny" / "song" / "bass.wav")
    assert torch.equal(bass[0], bass[1])
    spectrum = torch.fft.rfft(bass[0]).abs()
    assert spectrum[int(0.53 * len(spectrum)) :].max() < 0.02 * spectrum.max()


@pytest.mark.parametrize("rate", [8000, 11025, 48000, 192000])
@pytest.mark.parametrize("channels", [1, 3, 8])
def test_any_rate_and_number_of_channels(run, tmp_path, rate, channels):
    path = tmp_path / "x.wav"
    write(path, torch.randn(channels, rate // 4 + 1, generator=torch.Generator().manual_seed(0)) * 0.1, rate)
    assert run("separate", path)[0] == 0
    stems = Stems.read(tmp_path / "out" / "tiny" / "x")
    assert (stems.rate, stems.audio.shape) == (rate, (4, channels, rate // 4 + 1))
    song, _ = read(path)
    assert 10 * math.log10((stems.mixture - song).square().sum() / song.square().sum()) <= -80


@pytest.mark.parametrize("samples", [1, 2, 997])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_short_and_silent_songs(run, tmp_path, samples, level):
    path = tmp_path / "x.wav"
    write(path, torch.full((1, samples), level), 44100)
    assert run("separate", path)[0] == 0
    stems = Stems.read(tmp_path / "out" / "tiny" / "x")
    assert stems.audio.shape == (4, 1, samples)
    torch.testing.assert_close(stems.mixture, torch.full((1, samples), level), atol=1e-6, rtol=0)


def test_loud_songs_in_integers_get_one_gain(run, tmp_path, manifest):
    write(tmp_path / "x.wav", torch.randn(1, 20_000, generator=torch.Generator().manual_seed(0)) * 2, 44100)
    _, out, _ = run("separate", tmp_path / "x.wav", "--int24")
    facts = manifest("x")
    assert facts["gain"] < 1
    assert f"gain {facts['gain']:.3f}" in out
    assert facts["null_db"] <= -80
    assert facts["levels"]["mix"]["peak_dbfs"] == pytest.approx(0, abs=1e-4)


def test_other_file_formats_go_in(run, tmp_path, song):
    audio, _ = read(song)
    for name, encoding in (("a.flac", FLAC16), ("b.ogg", OGG), ("c.mp3", MP3)):
        write(tmp_path / name, audio, 44100, encoding)
    status, out, _ = run("separate", *(tmp_path / name for name in ("a.flac", "b.ogg", "c.mp3")), "--json")
    assert status == 0
    assert [facts["null_db"] <= -80 for facts in json.loads(out)] == [True] * 3


def test_files_of_another_rate_only_when_asked(run, tmp_path, song, manifest):
    run("separate", song, "--rate", 48000)
    stems = Stems.read(tmp_path / "out" / "tiny" / "song")
    assert (stems.rate, stems.audio.shape[-1]) == (48000, math.ceil(44101 * 48000 / 44100))
    assert manifest("song")["null_db"] is None


def test_the_same_seed_gives_the_same_bytes_whatever_the_neighbours(run, tmp_path, song):
    run("separate", song, "--seed", 5, "--likelihood", "dirac")
    first = (tmp_path / "out" / "tiny" / "song" / "bass.wav").read_bytes()
    other = tmp_path / "other.wav"
    write(other, torch.zeros(1, 3000), 22050)
    run("separate", other, song, "--seed", 5, "--likelihood", "dirac", "--overwrite", "-j", 2)
    again = read(tmp_path / "out" / "tiny" / "song" / "bass.wav")[0]
    (tmp_path / "first.wav").write_bytes(first)
    assert torch.equal(read(tmp_path / "first.wav")[0], again)


@pytest.fixture
def album(tmp_path):
    for name in ("one.wav", "disc/two.flac", "disc/deep/three.ogg", ".hidden/four.wav"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros((500, 1)), 22050)
    (tmp_path / "album" / "cover.txt").write_text("not a song")
    return tmp_path / "album"


def test_folders_are_mirrored(run, album, tmp_path):
    status, out, _ = run("separate", album, "-j", 2)
    assert status == 0
    assert len(out.splitlines()) == 3
    found = {path.parent.relative_to(tmp_path / "out" / "tiny").as_posix() for path in (tmp_path / "out").rglob("mix.wav")}
    assert found == {"one", "disc/two", "disc/deep/three"}


def test_patterns_are_expanded(run, album, tmp_path):
    assert run("separate", f"{album}/**/*.flac")[0] == 0
    assert (tmp_path / "out" / "tiny" / "disc" / "two" / "mix.wav").exists()
    assert not (tmp_path / "out" / "tiny" / "one").exists()


def test_results_inside_the_folder_are_not_songs(album, tiny_folder, capsys):
    arguments = ["separate", str(album), "-n", str(tiny_folder), "-o", str(album / "out"), "--skip-existing", "--json"]
    assert main(arguments) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == []
    assert "left out 3 of 3" in err


def test_existing_results_are_kept_replaced_or_left_out(run, refuse, song, tmp_path, manifest):
    run("separate", song, "--seed", 1, "--residual")
    folder = tmp_path / "out" / "tiny" / "song"
    (folder / "notes.txt").write_text("mine")
    before = (folder / "bass.wav").read_bytes()
    assert "exists already: use --overwrite, --skip-existing" in refuse("separate", song, "--seed", 2)
    assert (folder / "bass.wav").read_bytes() == before
    status, out, err = run("separate", song, "--seed", 2, "--skip-existing", "--json")
    assert (status, json.loads(out)) == (0, [])
    assert "left out 1 of 1" in err
    assert manifest("song")["seed"] == 1
    assert run("separate", song, "--seed", 2, "--overwrite")[0] == 0
    assert manifest("song")["seed"] == 2
    assert not (folder / "residual.wav").exists()
    assert (folder / "notes.txt").read_text() == "mine"


def test_some_fail_and_the_rest_is_done(run, album, tmp_path):
    (album / "broken.wav").write_bytes(b"RIFF")
    (album / "empty.wav").write_bytes(b"")
    status, out, err = run("separate", album)
    assert status == 1
    assert len(out.splitlines()) == 3
    lines = [line for line in err.splitlines() if line.startswith("stemweave: ")]
    assert any("empty.wav is empty" in line for line in lines)
    assert lines[-1] == "stemweave: 2 of 5 failed: broken, empty"
    assert not (tmp_path / "out" / "tiny" / "broken").exists()
    assert not list((tmp_path / "out").rglob("*.part"))


def test_no_model_setting_is_changed_in_silence(run, song):
    assert "not the model's own settings: steps 1 instead of 2" in run("separate", song, "--steps", 1)[2]


# --- bad input


def test_missing_empty_and_foreign_files(refuse, tmp_path):
    assert "does not exist" in refuse("separate", tmp_path / "no.wav")
    (tmp_path / "empty.wav").write_bytes(b"")
    assert "is empty" in refuse("separate", tmp_path / "empty.wav")
    (tmp_path / "letter.wav").write_bytes(b"dear sir or madam " * 50)
    assert "is not a sound file" in refuse("separate", tmp_path / "letter.wav")
    (tmp_path / "song.m4a").write_bytes(struct.pack(">I", 32) + b"ftypM4A " + bytes(50))
    assert "convert it first" in refuse("separate", tmp_path / "song.m4a")


def test_truncated_and_not_finite_files(refuse, song, tmp_path):
    (tmp_path / "cut.wav").write_bytes(song.read_bytes()[:-1000])
    assert "truncated" in refuse("separate", tmp_path / "cut.wav")
    samples = np.zeros(1000, dtype=np.float32)
    samples[500] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, 44100, subtype="FLOAT")
    assert "NaN" in refuse("separate", tmp_path / "nan.wav")


def test_empty_folders_and_patterns_without_matches(refuse, tmp_path):
    (tmp_path / "none").mkdir()
    assert "holds no songs" in refuse("separate", tmp_path / "none")
    assert "matches no songs" in refuse("separate", f"{tmp_path}/*.flac")


def test_two_songs_for_one_place(refuse, song):
    audio, rate = read(song)
    write(song.with_suffix(".flac"), audio, rate, FLAC16)
    assert "would both go to song" in refuse("separate", song.parent)


def test_a_song_named_twice_is_done_once(run, song):
    _, out, _ = run("separate", song, song)
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "0"], "--steps is 0, expected 1 to"),
        (["--steps", "many"], "Invalid value for '--steps'"),
        (["--solver", "rk4"], "--solver is 'rk4', expected one of euler, heun"),
        (["--churn", "-1"], "--churn is -1"),
        (["--churn", "nan"], "--churn is nan"),
        (["--resamples", "0"], "--resamples is 0"),
        (["--stems", "bass,vocals"], "--stems names 'vocals', but this model knows bass, drums"),
        (["--stems", "bass,bass"], "--stems names bass twice"),
        (["--stems", "bass,,drums"], "expected names with commas between"),
        (["--likelihood", "magic"], "--likelihood is 'magic', expected one of learned, dirac"),
        (["--anchor", "bass"], "--anchor goes with --likelihood dirac"),
        (["--likelihood", "dirac", "--anchor", "vocals"], "vocals"),
        (["--device", "abacus"], "abacus"),
        (["--int16", "--int24"], "--int16 and --int24 exclude each other"),
        (["--format", "mp3", "--int24"], "mp3 files have no --int24"),
        (["--format", "flac", "--float32"], "flac files have no --float32"),
        (["--format", "wma"], "wma"),
        (["--rate", "7"], "--rate is 7, expected 8000 to 192000 Hz"),
        (["--format", "mp3", "--rate", "96000"], "MP3 cannot hold 96000 Hz"),
        (["--overwrite", "--skip-existing"], "exclude each other"),
        (["--jobs", "0"], "--jobs is 0"),
        (["--seed", "-1"], "seed -1"),
        (["--loud"], "--loud"),
    ],
)
def test_refuses_in_one_line(refuse, song, options, message):
    assert message in refuse("separate", song, *options)


def test_formats_that_cannot_hold_the_song(refuse, tmp_path):
    write(tmp_path / "x.wav", torch.zeros(8, 100), 96000)
    assert "MP3 cannot hold 96000 Hz" in refuse("separate", tmp_path / "x.wav", "--format", "mp3")
    assert "MP3 cannot hold 8 channels" in refuse("separate", tmp_path / "x.wav", "--format", "mp3", "--rate", "48000")


def test_models_that_are_not_there_or_not_whole(refuse, song, tmp_path, tiny_folder):
    assert "no-such-model" in refuse("separate", song, model="no-such-model")
    (tmp_path / "bare").mkdir()
    assert "config.json" in refuse("separate", song, model=tmp_path / "bare")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
    assert "model.safetensors" in refuse("separate", song, model=broken)
    (broken / "model.safetensors").write_bytes((tiny_folder / "model.safetensors").read_bytes()[:1000])
    assert "model.safetensors" in refuse("separate", song, model=broken)
    torch.save({"a": torch.zeros(3)}, broken / "model.safetensors")
    assert "never loaded" in refuse("separate", song, model=broken)


def test_a_place_that_cannot_be_written(refuse, song, tmp_path):
    (tmp_path / "out").write_text("a file where the folder should go")
    assert "cannot be written" in refuse("separate", song)


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_leaves_nothing_half_done(run, album, tmp_path, monkeypatch, jobs):
    def interrupt(self, name):
        def show(event):
            raise KeyboardInterrupt

        return show

    monkeypatch.setattr("stemweave.cli.progress.Meter.watch", interrupt)
    status, out, err = run("separate", album, "-j", jobs)
    assert (status, out) == (130, "")
    assert err.strip().splitlines()[-1] == "stemweave: stopped; nothing was left half done"
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file() or ".part" in path.name]


@pytest.mark.slow
def test_memory_does_not_grow_with_length(tmp_path, tiny_folder):
    code = "import resource, sys; from stemweave.cli.app import main; status = main(sys.argv[1:]);"
    code += "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    peaks = []
    for seconds in (20, 120):
        write(tmp_path / f"{seconds}.wav", torch.randn(2, 8000 * seconds) * 0.1, 8000)
        words = ["separate", tmp_path / f"{seconds}.wav", "-n", tiny_folder, "-o", tmp_path / "out", "--residual", "--int24"]
        done = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
        status, peak = done.stdout.splitlines()[-1].split()
        assert status == "0"
        peaks.append(int(peak))
    assert peaks[1] <= 1.1 * peaks[0], peaks


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle_of_the_work_leaves_nothing(tmp_path, tiny_folder, song, number):
    words = ["separate", song, "-n", tiny_folder, "-o", tmp_path / "out", "--likelihood", "even", "--steps", "10000", "-j", "2"]
    job = subprocess.Popen([sys.executable, "-m", "stemweave", *map(str, words)], stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "out").rglob("*.wav.*.part")):
        assert job.poll() is None, job.stderr.read()
        time.sleep(0.05)
    job.send_signal(number)
    _, err = job.communicate(timeout=300)
    assert job.returncode == 130, err
    assert err.endswith("stemweave: stopped; nothing was left half done\n")
    assert list((tmp_path / "out").rglob("*")) == [tmp_path / "out" / "tiny"]
