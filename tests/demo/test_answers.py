"""What the page answers, with a recogniser of tones."""

import numpy as np
import pytest
import soundfile

from demo.answers import NOTHING_GIVEN, answers
from model import Transcriber
from model.errors import UsageError
from model.windows import Windows
from tests.tone_release import long_speech, tones_of, write_tone_release

SMALL = Windows(samples_per_frame=320, min_samples=400, window_frames=100, context_frames=20)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return write_tone_release(tmp_path_factory.mktemp("tones") / "onnx")


@pytest.fixture(scope="module")
def transcriber(release):
    return Transcriber(release)


def refusal(model, recording):
    """The one sentence that the page shows."""
    (*_, last) = answers(model, recording)
    assert 'role="alert"' in last.status
    assert (last.text, last.picture, last.table, last.transcription) == ("", "", "", None)
    return last.status


def test_a_sentence_with_times_picture_and_speed(transcriber, tmp_path):
    soundfile.write(tmp_path / "cat.flac", tones_of("THE CAT"), 16_000)
    first, *_, last = answers(transcriber, str(tmp_path / "cat.flac"))
    assert "Hearing cat.flac: 0.0 s of 0.8 s" in first.status
    assert "<path" in (first.picture or "")
    assert "THE" not in (first.picture or "")
    assert last.text == "THE CAT"
    assert last.transcription is not None
    assert last.transcription.words == transcriber.transcribe(tmp_path / "cat.flac").words
    assert ">CAT</span>" in (last.picture or "")
    assert "<td>CAT</td><td>0.48</td><td>0.80</td>" in last.table
    assert "× real time" in last.status


def test_a_long_one_is_read_while_it_is_heard(release, tmp_path):
    waveform, text = long_speech(20, 1)
    soundfile.write(tmp_path / "talk.wav", waveform, 16_000, subtype="FLOAT")
    shown = list(answers(Transcriber(release, windows=SMALL), tmp_path / "talk.wav"))
    between = shown[1:-1]
    assert len(between) >= 12
    assert all(each.picture is None and each.transcription is None for each in between), "the picture stays"
    lengths = [len(each.text) for each in between]
    assert lengths[0] < len(text) / 4
    assert lengths == sorted(lengths)
    assert " left" in between[0].status
    assert shown[-1].text == text


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.wav", b"no sound at all", "notes.wav must be a file of sound that can be decoded"),
        ("empty.wav", b"", "empty.wav must hold sound, and is an empty file."),
        ("<b>.wav", b"", "&lt;b&gt;.wav must hold sound"),
    ],
)
def test_what_is_no_sound_is_a_sentence_without_the_servers_folders(transcriber, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    said = refusal(transcriber, tmp_path / name)
    assert sentence in said
    assert str(tmp_path) not in said


def test_silence_noise_and_a_click_are_told_apart(transcriber, tmp_path):
    for name, waveform in (("mute", np.zeros(16_000)), ("noise", np.full(16_000, 0.01)), ("click", np.ones(300))):
        soundfile.write(tmp_path / f"{name}.wav", waveform, 16_000)
    assert "is silent from beginning to end; look whether the microphone is switched off." in refusal(
        transcriber, tmp_path / "mute.wav"
    )
    assert "the model heard no word in 1.0 s of it" in refusal(transcriber, tmp_path / "noise.wav")
    assert "must hold at least 400 samples" in refusal(transcriber, tmp_path / "click.wav")


def test_what_is_cut_off_is_refused_though_part_of_it_could_be_heard(transcriber, tmp_path):
    soundfile.write(tmp_path / "cut.flac", tones_of("THE CAT SAT"), 16_000)
    content = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    assert "cut.flac" in refusal(transcriber, tmp_path / "cut.flac")


def test_nothing_given_and_no_model_are_said(transcriber, tmp_path):
    assert NOTHING_GIVEN in refusal(transcriber, None)
    assert "must be a file that can be read" in refusal(transcriber, tmp_path / "gone.wav")
    assert "There is none." in refusal(UsageError("There is none."), None)
