"""What `--speech` may name, and which of it is taken."""

from pathlib import Path

import pytest

from model.errors import DataError, UsageError
from model.export.speech import Speech
from pipeline.export_speech import find_speech


@pytest.fixture
def folder(tmp_path):
    for name in ("anna/1.wav", "anna/2.FLAC", "bert/1.wav", "bert/notes.txt", ".hidden.wav"):
        (tmp_path / "speech" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "speech" / name).write_text("sound")
    return tmp_path / "speech"


def names(speech, folder):
    return [str(Path(path).relative_to(folder)) for path in speech.recordings]


def test_a_folder_gives_its_sound_files_in_an_order_of_its_own(folder):
    found = find_speech([folder], 9)
    assert sorted(names(found, folder)) == ["anna/1.wav", "anna/2.FLAC", "bert/1.wav"]
    assert found.records == ()
    assert find_speech([folder], 2).recordings == found.recordings[:2]


def test_an_order_by_hash_takes_of_every_speaker(tmp_path):
    for speaker in "abcd":
        for number in range(50):
            (tmp_path / speaker).mkdir(exist_ok=True)
            (tmp_path / speaker / f"{number}.wav").touch()
    chosen = names(find_speech([tmp_path], 40), tmp_path)
    assert {name[0] for name in chosen} == set("abcd")
    moved = tmp_path / "moved"
    moved.mkdir()
    for speaker in "abcd":
        (tmp_path / speaker).rename(moved / speaker)
    assert names(find_speech([moved], 40), moved) == chosen, "the place of the folder decides nothing"


def test_files_of_equal_names_in_two_folders_are_both_taken(folder):
    assert sorted(find_speech([folder / "anna", folder / "bert"], 9).recordings) == [
        str(folder / name) for name in ("anna/1.wav", "anna/2.FLAC", "bert/1.wav")
    ]
    assert find_speech([folder / "anna/1.wav"], 9) == Speech(recordings=(str(folder / "anna/1.wav"),))


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl", "NDJSON", "json", "txt"])
def test_a_manifest_needs_no_transcripts(folder, suffix):
    lines = ["audio", "anna/1.wav", "bert/1.wav"]
    if suffix == "csv":
        lines = ["speaker,audio", "anna,anna/1.wav", "bert,bert/1.wav"]
    if "json" in suffix.lower():
        lines = ['{"audio": "anna/1.wav"}', '{"audio": "bert/1.wav"}']
    manifest = folder / f"list.{suffix}"
    manifest.write_text("\n".join(lines) + "\n")
    assert sorted(names(find_speech([manifest], 9), folder)) == ["anna/1.wav", "bert/1.wav"]


def examples(root, *splits):
    for split in splits:
        (root / f"Split-{split}").mkdir(parents=True)
        (root / f"Split-{split}" / "data_tfrecord-00000-of-00001").touch()
    return root


@pytest.mark.parametrize(
    ("splits", "taken"),
    [(("test-a", "train", "validation"), ["validation"]), (("dev", "test-a", "train"), ["dev", "test-a"])],
)
def test_of_examples_what_was_not_trained_on_is_taken(tmp_path, splits, taken):
    root = examples(tmp_path / "examples", *splits)
    found = find_speech([root], 9)
    assert found.records == tuple(str(root / f"Split-{split}" / "data_tfrecord-00000-of-00001") for split in taken)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda root: root / "missing",
            UsageError,
            "--speech must be a sound file, a folder of such, .*missing does not",
        ),
        (lambda root: root, DataError, "A folder must hold files that end in .*, and .* holds none"),
        (lambda root: examples(root / "e", "train"), DataError, "in a split other than train, and it has train alone"),
        (
            lambda root: written(root / "m.tsv", ""),
            DataError,
            r"A manifest must hold a header and lines.*m\.tsv is empty",
        ),
        (lambda root: written(root / "m.tsv", "audio\n"), DataError, "A manifest must name a recording, and"),
        (
            lambda root: written(root / "m.tsv", "audio\na.wav\n../b.wav\n"),
            DataError,
            r"Every line of .*m\.tsv must name a recording\. In line 3, .* Correct it\.",
        ),
        (
            lambda root: written(root / "m.tsv", "audio\ngs://bucket/a.wav\n"),
            DataError,
            r"m\.tsv must be on this machine, and gs://bucket/a\.wav is not; copy it here",
        ),
    ],
)
def test_what_holds_no_speech_is_refused(tmp_path, make, error, message):
    with pytest.raises(error, match=message):
        find_speech([make(tmp_path)], 9)


def written(path, text):
    path.write_text(text)
    return path
