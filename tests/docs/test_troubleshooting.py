"""Every message that the code can raise says what to do, or is found in docs/troubleshooting.md."""

import re
from pathlib import Path

import pytest

from tests.docs.error_messages import ROOT, Message, messages
from tests.docs.mends import says_what_to_do

_PAGE = ROOT / "docs" / "troubleshooting.md"

# Raised with what is known only then, by the place and the expression, and why that is enough.
_PASSED_ON = {
    (
        "pipeline/own_data/transcripts.py",
        "refusals[0] if refusals else _nothing(folder, len(unwritten), faults)",
    ): "what a table was refused for, or the sentence of `_nothing`",
    ("pipeline/runs.py", "entry.problem"): "the message of the error with which the record was read",
    ("pipeline/vertex/cloud_runs.py", "entry.problem"): "as in pipeline/runs.py",
    ("components/evaluation/examples.py", "str(error).replace(str(path), shard)"): "an error of the records, renamed",
    ("beam_jobs/cloud_storage.py", "errno.EEXIST"): "caught by who called",
    ("beam_jobs/cloud_storage.py", "str(error)"): "caught by who called, as an error of any file is",
    ("beam_jobs/librispeech/http_file.py", "_one_line(error.reason)"): "the server's own words, in another message",
    ("beam_jobs/librispeech/http_file.py", "_one_line(error)"): "the server's own words, in another message",
    ("beam_jobs/places.py", "errno.EINVAL"): "caught by who called, as an error of any file is",
    (
        "beam_jobs/release_bucket.py",
        "str(error).replace(f'{directory}/{RELEASE_FILE}', place)",
    ): "an error of the release, renamed",
    ("model/checkpoint/convert.py", "str(error)"): "a message of model.config in another class",
    ("model/checkpoint/random_model.py", "str(error)"): "a message of model.config in another class",
    ("model/config.py", "str(error)"): "a message of this file in another class",
    ("model/export/destinations/hugging_face.py", "f'{self.address}@{revision}'"): "caught by who called",
    ("model/export/destinations/kaggle.py", "self.address"): "caught by who called",
    ("model/record_index.py", "error.message"): "TensorFlow's words, caught by who called",
    ("model/settings.py", "message"): "`require` itself, whose calls are read one by one",
    ("model/training/checkpoints.py", "errno.ENOSPC"): "the sentence of pipeline.failure for a full disk",
}
_ENDS_A_PROGRAM = "main()"


def _blocks(page: str) -> list[str]:
    return re.findall(r"^```text\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def _listed(page: str) -> list[str]:
    return [line for block in _blocks(page) for line in block.splitlines()]


def _message(text: str, kind: str = "DataError") -> Message:
    return Message("here.py:1", kind, text, "")


@pytest.fixture(scope="module")
def all_messages() -> list[Message]:
    return messages()


@pytest.fixture(scope="module")
def page() -> str:
    return _PAGE.read_text(encoding="utf-8")


def test_every_message_says_what_to_do_or_is_on_the_page(all_messages: list[Message], page: str):
    listed = set(_listed(page))
    silent = {
        message.text: message.place
        for message in all_messages
        if not message.is_dynamic and not says_what_to_do(message) and message.text not in listed
    }

    assert not silent, (
        "These neither say what to do (tests/docs/mends.py has the two forms) nor stand in docs/troubleshooting.md; add"
        " a mend to the message, or a line to the page:\n"
        + "\n".join(f"{place}: {text}" for text, place in silent.items())
    )


def test_the_page_has_no_message_that_is_gone(all_messages: list[Message], page: str):
    known = {message.text for message in all_messages} | {"module … has no attribute …"}
    assert sorted(line for line in _listed(page) if line not in known) == []


def test_no_message_stands_twice(page: str):
    listed = _listed(page)
    assert sorted({line for line in listed if listed.count(line) > 1}) == []


def test_every_group_says_why_and_what_to_do(page: str):
    sections = re.split(r"^###? ", page, flags=re.MULTILINE)
    with_messages = [section for section in sections if "```text" in section]
    assert len(with_messages) > 20
    lacking = [
        section.splitlines()[0]
        for section in with_messages
        if not re.search(r"\bWhy:\s", section) or not re.search(r"What\s+to\s+do:\s", section)
    ]
    assert lacking == []


def test_what_cannot_be_read_is_a_message_of_elsewhere(all_messages: list[Message]):
    dynamic = {
        (message.place.partition(":")[0], message.expression)
        for message in all_messages
        if message.is_dynamic and message.expression != _ENDS_A_PROGRAM
    }
    assert dynamic == set(_PASSED_ON)


def test_the_messages_are_those_of_the_code(all_messages: list[Message]):
    assert len(all_messages) > 700
    texts = {message.text for message in all_messages}
    # One of each way in which a sentence is written: in one piece, in a function, as a constant, with a shared mend.
    assert "ingest.sample_rate_hz must be 16000, not …." in texts
    assert any(text.startswith("A folder must hold files that end in …, and … holds none") for text in texts)
    assert any("application-default login" in text for text in texts)
    assert any(text.startswith("The mail server of … must take the report") for text in texts)


def test_messages_are_read_out_of_every_way_of_writing_them(tmp_path: Path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "example.py").write_text(
        """
class OwnError(ValueError):
    pass

SHARED_MEND = "copy it again"

def again(place):
    return f"evaluate {place} again"

def refuse(name, is_new):
    reason = "it is new" if is_new else f"{name} is old"
    if name:
        raise OwnError(reason)
    kind = OwnError if is_new else TypeError
    raise kind(
        f"The file {name!r:>10} must be whole,"
        f" and is not; {SHARED_MEND}."
    )

def refuse_again(place):
    require(place, f"place must be left out with {place}.")
    raise TypeError("A place must be new; " + f"{again(place)}.")
"""
    )

    found = [(message.kind, message.text) for message in messages(tmp_path)]

    assert found == [
        ("OwnError", "it is new"),
        ("OwnError", "… is old"),
        ("kind", "The file … must be whole, and is not; copy it again."),
        ("require", "place must be left out with …."),
        ("TypeError", "A place must be new; …."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "… must be a whole file, and is not; copy it again.",
        "The shard … is damaged; please report it.",
        "… must hold sound; with a microphone, record it again.",
        "--format must be one of …, not ….",
        "train.steps must be at least 1, not ….",
        "--language must be left out: … has no adapters.",
        "Name one subset at least; they are ….",
        "It was removed, so download it again.",
        "Version … is another one. Delete that version.",
        "… has no field …; did you mean …?",
    ],
)
def test_these_say_what_to_do(text: str):
    assert says_what_to_do(_message(text))


@pytest.mark.parametrize(
    "text",
    [
        "… must be a whole file, and is not.",
        "The training must succeed, and is FAILED; its log says more.",
        "The record must hold samples, and holds none; is it cut off?",
        "The release.name of … is unknown.",
        "Windows must be narrow: release.name is wide.",
        "The name must be that of a directory, not ….",
        "Two runs must not overlap; the second waits.",
        "it is nested too deeply",
        "",
    ],
)
def test_these_do_not(text: str):
    assert not says_what_to_do(_message(text))


def test_only_settings_are_mended_by_their_rule():
    text = "seed must be at least 0, not …."
    assert says_what_to_do(_message(text, "require"))
    assert not says_what_to_do(_message(text, "DataError"))
