"""Finding recordings and their texts in the layouts that people have, and in what is none."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import DataError, UsageError
from pipeline.own_data.transcripts import Utterance, find_transcripts, write_manifest
from pipeline.own_data.written_manifest import DOCSTRING, is_written_by_init
from tests.own_recordings import GREEK, rows_of, sound, table


def texts_of(found):
    return {os.path.relpath(one.audio, found.folder): (one.text, one.speaker, one.split) for one in found.utterances}


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("header", [("audio", "text", "speaker"), ("Path", "Sentence", "client_id"),
                                    ("file_name", "transcription", "speaker_id")])  # fmt: skip
def test_a_table_with_a_header(tmp_path, separator, header):
    rows = rows_of(tmp_path)
    name = "speech.tsv" if separator == "\t" else "speech.csv"
    table(tmp_path / name, [(path, text, speaker) for path, text, speaker in rows], header, separator)
    found = find_transcripts(str(tmp_path))
    assert (found.layout, found.source, found.named) == ("table", str(tmp_path / name), name)
    assert texts_of(found) == {path: (text, speaker, "") for path, text, speaker in rows}
    assert found.faults == ()
    assert find_transcripts(str(tmp_path / name)) == found


def test_paths_may_begin_in_a_directory_of_their_own(tmp_path):
    rows = [(path.removeprefix("clips/"), *others) for path, *others in rows_of(tmp_path)]
    table(tmp_path / "speech.tsv", rows)
    found = find_transcripts(str(tmp_path))
    assert found.audio_directory == "clips"
    assert all(Path(one.audio).is_file() for one in found.utterances)


@pytest.mark.parametrize(("order", "separator"), [(1, "\t"), (-1, "\t"), (1, ","), (1, "|")])
def test_a_table_without_a_header(tmp_path, order, separator):
    rows = rows_of(tmp_path)
    lines = [separator.join((path, text)[::order]) for path, text, _ in rows]
    name = "speech.csv" if separator != "\t" else "speech.tsv"
    lines += ["", separator.join(("../x.wav", "άλφα")[::order])]
    (tmp_path / name).write_text("\ufeff" + "\r\n".join(lines), encoding="utf-8")
    found = find_transcripts(str(tmp_path))
    assert (found.layout, found.source) == ("table without a header", None)
    (fault,) = found.faults
    assert (fault.what, fault.reason[:12]) == ("line 26", "In line 26, ")
    assert texts_of(found) == {path: (text, "", "") for path, text, _ in rows}


def test_a_text_beside_each_recording(tmp_path):
    for index, text in enumerate(GREEK):
        sound(tmp_path / "a" / f"{index}.wav", seed=index)
        (tmp_path / "a" / f"{index}.txt").write_text(f"\ufeff{text}\n", encoding="utf-8")
    sound(tmp_path / "b" / "alone.flac")
    sound(tmp_path / "b" / "bad.wav")
    (tmp_path / "b" / "bad.txt").write_bytes(b"\xff\xfe")
    sound(tmp_path / "b" / "empty.wav")
    (tmp_path / "b" / "empty.txt").write_text(" \n")
    sound(tmp_path / "b" / "line\nfeed.wav")
    found = find_transcripts(str(tmp_path))
    assert (found.layout, found.named) == ("text files", "4 text files")
    assert texts_of(found) == {f"a/{index}.wav": (text, "", "") for index, text in enumerate(GREEK)}
    assert [Path(path).name for path in found.unwritten] == ["alone.flac"]
    reasons = sorted(fault.reason for fault in found.faults)
    assert reasons[1:] == ["bad.txt must be UTF-8; save it so.", "empty.txt is empty."]
    assert r"line\nfeed.wav must have a name in UTF-8 that can be printed" in reasons[0]


def test_tables_by_split(tmp_path):
    rows = rows_of(tmp_path)
    for name, part in (("train", rows[:16]), ("dev", rows[16:20]), ("test", rows[20:])):
        table(tmp_path / f"{name}.tsv", part)
    found = find_transcripts(str(tmp_path))
    assert (found.layout, found.source) == ("tables", None)
    assert [one.split for one in found.utterances].count("validation") == 4
    assert {one.split for one in found.utterances} == {"train", "validation", "test"}


def test_common_voice(tmp_path):
    rows = [(path.removeprefix("clips/"), text, speaker) for path, text, speaker in rows_of(tmp_path)]
    header = ("path", "sentence", "client_id")
    for name in ("validated", "train", "other", "invalidated"):
        table(tmp_path / f"{name}.tsv", rows, header)
    found = find_transcripts(str(tmp_path))
    assert (found.layout, found.named, found.audio_directory) == ("Common Voice", "validated.tsv", "clips")
    assert found.source == str(tmp_path / "validated.tsv")
    assert len(found.utterances) == len(rows)


def test_librispeech(make_corpus):
    root = make_corpus({"train-a": ["1", "2"], "dev-a": ["3"], "test-a": ["4"]})
    found = find_transcripts(str(root))
    assert (found.layout, found.named) == ("LibriSpeech", "dev-a, test-a, train-a")
    assert found.source is not None
    assert {one.split for one in found.utterances} == {"train", "validation", "test-a"}
    assert {one.speaker for one in found.utterances} == {"1", "2", "3", "4"}


def test_a_column_of_splits_is_kept_and_its_absence_is_seen(tmp_path):
    rows = rows_of(tmp_path)
    table(tmp_path / "a.tsv", [(*row, "train") for row in rows], ("audio", "text", "speaker", "split"))
    assert {one.split for one in find_transcripts(str(tmp_path / "a.tsv")).utterances} == {"train"}
    table(tmp_path / "b.tsv", [(*row, "") for row in rows], ("audio", "text", "speaker", "split"))
    assert {one.split for one in find_transcripts(str(tmp_path / "b.tsv")).utterances} == {""}


def test_broken_lines_are_faults(tmp_path):
    rows = rows_of(tmp_path, speakers=3)
    table(tmp_path / "a.tsv", [*rows, rows[0], ("../x.wav", "α", "s"), ("clips/none.wav", "", "s")])
    found = find_transcripts(str(tmp_path))
    assert [fault.what for fault in found.faults] == ["line 14", "line 15", "line 16"]
    assert "stands in line 2 already" in found.faults[0].reason
    assert "must stay in the manifest's directory" in found.faults[1].reason
    assert "the transcript is empty" in found.faults[2].reason


def test_what_init_has_written_before_is_not_taken_for_the_persons_table(tmp_path):
    rows = rows_of(tmp_path, speakers=3)
    mine = table(tmp_path / "speech.tsv", rows)
    table(tmp_path / "my_run.tsv", rows)
    with pytest.raises(UsageError, match=r"holds my_run\.tsv, speech\.tsv; name one of them in place of the folder"):
        find_transcripts(str(tmp_path))
    (tmp_path / "my_run.py").touch()
    with pytest.raises(UsageError, match=r"holds my_run\.tsv, speech\.tsv"):
        find_transcripts(str(tmp_path))
    manifest = write_manifest(find_transcripts(str(mine)).utterances, with_speakers=True, with_splits=False)
    (tmp_path / "my_run.tsv").write_text(manifest, encoding="utf-8")
    source = f'CorpusConfig(source="{tmp_path / "my_run.tsv"}")'
    (tmp_path / "my_run.py").write_text(f'"""{DOCSTRING}\n"""\n{source}\n')
    assert find_transcripts(str(tmp_path)).source == str(mine)


@pytest.mark.parametrize("content", ["", "def f(:", "\0", '"\\d"', '"""Mine."""\n', "import nothing_of_this_name\n"])
def test_a_table_beside_a_python_file_of_its_name_is_the_persons(tmp_path, content):
    mine = table(tmp_path / "metadata.tsv", rows_of(tmp_path, speakers=3))
    (tmp_path / "metadata.py").write_text(content)
    assert find_transcripts(str(tmp_path)).source == str(mine)


@pytest.mark.parametrize("change", ["none", "docstring", "source", "columns", "relative"])
def test_a_manifest_of_init_has_its_configuration_and_its_columns(tmp_path, change):
    path = tmp_path / "run.tsv"
    path.write_text("audio\ttext\tspeaker\n" if change == "columns" else "audio\ttext\tgender\n")
    source = {"source": tmp_path / "other.tsv", "relative": "run.tsv"}.get(change, path)
    docstring = "Mine." if change == "docstring" else DOCSTRING
    path.with_suffix(".py").write_text(f'"""{docstring}"""\nCorpusConfig(source={str(source)!r})\n')
    assert is_written_by_init(path) == (change == "none")


def make_nothing(kind, folder):
    """Makes a folder of which no model can be made; returns what is looked at, and the sentence."""
    if kind == "missing":
        return folder / "none", "w2v2 init takes a folder or a table that exists, and .*none does not; correct"
    if kind == "sound":
        return sound(
            folder / "a.wav"
        ), r"takes a folder, or a table of transcripts \(.tsv, .csv, .jsonl, .ndjson\), not"
    if kind == "empty":
        return folder, r"Recordings must have transcripts: a table .* holds neither; name the folder"
    if kind == "silent texts":
        sound(folder / "a.wav")
        return folder, r"holds 1 recordings and none of that; write a table, or pre-train on the sound alone"
    if kind == "bad texts":
        sound(folder / "a.wav")
        (folder / "a.txt").write_text("")
        return folder, r"in .* none can be used \(a\.txt is empty\)"
    (folder / "speech.tsv").write_text("what\twho\n1\t2\n")
    return (
        folder if "folder" in kind else folder / "speech.tsv",
        r"must name the columns, audio and text at least, and names no audio and text",
    )


@pytest.mark.parametrize(
    "kind", ["missing", "sound", "empty", "silent texts", "bad texts", "other table", "other table of a folder"]
)
def test_where_nothing_is_found_one_sentence_says_what_is_asked_for(tmp_path, kind):
    place, message = make_nothing(kind, tmp_path)
    with pytest.raises((UsageError, DataError), match=message):
        find_transcripts(str(place))


LINES = st.lists(st.text(st.sampled_from("audio\ttext,;\"'\r\n|a.wv/\\\x00α "), max_size=30))


@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=300), LINES.map(lambda lines: "\n".join(lines).encode())))
def test_any_bytes_are_a_table_or_none(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "speech.tsv"
    path.write_bytes(content)
    try:
        found = find_transcripts(str(path))
    except DataError:
        return
    for one in found.utterances:
        assert one.text.strip()
        assert Path(one.audio).is_absolute()


@given(
    text=st.text(min_size=1),
    name=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1),
)
def test_what_is_written_for_ingest_is_read_again(tmp_path_factory, text, name):  # fmt: skip
    spoken = " ".join(text.split())
    lone = any("\ud800" <= character <= "\udfff" for character in text)
    if lone or not spoken.strip('" ') or not unicodedata.normalize("NFC", name):
        return
    path = tmp_path_factory.mktemp("written") / "my_run.tsv"
    one = Utterance(f"/data/x{name}.wav", text, "άννα", "train", "F")
    path.write_text(write_manifest([one], with_speakers=True, with_splits=True), encoding="utf-8")
    (again,) = find_transcripts(str(path)).utterances
    assert (again.audio, again.speaker, again.split, again.gender) == (one.audio, "άννα", "train", "F")
    assert again.text.replace('"', "").split() == text.replace('"', "").split()


def test_folders_that_are_links_are_gone_into(tmp_path):
    sound(tmp_path / "elsewhere" / "a.wav")
    (tmp_path / "elsewhere" / "a.txt").write_text("άλφα", encoding="utf-8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "loop").symlink_to(tmp_path / "mine")
    found = find_transcripts(str(tmp_path / "mine"))
    assert texts_of(found) == {"link/a.wav": ("άλφα", "", "")}


def test_a_folder_whose_name_no_manifest_can_hold_is_said(tmp_path):
    folder = tmp_path / "two\nlines"
    table(folder / "speech.tsv", rows_of(folder), header=())
    found = find_transcripts(str(folder))
    with pytest.raises(
        DataError, match=r"two\\nlines/clips/0-0\.wav cannot be; rename it, or the folders that it is in"
    ):
        write_manifest(found.utterances, with_speakers=False, with_splits=False)


def test_addresses_are_not_looked_at():
    with pytest.raises(UsageError, match="w2v2 init looks at files of this machine, not at 'gs://speech/greek'; copy"):
        find_transcripts("gs://speech/greek")
