"""Long recordings in windows: the text, the times and the gain of one pass, and no more memory for a longer one."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile

from model import Transcriber
from model.errors import DataError
from model.recording import Recording
from model.transcription import Transcription
from model.windows import Windows
from model.word_times import best_tokens, words_of
from tests.tone_release import VOCABULARY, long_speech, tones_of, write_tone_release

# Windows of 2 s with 0.4 s of context: many joints in a minute.
SMALL = Windows(samples_per_frame=320, min_samples=400, window_frames=100, context_frames=20)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_tone_release(tmp_path_factory.mktemp("tones") / "onnx")


@pytest.fixture(scope="module")
def transcriber(release):
    return Transcriber(release)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("windows", [None, SMALL])
def test_windows_give_the_words_and_times_of_one_pass(release, seed, windows):
    waveform, text = long_speech(100, seed)
    transcriber = Transcriber(release, windows=windows)
    transcription = transcriber.transcribe(waveform)
    logits = transcriber.logits(waveform)
    assert transcriber.decode(logits) == text, "one pass understands it"
    assert transcription.text == text
    once = words_of(*best_tokens(logits), VOCABULARY, 0.02)
    assert [(word.text, word.start_seconds, word.end_seconds) for word in transcription.words] == [
        (word.text, word.start_seconds, word.end_seconds) for word in once
    ]
    assert transcription.duration_seconds == len(waveform) / 16_000


def test_a_pause_is_not_made_as_loud_as_speech(transcriber):
    """Half a minute of faint tones: a window of them alone, brought to variance 1, would be words."""
    faint = tones_of("FAINT WORDS " * 30, amplitude=0.002)
    loud = tones_of("LOUD WORDS " * 30)
    waveform = np.concatenate([loud, faint, faint, loud])
    assert transcriber.transcribe(waveform).text.split() == ["LOUD", "WORDS"] * 60
    assert "FAINT" in transcriber.transcribe(faint).text, "alone they are the recording"


@pytest.mark.parametrize(("do_normalise", "times"), [(True, 2.0), (False, 1.2)])
def test_only_for_its_loudness_a_recording_is_read_twice(tmp_path, monkeypatch, do_normalise, times):
    transcriber = Transcriber(write_tone_release(tmp_path / "onnx", do_normalise=do_normalise))
    waveform, text = long_speech(200, 1)
    read = []
    blocks = Recording.blocks

    def counted(self):
        for block in blocks(self):
            read.append(len(block))
            yield block

    monkeypatch.setattr(Recording, "blocks", counted)
    assert transcriber.transcribe(4 * waveform).text == text
    assert 1.0 <= sum(read) / len(waveform) <= times


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_change_nothing(release, transcriber, size):
    waveform, _ = long_speech(60, 9)
    assert Transcriber(release, batch_size=size, windows=SMALL).transcribe(waveform).words == (
        Transcriber(release, windows=SMALL).transcribe(waveform).words
    )
    parts = [tones_of(word) for word in ("CAT", "DOG", "OX", "COW", "HEN", "PIG", "EMU")]
    texts = [one.text for one in Transcriber(release, batch_size=size).transcribe_each(parts)]
    assert texts == ["CAT", "DOG", "OX", "COW", "HEN", "PIG", "EMU"]


def test_several_in_their_order_and_the_bad_ones_where_they_are(transcriber, tmp_path):
    (tmp_path / "letter.wav").write_text("no sound")
    soundfile.write(tmp_path / "short.wav", np.zeros(300), 16_000)
    soundfile.write(tmp_path / "stereo.flac", np.stack([tones_of("TEA", 8_000)] * 2, axis=1), 8_000)
    sources = [tones_of("CAT"), tmp_path / "letter.wav", tones_of("DOG"), tmp_path / "short.wav", np.zeros((2, 2)),
               tmp_path / "stereo.flac", tones_of("OXEN")]  # fmt: skip
    outcomes = list(transcriber.transcribe_each(sources))
    texts = [outcome.text if isinstance(outcome, Transcription) else type(outcome).__name__ for outcome in outcomes]
    assert texts == ["CAT", "AudioError", "DOG", "DataError", "AudioError", "TEA", "OXEN"]
    assert "must hold at least 400 samples" in str(outcomes[3])


def test_progress_is_told_in_seconds(release):
    waveform, _ = long_speech(60, 2)
    told = []
    list(Transcriber(release).transcribe_each([waveform], lambda *progress: told.append(progress)))
    assert {name for name, _, _ in told} == {"The waveform"}
    told = [(done, total) for _, done, total in told]
    assert told[0][0] == pytest.approx(30.0, abs=0.1)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(len(waveform) / 16_000, abs=0.03)
    assert {total for _, total in told} == {len(waveform) / 16_000}


@pytest.mark.parametrize("do_normalise", [True, False])
def test_what_is_followed_grows_and_ends_in_the_transcription(tmp_path, do_normalise):
    transcriber = Transcriber(write_tone_release(tmp_path / "onnx", do_normalise), windows=SMALL)
    waveform, text = long_speech(20, 5)
    waveform = waveform if do_normalise else 30 * waveform
    soundfile.write(tmp_path / "talk.wav", waveform, 16_000, subtype="FLOAT")
    steps = list(transcriber.follow(tmp_path / "talk.wav"))
    whole = transcriber.transcribe(tmp_path / "talk.wav")
    heard = [seconds for seconds, _ in steps]
    assert len(heard) >= 12
    assert heard == sorted(heard)
    assert heard[0] == pytest.approx(2.0, abs=0.03)
    assert steps[-1][0] == whole.duration_seconds == len(waveform) / 16_000
    assert (steps[-1][1].text, steps[-1][1].words) == (whole.text, whole.words)
    for seconds, so_far in steps[:-1]:
        # What is heard is never lost, but for the last word, in whose midst a window may end.
        assert so_far.words[:-1] == whole.words[: len(so_far.words[:-1])]
        assert all(word.end_seconds <= seconds + 0.001 for word in so_far.words)
    assert whole.text == text or not do_normalise
    with pytest.raises(DataError, match="must hold sound, and holds no sample"):
        list(transcriber.follow(np.empty(0, np.float32)))


def test_an_hour_of_silence_has_no_words(transcriber, tmp_path):
    with soundfile.SoundFile(tmp_path / "silence.flac", "w", 8_000, 2, "PCM_16") as file:
        for _ in range(60):
            file.write(np.zeros((480_000, 2), np.int16))
    transcription = transcriber.transcribe(tmp_path / "silence.flac")
    assert (transcription.text, transcription.words, transcription.duration_seconds) == ("", (), 3_600.0)


def test_a_recording_that_changes_between_its_readings_is_refused(transcriber, tmp_path, monkeypatch):
    waveform, _ = long_speech(40, 3)
    readings = iter([[waveform], [waveform[:-1_000]]])
    monkeypatch.setattr("model.recording.Recording.blocks", lambda self: iter(next(readings)))
    with pytest.raises(DataError, match=r"a\.wav was changed while it was read; transcribe it again"):
        transcriber.transcribe(tmp_path / "a.wav")


def test_memory_does_not_grow_with_the_recording(release, tmp_path):
    code = (
        "import resource, sys; from model import Transcriber;"
        " print(len(Transcriber(sys.argv[1], num_threads=1).transcribe(sys.argv[2]).words),"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    waveform, _ = long_speech(60, 4)
    peaks = []
    for minutes in (1, 30):
        path = tmp_path / f"{minutes}.flac"
        with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(waveform)
        command = [sys.executable, "-c", code, str(release), str(path)]
        words, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        assert int(words) > 20 * minutes
        peaks.append(int(peak) * 1024)
    assert peaks[1] - peaks[0] < 25e6, "of 115 MB of samples"
