"""Releases on the Hugging Face Hub: one commit and tag each, by the real library against a server on the loopback."""

import dataclasses
import json

import pytest

from model.errors import ReleaseError, TryAgainError, UsageError
from model.export.destinations import hugging_face as publishing
from model.export.destinations.hugging_face import HuggingFaceDestination, tag_of
from model.export.destinations.settings import HuggingFaceSettings
from tests.fake_hugging_face import READER, SILENCE, Fault

NAME = "jane/speech"


@pytest.fixture
def hub(hugging_face):
    return hugging_face


@pytest.fixture
def destination(hub):
    return HuggingFaceDestination(HuggingFaceSettings(NAME, format="onnx"))


def publish(destination, made):
    """What `distribute` does, for one destination."""
    destination.require_usable()
    found = destination.find(made.release, made.source)
    if found is not None:
        destination.finish(found, made.release, made.source)
        return found
    return destination.add(made.staged)[0]


def test_a_release_becomes_one_commit_with_a_tag(hub, destination, make):
    made = make(evaluation={"metrics.json": "9" * 64})
    copy = publish(destination, made)
    tag = f"release-{made.release.release_digest[:16]}"
    assert (copy.address, copy.version, copy.is_new) == (f"hf://jane/speech@{tag}", tag, True)
    repository = hub.repositories[NAME]
    assert repository.messages == ["initial commit", f"Release {made.release.release_digest[:16]} of base"]
    assert sorted(repository.files) == ["README.md", "RELEASE.json", "config.json", "onnx/model.onnx", "vocab.json"]
    assert repository.files["onnx/model.onnx"] == b"weights"
    assert list(hub.large.values()) == [b"weights"], "the large file alone was sent before the commit"
    told = json.loads(repository.files["RELEASE.json"])
    assert (told["release_digest"], told["format"]) == (made.release.release_digest, "onnx")
    assert told["evaluation"] == {"metrics.json": "9" * 64}
    assert repository.tags == {tag: repository.commits[-1][0]}
    assert not repository.private


def test_the_same_release_is_published_once(hub, destination, make):
    made = make()
    publish(destination, made)
    hub.requests.clear()
    second = publish(destination, made)
    assert not second.is_new
    assert second.address == f"hf://jane/speech@{tag_of(made.release)}"
    assert len(hub.repositories[NAME].commits) == 2
    assert not [request for request in hub.requests if not request.startswith("GET ")], "nothing was written"


def test_another_release_takes_the_place_of_the_first_whose_tag_stays(hub, destination, make):
    first, second = make("one"), make("two")
    publish(destination, first)
    repository = hub.repositories[NAME]
    hub.commit(repository, {**repository.commits[-1][1], "notes.txt": b"somebody's"}, "a note")
    assert publish(destination, second).is_new
    assert sorted(repository.files) == ["README.md", "RELEASE.json", "config.json", "onnx/model.onnx", "vocab.json"]
    assert repository.files["onnx/model.onnx"] == b"two"
    assert ".gitattributes" in repository.commits[-1][1]
    assert repository.at(tag_of(first.release))[1]["onnx/model.onnx"] == b"one"
    assert not publish(destination, first).is_new, "and the first is still there"


def test_a_tag_that_a_killed_publisher_left_out_is_added(hub, destination, make):
    made = make()
    publish(destination, made)
    repository = hub.repositories[NAME]
    repository.tags.clear()
    assert not publish(destination, made).is_new
    assert repository.tags == {tag_of(made.release): repository.commits[-1][0]}
    assert len(repository.commits) == 2


@pytest.mark.parametrize("name", ["onnx/model.onnx", "vocab.json"])
def test_a_tag_with_another_content_is_refused(hub, destination, make, name):
    made = make()
    publish(destination, made)
    files = hub.repositories[NAME].commits[-1][1]
    files[name] = b"changed"
    with pytest.raises(ReleaseError, match=f"must stay as it was published, and {name} has another content; remove"):
        publish(destination, made)
    del files[name]
    with pytest.raises(ReleaseError, match=f"must stay as it was published, and {name} is missing; remove"):
        publish(destination, made)


def test_a_repository_that_is_made_can_be_private(hub, make):
    publish(HuggingFaceDestination(HuggingFaceSettings(NAME, format="onnx", private=True)), make())
    assert hub.repositories[NAME].private


def test_the_state_is_the_commit_of_the_branch(hub, destination, make, monkeypatch):
    assert destination.state() is None, "there is no repository yet"
    publish(destination, make("one"))
    first = destination.state()
    assert first == hub.repositories[NAME].commits[-1][0]
    publish(destination, make("two"))
    assert destination.state() not in (first, None)
    hub.faults.append(Fault(r"GET .*", 500))
    with pytest.raises(TryAgainError):
        destination.state()
    hub.faults.clear()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(TryAgainError, match="does not answer or the connection broke"):
        destination.state()
    monkeypatch.setenv("HF_ENDPOINT", "nonsense")
    with pytest.raises(UsageError, match="HF_ENDPOINT must be an address"):
        destination.state()


def test_without_a_token_nothing_is_asked(hub, make, monkeypatch):
    destination = HuggingFaceDestination(HuggingFaceSettings(NAME, format="onnx", token_variable="OURS"))
    message = (
        "To publish to hf://jane/speech, the variable OURS must hold a token that may write there, and it is not set"
    )
    with pytest.raises(UsageError, match=message):
        publish(destination, make())
    monkeypatch.setenv("OURS", "hf_\n")
    with pytest.raises(UsageError, match="OURS must hold a token, of plain ASCII; correct it"):
        publish(destination, make())
    assert hub.requests == []


