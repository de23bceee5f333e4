"""Manifests of a person's own recordings: every line an entry or a fault, and what the file as a whole must be."""

import dataclasses
import json
import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.manifest import (
    ManifestEntry,
    ManifestFault,
    ManifestSettings,
    location,
    parse_manifest,
    require_disjoint_speakers,
    require_usable,
    speakers_known,
)
from beam_jobs.librispeech.manifest_splits import assign_splits
from model.errors import ConfigurationError, DataError

WHERE = "data/own/manifest.tsv"
HEADER = "audio\ttext\tspeaker\tsplit\tid\tgender"


def lines_of(*lines):
    return [line if isinstance(line, bytes) else f"{line}\n".encode() for line in lines]


def parsed(*lines, **chosen):
    return parse_manifest(lines_of(*lines), WHERE, ManifestSettings(**chosen))


def entries(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, ManifestEntry)]


def the_fault(*lines, **chosen):
    (fault,) = [outcome for outcome in parsed(*lines, **chosen) if isinstance(outcome, ManifestFault)]
    return fault


def row(**fields):
    return json.dumps({"audio": "a.wav", "text": "good morning", **fields})


ONE = ManifestEntry(
    line=2, utterance_id="one", audio="clips/a b.wav", transcript="DON'T STOP", speaker_id="anna", speaker_known=True,
    gender="F", split="test-clean",
)  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        [HEADER, "clips/a b.wav\tDon’t stop!\tanna\tTest-Clean\tone\tF"],
        [HEADER + "\r", "clips/a b.wav\tDon’t stop!\tanna\ttest-clean\tone\tfemale\r"],
        [b"\xef\xbb\xbf" + HEADER.encode() + b"\n", '"clips/a b.wav"\t"Don’t stop!"\tanna\ttest-clean\tone\tF'],
        [
            "sentence\tclient_id\tup_votes\tpath\tsplit\tutterance_id\tgender",
            "don't stop\tanna\t2\tclips/./x/../a b.wav\ttest-clean\tone\tfemale_feminine",
        ],
        [
            "",
            '{"audio_filepath": "clips/a b.wav", "duration": 1.5, "Text": "don\'t stop", "speaker": "anna",'
            ' "split": "test-clean", "id": "one", "gender": "F", "offset": 0.0}',
        ],
    ],
)
def test_a_recording_is_read_from_any_spelling(lines):
    assert parsed(*lines) == [ONE]


def test_what_may_be_missing_is_derived():
    (entry,) = parsed("audio\ttext", "Clips/Anna & Bob.wav\tgood morning", validation_fraction=0, test_fraction=0)
    assert entry == ManifestEntry(
        line=2, utterance_id="Clips-Anna-Bob-844c8900d895", audio="Clips/Anna & Bob.wav", transcript="GOOD MORNING",
        speaker_id="recording:Clips-Anna-Bob-844c8900d895", speaker_known=False, gender="", split="train",
    )  # fmt: skip


def test_derived_ids_are_safe_stable_and_different():
    paths = [
        "a/b.wav",
        "a-b.wav",
        "a_b.wav",
        "a/b.mp3",
        "A/b.wav",
        "ä.wav",
        "/srv/a/b.wav",
        "gs://a/b.wav",
        "…",
        "x" * 300,
    ]
    found = entries(parsed("audio\ttext", *(f"{path}\thi" for path in paths)))
    ids = [entry.utterance_id for entry in found]
    assert len(set(ids)) == len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", name) for name in ids), ids
    again = entries(parsed("audio\ttext", *(f"{path}\tother words" for path in reversed(paths))))
    assert [entry.utterance_id for entry in reversed(again)] == ids


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("clips/one.wav", "data/own/clips/one.wav"),
        ("./clips//one.wav", "data/own/clips/one.wav"),
        ("/srv/./one.wav", "/srv/one.wav"),
        ("gs://bucket/one.wav", "gs://bucket/one.wav"),
    ],
)
def test_audio_lies_below_the_manifest_or_where_it_says(path, expected):
    (entry,) = parsed("audio\ttext", f"{path}\thi")
    assert location(WHERE, entry.audio) == expected
    assert location("gs://b/m.tsv", "x.wav") == "gs://b/x.wav"
    assert location("m.tsv", "x.wav") == "x.wav"


