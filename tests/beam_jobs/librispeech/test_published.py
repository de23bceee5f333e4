"""What is published of LibriSpeech."""

import pytest

from beam_jobs.librispeech.published import OPENSLR_URL, PUBLISHED, mirror_url, subsets_of
from model.errors import UsageError


def test_the_seven_subsets_are_as_published():
    assert {name: subset.archive_md5 for name, subset in PUBLISHED.items()} == {
        "dev-clean": "42e2234ba48799c1f50f24a7926300a1",
        "dev-other": "c8d0bcc9cca99d4f8b62fcc847357931",
        "test-clean": "32fa31d27d2e1cad72775fee3f4849a9",
        "test-other": "fb5a50374b501bb3bac4815ee91d3135",
        "train-clean-100": "2a93770f6d5c6c964bc36631d331a522",
        "train-clean-360": "c0e676e450a7ff2f54aeade5171606fa",
        "train-other-500": "d1a0fd59409feb2c614ce4d30c387708",
    }
    train = [subset for subset in PUBLISHED.values() if subset.name.startswith("train")]
    assert sum(subset.utterances for subset in train) == 281_241
    assert round(sum(subset.hours for subset in train)) == 961
    assert sum(subset.archive_bytes for subset in train) == 60_030_288_990
    # All readers of SPEAKERS.TXT.
    assert sum(subset.speakers for subset in PUBLISHED.values()) == 2_484
    assert sum(subset.words or 0 for subset in PUBLISHED.values()) == 210_269
    assert PUBLISHED["test-clean"].archive == "test-clean.tar.gz"


@pytest.mark.real_data
def test_readers_and_hours_are_those_of_the_corpus(real_data):
    readers, minutes = {}, {}
    for line in (real_data / "LibriSpeech" / "SPEAKERS.TXT").read_text(encoding="utf-8").splitlines():
        if not line.startswith(";"):
            _, gender, subset, length = (field.strip() for field in line.split("|")[:4])
            readers[subset, gender] = readers.get((subset, gender), 0) + 1
            minutes[subset] = minutes.get(subset, 0.0) + float(length)
    for name, subset in PUBLISHED.items():
        assert (subset.speakers_female, subset.speakers_male) == (readers[name, "F"], readers[name, "M"])
        assert subset.hours == round(minutes[name] / 60, 2)


def test_nobody_changes_the_table():
    with pytest.raises(AttributeError):
        PUBLISHED["dev-clean"].hours = 1.0  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(TypeError):
        PUBLISHED["dev-clean"] = PUBLISHED["dev-other"]  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("test-clean", ("test-clean",)),
        ("train-clean-100,test-clean", ("train-clean-100", "test-clean")),
        (" test-other , dev-clean ,", ("test-other", "dev-clean")),
        ("dev-clean,dev-clean", ("dev-clean",)),
    ],
)
def test_subsets_are_read_from_text(text, names):
    assert subsets_of(text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train-clean-10", "'train-clean-10' is no subset of LibriSpeech; did you mean 'train-clean-100'?"),
        ("dev-clean,Test-Clean", "'Test-Clean' is no subset of LibriSpeech; did you mean 'test-clean'?"),
        ("zzz", "'zzz' is no subset of LibriSpeech; they are dev-clean, dev-other, .*, train-other-500"),
        (" , ", "Name one subset of LibriSpeech at least; they are dev-clean"),
        ("", "Name one subset"),
    ],
)
def test_what_is_no_subset_is_said(text, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        subsets_of(text)


def test_the_mirror_is_the_argument_or_the_variable_or_openslr(monkeypatch):
    monkeypatch.delenv("W2V2_LIBRISPEECH_URL", raising=False)
    assert mirror_url() == OPENSLR_URL == "https://www.openslr.org/resources/12/"
    monkeypatch.setenv("W2V2_LIBRISPEECH_URL", "http://mirror.example:8080/12")
    assert mirror_url() == "http://mirror.example:8080/12/"
    assert mirror_url("https://other.example/") == "https://other.example/"


@pytest.mark.parametrize(
    "url",
    ["file:///etc", "ftp://x.example/", "mirror.example/12", "http://", "http://a b/", "http://[x/", "http://x:y/"],
)
def test_a_mirror_must_be_an_http_address(url):
    with pytest.raises(
        UsageError, match="must be an http or https address of a directory, such as https://www.openslr"
    ):
        mirror_url(url)
