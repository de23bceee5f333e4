"""The page of the data: whole, right, escaped, without the network."""

import html.parser
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs.librispeech.page import render_page, summarise_rejects
from beam_jobs.librispeech.plots import bin_label, distribution, quantile
from beam_jobs.librispeech.profile import QUANTITIES, profile_of
from model.examples import Utterance

VOID = {"meta", "br", "line", "rect"}


class Reader(html.parser.HTMLParser):
    """Checks that every element is closed where it should be, and gathers what is there."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.tags = Counter()
        self.attributes = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def summary(*texts, seconds=1.0):
    samples = (np.sin(np.arange(int(16_000 * seconds)) * 0.1) * 3000).astype(np.int16)
    return profile_of(
        Utterance(str(n), "s", "c", "F", "train-a", 16_000, samples, text) for n, text in enumerate(texts)
    ).summary()


REJECTS = [
    {"utterance_id": "2-1-0001", "path": "test-a/2/1/2-1-0001.flac", "split": "test",
     "reason": "test-a/2/1/2-1-0001.flac holds other sound than the MD5 in its header says; copy it again."},
    {"utterance_id": "1-1-0003", "path": "train-a/1/1/1-1-0003.flac", "split": "train",
     "reason": "It must have 400 samples at least, and has 20."},
    {"utterance_id": "1-1-0002", "path": "train-a/1/1/1-1-0002.flac", "split": "train",
     "reason": "It must have 400 samples at least, and has 3,111.5."},
    {"utterance_id": "line-9", "path": "m.tsv", "split": "", "reason": "In line 9, the id 'a b' is in line 3 already."},
]  # fmt: skip
COUNTS = {"utterances": 1200, "hours": 5.4, "words": 3, "speakers": 40}
INFO = {
    "name": "My corpus",
    "corpus": {"root_name": "LibriSpeech", "fingerprint": "f00d" * 16},
    "format_version": 2,
    "code_version": "1.2.3",
    "command": "w2v2 ingest --corpus test-a --output out",
    "settings": {"max_samples": 560_000, "transcript_normaliser": "english"},
    "read": 1204,
    "written": 1200,
    "rejected": 4,
    "rejects": summarise_rejects(REJECTS, shown=3),
    "splits": {
        "test": {**COUNTS, "subsets": ["test-a"], "shards": {"data_tfrecord-00000-of-00001": "ab" * 32},
                 "profile": summary("THE CAT", "THE DOG")}
    },
    "subsets": {"test-a": {**COUNTS, "splits": ["test"]}},
    "published": {
        "test-a": {"utterances": 1200, "hours": 5.41, "words": None, "speakers_female": 19, "speakers_male": 20},
        "test-b": {"utterances": 7, "hours": 1.0, "words": 4, "speakers": 1},
    },
    "profile": summary("THE CAT", "THE DOG"),
}  # fmt: skip


def test_it_tells_what_is_in_the_data():
    text = re.sub(r"\s+", " ", read(render_page(INFO)).text)
    for expected in (
        "My corpus: what is in the data",
        "Of 1,204 utterances read, 1,200 were written and 4 rejected; none is missing.",
        "Rejected4 (0.33 %)",
        "SplitUtterancesHoursWordsSpeakersSubsetstest1,2005.40340test-a",
        "SubsetUtterancesHoursWordsSpeakersSplitstest-a1,2005.40340test",
        "test-aUtterances1,2001,200as published",
        "test-aHours5.405.41as published",
        "test-aSpeakers4039more (102.6 %)",
        "test-bWords4not counted",
        "3 different words, of which 2 occur once; 9 different characters.",
        "THE 2CAT 1DOG 1",
        "space 2",
        "Duration (s)",
        "Level, RMS (dBFS)",
        "It must have N samples at least, and has N.2",
        "… holds other sound than the MD5 in its header says; copy it again.1",
        "In line N, the id '…' is in line N already.1",
        "The first 3 of 4",
        "1-1-0002train-a/1/1/1-1-0002.flacIt must have 400 samples at least, and has 3,111.5.",
        "w2v2 ingest --corpus test-a --output out",
        "f00d" * 16,
        "max_samples560000",
        f"Split-test/data_tfrecord-00000-of-00001{'ab' * 32}",
    ):
        assert expected in text, expected
    assert "test-aWords" not in text, "nobody published them"
    assert "who speaks" not in text


def test_it_needs_no_network_and_every_plot_has_words_and_a_table():
    reader = read(render_page(INFO))
    assert not [found for found in reader.attributes if found[1] in ("src", "href", "srcset", "onload", "onclick")]
    assert "url(" not in render_page(INFO)
    assert "@import" not in render_page(INFO)
    assert not {"script", "link", "img", "iframe"} & set(reader.tags)
    assert reader.tags["svg"] == len(QUANTITIES)
    assert [value for _, name, value in reader.attributes if name == "role"].count("img") == len(QUANTITIES)
    assert sum(tag == "svg" and name == "aria-label" for tag, name, _ in reader.attributes) == len(QUANTITIES)
    assert render_page(INFO).count("<details><summary>Numbers: ") == len(QUANTITIES)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20) | st.just("</style><script>x</script>")
)
def test_what_came_from_data_is_escaped(evil):
    evil = f"<script>{evil}'\"><img src=x>"
    info = {
        **INFO, "name": evil, "command": evil, "settings": {evil: evil}, "code_version": evil,
        "splits": {evil: INFO["splits"]["test"]}, "subsets": {evil: {**COUNTS, "splits": [evil]}},
        "published": {evil: INFO["published"]["test-a"]},
        "profile": {**INFO["profile"], "characters": {evil: 2}, "top_words": {evil: 3}},
        "rejects": summarise_rejects([{"utterance_id": evil, "path": evil, "reason": f"{evil} {evil} is bad."}]),
    }  # fmt: skip
    reader = read(render_page(info))
    assert not {"script", "img"} & set(reader.tags)
    assert "&lt;script&gt;" in render_page(info)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, "Of 0 utterances read, 0 were written and 0 rejected; none is missing."),
        ({"speakers_known": False, "splits": {"train": {}}}, "Nothing says of every recording who speaks"),
        ({"read": 5, "written": 3, "rejected": 1}, "these numbers do not agree, which is a fault of the job"),
        ({"profile": profile_of([]).summary()}, "There is no utterance."),
        ({"profile": {"different_words": 250_000, "different_words_exact": False, "characters": {"A": 1},
                      "words_said_once": None}}, "about 250,000 different words; 1 different characters."),
        ({"profile": {"characters": {chr(0x4E00 + n): 1 for n in range(100)}}}, "And 20 more."),
        ({"profile": {"characters": {"\u200b": 1}}}, "U+200B 1"),
    ],
)  # fmt: skip
def test_what_is_missing_is_left_out(info, expected):
    assert expected in read(render_page(info)).text


def test_rejects_are_counted_by_reason_and_named_in_order():
    found = summarise_rejects(reversed(REJECTS), shown=2)
    assert found == summarise_rejects(REJECTS, shown=2)
    assert found["by_reason"][0] == {"reason": "It must have N samples at least, and has N.", "utterances": 2}
    assert sum(row["utterances"] for row in found["by_reason"]) == 4
    assert [row["utterance_id"] for row in found["first"]] == ["1-1-0002", "1-1-0003"]


def test_bins_have_names():
    edges = QUANTITIES["clipped_fraction"].edges
    assert [bin_label("clipped_fraction", edges, index) for index in (0, 1, 2, 6)] == [
        "none", "0 to 0.001\u00a0%", "0.001\u00a0% to 0.01\u00a0%", "10\u00a0% and more",
    ]  # fmt: skip
    level = QUANTITIES["level_dbfs"].edges
    assert [bin_label("level_dbfs", level, index) for index in (0, 30, 41)] == [
        "below −80", "−22 to −20", "0 and more",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ([0, 4, 0, 0], 0.5, 0.5),
        ([0, 1, 1, 0], 0.75, 1.5),
        ([5, 1, 0, 0], 0.5, -np.inf),
        ([0, 1, 0, 9], 0.5, np.inf),
        ([0, 0, 2, 0], 0.05, 1.05),
    ],
)
def test_quantiles_lie_in_their_bins(counts, share, expected):
    assert quantile([0, 1, 2], counts, share) == pytest.approx(expected)


def test_bars_are_as_high_as_their_counts():
    counts = [0, 0, 50, 100, 0, 1, *[0] * 31]
    figure = distribution("duration_seconds", {"edges": list(range(36)), "counts": counts}, {})
    heights = [float(height) for height in re.findall(r'<rect [^>]* height="([0-9.]+)"', figure)]
    assert heights == [58.0, 116.0, 1.2]
    assert "<title>2 to 3: 100</title>" in figure
    assert "<th scope='row'>2 to 3</th><td>100</td><td>66.2\u00a0%</td>" in figure
    labels = re.findall(r'text-anchor="middle">([^<]+)<', figure)
    assert labels == ["0", "1", "2", "3", "4", "5", "6"]
