"""The report as a whole: what is in it, that it is escaped, how large it is, and how a browser finds it."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.evaluation.gate import Check, Decision
from components.evaluation.history import PastEvaluation
from components.evaluation.page import with_history
from components.wer_evaluator.report import audio_ids, render_report
from model.metrics import Transcript
from tests.evaluated import decision, evaluated, noise, transcripts
from tests.strict_page import StrictPage

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "<!-- decisions -->",
    "<!-- history -->", "--><b>", "</style></title>", "&lt;script&gt;", "javascript:alert(1)", "]]>", "\u202eevil",
    "<svg/onload=alert(1)>", "http://example.invalid/x.js", "a\u00a0b", "{{7*7}}", "\x00", "` style=x",
)  # fmt: skip
ANY_TEXT = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
)
TITLES = [
    "Checks", "Error rates", "By slice", "Difference from the latest blessed model", "Duration against error",
    "Ways of running the model", "Silence and noise", "Most frequent errors", "Worst utterances",
    "Most regressed utterances", "Most improved utterances", "Test set", "Provenance",
]  # fmt: skip


def headings(page):
    return re.findall(r"<section id=\"[^\"]*\"><h2>([^<]*)</h2>", page)


def test_every_part_is_there_and_every_link_leads_to_one(compared, tones):
    page = render_report(decision(), compared[0], compared[1], tones)
    assert headings(page) == TITLES
    read = StrictPage(page)
    assert re.findall(r'<a href="#section-\d+">([^<]*)</a>', page) == TITLES
    told = (
        "Accepted: the model may be released.",
        "a-model: ACCEPT",
        "a-corpus",
        "librispeech, sha256 ",
        "gate.max_wer",
    )
    for expected in (*told, *(digit * 64 for digit in "56789")):
        assert expected in read.text, expected
    assert page.index("Accepted") < page.index("<nav") < page.index("<h2>Checks")


def test_without_a_baseline_nothing_is_compared(alone, tones):
    page = render_report(decision(), alone[0], alone[1], tones)
    assert [title for title in TITLES if title not in headings(page)] == [
        "Most regressed utterances", "Most improved utterances",
    ]  # fmt: skip
    assert "There is no blessed model to compare with yet." in StrictPage(page).text
    assert "MAPSSWE" not in page


@pytest.mark.parametrize(
    ("baseline", "told"),
    [
        ({"same": True, "error": None, "model_digest": "a"}, "The latest blessed model is this very model."),
        ({"same": False, "error": "It is <gone>."}, "could not be measured: It is <gone>."),
    ],
)
def test_a_baseline_that_was_not_measured_is_told(alone, tones, baseline, told):
    metrics, rows = alone
    assert told in StrictPage(render_report(decision(), {**metrics, "baseline": baseline}, rows, tones)).text


def test_what_failed_stands_first(compared, tones):
    failed = Check("max_wer/test-b", "FAIL", "The WER of test-b is above the ceiling.", 0.1, 0.2)
    asked = Check("approval", "REVIEW", "A person is asked.")
    sized = Check("size/onnx", "PASS", "It is small.", 9e6, 5.2e6, (5e6, 5.5e6), "bytes", "most")
    page = render_report(decision(asked, sized, failed), compared[0], compared[1], tones)
    assert "1 failed, 1 left to a person, 3 passed, 1 not applicable" in page
    order = [page.index(f"<td>{name}</td>") for name in ("max_wer/test-b", "approval", "data_anomalies", "baseline")]
    assert order == sorted(order)
    numbers = "<td>5.2 MB</td><td>5.0 MB to 5.5 MB</td><td>≤ 9.0 MB</td><td>It is small.</td>"
    assert numbers in page.replace("\u00a0", " ")
    assert page.index("</table>") < page.index("<summary>What was not asked for, or does not apply</summary>")
    assert "Rejected: the model is not released." in page


@pytest.mark.parametrize(
    "changes",
    [
        {"splits": {}, "ways": {}, "speed": {}, "sizes": {}, "silence": [], "leakage": None, "source_checkpoint": None,
         "corpus": None, "code": None, "configuration": None, "expected_splits": ["test-a"]},
        {"splits": {"test-a": {}}},
        {"splits": {"test-a": {"words": {"wer": None}, "interval": {"low": None, "high": None}, "slices": []}}},
        {"ways": {"batched": {"wer": {"test-a": None}, "text_agreement": None, "largest_logit_difference": None}}},
    ],
)  # fmt: skip
def test_what_is_missing_leaves_a_page_all_the_same(alone, changes):
    metrics, _ = alone
    bare = {key: value for key, value in metrics.items() if key in ("release_digest", "release_name", "model_digest")}
    for others in (metrics, bare):
        StrictPage(render_report(decision(), {**others, **changes}, [], {}))
    StrictPage(render_report(Decision("REJECT", ()), {}, [], {}))


def replaced(value: Any, text: str) -> Any:
    """Returns a document in which every text is another, and every name of something that was measured."""
    if isinstance(value, dict):
        return {key: replaced(one, text) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(one, text) for one in value]
    return text if isinstance(value, str) else value


def renamed(metrics, text):
    """Returns metrics in which the maps that are keyed by what came from data have another key."""
    found = replaced(metrics, text)
    split = {text: found["splits"]["test-a"]}
    ways = {
        name if name == "batched" else f"{text}{name}": {**way, "wer": {text: 0.1}, "wer_difference": {text: 0.1}}
        for name, way in found["ways"].items()
    }
    speed = {f"{text}{name}": one for name, one in found["speed"].items()}
    sizes = {f"{text}{name}": one for name, one in found["sizes"].items()}
    return {**found, "splits": split, "ways": ways, "speed": speed, "sizes": sizes, "configuration": {text: text}}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=ANY_TEXT)
def test_no_text_of_the_metrics_can_be_markup(compared, text):
    metrics, rows = compared
    checks = (Check(text, "FAIL", text, 0.1, 0.2), Check(text, "PASS", text))
    pages = [
        render_report(
            Decision("REJECT", tuple(dataclasses.replace(check, name=one, reason=one) for check in checks)),
            renamed(metrics, one),
            [{**row, "split": one, "speaker_id": one, "gender": one} for row in rows],
            {},
        )
        for one in ("plain", text)
    ]
    plain, hostile = map(StrictPage, pages)
    assert hostile.tags == plain.tags
    past = PastEvaluation(text, text, text, text, {text: 0.5}, text)
    filled = [with_history(pages[1], [past, dataclasses.replace(past, values={text: 0.25})])]
    assert "oldest" in StrictPage(filled[0]).text


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(st.tuples(ANY_TEXT, ANY_TEXT, ANY_TEXT), min_size=1, max_size=4),
    identity=ANY_TEXT,
)
def test_no_transcript_can_be_markup(texts, identity):
    said = {f"{identity}{number}": f"word {one}" for number, (one, _, _) in enumerate(texts)}
    heard = {f"{identity}{number}": one for number, (_, one, _) in enumerate(texts)}
    before = {f"{identity}{number}": one for number, (_, _, one) in enumerate(texts)}
    references = [Transcript(name, text, identity, identity, identity, 2.0) for name, text in said.items()]
    metrics, rows = evaluated({identity: references}, heard, before)
    rows = [{**row, "texts": {"batched": row["hypothesis"], "onnx": identity}} for row in rows]
    page = render_report(decision(), metrics, rows, noise(rows, audio_ids(metrics, rows)[:1]))
    StrictPage(page)
    assert "<script" not in page


def test_a_page_may_load_nothing(compared, tones):
    page = render_report(decision(), compared[0], compared[1], tones)
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#x27;none&#x27;; ")
    assert "media-src data:;" in policy[1]
    assert "script" not in policy[1]


def test_a_report_of_2939_utterances_is_below_5_megabytes(test_other):
    metrics, rows = test_other
    audio = noise(rows, audio_ids(metrics, rows))
    page = render_report(decision(), metrics, rows, audio)
    read = StrictPage(page)
    assert len(read.sounds) >= 20
    assert 1_000_000 < len(page.encode()) < 5_000_000
    without = render_report(decision(), metrics, rows, {})
    assert len(without.encode()) < 500_000


@pytest.mark.real_data
def test_a_report_of_two_real_systems(real_data, tmp_path):
    def read(name):
        lines = (real_data / "wer_librispeech" / f"test-clean.{name}.tsv").read_text(encoding="utf-8").splitlines()
        return dict(line.split("\t") for line in lines)

    metrics, rows = evaluated({"test-clean": transcripts(read("ref"), "test-clean")}, read("b2.hyp"), read("b1.hyp"))
    page = render_report(decision(), metrics, rows, noise(rows, audio_ids(metrics, rows)))
    text = StrictPage(page).text
    assert "WER, test-clean2.79\u00a0%" in text
    assert "1,467 errors in 52,576 words, 2,620 utterances" in text
    assert "the model is 0.86 points better than the latest blessed model (old), which has 3.65\u00a0%" in text
    assert "in fewer than 1 of 1,000 test sets (MAPSSWE, p < 0.001), so it is hardly chance" in text
    assert len(page.encode()) < 5_000_000


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_browser_opens_it_without_a_word_and_without_the_network(browser, test_other, tmp_path, width, height):
    metrics, rows = test_other
    audio = noise(rows, audio_ids(metrics, rows))
    past = [
        PastEvaluation(f"2026010{day}T000000Z-aaaa", f"2026-01-0{day}T00:00:00+00:00", "ACCEPT", "WER",
                       {"test-other": 0.1 / day}, is_this=day == 3)
        for day in (1, 2, 3)
    ]  # fmt: skip
    path = Path(tmp_path / "report.html")
    path.write_text(with_history(render_report(decision(), metrics, rows, audio), past), encoding="utf-8")
    browser.open(path, width, height)
    assert browser.evaluate("document.querySelectorAll('section').length") >= len(TITLES)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    play = """
      Promise.all([...document.querySelectorAll('audio')].map(player => new Promise((done, failed) => {
        player.onloadedmetadata = () => done(player.duration);
        player.onerror = () => failed(player.error.message);
        player.preload = 'metadata'; player.load(); })))
    """
    seconds = browser.evaluate(play)
    wanted = [len(samples) / 16_000 for samples in audio.values()]
    assert sorted(seconds) == pytest.approx(sorted(wanted), abs=0.15)
    assert browser.complaints() == []
    asked = [url for url in browser.requested() if not url.startswith("data:")]
    assert asked == [path.as_uri()]


@pytest.mark.browser
def test_the_browser_would_tell_of_what_is_not_wanted(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<img src='other.png'><script>throw new Error('It is broken.')</script>")
    browser.open(path, 1280, 900)
    assert "It is broken." in str(browser.complaints())
    assert (tmp_path / "other.png").as_uri() in browser.requested()
