"""`w2v2 transcribe`: what is printed, written and said, with a recogniser that understands tones."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from pipeline import cli
from tests.tone_release import long_speech, tones_of, write_tone_release


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_tone_release(tmp_path_factory.mktemp("tones") / "onnx")


@pytest.fixture
def call(capsys, release):
    """Runs `w2v2 transcribe` in this process; returns exit code, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            cli.main(["transcribe", "--model", str(release), *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def sounds(tmp_path):
    """A folder of recordings, with what is no recording beside them."""
    root = tmp_path / "talks"
    (root / "b").mkdir(parents=True)
    soundfile.write(root / "b" / "dog.flac", tones_of("A DOG"), 16_000)
    soundfile.write(root / "cat.WAV", tones_of("THE CAT"), 16_000)
    soundfile.write(root / "a.ogg", np.zeros(32_000), 16_000, format="OGG", subtype="VORBIS")
    (root / "notes.txt").write_text("not sound")
    (root / "._cat.wav").write_text("what a Mac leaves behind")
    (root / ".trash").mkdir()
    soundfile.write(root / ".trash" / "old.wav", tones_of("OLD"), 16_000)
    return root


def hearing(release):
    return f"Hearing with onnxruntime in float32: {release}\n"


def test_one_sound_gives_its_text_alone(call, sounds, release):
    assert call(sounds / "cat.WAV") == (0, "THE CAT\n", hearing(release))


def test_a_folder_is_gone_through_and_counted(call, sounds, release):
    code, out, err = call(sounds)
    assert code == 0
    assert out == f"{sounds}/a.ogg\t\n{sounds}/cat.WAV\tTHE CAT\n{sounds}/b/dog.flac\tA DOG\n"
    assert err == f"{sounds} holds 3 sound files.\n{hearing(release)}"


def test_a_bad_sound_does_not_keep_the_others_back(call, sounds, release):
    (sounds / "empty").mkdir()
    code, out, err = call(sounds / "notes.txt", sounds / "empty", sounds / "cat.WAV", "nowhere.wav")
    assert (code, out) == (3, f"{sounds}/cat.WAV\tTHE CAT\n")
    told = " ".join(err.split())
    assert "notes.txt must be a file of sound that can be decoded: Format not recognised." in told
    assert "A folder must hold files that end in .aac, .aif, .aiff," in told
    assert f"and {sounds}/empty holds none; name another." in told
    assert "nowhere.wav must be a file that can be read: No such file or directory." in told


def test_a_name_that_is_no_utf8_is_shown_and_written(call, sounds, tmp_path):
    (sounds / "b" / "dog.flac").rename(os.fsdecode(os.fsencode(sounds / "b") + b"/\xff\tdog.flac"))
    assert call(sounds / "b")[:2] == (0, f"{sounds}/b/\ufffd\ufffddog.flac\tA DOG\n")
    code, out, _ = call(sounds / "b", "--format", "json", "--json", "--output", tmp_path / "texts")
    (told,) = json.loads(out)["transcriptions"]
    assert (code, told["audio"], told["text"]) == (0, f"{sounds}/b/\ufffd\ufffddog.flac", "A DOG")
    (written,) = (tmp_path / "texts").iterdir()
    assert os.fsencode(written.name) == b"\xff\tdog.json"
    assert json.loads(written.read_text())["text"] == "A DOG"


def test_a_folder_that_cannot_be_read_is_named(call, sounds, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path) == str(sounds / "b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    code, out, err = call(sounds)
    assert (code, out) == (3, f"{sounds}/a.ogg\t\n{sounds}/cat.WAV\tTHE CAT\n")
    assert f"{sounds}/b must be a folder that can be read: Permission denied." in " ".join(err.split())


def test_sound_of_a_kind_that_cannot_be_read_is_named_and_not_passed_over(call, sounds):
    (sounds / "b" / "talk.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    code, out, err = call(sounds / "b")
    assert (code, out) == (3, f"{sounds}/b/dog.flac\tA DOG\n")
    assert f"{sounds}/b holds 2 sound files." in err
    assert "talk.m4a must be a file of sound that can be decoded" in " ".join(err.split())


def test_json_is_one_document_and_nothing_else(call, sounds, release):
    code, out, err = call("--json", sounds / "notes.txt", sounds / "cat.WAV")
    assert (code, err) == (3, "")
    document = json.loads(out)
    bad, good = document.pop("transcriptions")
    assert document == {"model": str(release), "runtime": "onnxruntime", "precision": "float32"}
    assert bad.keys() == {"audio", "error"}
    assert (good["audio"], good["text"], good["duration_seconds"]) == (f"{sounds}/cat.WAV", "THE CAT", 0.84)
    first, second = good["words"]
    assert (first["text"], first["start_seconds"], first["end_seconds"]) == ("THE", 0.0, pytest.approx(0.32, abs=0.03))
    assert (second["text"], second["start_seconds"]) == ("CAT", pytest.approx(0.48, abs=0.03))
    assert 0.5 < first["confidence"] <= 1.0
    assert call("--format", "json", sounds / "notes.txt", sounds / "cat.WAV")[1].count('"words"') == 1


def test_subtitles_are_printed(call, sounds):
    assert call("--format", "srt", sounds / "cat.WAV")[1] == "1\n00:00:00,000 --> 00:00:01,000\nTHE CAT\n"
    assert call("--format", "vtt", sounds / "cat.WAV")[1] == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nTHE CAT\n"
    assert call("--format", "vtt", sounds / "a.ogg")[1] == "WEBVTT\n"


def test_a_file_for_each_recording(call, sounds, tmp_path, release):
    (sounds / "cat.flac").write_bytes((sounds / "b" / "dog.flac").read_bytes())
    output = tmp_path / "texts"
    code, out, _ = call("--format", "srt", "--output", output, sounds)
    assert code == 0
    assert out.splitlines()[0] == f"{sounds}/a.ogg\t{output}/a.srt"
    written = {str(path.relative_to(output)): path.read_text() for path in output.rglob("*") if path.is_file()}
    assert set(written) == {"a.srt", "cat.WAV.srt", "cat.flac.srt", "b/dog.srt"}
    assert written["a.srt"] == ""
    assert written["b/dog.srt"].endswith("\nA DOG\n")
    code, out, _ = call("--json", "--output", output, sounds / "cat.WAV")
    assert json.loads(out)["transcriptions"][0]["file"] == f"{output}/cat.txt"
    assert (output / "cat.txt").read_text() == "THE CAT\n"
    call("--format", "json", "--output", output, sounds / "cat.WAV")
    document = json.loads((output / "cat.json").read_text())
    assert (document["text"], document["model"], document["audio"]) == ("THE CAT", str(release), f"{sounds}/cat.WAV")


def test_a_file_that_cannot_be_written_ends_in_a_sentence(call, sounds, tmp_path):
    (tmp_path / "texts").write_text("in the way")
    code, out, err = call("--output", tmp_path / "texts", sounds / "cat.WAV")
    assert (code, out) == (2, "")
    assert "texts cannot be used: " in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "doc", "cat.WAV"), "--format must be one of text, json, srt, vtt, not 'doc'."),
        (("--format", "srt", "."), "prints the subtitles of one recording, and 3 are named; add --output DIR"),
        (("--format", "srt", "--json", "cat.WAV"), "--json prints one JSON document, and --format srt asks for"),
        (("--output", "o", "cat.WAV", "b/../cat.WAV"), "Each recording must have a file of its own below --output"),
        (("--runtime", "tflite", "cat.WAV"), "--runtime must be one of auto, onnxruntime, openvino, not 'tflite'."),
        (("--precision", "int8", "cat.WAV"), "--precision int8 needs onnx/model_quantized.onnx, and"),
        (("-", "-"), "Standard input (-) can be transcribed once, and is named twice; name it once."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_heard(call, sounds, monkeypatch, arguments, message):
    monkeypatch.chdir(sounds)
    monkeypatch.setattr("sys.stdin", standard_input(b"sound"))
    code, out, err = call(*arguments)
    if "--json" in arguments:
        err = json.loads(out)["error"]
    else:
        assert out == ""
    assert code == 2
    assert message in " ".join(err.split())


def standard_input(content):
    return io.TextIOWrapper(io.BytesIO(content))


@pytest.mark.parametrize("options", [{"format": "WAV"}, {"format": "FLAC"}, {"format": "OGG", "subtype": "VORBIS"}])
def test_standard_input_is_heard(call, monkeypatch, options):
    buffer = io.BytesIO()
    soundfile.write(buffer, long_speech(40, 5)[0], 16_000, **options)
    monkeypatch.setattr("sys.stdin", standard_input(buffer.getvalue()))
    assert call("-")[:2] == (0, long_speech(40, 5)[1] + "\n")


@pytest.mark.parametrize("what", ["a terminal", "closed"])
def test_standard_input_that_cannot_be_piped(call, monkeypatch, what):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr("sys.stdin", Terminal() if what == "a terminal" else None)
    code, out, err = call("-")
    assert (code, out) == (2, "")
    assert f"Standard input must be sound, and is {what}; pipe a file into it" in " ".join(err.split())


def test_standard_input_is_not_waited_for_where_there_is_no_model(tmp_path, capsys, monkeypatch):
    class Slow(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            raise AssertionError("nobody asks for it")

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(Slow())))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        cli.main(["transcribe", "-", "--workspace", str(tmp_path / "w")])
    assert ended.value.code == 2
    assert "No model has been released in" in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.glob("w2v2-*")) == [], "no temporary file is left"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Standard input must hold sound, and is empty; pipe WAV, FLAC, OGG or MP3 into it."),
        (b"a letter", "Standard input must be a file of sound that can be decoded"),
    ],
)
def test_standard_input_that_is_no_sound(call, monkeypatch, content, message):
    monkeypatch.setattr("sys.stdin", standard_input(content))
    code, out, err = call("-")
    assert (code, out) == (3, "")
    assert message in " ".join(err.split())


def test_the_newest_release_of_the_workspace_is_taken(release, sounds, tmp_path, capsys):
    for name in ("old", "new"):
        folder = tmp_path / "w" / "releases" / name / "onnx"
        folder.mkdir(parents=True)
        (folder / "3").symlink_to(release)
        (folder / "latest").write_text("3\n")
    os.utime(tmp_path / "w" / "releases" / "old" / "onnx" / "latest", (1, 1))
    with pytest.raises(SystemExit):
        cli.main(["transcribe", str(sounds / "cat.WAV"), "--json", "--workspace", str(tmp_path / "w")])
    model = json.loads(capsys.readouterr().out)["model"]
    assert model == str(tmp_path / "w" / "releases" / "new" / "onnx" / "3")


def test_as_a_process_without_tensorflow(release, sounds):
    code = (
        "import sys; from pipeline.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'tensorflow', 'keras', 'torch', 'tfx', 'apache_beam'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, "transcribe", str(sounds), "--model", str(release), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 3
    assert done.stderr == f"{sounds} holds 3 sound files.\n{hearing(release)}"
