import pytest

from model.errors import UsageError
from pipeline.config import load_config
from pipeline.sources import with_absolute_sources


@pytest.fixture
def config():
    return load_config("smoke")


def test_paths_become_absolute(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speech").mkdir()
    chosen = with_absolute_sources(config.with_sources("speech", "checkpoints/base"))
    assert chosen.corpus.source == str(tmp_path / "speech")
    assert chosen.checkpoint.source == str(tmp_path / "checkpoints" / "base")
    assert chosen.pipeline_name.startswith("smoke-speech-")


def test_words_stay_words(config):
    chosen = with_absolute_sources(config.with_sources("synthetic", "tiny"))
    assert (chosen.corpus.source, chosen.checkpoint.source) == ("synthetic", "tiny")


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("train-clean-100,test-clean", "not 'train-clean-100,test-clean'; this version downloads nothing"),
        ("gs://bucket/corpus", "not 'gs://bucket/corpus'; this version downloads nothing"),
        ("FILE", r"and .*corpus\.tar\.gz is a file; unpack it and name the directory"),
    ],
)
def test_kinds_of_corpora_that_are_not_read_are_refused(config, tmp_path, corpus, message):
    if corpus == "FILE":
        path = tmp_path / "corpus.tar.gz"
        path.write_bytes(b"x")
        corpus = str(path)
    with pytest.raises(UsageError, match=message):
        with_absolute_sources(config.with_sources(corpus, None))


def test_a_checkpoint_on_the_hub_keeps_its_address(config):
    chosen = with_absolute_sources(config.with_sources(None, "hf://facebook/mms-1b-all@main", "fra"))
    assert (chosen.checkpoint.source, chosen.checkpoint.language) == ("hf://facebook/mms-1b-all@main", "fra")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gs://bucket/checkpoint", r"or hf://owner/name, not 'gs://bucket/checkpoint'; download the checkpoint first"),
        ("hf://facebook", r"hf://owner/name"),
    ],
)
def test_other_addresses_are_refused(config, source, message):
    with pytest.raises(UsageError, match=message):
        with_absolute_sources(config.with_sources(None, source))