def test_relative_paths_may_begin_in_a_directory_of_their_own():
    (entry,) = parsed("path\tsentence", "one.mp3\thi", audio_directory="clips")
    assert entry.audio == "clips/one.mp3"
    assert the_fault("path\tsentence", "../../one.mp3\thi", audio_directory="clips").reason == (
        "In line 2, the path of the audio must stay in the manifest's directory, and is '../../one.mp3'."
    )


TSV = HEADER.replace("\tid\tgender", "")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([TSV, "\thi\tx\ttrain"], "there is no path of the audio"),
        ([TSV, "a.wav\t\tx\ttrain"], "the transcript is empty"),
        ([TSV, "a.wav\t?! -- …\tx\ttrain"], "the transcript holds no word"),
        ([TSV, "a.wav\troom 7 for 5 €\tx\ttrain"], "the transcript holds '5 7 €', which is spoken and would be"),
        ([TSV, "a.wav\tcafé\tx\ttrain"], "the transcript holds 'é', which is spoken and would be lost"),
        ([TSV, f"a.wav\t{'a ' * 2600}b\tx\ttrain"], "the transcript must have 5000 characters at most, and has 5201"),
        ([TSV, f"a.wav\t{'a ' * 5000}\tx\ttrain"], "there must be 10000 characters at most, and there are 10014 bytes"),
        ([TSV, b"a.wav\tcaf\xe9\tx\ttrain\n"], r"the text must be UTF-8, and has the byte 0xe9 at place 10"),
        ([TSV, "a.wav\thi\ttrain"], "there must be 4 columns, as in the header, and there are 3"),
        ([TSV, "a.wav\thi\tthere\tx\ttrain"], "there must be 4 columns, as in the header, and there are 5"),
        ([TSV, "../a.wav\thi\tx\ttrain"], r"must stay in the manifest's directory, and is '\.\./a\.wav'"),
        ([TSV, "a/../../a.wav\thi\tx\ttrain"], "must stay in the manifest's directory"),
        ([TSV, "a\0.wav\thi\tx\ttrain"], r"the audio must have no control characters, and is 'a\\x00.wav'"),
        ([TSV, "clips\\a.wav\thi\tx\ttrain"], "must have forward slashes"),
        ([TSV, "https://host/a.wav\thi\tx\ttrain"], "the audio must be a path or gs://BUCKET/NAME, and is 'https://host"),
        ([TSV, "gs://bucket\thi\tx\ttrain"], "the audio must be a path or gs://BUCKET/NAME"),
        ([TSV, "gs://bucket/a/../b.wav\thi\tx\ttrain"], "must have no empty part and no dots alone"),
        ([TSV, "a.wav\thi\tx\t../x"], r"the split must be a name of letters, digits, .* and is '\.\./x'"),
        ([TSV, f"a.wav\thi\t{'x' * 201}\ttrain"], "the speaker must have 200 characters at most, and has 201"),
        ([row(id="a/b")], r"the id must have neither blanks nor slashes, and is 'a/b'"),
        ([row(id="a b")], "the id must have neither blanks nor slashes"),
        ([row(speaker="a\nb")], "the speaker must have no control characters"),
        ([row(text=None)], "the transcript is empty"),
        ([row(text=7)], "the field 'text' must be a string, and is '7'"),
        ([row(audio={"path": "a"})], "the field 'audio' must be a string, and is "),
        ([row(path="b.wav")], "audio stands twice, the second time as 'path'"),
        ([row(offset=1.5)], "there is an offset into a longer file, which is not read; cut the file"),
        ([row(text="\ud800")], "holds half a character"),
        ([row(audio="\ud800.wav")], "must have no control characters"),
        ([row(), '{"audio": "b.wav", "text": "hi"'], "the JSON is broken: Expecting ',' delimiter"),
        ([row(), '["b.wav", "hi"]'], "there must be a JSON object, {…}, and there is something else"),
        ([row(), "[" * 5000], "the JSON is broken: "),
        ([row(), '{"audio": ' + "9" * 5000 + "}"], "the JSON is broken: |must be a string"),
        ([row(id="x"), row(audio="b.wav", id="x")], "the id 'x' stands in line 1 already"),
        ([row(), row(audio="./x/../a.wav")], "the audio 'a.wav' stands in line 1 already"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_line_is_said_with_its_number(lines, reason):
    fault = the_fault(*lines)
    assert re.match(rf"In line {len(lines)}, .*{reason}", fault.reason), fault.reason
    assert fault.line == len(lines)
    assert fault.reason.endswith(".")
    json.dumps(dataclasses.asdict(fault), ensure_ascii=False).encode()


def test_an_absolute_path_is_known_again():
    outcomes = parse_manifest(lines_of("audio\ttext", "a.wav\thi", "/own/a.wav\thi"), "/own/m.tsv")
    assert outcomes[1] == ManifestFault(
        3, "/own/a.wav", "/own/a.wav", "In line 3, the audio '/own/a.wav' stands in line 2 already."
    )


def test_lossy_transcripts_are_kept_when_asked():
    (entry,) = parsed(row(text="room 7, café"), keep_lossy_transcripts=True)
    assert entry.transcript == "ROOM CAF"


def test_faults_say_what_they_can():
    fault = the_fault(HEADER, "a.wav\t\tanna\ttrain\tone\tF")
    assert (fault.utterance_id, fault.audio) == ("one", "a.wav")
    fault = the_fault(TSV, "nothing")
    assert (fault.utterance_id, fault.audio) == ("line-2", "")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "A manifest must hold a header and lines, or JSON lines, and data/own/manifest.tsv is empty; fill it."),
        (["", "  "], "data/own/manifest.tsv is empty; fill it."),
        (["audio|text", "a.wav|hi"], r"it must name the columns, .* and names no audio and text: 'audio\|text'; add"),
        (["audio;words"], r"it must name the columns, .* and names no text: 'audio;words'; add the header"),
        (["audio,text", 'a.wav,"hi', "b.wav,ho", "c.wav,hu"], r"one that begins in line 2 of \S+ swallows 2 lines"),
        (["a.wav\thi"], r"must name the columns, .* and names no audio and text: 'a.wav\\thi'; add the header"),
        (["audio\tsplit"], "and names no text: 'audio\\\\tsplit'"),
        (["audio\tpath\ttext"], r"it names audio more than once \(audio and path\); keep one of these columns"),
        (["[", "{}", "]"], "A manifest in JSON must have one object in each line, and .* is one JSON"),
        (["{", '"audio": "a"}'], "A manifest in JSON must have one object in each line"),
        (["\ufeffaudio\ttext".encode("utf-16-le")], "A manifest must be UTF-8, and data/own/manifest.tsv is UTF-16"),
        ([b"PK\x03\x04\xff\xfe"], "it the text must be UTF-8|it there|must be UTF-8"),
        (["version https://git-lfs.github.com/spec/v1"], "is a Git LFS pointer in place of a manifest"),
        ([row(split="train"), row(audio="b.wav"), row(audio="c.wav", split="")],
         r"Either every line of a manifest has a split, or none has; of data/own/manifest.tsv, 2 of 3 lines have none,"
         r" line 2 the first; fill it in, or leave the column out\."),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused_in_one_sentence(lines, message):
    with pytest.raises(DataError, match=message):
        parsed(*lines)


