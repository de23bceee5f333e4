"""Manifests as CSV, quoted as RFC 4180 says: what a spreadsheet writes is read, and what is broken is named."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.manifest import ManifestEntry, ManifestFault, ManifestSettings, parse_manifest
from beam_jobs.librispeech.settings import IngestSettings
from model.alphabet import Alphabet
from model.errors import DataError

WHERE = "data/own/manifest.csv"
GREEK = Alphabet("αβγδεηικλμνοπρσςτυωάέήίόύώ")


def parsed(content, normalise=lambda text: text, **chosen):
    lines = io.BytesIO(content if isinstance(content, bytes) else content.encode())
    return parse_manifest(lines, WHERE, ManifestSettings(**chosen), normalise)


def shown(outcomes):
    return [
        (one.line, one.audio, one.transcript, one.speaker_id) if isinstance(one, ManifestEntry) else one.reason
        for one in outcomes
    ]


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_a_spreadsheet_writes_is_read(separator, end, mark):
    lines = [
        separator.join(["Path", '"Sentence"', "client_id", "note"]),
        separator.join(["a.wav", "hello there", "anna", ""]),
        "",
        separator.join(['"b,1.wav"', '"He said ""no"", and; left"', "anna", '"two', 'lines"']),
    ]
    lines[3] = separator.join(['"b,1.wav"', '"He said ""no"", and; left"', "anna", f'"two{end}lines"'])
    lines.append(separator.join(["c.wav", "bye", "bo", "x"]))
    assert shown(parsed(mark + end.join(lines))) == [
        (2, "a.wav", "hello there", "anna"),
        (4, "b,1.wav", 'He said "no", and; left', "anna"),
        (6, "c.wav", "bye", "bo"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a.wav", "In line 2, there must be 3 columns, as in the header, and there are 1."),
        ("a.wav,hi,x,y", "In line 2, there must be 3 columns, as in the header, and there are 4."),
        ('a.wav,"hi" there,x', "In line 2, the CSV is broken: ',' expected after '\"'."),
        (b"a.wav,caf\xe9,x", "In line 2, the text must be UTF-8, and has the byte 0xe9 (as Latin-1 may have)"),
        (f"a.wav,{'a ' * 6000},x", "In line 2, there must be 10000 characters at most, and there are 12006."),
        (f"a.wav,{'a' * 200_000},x", "In line 2, the CSV is broken: field larger than field limit (131072)."),
        ("../a.wav,hi,x", "In line 2, the path of the audio must stay in the manifest's directory, and is '../a.wav'."),
        (",hi,x", "In line 2, there is no path of the audio."),
        ("a.wav,,x", "In line 2, the transcript is empty."),
    ],
)
def test_a_broken_line_is_named_and_the_next_is_read(line, reason):
    content = b"audio,text,speaker\n" + (line if isinstance(line, bytes) else line.encode()) + b"\nb.wav,bye,y\n"
    first, second = shown(parsed(content))
    assert first.startswith(reason)
    assert second == (3, "b.wav", "bye", "y")


def test_a_nul_is_named():
    (fault, entry) = parsed(b"audio,text\na\0.wav,hi\nb.wav,bye\n")
    assert isinstance(fault, ManifestFault)
    assert "NUL" in fault.reason or "control characters" in fault.reason
    assert isinstance(entry, ManifestEntry)


@pytest.mark.parametrize("tail", ["", 'c.wav,"ho",x\n'])
def test_a_quote_that_swallows_lines_is_refused(tail):
    content = 'audio,text,speaker\na.wav,hi,x\nb.wav,"hello,x\nd.wav,hi,x\n' + tail
    with pytest.raises(
        DataError, match=r"must end with a quote, and one that begins in line 3 of \S+ swallows [1-9] line"
    ):
        parsed(content)


def test_letters_of_another_script_are_taken_and_others_named():
    entry, seven, latin = shown(parsed("audio,text\na.wav,Καλημέρα!\nb.wav,το 7\nc.wav,το wi\n", GREEK))
    assert entry[:3] == (2, "a.wav", "καλημέρα")
    mend = "which is spoken and would be lost; write it as words, in the letters of the alphabet, or add it to"
    assert seven == f"In line 3, the transcript holds '7', {mend} ingest.alphabet."
    assert latin == f"In line 4, the transcript holds 'i w', {mend} ingest.alphabet."
    kept = parsed("audio,text\nb.wav,το 7\n", GREEK, keep_lossy_transcripts=True)
    assert [one.transcript for one in kept if isinstance(one, ManifestEntry)] == ["το"]
    assert IngestSettings(transcript_normaliser="unicode", alphabet=GREEK).normalise("ΤΟ") == "το"


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="/\\"), min_size=1, max_size=10)


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.tuples(NAMES, CELLS, CELLS), max_size=6), separator=st.sampled_from([",", ";"]))
def test_what_the_csv_module_writes_is_read_row_for_row(rows, separator):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["audio", "text", "note"])
    for index, (name, text, note) in enumerate(rows):
        writer.writerow([f"{index}/x{name}.wav", text, note])
    outcomes = parsed(file.getvalue())
    assert len(outcomes) == len(rows)
    for index, (outcome, (name, text, _)) in enumerate(zip(outcomes, rows, strict=True)):
        if isinstance(outcome, ManifestEntry):
            assert (outcome.audio, outcome.transcript) == (f"{index}/x{name}.wav", text.strip())
        else:
            assert not text.strip(), outcome


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text('audio,text;"\n\r\0a.wv/é ', max_size=200).map(str.encode)))
def test_after_a_header_any_bytes_are_entries_faults_or_one_sentence(content):
    try:
        outcomes = parsed(b"audio,text\n" + content)
    except DataError as refusal:
        if "swallows" not in str(refusal):
            raise
        return
    lines = [one.line for one in outcomes]
    assert lines == sorted(set(lines))
    for one in outcomes:
        if isinstance(one, ManifestFault):
            assert one.reason.startswith(f"In line {one.line}, ")
        else:
            assert one.transcript.strip()
