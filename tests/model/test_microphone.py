"""The browser's microphone, that of this machine, and none."""

import base64
import json
import sys
import types

import numpy as np
import pytest

from model.errors import ConfigurationError
from model.microphone import NoMicrophoneError, record
from tests.chromium import Chromium


def answer(pcm, rate_hz=48_000):
    return json.dumps({"rate_hz": rate_hz, "pcm": base64.b64encode(np.asarray(pcm, "<i2").tobytes()).decode()})


def test_what_the_browser_heard_comes_at_16_khz():
    asked = []
    times = np.arange(48_000) / 48_000
    tone = np.rint(16_000 * np.sin(2 * np.pi * 440 * times))

    def evaluate(expression):
        asked.append(expression)
        return answer(tone)

    samples = record(1.5, evaluate)
    assert samples.dtype == np.float32
    assert len(samples) == 16_000
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 440
    assert np.abs(samples).max() == pytest.approx(16_000 / 32_768, rel=0.02)
    assert "Math.round(1.5 * context.sampleRate)" in asked[0]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (json.dumps({"error": "the browser says NotFoundError"}), "needs a microphone, and the browser says NotFound"),
        (answer([]), "gave no sample"),
        (None, "gave something else"),
        ("no JSON", "gave something else"),
        ("[]", "gave something else"),
        (json.dumps({"rate_hz": 48_000, "pcm": "?"}), "gave something else"),
        (json.dumps({"rate_hz": 48_000, "pcm": base64.b64encode(b"odd").decode()}), "gave something else"),
        (json.dumps({"pcm": ""}), "gave something else"),
    ],
)
def test_a_browser_without_one_is_said_in_a_sentence(told, message):
    with pytest.raises(NoMicrophoneError, match=message) as raised:
        record(1, lambda _: told)
    assert "use a file of sound" in str(raised.value) or "try again" in str(raised.value)


@pytest.mark.parametrize("seconds", [0, -1, 61, float("nan")])
def test_a_time_that_makes_no_sense_is_refused(seconds):
    with pytest.raises(ConfigurationError, match="seconds must be above 0 and at most 60"):
        record(seconds, lambda _: "")


def fake_sounddevice(**changes):
    class PortAudioError(Exception):
        pass

    def rec(frames, samplerate, channels, dtype, blocking):
        assert (channels, dtype, blocking) == (1, "float32", True)
        return np.full((frames, 1), 0.25, np.float32)

    module = types.ModuleType("sounddevice")
    found = {
        "PortAudioError": PortAudioError,
        "query_devices": lambda kind: {"default_samplerate": 32_000.0},
        "rec": rec,
        **changes,
    }
    for name, value in found.items():
        setattr(module, name, value)
    return module


def test_the_microphone_of_this_machine(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice())
    samples = record(2)
    assert samples.shape == (32_000,)
    assert np.median(samples) == pytest.approx(0.25, abs=1e-3)


def test_a_machine_without_one_or_without_the_package(monkeypatch):
    def none(kind):
        raise ValueError("No input device matching")

    monkeypatch.setitem(sys.modules, "sounddevice", fake_sounddevice(query_devices=none))
    with pytest.raises(NoMicrophoneError, match="this machine has none .No input device"):
        record(1)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(NoMicrophoneError, match="needs the package sounddevice and PortAudio"):
        record(1)


@pytest.mark.browser
def test_a_real_browser_records_from_its_microphone(request, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>A notebook</title>")
    # Chromium's own test signal: a beep each second.
    fake = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
    with Chromium(request.config.getoption("--browser"), tmp_path / "profile", fake) as browser:
        browser.open(page, 800, 600)
        samples = record(2, browser.evaluate)
    assert len(samples) == pytest.approx(32_000, abs=2)
    assert np.abs(samples).max() > 0.1


@pytest.mark.browser
def test_a_real_browser_that_may_not_listen_says_so(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!doctype html><title>A notebook</title>")
    browser.open(page, 800, 600)
    with pytest.raises(NoMicrophoneError, match="the browser says NotAllowedError|the browser says NotFoundError"):
        record(1, browser.evaluate)
