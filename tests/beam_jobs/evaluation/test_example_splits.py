"""What is evaluated: the splits of examples or of a corpus, and what was promised and published of them."""

import json

import pytest

from beam_jobs.evaluation.example_splits import (
    ExampleSplits,
    choose_splits,
    ingest_corpus,
    is_examples,
    open_examples,
    published_counts,
)
from beam_jobs.librispeech import IngestSettings
from beam_jobs.librispeech.published import PUBLISHED
from model.errors import DataError, UsageError
from tests.ingested import records


@pytest.mark.parametrize(
    ("known", "asked", "chosen"),
    [
        (("train", "validation", "test-b", "test-a"), (), ("test-a", "test-b")),
        (("train", "validation", "test-a"), ("validation", "test-a", "validation"), ("validation", "test-a")),
        (("train", "validation"), (), ("validation",)),
        (("train",), ("train",), ("train",)),
    ],
)
def test_test_splits_are_chosen_where_none_is_asked_for(known, asked, chosen):
    assert choose_splits(dict.fromkeys(known), asked, "here") == chosen


def test_a_split_that_is_not_there_is_said():
    with pytest.raises(DataError, match="--split must be one of test-a, train, the splits of here, not 'test-b'"):
        choose_splits({"train": 1, "test-a": 1}, ["test-b"], "here")
    with pytest.raises(DataError, match="here must have a split to evaluate on, and has train alone; name it with"):
        choose_splits({"train": 1}, (), "here")


def test_examples_are_known_by_what_ingest_said(examples, tmp_path):
    assert is_examples(str(examples))
    assert not is_examples(str(tmp_path))
    assert not is_examples("test-clean,test-other")
    found = open_examples(str(examples), ())
    assert (found.examples_dir, found.splits) == (str(examples), ("test-a", "test-b"))
    assert found.promised("test-b") == {"utterances": 8, "words": 24}
    for content in ("{", "[]", '{"splits": {"test-a": {}}}', '{"splits": []}'):
        (examples / "dataset_info.json").write_text(content)
        with pytest.raises(DataError, match=r"dataset_info\.json must say what ingest has written, and does not"):
            open_examples(str(examples), ())


@pytest.mark.parametrize(
    ("split", "subsets", "utterances", "words", "published"),
    [
        ("test-clean", ["test-clean"], 2_620, 52_576, (2_620, 52_576, True)),
        ("test-clean", ["test-clean"], 2_619, 52_576, (2_620, 52_576, False)),
        ("test-clean", ["test-clean"], 2_620, 52_570, (2_620, 52_576, False)),
        ("validation", ["dev-other"], 2_864, 50_948, (2_864, 50_948, True)),
        ("train", ["train-clean-100"], 28_539, 5, (28_539, None, True)),
        ("validation", ["dev-clean", "dev-other"], 5_567, 105_350, (5_567, 105_350, True)),
        ("validation", ["dev-clean", "own"], 9, 9, None),
        ("test-own", ["test-own"], 9, 9, None),
    ],
)
def test_whole_subsets_are_held_against_what_was_published(split, subsets, utterances, words, published):
    info = {
        "splits": {split: {"subsets": subsets, "utterances": utterances, "words": words}},
        "subsets": {name: {"splits": [split]} for name in subsets},
        "published": {name: vars(PUBLISHED[name]) for name in subsets if name in PUBLISHED},
    }
    found = ExampleSplits("here", (split,), info).published(split)
    assert (found and (found["utterances"], found["words"], found["whole"])) == published
    info["subsets"][subsets[0]]["splits"].append("train")
    assert published_counts(info, split) is None


def ingested(corpus, tmp_path, splits=()):
    return ingest_corpus(
        str(corpus), splits, IngestSettings(), str(tmp_path / "corpora"), str(tmp_path / "place"), beam
    )


def beam():
    import apache_beam

    return apache_beam.Pipeline()


def test_of_a_corpus_only_what_is_evaluated_is_read(make_corpus, tmp_path):
    corpus = make_corpus({"train-a": ["1", "2"], "test-b": ["3"], "test-a": ["4"]})
    (corpus / "train-a" / "1" / "7" / "1-7-0000.flac").write_bytes(b"no sound")
    found = ingested(corpus, tmp_path)
    assert found.splits == ("test-a", "test-b")
    assert sorted(path.name for path in (tmp_path / "place" / "examples").glob("Split-*")) == [
        "Split-test-a",
        "Split-test-b",
    ]
    assert len(records(tmp_path / "place" / "examples")) == 6
    assert found.promised("test-a") == {"utterances": 3, "words": 9}


def test_one_split_may_be_asked_for(make_corpus, tmp_path):
    corpus = make_corpus({"train-a": ["1", "2"], "dev-a": ["5"], "test-b": ["3"]})
    assert ingested(corpus, tmp_path, ("validation",)).splits == ("validation",)
    assert sorted(records(tmp_path / "place" / "examples")) == ["5-7-0000", "5-7-0001", "5-7-0002"]
    with pytest.raises(DataError, match="--split must be one of test-b, train, validation, the splits of .*, not 'x'"):
        ingested(corpus, tmp_path, ("x",))


def test_a_manifest_of_test_speakers_is_read(tone, tmp_path):
    lines = []
    for number in range(3):
        tone(tmp_path / f"{number}.wav", number)
        lines.append({"path": f"{number}.wav", "text": "GOOD MORNING", "speaker": str(number), "split": "test"})
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = ingested(tmp_path / "own.jsonl", tmp_path)
    assert found.splits == ("test",)
    assert found.promised("test") == {"utterances": 3, "words": 6}


def test_a_corpus_that_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="--corpus must be a directory that holds a corpus"):
        ingested(tmp_path / "nowhere", tmp_path)