def test_the_splits_of_other_tools_have_our_names():
    names = ["train", "DEV", "valid", "val", "test", "test_other"]
    found = parsed(*(row(audio=f"{name}.wav", split=name) for name in names))
    assert [entry.split for entry in entries(found)] == [
        "train", "validation", "validation", "validation", "test", "test_other",
    ]  # fmt: skip


def test_splits_are_assigned_by_speaker_in_any_order_and_stay_when_speakers_come():
    rows = [row(audio=f"{n}.wav", speaker=f"speaker {n % 300}") for n in range(900)]
    found = entries(parsed(*rows))
    splits = {entry.audio: entry.split for entry in found}
    require_disjoint_speakers(found, WHERE)
    assert speakers_known(found)
    by_speaker = Counter({entry.speaker_id: entry.split for entry in found}.values())
    assert by_speaker == {"train": 228, "validation": 35, "test": 37}
    random.Random(0).shuffle(rows)
    assert {entry.audio: entry.split for entry in entries(parsed(*rows))} == splits
    more = [row(audio=f"{n}.wav", speaker=f"speaker {n}") for n in range(900, 1200)]
    after = {entry.audio: entry.split for entry in entries(parsed(*rows, *more))}
    assert {audio: after[audio] for audio in splits} == splits


@pytest.mark.parametrize("count", range(1, 30))
def test_few_speakers_still_fill_the_splits(count):
    held = Counter(assign_splits((f"s{n}" for n in range(count)), 0.1, 0.1).values())
    assert set(held) == set(["train", "test", "validation"][:count])
    assert sum(held.values()) == count


