"""The demo, started as people start it, in a browser: what is said, when, how fast; and what it says of bad input.

.venv-demo is made by `make e2e`.
"""

import json

import numpy as np
import pytest
import soundfile

from beam_jobs.synthetic_corpus.speakers import Speaker
from beam_jobs.synthetic_corpus.voice import Voice
from model import Transcriber
from tests.chromium import Chromium
from tests.demo_process import ROOT, DemoProcess
from tests.w2v2_command import w2v2

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

SPEAKER = Speaker("1", "demo", "M", "gmw/en-US+m3", 50, 50, 150, 0.9, 0.001)
SENTENCES = (
    "THE OLD FARMER FOLLOWS A BLACK HORSE",
    "SIX LETTERS UNDER THE GREEN BRIDGE",
    "EVERY CHILD OFTEN SEES TEN STONES",
)
READY = "!!document.querySelector('#w2v2-sound input[type=file]')"
ENDED = "!!document.querySelector('#w2v2-status .w2v2-done, #w2v2-status .w2v2-refusal')"
TEXT = "document.querySelector('#w2v2-text textarea').value"
STATUS = "document.querySelector('#w2v2-status').innerText"
# Gradio's own, each time a stream of events ends.
USUAL = "Method not implemented."
# Every state of the page from now on: what the status says, and how much text there is.
WATCH = """
  window.seen = [];
  new MutationObserver(() => {
    const bar = document.querySelector('#w2v2-status progress');
    if (bar) window.seen.push([bar.value, document.querySelector('#w2v2-text textarea').value.length]);
  }).observe(document.body, {subtree: true, childList: true, attributes: true, characterData: true});
"""
# What a person clicks, and how far it reaches beyond the window.
CONTROLS = """
  [...document.querySelectorAll('button, a, input[type=file], textarea')].filter(each => each.offsetParent)
    .map(each => [each.innerText || each.ariaLabel || each.id, each.getBoundingClientRect()])
    .map(([name, box]) => [name, box.left, box.right, box.height])
"""
# Where each word is drawn: its share of the waveform's width, left, right and top, and where the waveform ends.
PLACES = """
  (() => {
    const wave = document.querySelector('.w2v2-wave').getBoundingClientRect();
    return [...document.querySelectorAll('.w2v2-word')].map(word => {
      const box = word.getBoundingClientRect();
      return [word.innerText, (box.left - wave.left) / wave.width, box.left, box.right, box.top, wave.bottom];
    });
  })()
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The checkpoint that comes with the project, as `w2v2 export` writes it."""
    root = tmp_path_factory.mktemp("demo")
    w2v2(root, "export", "tiny", root / "tiny", "--format", "onnx")
    return root / "tiny"


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A sentence of some seconds, two minutes of them, and what is no speech."""
    root = tmp_path_factory.mktemp("sounds")
    voice = Voice()
    pause = np.zeros(voice.rate_hz // 2, np.int16)
    spoken = [np.concatenate([voice.speak(SPEAKER, sentence), pause]) for sentence in SENTENCES]
    soundfile.write(root / "talk.flac", np.concatenate(spoken[:2]), voice.rate_hz)
    soundfile.write(root / "long.flac", np.concatenate(spoken * 15), voice.rate_hz)
    soundfile.write(root / "microphone.wav", spoken[0], voice.rate_hz, subtype="PCM_16")
    soundfile.write(root / "mute.wav", np.zeros(32_000), 16_000, subtype="PCM_16")
    (root / "broken.wav").write_bytes(b"this is no sound, whatever its name says")
    (root / "empty.wav").touch()
    return root


@pytest.fixture(scope="module")
def demo(release, tmp_path_factory):
    log = tmp_path_factory.mktemp("process") / "log.txt"
    with DemoProcess(["-m", "demo.serve", "--model", release], ROOT, log) as running:
        yield running
        assert running.reached_out == [], "nothing outside of this machine was asked for anything"


@pytest.fixture
def page(browser, demo):
    browser.open(demo.address, 1280, 900)
    browser.wait_for(READY)
    return browser


def answered(page, path):
    """Chooses a file, and waits for the answer to it."""
    page.wait_for(READY)
    page.choose_file("#w2v2-sound input[type=file]", path)
    page.wait_for(ENDED)


def strays(browser, address):
    """What was asked for elsewhere; `data:` and `blob:` are in the page itself."""
    return [url for url in browser.requested() if not url.startswith((f"{address}/", "data:", "blob:"))]


def errors(browser):
    return [event for event in browser.complaints() if USUAL not in json.dumps(event)]


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_file_is_written_down_with_times_picture_and_speed(browser, demo, release, sounds, width, height):
    wanted = Transcriber(release).transcribe(sounds / "talk.flac")
    assert len(wanted.words) >= 10
    browser.open(demo.address, width, height)
    browser.wait_for(READY)
    assert "onnxruntime in float32" in browser.evaluate("document.querySelector('.w2v2-about').innerText")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    answered(browser, sounds / "talk.flac")
    assert browser.evaluate(TEXT) == wanted.text
    rows = browser.evaluate(
        "[...document.querySelectorAll('.w2v2-table tbody tr')].map(row => row.innerText.split('\\t'))"
    )
    assert rows == [
        [word.text, f"{word.start_seconds:.2f}", f"{word.end_seconds:.2f}", f"{word.confidence:.2f}"]
        for word in wanted.words
    ]
    status = browser.evaluate(STATUS)
    assert "× real time" in status
    assert f"{wanted.duration_seconds:.1f} s" in status
    # Each word begins under its place in the waveform, and is drawn over no other.
    places = browser.evaluate(PLACES)
    assert [text for text, *_ in places] == [word.text for word in wanted.words]
    for (_, share, *_, top, bottom), word in zip(places, wanted.words, strict=True):
        assert share == pytest.approx(word.start_seconds / wanted.duration_seconds, abs=0.005)
        assert top >= bottom - 1
    for one in places:
        assert not any(other[4] == one[4] and one[2] < other[2] < one[3] for other in places), f"{one} is written over"
    drawn = (
        "[...document.querySelectorAll('.w2v2-wave path')].map(path => path.getAttribute('d').split('M').length - 1)"
    )
    assert sum(browser.evaluate(drawn)) == -(-int(wanted.duration_seconds * 16_000) // 320)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    controls = browser.evaluate(CONTROLS)
    assert {"Transcribe", "Cancel", "Save .srt", "Save .vtt", "Save .json"} <= {name for name, *_ in controls}
    assert [control for control in controls if control[1] < 0 or control[2] > width] == []
    assert [control for control in controls if control[0] in ("Transcribe", "Cancel") and control[3] < 40] == []
    assert errors(browser) == []
    assert strays(browser, demo.address) == []
    assert len(browser.requested()) > 10


def test_a_long_file_is_read_while_it_is_heard(page, release, sounds):
    wanted = Transcriber(release).transcribe(sounds / "long.flac")
    page.evaluate(WATCH)
    answered(page, sounds / "long.flac")
    assert page.evaluate(TEXT) == wanted.text
    seen = page.evaluate("window.seen")
    shares = sorted({round(share, 2) for share, _ in seen})
    lengths = [length for _, length in seen]
    assert len(shares) >= 4, f"the bar moves: {shares}"
    assert lengths == sorted(lengths)
    assert any(0 < length < len(wanted.text) / 2 for length in lengths), f"text comes as it is heard: {lengths}"
    assert page.evaluate("document.querySelector('.w2v2-scroll').scrollWidth") > 1_280
    assert page.evaluate("document.documentElement.scrollWidth") <= 1_280
    assert errors(page) == []


def test_subtitles_can_be_saved(page, release, sounds, tmp_path):
    page.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    answered(page, sounds / "talk.flac")
    page.wait_for("!document.querySelector('#w2v2-srt').disabled")
    page.evaluate("document.querySelector('#w2v2-srt').click()")
    saved = tmp_path / "talk.srt"
    for _ in range(200):
        if saved.exists() and saved.stat().st_size:
            break
        page.wait_for("new Promise(done => setTimeout(() => done(true), 50))")
    words = " ".join(line for line in saved.read_text().splitlines() if line and line[0].isalpha())
    assert words == Transcriber(release).transcribe(sounds / "talk.flac").text
    assert "00:00:00,000 --> " in saved.read_text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("broken.wav", "broken.wav must be a file of sound that can be decoded"),
        ("mute.wav", "mute.wav must hold speech, and is silent from beginning to end; look whether the microphone is"),
    ],
)
def test_what_is_no_speech_gets_one_sentence(page, sounds, name, sentence):
    answered(page, sounds / name)
    assert page.evaluate(STATUS).startswith(sentence)
    assert page.evaluate(TEXT) == ""
    assert page.evaluate("document.querySelectorAll('.w2v2-word, .w2v2-table tr').length") == 0


def test_without_a_recording_the_button_says_what_to_do_and_an_example_is_heard_at_once(page, release):
    page.evaluate("document.querySelector('#w2v2-start').click()")
    page.wait_for(ENDED)
    assert page.evaluate(STATUS) == (
        "There must be a recording, and there is none yet; speak into the microphone, or choose a file."
    )
    page.evaluate(
        "[...document.querySelectorAll('button')].find(each => each.innerText.includes('the large child')).click()"
    )
    page.wait_for("!!document.querySelector('#w2v2-status .w2v2-done')")
    example = ROOT / "demo" / "examples" / "the-large-child-finds.flac"
    assert page.evaluate(TEXT) == Transcriber(release).transcribe(example).text
    assert errors(page) == []


def test_the_microphone_is_heard(request, demo, sounds, tmp_path):
    options = (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={sounds / 'microphone.wav'}",
    )  # fmt: skip
    with Chromium(request.config.getoption("--browser"), tmp_path / "profile", options) as browser:
        browser.open(demo.address, 390, 844)
        browser.wait_for(READY)
        browser.evaluate("document.querySelector('#w2v2-sound button[aria-label=\"Record audio\"]').click()")
        browser.wait_for("!!document.querySelector('#w2v2-sound .record-button')?.offsetParent")
        browser.evaluate("document.querySelector('#w2v2-sound .record-button').click()")
        browser.wait_for("new Promise(done => setTimeout(() => done(true), 5000))")
        browser.evaluate("document.querySelector('#w2v2-sound .stop-button').click()")
        browser.wait_for(ENDED)
        # Where in the sentence the recording begins is chance.
        spoken = set(SENTENCES[0].split())
        assert spoken & set(browser.evaluate(TEXT).split()), browser.evaluate(STATUS)
        assert browser.evaluate("document.documentElement.scrollWidth") <= 390
        assert errors(browser) == []


def test_a_space_starts_from_its_folder_and_says_what_is_missing(browser, release, sounds, tmp_path):
    from demo.space import assemble

    space = tmp_path / "space"
    assemble(release, space, ROOT / "demo" / "examples")
    wanted = Transcriber(release).transcribe(sounds / "talk.flac").text
    with DemoProcess(["app.py"], space, tmp_path / "log.txt") as running:
        browser.open(running.address, 1280, 900)
        answered(browser, sounds / "talk.flac")
        assert browser.evaluate(TEXT) == wanted
        assert running.reached_out == []
    (space / "release").rename(tmp_path / "gone")
    with DemoProcess(["app.py"], space, tmp_path / "log.txt") as running:
        browser.open(running.address, 1280, 900)
        browser.wait_for(READY)
        said = browser.evaluate("document.querySelector('.w2v2-heading .w2v2-refusal').innerText")
        assert said.startswith("--model must be the directory of a published ONNX version, and ")
        answered(browser, sounds / "talk.flac")
        assert browser.evaluate(STATUS) == said
