"""Corpora as they may come: whatever is in them, the whole job loses nothing, and fails in one sentence or not at all.

What was drawn says what must become of it; the job is not asked.
"""

import dataclasses
import json
import os
import re
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.obtain import obtain_corpus
from model.errors import DataError
from tests.hostile_job import LENIENT, STRICT, Outcome, encoded, noise, poke, require_sentence, run, shown
from tests.hostile_trees import CHAPTERS, Tree, check, trees


@settings(max_examples=60, deadline=None)
@given(tree=trees())
def test_of_a_tree_nothing_is_lost(tree):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "corpus" / "tree"
        tree.write(root)
        outcome = run(root, place, private=[place])
        event(f"error: {str(outcome.error)[:40]}")
        event(f"refused on purpose: {bool(tree.refused)}")
        check(tree, outcome)


@settings(max_examples=15, deadline=None)
@given(tree=trees(hostile=False))
def test_too_many_rejects_publish_nothing(tree):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "corpus" / "tree"
        tree.write(root)
        lenient = run(root, Path(place) / "lenient")
        check(tree, lenient)
        strict = run(root, Path(place) / "strict", STRICT)
        if lenient.rejects:
            read = len(lenient.rejects) + len(lenient.records)
            told = f"At most 0.1 % of the utterances may be rejected, and {len(lenient.rejects)} of {read} were"
            assert told in str(strict.error)
            (listed,) = (Path(place) / "strict" / "staging").glob("*/rejects.jsonl")
            assert [json.loads(line) for line in listed.read_bytes().splitlines()] == lenient.rejects
        elif lenient.error is None:
            assert strict.records.keys() == lenient.records.keys()
        else:
            assert strict.error is not None


def archived(root, place, is_compressed):
    """Makes an archive of a tree, whatever is in it."""
    path = Path(place) / ("corpus.tar.gz" if is_compressed else "corpus.tar")
    with tarfile.open(path, "w:gz" if is_compressed else "w") as tar:
        tar.add(root, arcname="LibriSpeech")
    return path


def obtained(archive, place):
    """Unpacks an archive and runs the job."""
    try:
        corpus = obtain_corpus(str(archive), Path(place) / "corpora").root
    except DataError as error:
        require_sentence(error)
        assert not list((Path(place) / "corpora").rglob("*.flac")), "nothing is left"
        return Outcome(error)
    return run(corpus, place, private=[place])


def told(records):
    """All that records say, fit to be compared."""
    return {name: dataclasses.asdict(one) | {"samples": one.samples.tobytes()} for name, one in records.items()}


