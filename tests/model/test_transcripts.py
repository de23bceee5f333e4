"""Files of transcripts: every form by hand and at random, and what must be refused."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.errors import DataError, UsageError
from model.metrics import Transcript
from model.transcripts import read_transcripts, speakers_by_id


@pytest.fixture
def write(tmp_path):
    def write_file(name, content):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


TWO = {"a-1": Transcript("a-1", "GOOD MORNING"), "b-2": Transcript("b-2", "")}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.tsv", "a-1\tGOOD MORNING\nb-2\t\n"),
        ("x.tsv", "\ufeffa-1\tGOOD MORNING\r\n\r\n  b-2 \r\n"),
        ("x.TSV", "b-2\na-1\t GOOD MORNING "),
        ("x.tsv", "id\ttext\na-1\tGOOD MORNING\nb-2\t\n"),
        ("x.tsv", "Hypothesis\tutterance_id\nGOOD MORNING\ta-1\n\tb-2\n"),
        ("x.trans.txt", "a-1 GOOD MORNING\nb-2\n"),
        ("x.trans.txt", "a-1\tGOOD MORNING\nb-2 \n"),
        ("x.trn", ";; a comment\nGOOD MORNING (a-1)\n(b-2)\n"),
        ("x.trn", "GOOD MORNING(a-1)  \n  (b-2)"),
    ],
)
def test_forms_by_hand(write, name, content):
    found = read_transcripts(write(name, content))
    assert found.transcripts == TWO
    assert found.texts == {"a-1": "GOOD MORNING", "b-2": ""}
    assert found.ignored_columns == ()


def test_a_header_may_tell_more(write):
    found = read_transcripts(
        write(
            "x.tsv",
            "id\tspeaker\tGender\tsubset\tseconds\ttext\tdevice\n1\tann\tF\ttest\t2.5\tžluťoučký kůň\tphone\n2\tbob\n",
        )
    )
    assert found.transcripts == {
        "1": Transcript("1", "žluťoučký kůň", "ann", "F", "test", 2.5),
        "2": Transcript("2", "", "bob", None, None, None),
    }
    assert found.ignored_columns == ("device",)


def test_words_in_brackets_are_words_and_the_last_ones_are_the_id(write):
    found = read_transcripts(write("x.trn", "so (he said) yes (a)\n"))
    assert found.texts == {"a": "so (he said) yes"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.tsv", b"a\tfine\nb\tcaf\xe9\n", r"UTF-8 text, and line 2 of .*x\.tsv holds the byte 0xe9 where"),
        ("x.trn", b"caf\xe9 (a)\n", r"UTF-8 text, and line 1 of .*x\.trn holds the byte 0xe9"),
        ("x.tsv", "a\tx\n\ttext\n", r"then a tab and the text, and line 2 of .* has no id: '\\ttext'; add"),
        ("x.tsv", "id\ttext\n\tx\n", r"an id in the column 'id', and line 2 of .* has no id"),
        ("x.trans.txt", " GOOD\n", r"the id first, then a space and the text, and line 1 of .* has no id: ' GOOD'"),
        ("x.trn", "GOOD MORNING\n", r"the text first, then the id in round brackets, and line 1 of .* has no id"),
        ("x.trn", "GOOD ()\n", r"line 1 of .* has no id: 'GOOD \(\)'; add it, or remove the line\."),
        ("x.trn", "{a / b} c (a)\n", r"Texts must be plain, and line 1 of .* has alternatives in braces"),
        ("x.tsv", "a\tx\nb\ty\na\tz\n", r"An id must occur once in a file, and a is in lines 1 and 3 of .*; leave one"),
        ("x.trans.txt", "a x\na y\n", r"a is in lines 1 and 2 of"),
        ("x.trn", "x (a)\ny (a)\n", r"a is in lines 1 and 2 of"),
        ("x.tsv", "a good morning\n", r"an id, a tab and a text, and line 1 of .* has 0 tabs: 'a good morning'; part"),
        ("x.tsv", "a\tx\ty\n", r"line 1 of .* has 2 tabs: 'a\\tx\\ty'"),
        ("x.tsv", "id\ttext\na\tx\ty\n", r"the 2 fields of the header, and line 2 of .* has 3: .*; write no"),
        ("x.tsv", "id\tspeaker\na\tb\n", r"one column text or transcript or reference or hypothesis, and .* 0"),
        ("x.tsv", "id\ttext\treference\n", r"line 1 of .* names 2: id, text, reference; name it once\."),
        ("x.tsv", "id\ttext\tspeaker\tspeaker\n", r"A header must name one column speaker, and line 1 of .* names 2"),
        ("x.tsv", "id\ttext\tseconds\na\tx\tlong\n", r"seconds must be a number above 0, and in line 2 of .* 'long'"),
        ("x.tsv", "id\ttext\tseconds\na\tx\t-1\n", r"in line 2 of .* it is '-1'; write the length in seconds"),
        ("x.tsv", "id\ttext\tseconds\na\tx\tnan\n", r"it is 'nan'"),
        ("x.tsv", "id\ttext\tspeaker\na\tx\ts\nb\ty\t\n", r"speaker must be filled in every line, and in .* 1 of 2"),
        ("x.tsv", "id\x1b[31m\ttext\n", r"An id must have no control characters, and line 1 of .* has 'id\\x1b\[31m'"),
        ("x.tsv", "", r"must have a line, and .*x\.tsv has none; give the whole file\."),
        ("x.tsv", "id\ttext\n", r"must have a line, and .*x\.tsv has none"),
        ("x.trn", ";; only this\n", r"must have a line, and .*x\.trn has none"),
        ("x.txt", "a x\n", r"a \.tsv, LibriSpeech's \.trans\.txt or sclite's \.trn, and .*x\.txt is none by its name;"),
        ("x.csv", "a,x\n", r"x\.csv is none by its name; rename it, or write one of these\."),
        ("x", "a x\n", r"is none by its name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(write, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_transcripts(write(name, content))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_long_line_is_shortened(write):
    with pytest.raises(DataError) as caught:
        read_transcripts(write("x.tsv", "word " * 1000))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["missing.tsv", "."])
def test_a_file_that_is_none(tmp_path, name):
    with pytest.raises(UsageError, match="A file of transcripts must be a file that exists, and .* is none; name anot"):
        read_transcripts(tmp_path / name)


def test_speakers_come_from_ids_like_librispeechs_alone(write):
    assert speakers_by_id(read_transcripts(write("x.tsv", "12-3-0001\ta\n45-3-0002\tb\n"))) == {
        "12-3-0001": "12",
        "45-3-0002": "45",
    }
    assert speakers_by_id(read_transcripts(write("x.tsv", "12-3-0001\ta\nmine-3-1\tb\n"))) is None


# Letters of any script, without what ends a line or a field; a text has no space around it.
LETTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="(){}\ufeff")
IDS = st.text(LETTERS, min_size=1, max_size=8).map(lambda text: "".join(text.split())).filter(bool)
TEXTS = st.text(LETTERS, max_size=20).map(str.strip)
ENTRIES = st.dictionaries(IDS, TEXTS, min_size=1, max_size=6)
WRITERS = {
    "x.tsv": lambda name, text: f"{name}\t{text}",
    "x.trans.txt": lambda name, text: f"{name} {text}",
    "x.trn": lambda name, text: f"{text} ({name})",
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=ENTRIES, seed=st.integers(0, 9))
def test_what_was_written_is_read_in_any_order(write, name, end, entries, seed):
    lines = [WRITERS[name](*entry) for entry in entries.items() if not entry[1].startswith(";;")]
    lines = ["id\ttext"] * (name == "x.tsv") + random.Random(seed).sample(lines, len(lines))
    expected = {key: text for key, text in entries.items() if not text.startswith(";;")}
    if not expected:
        return
    assert read_transcripts(write(name, end.join(lines) + end)).texts == expected


@pytest.mark.parametrize("name", WRITERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.binary(max_size=60), st.text("a\t \n(){};1-", max_size=40).map(str.encode)))
def test_any_bytes_are_read_or_refused(write, name, content):
    try:
        found = read_transcripts(write(name, content))
    except DataError as error:
        found, message = None, str(error)
    else:
        message = ""
    if found is None:
        assert message.endswith(".")
        assert "\n" not in message
    else:
        assert found.transcripts
        assert all(key == one.utterance_id and key.strip() for key, one in found.transcripts.items())
