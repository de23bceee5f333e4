"""What a person may name as a corpus, and what becomes of it."""

import tarfile

import pytest

from beam_jobs.librispeech import IngestSettings, inspect_corpus
from beam_jobs.librispeech.__main__ import main
from beam_jobs.librispeech.obtain import named_subsets, obtain_corpus
from model.errors import DataError, UsageError


@pytest.fixture
def archive(make_corpus, tmp_path):
    root = make_corpus({"train-a": ["1", "2"], "dev-a": ["3"], "test-a": ["4"]}, root=tmp_path / "LibriSpeech")
    path = tmp_path / "archives" / "corpus.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(root, arcname="LibriSpeech")
    return path


def test_an_archive_is_unpacked_once_and_read_as_a_directory(archive, tmp_path):
    obtained = obtain_corpus(str(archive), tmp_path / "corpora")
    assert obtained.subsets == ()
    corpus = inspect_corpus(obtained.root)
    assert corpus.utterances == 12
    assert set(corpus.splits) == {"train", "validation", "test-a"}
    again = obtain_corpus(str(archive), tmp_path / "corpora")
    assert again == obtained
    assert inspect_corpus(again.root).fingerprint == corpus.fingerprint


def test_the_job_alone_takes_an_archive(archive, tmp_path, capsys):
    assert main(["--corpus", str(archive), "--output", str(tmp_path / "out")]) == 0
    assert '"written": 12' in capsys.readouterr().out
    assert (tmp_path / "out.corpora").is_dir()


def test_a_damaged_archive_leaves_nothing(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(DataError):
        obtain_corpus(str(archive), tmp_path / "corpora")
    assert not list((tmp_path / "corpora").rglob("*.flac"))


def test_names_and_paths_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named_subsets("test-clean, dev-clean") == ("test-clean", "dev-clean")
    assert named_subsets("my-corpus") == ()
    (tmp_path / "test-clean").mkdir()
    assert named_subsets("test-clean") == (), "a directory of that name is that directory"
    with pytest.raises(UsageError, match="'test-claen' is no subset of LibriSpeech; did you mean 'test-clean'"):
        named_subsets("dev-clean,test-claen")
    assert obtain_corpus(str(tmp_path), tmp_path / "corpora").root == str(tmp_path)


def test_only_the_subsets_that_are_asked_for_are_read(make_corpus):
    corpus = make_corpus({"train-a": ["1", "2"], "train-b": ["5"], "dev-a": ["3"], "test-a": ["4"]})
    chosen = inspect_corpus(corpus, IngestSettings(subsets=("train-a", "test-a")))
    assert {chapter.subset for chapter in chosen.chapters} == {"train-a", "test-a"}
    with pytest.raises(DataError, match="ingest.splits name must be in the corpus, and .* has no dev-x"):
        inspect_corpus(corpus, IngestSettings(subsets=("dev-x",)))


def test_any_subset_may_be_any_split(make_corpus):
    corpus = make_corpus({"train-a": ["1", "2"], "train-b": ["5"], "dev-a": ["3"], "test-a": ["4"]})
    splits = {"train-a": "train", "train-b": "validation", "dev-a": "held-out"}
    chosen = inspect_corpus(corpus, IngestSettings(splits=splits))
    assert chosen.splits == {"train": ("train-a",), "validation": ("train-b",), "held-out": ("dev-a",)}
