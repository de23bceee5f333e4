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
    assert chosen.checkpoint == str(tmp_path / "checkpoints" / "base")
    assert chosen.pipeline_name.startswith("smoke-speech-")


def test_words_stay_words(config):
    chosen = with_absolute_sources(config.with_sources("synthetic", "tiny"))
    assert (chosen.corpus.source, chosen.checkpoint) == ("synthetic", "tiny")


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


def test_a_checkpoint_on_a_hub_is_refused(config):
    with pytest.raises(UsageError, match=r"not 'hf://facebook/wav2vec2-base'; download the checkpoint first"):
        with_absolute_sources(config.with_sources(None, "hf://facebook/wav2vec2-base"))
