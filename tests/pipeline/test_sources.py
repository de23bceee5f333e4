import dataclasses
from pathlib import Path

import pytest

from components.checkpoint_converter.settings import CheckpointSettings
from model.alphabet import Alphabet
from model.beam_search import BeamSearchSettings
from model.errors import CheckpointError, UsageError
from model.export.destinations.settings import PublicationSettings
from model.pretrained import TINY
from model.text import librispeech_vocabulary
from pipeline.config import load_config
from pipeline.sources import find_sources, find_start, with_absolute_sources
from pipeline.workspace import Workspace
from tests.fake_hub import COMMIT

GOLDEN = Path(__file__).parents[1] / "golden" / "wav2vec2"


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


def test_the_language_model_has_an_absolute_path(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, absolute in (("lm/4-gram.arpa", str(tmp_path / "lm" / "4-gram.arpa")), ("gs://models/a.arpa",) * 2):
        named = dataclasses.replace(config.evaluation, beam_search=BeamSearchSettings(given, alpha=0.7))
        chosen = with_absolute_sources(dataclasses.replace(config, evaluation=named))
        assert chosen.evaluation.beam_search == BeamSearchSettings(absolute, alpha=0.7)


def test_the_place_of_releases_is_absolute(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given, absolute in (("released", str(tmp_path / "released")), ("gs://models/a",) * 2, ("",) * 2):
        chosen = with_absolute_sources(dataclasses.replace(config, publication=PublicationSettings(given)))
        assert chosen.publication.destination == absolute


def test_words_stay_words(config):
    chosen = with_absolute_sources(config.with_sources("synthetic", "tiny"))
    assert (chosen.corpus.source, chosen.checkpoint.source) == ("synthetic", "tiny")


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("train-clean-100,test-claen", "'test-claen' is no subset of LibriSpeech; did you mean 'test-clean'"),
        ("s3://bucket/corpus", "under gs://, not 's3://bucket/corpus'; copy it there"),
        ("FILE", r"a manifest of own recordings \(.tsv, .csv or .jsonl\); .*speech\.flac is another kind of file"),
        ("nowhere", "nowhere does not exist, and the subsets are dev-clean, dev-other"),
    ],
)
def test_kinds_of_corpora_that_are_not_read_are_refused(config, tmp_path, corpus, message):
    if corpus == "FILE":
        path = tmp_path / "speech.flac"
        path.write_bytes(b"x")
        corpus = str(path)
    with pytest.raises(UsageError, match=message):
        with_absolute_sources(config.with_sources(corpus, None))


def test_subsets_by_name_are_what_the_job_reads(config):
    chosen = with_absolute_sources(config.with_sources(" train-clean-100, test-clean", None))
    assert chosen.corpus.source == "train-clean-100,test-clean"
    assert chosen.ingest.subsets == ("train-clean-100", "test-clean")
    other = with_absolute_sources(config.with_sources("test-clean,train-clean-100", None))
    assert other.pipeline_name == chosen.pipeline_name, "the same corpus, in another order"
    assert chosen.pipeline_name.startswith("smoke-librispeech-")


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


def test_the_commit_of_a_checkpoint_on_the_hub_is_what_the_run_uses(hub, config, tmp_path, make_corpus):
    hub.files = {path.name: path.read_bytes() for path in TINY.iterdir()}
    corpus = make_corpus({"train-a": ["1", "2"], "dev-a": ["3"], "test-a": ["4"]})
    chosen = with_absolute_sources(config.with_sources(str(corpus), "hf://someone/speech"))
    sources = find_sources(chosen, Workspace(tmp_path / "workspace"))
    assert sources.checkpoint_path == f"hf://someone/speech@{COMMIT}"
    assert sources.vocabulary["<pad>"] == 0
    fetched = len(hub.fetched)
    again = find_sources(chosen, Workspace(tmp_path / "workspace"))
    assert again == sources
    assert len(hub.fetched) == fetched, "the cache has it"


@pytest.fixture
def corpus(make_corpus):
    return str(make_corpus({"train-a": ["1", "2"], "dev-a": ["3"], "test-a": ["4"]}))


def test_a_backbone_without_a_head_gets_the_tokens_of_the_transcripts(config, tmp_path, corpus):
    chosen = with_absolute_sources(config.with_sources(corpus, str(GOLDEN / "pretraining")))
    sources = find_sources(chosen, Workspace(tmp_path / "workspace"))
    assert sources.vocabulary == librispeech_vocabulary().to_mapping()


@pytest.mark.parametrize("checkpoint", ["tiny", str(GOLDEN / "headless"), str(GOLDEN / "attention_adapter")])
def test_any_checkpoint_gets_the_letters_of_an_alphabet_where_a_new_head_is_asked_for(config, corpus, checkpoint):
    ingest = dataclasses.replace(config.ingest, transcript_normaliser="unicode", alphabet=Alphabet("αβγ"))
    chosen = dataclasses.replace(config.with_sources(corpus, checkpoint), ingest=ingest)
    new = dataclasses.replace(chosen, checkpoint=dataclasses.replace(chosen.checkpoint, new_head=True))
    start = find_start(with_absolute_sources(new))
    assert start.vocabulary == Alphabet("αβγ").vocabulary()
    if checkpoint != str(GOLDEN / "headless"):
        with pytest.raises(
            CheckpointError, match=r"these letters are no tokens of it: α β γ; .* sets checkpoint.new_head"
        ):
            find_start(with_absolute_sources(chosen))


def test_random_weights_have_an_architecture_and_no_file(config, tmp_path, corpus):
    fingerprints = set()
    for architecture in ("tiny", "base", str(GOLDEN / "headless" / "config.json")):
        settings = CheckpointSettings("random", architecture=architecture)
        chosen = with_absolute_sources(dataclasses.replace(config.with_sources(corpus, None), checkpoint=settings))
        sources = find_sources(chosen, Workspace(tmp_path / "workspace"))
        assert sources.checkpoint_path == "random"
        assert sources.vocabulary == librispeech_vocabulary().to_mapping()
        fingerprints.add(sources.checkpoint_fingerprint)
    assert len(fingerprints) == 3


def test_an_architecture_that_is_not_there_is_said(config, tmp_path, corpus):
    settings = CheckpointSettings("random", architecture="huge.json")
    chosen = with_absolute_sources(dataclasses.replace(config.with_sources(corpus, None), checkpoint=settings))
    assert Path(chosen.checkpoint.architecture or "").is_absolute()
    with pytest.raises(UsageError, match="checkpoint.architecture must be one of tiny, base, large, .*huge.json' is"):
        find_sources(chosen, Workspace(tmp_path / "workspace"))