@settings(max_examples=20, deadline=None)
@given(tree=trees() | trees(hostile=False), is_compressed=st.booleans())
def test_an_archive_gives_what_its_tree_gives_or_is_refused(tree, is_compressed):
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "corpus" / "tree"
        tree.write(root)
        directly = run(root, Path(place) / "directly")
        packed = obtained(archived(root, place, is_compressed), Path(place) / "packed")
        event(f"plain: {tree.is_plain}, error: {type(packed.error).__name__}")
        if tree.is_plain or packed.error is None:
            assert type(packed.error) is type(directly.error)
            assert told(packed.records) == told(directly.records)
            assert packed.rejects == directly.rejects


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Two archives of a corpus, what it gives, and where in the plain one is text, for which nothing vouches."""
    place = tmp_path_factory.mktemp("archives")
    root = place / "tree"
    tree = Tree()
    for number, chapter in enumerate(CHAPTERS[:3]):
        directory, prefix = "/".join(chapter), "-".join(chapter[1:])
        lines = [f"{prefix}-{index:04d} WORD {'ABC'[index]}\n" for index in range(3)]
        tree.files[f"{directory}/{prefix}.trans.txt"] = "".join(lines).encode()
        for index in range(3):
            tree.files[f"{directory}/{prefix}-{index:04d}.flac"] = encoded(noise((number, index), 500))
    tree.write(root)
    plain, compressed = (archived(root, place, is_compressed) for is_compressed in (False, True))
    whole = run(root, place / "whole")
    assert len(whole.records) == 9
    with tarfile.open(plain) as tar:
        text = [
            range(member.offset_data, member.offset_data + member.size) for member in tar if member.name[-4:] == ".txt"
        ]
    return plain.read_bytes(), compressed.read_bytes(), whole, text


MUTATIONS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), max_size=4)


@settings(max_examples=100, deadline=None)
@given(mutations=MUTATIONS, cut_at=st.none() | st.integers(0, 1 << 20), is_compressed=st.booleans())
def test_a_mutated_archive_gives_no_record_that_the_whole_one_does_not(archives, mutations, cut_at, is_compressed):
    plain, compressed, whole, text = archives
    content = compressed if is_compressed else plain
    if not is_compressed:
        mutations = [(at, by) for at, by in mutations if not any(at % len(content) in part for part in text)]
    mutated = poke(content, mutations)
    if cut_at is not None:
        mutated = mutated[: cut_at % len(content)]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "corpus.tar"
        path.write_bytes(mutated)
        outcome = obtained(path, place)
        event(f"error: {type(outcome.error).__name__}, rejects: {bool(outcome.rejects)}")
        expected = told(whole.records)
        assert told(outcome.records).items() <= expected.items()
        if outcome.error is None:
            lost = set(expected) - set(outcome.records)
            assert lost <= {reject["utterance_id"] for reject in outcome.rejects}


# What was found with the tests above, one by one.


@pytest.fixture
def corpus(make_corpus):
    return make_corpus({"train-a": ["101"], "dev-a": ["103"], "test-a": ["104"]})


def reasons(outcome):
    assert outcome.error is None, outcome.error
    return {(reject["utterance_id"], reject["path"]): reject["reason"] for reject in outcome.rejects}


CHAPTER = "train-a/101/7"
LONG_SOUND = dataclasses.replace(LENIENT, max_samples=4_000)


@pytest.mark.parametrize("name", ["101-7-\udce9", "101-7-a\nb", "101-7-\u2028", "101-7-\x1b[31m", "\udcff"])
def test_a_name_that_cannot_be_printed_is_rejected_and_escaped(corpus, tmp_path, name):
    (corpus / CHAPTER / f"{name}.flac").write_bytes(encoded(noise(1)))
    with (corpus / CHAPTER / "101-7.trans.txt").open("ab") as file:
        file.write(b"101-7-\xe9 HELLO\n")
    line = f"{CHAPTER}/101-7.trans.txt:4"
    reason = r"In line 4, the id must have no slashes and no control characters, and is '101-7-\udce9'."
    expected = {("101-7-\\udce9", line): reason}
    if name != "101-7-\udce9":
        expected[shown(name), f"{CHAPTER}/{shown(name)}.flac"] = "It has audio and no transcript."
    assert reasons(run(corpus, tmp_path, LONG_SOUND)) == expected


def test_transcripts_that_are_no_file_are_not_waited_for(corpus, tmp_path):
    transcripts = corpus / CHAPTER / "101-7.trans.txt"
    transcripts.unlink()
    os.mkfifo(transcripts)
    outcome = run(corpus, tmp_path / "pipe", LONG_SOUND)
    told = "; ".join(f"101-7-000{number}: It has audio and no transcript" for number in range(3))
    assert f"and all of its utterances were rejected ({told}; and 1 more);" in str(outcome.error)
    (corpus / "SPEAKERS.TXT").unlink()
    os.mkfifo(corpus / "SPEAKERS.TXT")
    assert "SPEAKERS.TXT must be a file that can be read, and that in" in str(run(corpus, tmp_path / "table").error)


def test_transcripts_in_a_file_of_another_name_are_told_line_by_line(corpus, tmp_path):
    transcripts = corpus / CHAPTER / "101-7.trans.txt"
    lines = transcripts.read_text().splitlines()
    transcripts.write_text(f"{lines[0]}\n")
    (corpus / CHAPTER / "101-7 (1).trans.txt").write_text(f"{lines[0]}\n\n{lines[1]}\n")
    reason = "transcripts must be in 101-7.trans.txt, and this is '101-7 (1).trans.txt'."
    assert reasons(run(corpus, tmp_path, LONG_SOUND)) == {
        ("101-7-0000", f"{CHAPTER}/101-7 (1).trans.txt:1"): f"In line 1, {reason}",
        ("101-7-0001", f"{CHAPTER}/101-7 (1).trans.txt:3"): f"In line 3, {reason}",
        ("101-7-0002", f"{CHAPTER}/101-7-0002.flac"): "It has audio and no transcript.",
    }


def test_an_endless_id_hides_no_other_sound(corpus, tmp_path):
    name = "101-7-" + "x" * 194
    (corpus / CHAPTER / f"{name}.flac").write_bytes(encoded(noise(1)))
    with (corpus / CHAPTER / "101-7.trans.txt").open("a") as file:
        file.write(f"{name}yyy HELLO\n")
    assert reasons(run(corpus, tmp_path, LONG_SOUND)) == {
        (name, f"{CHAPTER}/101-7.trans.txt:4"): "In line 4, the id must have 200 characters at most, and has 203.",
        (name, f"{CHAPTER}/{name}.flac"): "It has audio and no transcript.",
    }


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("train-a/101/101-7.trans.txt", r"must lie as .*, and this does not: train-a/101/101-7\.trans\.txt, in "),
        (
            "train-a/10\udcff/7/x.flac",
            r"names in UTF-8 that can be printed, .* and train-a/10\\udcff/7 in .* has other",
        ),
        ("train-a/1 2/7/x.flac", r"those of speakers and chapters without blanks, and train-a/1 2/7 in .* has other"),
        (
            f"test-{'a' * 250}/1/2/x.flac",
            r"must have a name of letters, digits, '\.', '_' and '-', 64 at most, and 'test-",
        ),
        ("test-[b]/1/2/x.flac", r"and 'test-\[b\]' in .* has another; rename it, or name its split in ingest\.splits"),
    ],
)
def test_a_place_that_no_record_can_name_is_refused(corpus, tmp_path, path, message):
    (corpus / path).parent.mkdir(parents=True, exist_ok=True)
    (corpus / path).write_bytes(b"X Y")
    assert re.search(message, str(run(corpus, tmp_path).error))


def test_an_id_in_two_splits_is_refused(corpus, tmp_path):
    for directory in ("train-a/5/6-7", "test-a/5-6/7"):
        (corpus / directory).mkdir(parents=True)
        (corpus / directory / "5-6-7-0000.flac").write_bytes(encoded(noise(1)))
    assert re.search(
        r"must be in one split, and 5-6-7-0000\.flac is in test-a \(test-a/5-6/7\) and in train \(train-a/5/6-7\) of ",
        str(run(corpus, tmp_path).error),
    )


def test_a_directory_without_utterances_makes_no_split(corpus, tmp_path):
    (corpus / "test-b" / "109" / "7").mkdir(parents=True)
    (corpus / "test-b" / "109" / "7" / ".DS_Store").write_bytes(b"junk")
    outcome = run(corpus, tmp_path, LONG_SOUND)
    assert (outcome.error, len(outcome.records)) == (None, 9)
    (corpus / "test-b" / "109" / "7" / "109-7.trans.txt").write_bytes(b"\n \n")
    assert str(run(corpus, tmp_path / "blank", LONG_SOUND).error) == (
        "The split test-b must hold an utterance, and it holds none; mend one of them, or add one."
    )


def test_a_corpus_whose_name_is_no_utf_8_is_read(make_corpus, tmp_path):
    corpus = make_corpus({"train-a": ["101"], "dev-a": ["103"]}).rename(tmp_path / "k\udcf6rper\n")
    outcome = run(corpus, tmp_path, LONG_SOUND)
    assert (outcome.error, len(outcome.records)) == (None, 6)
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_bytes())
    assert info["corpus"]["root_name"] == r"k\udcf6rper\n"
