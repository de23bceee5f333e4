"""The ingest job after one that did not end well: what it goes on with, and what it does not trust."""

import json

import pytest

from beam_jobs.librispeech import IngestSettings
from beam_jobs.librispeech.ingest import ingest
from model.errors import DataError, TryAgainError
from tests.ingested import digests

LENIENT = IngestSettings(max_reject_fraction=1.0)


@pytest.fixture
def corpus(make_corpus):
    return make_corpus({"train-a": ["101", "102"], "dev-a": ["103"], "test-a": ["104"]})


def interrupted(corpus, tmp_path, monkeypatch):
    """A job that ended before it published, with all shards finished; returns its staging directory."""
    from beam_jobs.librispeech import ingest as module

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_publish", stop)
        with pytest.raises(KeyboardInterrupt):
            ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    (staging,) = (tmp_path / "staging").glob("ingest-*")
    return staging


def heard(monkeypatch):
    import beam_jobs.librispeech.shards as writing

    read, names = writing.read_pcm16, []
    monkeypatch.setattr(writing, "read_pcm16", lambda path, name, most: names.append(name) or read(path, name, most))
    return names


@pytest.mark.parametrize("damage", ["empty", "flipped", "cut", "gone", "half a result", "result of another code"])
def test_a_finished_shard_that_is_not_what_its_result_says_is_written_anew(corpus, tmp_path, monkeypatch, damage):
    ingest(corpus, tmp_path / "whole", tmp_path / "other", IngestSettings())
    staging = interrupted(corpus, tmp_path, monkeypatch)
    result = min(staging.glob("results/train-*.json"))
    shard = staging / "Split-train" / json.loads(result.read_text())["shard"]
    content = bytearray(shard.read_bytes())
    if damage == "gone":
        shard.unlink()
    elif damage == "half a result":
        result.write_text(result.read_text()[:50])
    elif damage == "result of another code":
        result.write_text("{}")
    else:
        content[len(content) // 2] ^= 1
        shard.write_bytes({"empty": b"", "cut": content[:-1], "flipped": content}[damage])
    names = heard(monkeypatch)
    ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert 0 < len(names) < 6, "what is whole is kept"


def test_a_shard_of_other_references_is_not_gone_on_with(corpus, tmp_path, monkeypatch):
    """A file that a directory did not show for a moment: the fingerprint is that of the whole corpus."""
    from beam_jobs.librispeech import references

    list_names = references.places.list_names

    def hiding(place):
        return [name for name in list_names(place) if not name.startswith("101-7-0001")]

    with monkeypatch.context() as patch:
        patch.setattr(references.places, "list_names", hiding)
        with pytest.raises(DataError, match=r"1 of 12 were \(101-7-0001: It has a transcript and no audio\)"):
            ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    info = ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert (info["read"], info["written"]) == (12, 12)


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_job_that_was_killed_while_it_published_is_published_by_the_next(corpus, tmp_path, monkeypatch, moved):
    from beam_jobs import places

    ingest(corpus, tmp_path / "whole", tmp_path / "other", IngestSettings())
    ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings(num_shards_per_split=2))
    move, count = places.move_tree, []

    def killed(*arguments):
        if len(count) == moved:
            raise KeyboardInterrupt
        count.append(arguments)
        move(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(places, "move_tree", killed)
        with pytest.raises(KeyboardInterrupt):
            ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert not (tmp_path / "out" / "dataset_info.json").exists(), "who finds it finds all"
    ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_a_higher_limit_of_rejects_goes_on_with_what_was_written(corpus, tmp_path, monkeypatch):
    (corpus / "train-a/101/7/101-7-0000.flac").write_bytes(b"")
    with pytest.raises(DataError, match=r"raise ingest\.max_reject_fraction"):
        ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    names = heard(monkeypatch)
    info = ingest(corpus, tmp_path / "out", tmp_path / "staging", LENIENT)
    assert (info["written"], info["rejected"], names) == (11, 1, [])


def test_a_lost_shard_is_a_fault_and_not_a_smaller_corpus(corpus, tmp_path, monkeypatch):
    from beam_jobs.librispeech import transforms

    whole = transforms.write_shard

    def losing(*arguments):
        result = whole(*arguments)
        for path in (tmp_path / "staging").glob("*/results/test-a-*.json"):
            path.unlink()
        return result

    monkeypatch.setattr(transforms, "write_shard", losing)
    with pytest.raises(DataError, match=r"must hold what was planned, and the result of shard \d of test-a is not in"):
        ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert not (tmp_path / "out").exists()


def test_two_jobs_do_not_stage_in_one_place(corpus, tmp_path):
    from beam_jobs.librispeech.transfer import locked

    (tmp_path / "staging").mkdir()
    with (
        locked(tmp_path / "staging"),
        pytest.raises(TryAgainError, match=r"must not stage in \S+/staging at the same time; wait until the other"),
    ):
        ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())
    assert ingest(corpus, tmp_path / "out", tmp_path / "staging", IngestSettings())["written"] == 12