def test_a_token_in_a_variable_of_another_name_is_used(hub, make, monkeypatch):
    monkeypatch.setenv("OURS", hugging_face_token := "hf_writer")
    monkeypatch.setenv("HF_TOKEN", "wrong")
    assert hugging_face_token
    assert publish(
        HuggingFaceDestination(HuggingFaceSettings(NAME, format="onnx", token_variable="OURS")), make()
    ).is_new


@pytest.mark.parametrize(
    ("token", "error", "message"),
    [
        ("wrong", UsageError, r"hf://jane/speech does not know the token in HF_TOKEN \(HTTP 401\); set it to a valid"),
        (
            READER,
            UsageError,
            r"The token in HF_TOKEN must be allowed to write to hf://jane/speech, and is not \(HTTP 403",
        ),
    ],
)
def test_a_token_that_may_not_write_is_said(hub, destination, make, monkeypatch, token, error, message):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(error, match=message) as raised:
        publish(destination, make())
    assert raised.value.exit_code == 2
    assert hub.repositories == {}


STEPS = {
    "who": "GET /api/whoami-v2",
    "create": "POST /api/repos/create",
    "modes": ".*/preupload/main",
    "batch": r".*\.git/info/lfs/objects/batch",
    "large": "PUT /large/.*",
    "verify": "POST /verify",
    "commit": ".*/commit/main",
}


@pytest.mark.parametrize("status", [0, 500, 503, 429])
@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_fails_leaves_nothing_half_published_and_may_be_asked_again(hub, destination, make, step, status):
    made = make()
    hub.faults.append(Fault(STEPS[step], status))
    with pytest.raises(TryAgainError, match="hf://jane/speech cannot be published to now") as raised:
        publish(destination, made)
    assert raised.value.exit_code == 75
    repository = hub.repositories.get(NAME)
    assert repository is None or (repository.files, repository.tags) == ({}, {})
    hub.faults.clear()
    assert publish(destination, made).is_new
    assert hub.repositories[NAME].files["onnx/model.onnx"] == b"weights"


@pytest.mark.parametrize("step", ["who", "commit"])
def test_a_server_that_says_nothing_is_not_waited_for_for_ever(hub, destination, make, monkeypatch, step):
    monkeypatch.setattr(publishing, "_ANSWER_WITHIN_SECONDS", 0.3)
    hub.faults.append(Fault(STEPS[step], SILENCE))
    with pytest.raises(TryAgainError, match=r"does not answer or the connection broke \(ReadTimeout\)"):
        publish(destination, make())


def test_a_failure_that_passes_is_not_noticed(hub, destination, make):
    hub.faults += [Fault(STEPS["large"], 500, times=2), Fault(STEPS["batch"], 503, times=1)]
    assert publish(destination, make()).is_new


def test_what_fails_after_the_commit_is_made_up_for(hub, destination, make):
    made = make()
    hub.faults.append(Fault(".*/tag/.*", 500))
    with pytest.raises(TryAgainError):
        publish(destination, made)
    repository = hub.repositories[NAME]
    assert (len(repository.commits), repository.tags) == (2, {})
    hub.faults.clear()
    assert not publish(destination, made).is_new
    assert list(repository.tags) == [tag_of(made.release)]


def test_of_two_publishers_at_once_one_commits(hub, destination, make):
    first, second = make("one"), make("two")
    publish(destination, first)
    # The other publishes between the look at the branch and the commit.
    repository = hub.repositories[NAME]
    describe = repository.at

    def at(revision):
        found = describe(revision)
        if revision == "main":
            repository.at = describe
            repository.commits.append(("f" * 40, dict(found[1])))
        return found

    assert destination.find(second.release, second.source) is None
    repository.at = at
    with pytest.raises(
        TryAgainError, match="Nobody else may commit to hf://jane/speech while .* and somebody did; push"
    ):
        destination.add(second.staged)
    assert repository.files["onnx/model.onnx"] == b"one"


def test_a_card_that_the_hub_does_not_take_is_said(hub, destination, make):
    made = make()
    (made.source / "README.md").write_text("---\nlicense: [1\n---\n")
    with pytest.raises(ReleaseError, match="hf://jane/speech must take the model card, and refuses it: .*a string"):
        publish(destination, made)
    assert hub.repositories[NAME].files == {}


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b""])
def test_a_server_that_is_no_hub_is_told_from_one(hub, destination, make, answer):
    hub.faults.append(Fault("GET .*", 200, body=answer))
    with pytest.raises(UsageError, match="HF_ENDPOINT must be the address of a hub, and what .* answers is not"):
        publish(destination, make())


def test_an_answer_that_cannot_be_read_in_the_middle_may_be_asked_for_again(hub, destination, make):
    hub.faults.append(Fault(STEPS["modes"], 200, body=b"<html>"))
    with pytest.raises(TryAgainError, match="gives answers that cannot be read"):
        publish(destination, make())


def test_what_the_hub_has_is_compared_with_what_was_sent(hub, destination, make):
    made = make()
    commit = hub.commit

    def lose(repository, files, message):
        files.pop("vocab.json", None)
        return commit(repository, files, message)

    hub.commit = lose
    with pytest.raises(TryAgainError, match="must have what was sent, and vocab.json is missing; push again"):
        publish(destination, made)
    assert hub.repositories[NAME].tags == {}
    hub.commit = commit
    assert publish(destination, made).is_new


def test_what_is_staged_is_not_changed(hub, destination, make):
    made = make()
    before = {path.name for path in made.source.rglob("*")}
    _, content = destination.add(dataclasses.replace(made.staged))
    assert content == made.source
    assert {path.name for path in made.source.rglob("*")} == before
