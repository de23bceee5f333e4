"""The checkpoint of a release is loaded and held against its SavedModel."""

import shutil

import numpy as np
import pytest

from beam_jobs.evaluation import BATCHED
from beam_jobs.evaluation.listener import Listener
from beam_jobs.evaluation.results import Probe
from components.wer_evaluator.checkpoint import compare_checkpoint
from model.errors import ReleaseError
from model.metrics import get_normaliser

NORMALISE = get_normaliser("librispeech")


@pytest.fixture(scope="module")
def probes(releases):
    random = np.random.default_rng(4)
    waveforms = [random.normal(0, 0.2, length).astype(np.float32) for length in (4_000, 7_000, 9_000)]
    heard = Listener(releases["candidate"]).hear(BATCHED, waveforms)
    return [
        Probe(f"1-1-{number}", "test-a", waveform, {BATCHED.name: sound})
        for number, (waveform, sound) in enumerate(zip(waveforms, heard, strict=True))
    ]


@pytest.fixture
def references(probes):
    """What the SavedModel heard, so that it makes no error."""
    return {"test-a": {probe.utterance_id: probe.by_way[BATCHED.name].text for probe in probes}}


def test_a_checkpoint_of_the_model_that_was_measured_agrees(releases, probes, references):
    found = compare_checkpoint(releases["candidate"], probes, references, NORMALISE)
    assert (found["utterances"], found["text_agreement"], found["decoder"]) == (3, 1.0, "greedy")
    assert found["largest_logit_difference"] < 1e-4
    assert (found["wer"], found["wer_difference"]) == ({"test-a": 0.0}, {"test-a": 0.0})


def test_a_checkpoint_of_another_model_does_not(releases, probes, references):
    found = compare_checkpoint(releases["other"], probes, references, NORMALISE)
    assert found["text_agreement"] < 1
    assert found["largest_logit_difference"] > 0.1
    assert found["wer_difference"] == found["wer"]
    assert found["wer"]["test-a"] > 0


def test_without_a_probe_nothing_agrees(releases):
    found = compare_checkpoint(releases["candidate"], [], {}, NORMALISE)
    assert (found["utterances"], found["text_agreement"], found["largest_logit_difference"]) == (0, None, None)


def test_a_checkpoint_that_cannot_be_loaded_is_an_error(releases, probes, references, tmp_path):
    shutil.copytree(releases["candidate"] / "checkpoint", tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ReleaseError, match="must be a checkpoint that can be loaded"):
        compare_checkpoint(tmp_path, probes, references, NORMALISE)