def test_a_split_whose_fraction_is_0_gets_nobody():
    speakers = [f"s{n}" for n in range(50)]
    assert set(assign_splits(speakers, 0.0, 1.0).values()) == {"test"}
    assert set(assign_splits(speakers, 0.2, 0.0).values()) == {"train", "validation"}


def test_a_speaker_in_two_splits_is_named_with_both():
    found = parsed(row(speaker="anna", split="train"), row(audio="b.wav", speaker="anna", split="test"))
    with pytest.raises(
        DataError,
        match=r"must share no speaker, and in data/own/manifest.tsv speaker anna is in train \(line 1\) and in test"
        r" \(line 2\); put all",
    ):
        require_disjoint_speakers(found, WHERE)


def test_recordings_without_a_speaker_are_speakers_of_their_own_and_it_is_said():
    found = parsed(row(split="train"), row(audio="b.wav", split="test"), row(audio="c.wav", speaker="x", split="test"))
    require_disjoint_speakers(found, WHERE)
    assert not speakers_known(found)
    assert len({entry.speaker_id for entry in entries(found)}) == 3


def test_a_manifest_of_which_nothing_is_left_says_why():
    require_usable(parsed(row()), WHERE)
    with pytest.raises(DataError, match="has a header and no line after it"):
        require_usable(parsed(TSV), WHERE)
    with pytest.raises(
        DataError,
        match=r"names none \(In line 2, there must be 4 columns.*; In line 3, .*; and 1 more\); correct them\.$",
    ):
        require_usable(parsed(TSV, "a\tb\tc", "a", "b", "c"), WHERE)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"test_fraction": 1.2}, r"manifest.test_fraction must be in \[0, 1\], not 1.2"),
        ({"test_fraction": 0.6, "validation_fraction": 0.6}, "must be 1 together at most, not 1.2"),
        ({"audio_directory": "../x"}, "manifest.audio_directory must be below the manifest's directory, not '../x'"),
        ({"max_line_characters": 0}, "manifest.max_line_characters must be above 0, not 0"),
    ],
)
def test_impossible_settings_are_refused(chosen, message):
    with pytest.raises(ConfigurationError, match=message):
        ManifestSettings(**chosen)


FIELD = st.sampled_from(["a.wav", "../b", "hi there", "", "train", "x", "é", '"', "{", "7"]) | st.text(max_size=8)
JSON_VALUE = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=3)
LINE = st.one_of(
    st.binary(max_size=40).map(lambda line: line.replace(b"\n", b" ")),
    st.lists(FIELD, min_size=3, max_size=5).map(lambda cells: "\t".join(cells).encode("utf-8", "replace")),
    st.dictionaries(
        st.sampled_from(["audio", "text", "speaker", "id", "path", "gender"]), FIELD | JSON_VALUE, max_size=5
    ).map(lambda value: json.dumps(value).encode()),
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"audio\ttext\tspeaker\tid", b'{"audio": "first.wav", "text": "hi"}']), st.lists(LINE, max_size=8)
)
def test_every_line_is_an_entry_or_a_fault(first, rest):
    lines = [first + b"\n", *(line + b"\n" for line in rest)]
    outcomes = parse_manifest(lines, WHERE)
    told = sum(1 for line in lines if line.strip()) - (not first.startswith(b"{"))
    assert len(outcomes) == told
    assert [outcome.line for outcome in outcomes] == sorted({outcome.line for outcome in outcomes})
    found = entries(outcomes)
    assert len({entry.utterance_id for entry in found}) == len({entry.audio for entry in found}) == len(found)
    require_disjoint_speakers(found, WHERE)
    for outcome in outcomes:
        json.dumps(dataclasses.asdict(outcome), ensure_ascii=False).encode()
    for entry in found:
        assert entry.transcript
        assert entry.split in ("train", "validation", "test")
        assert not entry.audio.startswith("..")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_any_file_is_a_manifest_or_a_data_error(lines):
    try:
        outcomes = parse_manifest(lines, WHERE)
    except DataError as error:
        assert WHERE in str(error)  # noqa: PT017 — both outcomes are right
    else:
        assert len(outcomes) <= len(lines)
