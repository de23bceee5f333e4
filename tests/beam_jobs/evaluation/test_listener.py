"""What a listener hears is what the model says: alone, in a batch, padded, and from the ONNX file."""

import shutil
import threading
import time

import numpy as np
import pytest

from beam_jobs.evaluation import ALONE, BATCHED, CONSTANT, ONNX, Way
from beam_jobs.evaluation.listener import Listener
from model.audio import normalise
from model.errors import CheckpointError, ConfigurationError, ReleaseError, UsageError

SHORT = Way("padded", alone=True, pad_to_samples=12_000)


@pytest.fixture(scope="module")
def listener(release):
    return Listener(release)


@pytest.fixture(scope="module")
def waveforms():
    random = np.random.default_rng(7)
    return [0.1 * random.standard_normal(length, dtype=np.float32) for length in (5_000, 8_123, 3_001)]


@pytest.fixture(scope="module")
def expected(loaded, waveforms):
    logits = [loaded.model(normalise(waveform)[np.newaxis])[0][0].numpy() for waveform in waveforms]
    return [(loaded.vocabulary.decode_greedy(one.argmax(-1)), one) for one in logits]


@pytest.mark.parametrize("way", [BATCHED, ALONE, ONNX, SHORT], ids=lambda way: way.name)
def test_every_way_gives_what_the_model_gives(listener, waveforms, expected, way):
    sounds = listener.hear(way, waveforms)
    assert [sound.text for sound in sounds] == [text for text, _ in expected]
    for sound, (_, logits) in zip(sounds, expected, strict=True):
        assert sound.logits.shape == logits.shape
        np.testing.assert_allclose(sound.logits, logits, atol=2e-4)
        assert sound.seconds > 0


def test_a_longer_utterance_keeps_its_length(listener):
    waveform = 0.1 * np.random.default_rng(1).standard_normal(13_000, dtype=np.float32)
    (alone,), (padded,) = listener.hear(ALONE, [waveform]), listener.hear(SHORT, [waveform])
    assert padded.text == alone.text
    assert padded.logits.shape == alone.logits.shape


def test_constant_padding_is_to_the_published_length(listener, waveforms, expected):
    (sound,) = listener.hear(CONSTANT, waveforms[:1])
    assert sound.text == expected[0][0]
    assert sound.logits.shape == expected[0][1].shape


def test_in_a_batch_the_seconds_are_shared_by_the_samples(listener, waveforms):
    sounds = listener.hear(BATCHED, waveforms)
    shares = [sound.seconds / len(waveform) for sound, waveform in zip(sounds, waveforms, strict=True)]
    assert max(shares) == pytest.approx(min(shares))


def test_opening_a_model_is_not_in_the_seconds(release, waveforms):
    began = time.perf_counter()
    (sound,) = Listener(release).hear(ALONE, waveforms[:1])
    assert sound.seconds < (time.perf_counter() - began) / 3


@pytest.mark.parametrize("way", [BATCHED, ALONE, ONNX, SHORT], ids=lambda way: way.name)
@pytest.mark.parametrize("length", [0, 1, 399])
def test_what_is_too_short_for_a_frame_has_no_text(listener, waveforms, expected, way, length):
    short, other = listener.hear(way, [np.full(length, 0.1, np.float32), waveforms[0]])
    assert (short.text, short.logits.shape) == ("", (0, 32))
    assert other.text == expected[0][0]


def test_nothing_to_hear_is_nothing_heard(listener):
    assert listener.hear(BATCHED, []) == []
    assert listener.hear(ONNX, []) == []


def test_published_versions_of_one_format_are_heard(release, waveforms, expected):
    for way, directory in ((BATCHED, release / "saved_model"), (ONNX, release / "onnx")):
        listener = Listener(directory)
        assert listener.hear(way, waveforms)[0].text == expected[0][0]
        assert len(listener.vocabulary.tokens) == 32


def test_several_threads_open_one_model(release, waveforms, expected):
    listener, heard = Listener(release), []
    threads = [threading.Thread(target=lambda: heard.extend(listener.hear(BATCHED, waveforms[:1]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sound.text for sound in heard] == [expected[0][0]] * 4


def test_what_is_no_release_is_said(tmp_path, release, waveforms):
    with pytest.raises(ReleaseError, match=r"saved_model must be a SavedModel with the signature 'transcribe': "):
        Listener(tmp_path).hear(BATCHED, waveforms)
    with pytest.raises(UsageError, match=r"holds no onnx/model\.onnx; copy it again"):
        Listener(tmp_path).hear(ONNX, waveforms)
    shutil.copytree(release, tmp_path / "release")
    (tmp_path / "release" / "onnx" / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ReleaseError, match=r"model\.onnx must have \d+ bytes, and has 8; copy .* again\."):
        Listener(tmp_path / "release").hear(ONNX, waveforms)
    (tmp_path / "release" / "saved_model" / "variables" / "variables.index").unlink()
    with pytest.raises(ReleaseError, match=r"saved_model must be a SavedModel with the signature 'transcribe': "):
        Listener(tmp_path / "release").hear(BATCHED, waveforms)
    (tmp_path / "release" / "saved_model" / "assets" / "vocab.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"vocab\.json"):
        _ = Listener(tmp_path / "release").vocabulary
    with pytest.raises(ReleaseError, match="must be the release of a recogniser, with a vocabulary, and has none"):
        _ = Listener(tmp_path).vocabulary


@pytest.mark.parametrize(
    ("way", "message"),
    [
        (Way("x", kind="onnx"), "An ONNX file takes no lengths, .* 'x' must have alone=True and pad_to_samples=0"),
        (Way("x", kind="onnx", alone=True, pad_to_samples=9), "An ONNX file takes no lengths"),
        (Way("x", decoder="beam_search"), "The way 'x' decodes by beam search, which needs a language model"),
    ],
)
def test_ways_that_are_not_possible(listener, waveforms, way, message):
    with pytest.raises(ConfigurationError, match=message):
        listener.hear(way, waveforms)
