"""Releases on Kaggle Models: one version each, by the real library against a server on the loopback."""

import json
import logging

import pytest

from model.errors import DataError, ReleaseError, TryAgainError, UsageError
from model.export.destinations import kaggle as publishing
from model.export.destinations import kaggle_library
from model.export.destinations.kaggle import KaggleDestination
from model.export.destinations.settings import KaggleSettings
from tests.fake_kaggle import KEY, SILENCE, USER, Fault

HANDLE = "jane/speech/onnx/tiny"


@pytest.fixture
def destination(kaggle):
    return KaggleDestination(KaggleSettings(HANDLE))


def publish(destination, made):
    """What `distribute` does, for one destination."""
    destination.require_usable()
    found = destination.find(made.release, made.source)
    if found is not None:
        destination.finish(found, made.release, made.source)
        return found
    return destination.add(made.staged)[0]


def test_a_release_becomes_the_first_version_of_a_private_model(kaggle, destination, make):
    made = make()
    copy = publish(destination, made)
    assert (copy.address, copy.version, copy.is_new) == (f"kaggle://{HANDLE}/1", "1", True)
    assert kaggle.models == {"jane/speech": True}
    (version,) = kaggle.variations[HANDLE]
    assert sorted(version.files) == ["README.md", "RELEASE.json", "config.json", "onnx/model.onnx", "vocab.json"]
    assert version.files["onnx/model.onnx"] == b"weights"
    assert version.license == "Apache 2.0"
    assert json.loads(version.files["RELEASE.json"])["release_digest"] == made.release.release_digest


def test_another_release_is_the_next_version_and_each_is_published_once(kaggle, destination, make):
    first, second = make("one"), make("two")
    publish(destination, first)
    assert publish(destination, second).address == f"kaggle://{HANDLE}/2"
    assert kaggle.variations[HANDLE][1].notes == f"Release {second.release.release_digest}"
    kaggle.requests.clear()
    for made, version in ((first, "1"), (second, "2")):
        copy = publish(destination, made)
        assert (copy.version, copy.is_new) == (version, False)
    assert len(kaggle.variations[HANDLE]) == 2
    assert not {"StartBlobUpload", "CreateModel", "CreateModelInstanceVersion"} & set(kaggle.requests)


def test_a_saved_model_and_a_checkpoint_go_to_frameworks_of_their_own(kaggle, make):
    for framework, format_, file in (
        ("tensorFlow2", "saved_model", "variables/variables.index"),
        ("transformers", "checkpoint", "model.safetensors"),
    ):
        handle = f"jane/speech/{framework}/tiny"
        publish(KaggleDestination(KaggleSettings(handle)), make(format_=format_))
        assert file in kaggle.variations[handle][0].files


def test_somebody_elses_versions_are_passed_over(kaggle, destination, make):
    made = make()
    publish(destination, made)
    versions = kaggle.variations[HANDLE]
    versions.append(type(versions[0])({"notes.txt": b"x"}))
    versions.append(type(versions[0])({"RELEASE.json": b"{}"}))
    assert publish(destination, made).version == "1"
    assert publish(destination, make("two")).version == "4"


def test_a_version_with_another_content_is_refused(kaggle, destination, make):
    made = make()
    publish(destination, made)
    files = kaggle.variations[HANDLE][0].files
    files["vocab.json"] = b"more"
    message = f"Version 1 of kaggle://{HANDLE} must stay as it was published, and vocab.json has 4 bytes instead of 2;"
    with pytest.raises(ReleaseError, match=message):
        publish(destination, made)
    del files["vocab.json"]
    with pytest.raises(ReleaseError, match="and vocab.json is missing; delete that version on Kaggle, and push again"):
        publish(destination, made)


def test_what_is_being_unpacked_is_waited_for(kaggle, destination, make):
    kaggle.unpacking = 3
    made = make()
    assert publish(destination, made).is_new
    kaggle.variations[HANDLE][0].unpacking = 1
    with pytest.raises(
        TryAgainError, match="Version 1 of .* must be whole before it can be looked at, and Kaggle lists"
    ):
        publish(destination, made)
    assert not publish(destination, made).is_new
    assert len(kaggle.variations[HANDLE]) == 1


def test_what_is_never_unpacked_is_said(kaggle, destination, make, monkeypatch):
    monkeypatch.setattr(publishing, "_UNPACKED_WITHIN_SECONDS", 0)
    kaggle.unpacking = 10**9
    with pytest.raises(
        TryAgainError, match="must have what was sent after 0 s, and .* is missing; wait until its page"
    ):
        publish(destination, make())


def test_name_and_key_sign_in_too(kaggle, destination, make, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    assert publish(destination, make()).is_new


def test_variables_of_other_names_are_used(kaggle, make, monkeypatch):
    monkeypatch.setenv("OURS", "KGAT_jane")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "wrong")
    assert publish(KaggleDestination(KaggleSettings(HANDLE, token_variable="OURS")), make()).is_new


def test_without_credentials_nothing_is_asked(kaggle, destination, make, monkeypatch):
    monkeypatch.delenv("KAGGLE_API_TOKEN")
    monkeypatch.setenv("KAGGLE_USERNAME", "jane")
    message = f"To publish to kaggle://{HANDLE}, KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY must hold the cred"
    with pytest.raises(UsageError, match=message):
        publish(destination, make())
    assert kaggle.requests == []


def test_without_the_library_it_is_said_what_to_install(destination, make, monkeypatch):
    monkeypatch.setattr(publishing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"install wav2vec2-tfx\[kaggle\]"):
        publish(destination, make())
    with pytest.raises(UsageError, match=r"install wav2vec2-tfx\[kaggle\]"):
        destination.state()


def test_a_token_that_is_not_known_is_said(kaggle, destination, make, monkeypatch):
    monkeypatch.setenv("KAGGLE_API_TOKEN", "wrong")
    with pytest.raises(UsageError, match=r"does not know the token in KAGGLE_API_TOKEN, or .* \(HTTP 401\); set it"):
        publish(destination, make())
    assert kaggle.models == {}


def test_whoever_may_not_write_is_told_before_anything_is_uploaded(kaggle, make):
    destination = KaggleDestination(KaggleSettings("john/speech/onnx/tiny"))
    with pytest.raises(UsageError, match="must be allowed to write to kaggle://john/speech/onnx/tiny, and is not"):
        publish(destination, make())
    assert (kaggle.blobs, kaggle.models) == ({}, {})


@pytest.mark.parametrize("status", [0, 500, 503, 429])
@pytest.mark.parametrize(
    "step", ["GetModelInstance", "GetModel", "CreateModel", "StartBlobUpload", "PUT", "CreateModelInstance"]
)
def test_a_server_that_fails_leaves_no_version_and_may_be_asked_again(kaggle, destination, make, step, status):
    made = make()
    kaggle.faults.append(Fault(step, status))
    with pytest.raises(TryAgainError, match=f"kaggle://{HANDLE} cannot be published to now") as raised:
        publish(destination, made)
    assert raised.value.exit_code == 75
    assert kaggle.variations == {}
    kaggle.faults.clear()
    assert publish(destination, made).address == f"kaggle://{HANDLE}/1"
    assert kaggle.variations[HANDLE][0].files["onnx/model.onnx"] == b"weights"


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(kaggle, destination, make, monkeypatch):
    monkeypatch.setattr(kaggle_library, "_ANSWER_WITHIN_SECONDS", 0.3)
    kaggle.faults.append(Fault("GetModel", SILENCE))
    with pytest.raises(TryAgainError, match=r"Kaggle does not answer or the connection broke \(ReadTimeout\)"):
        publish(destination, make())


def test_a_failure_that_passes_is_not_noticed(kaggle, destination, make):
    kaggle.faults.append(Fault("PUT", 0, times=2))
    assert publish(destination, make()).is_new
    assert kaggle.variations[HANDLE][0].files["onnx/model.onnx"] == b"weights"


def test_an_answer_that_was_lost_makes_no_second_version(kaggle, destination, make):
    """The version is there, and the answer that says so is not."""
    made = make()
    create = kaggle.RequestHandlerClass.CreateModelInstance

    def lose(handler, request):
        create(handler, request)
        return 500, {"code": 500, "message": "lost"}

    kaggle.RequestHandlerClass = type("Lossy", (kaggle.RequestHandlerClass,), {"CreateModelInstance": lose})
    with pytest.raises(TryAgainError, match=r"cannot be published to now \(HTTP 500"):
        publish(destination, made)
    assert publish(destination, made).address == f"kaggle://{HANDLE}/1"
    assert len(kaggle.variations[HANDLE]) == 1


def test_the_state_is_the_newest_version(kaggle, destination, make):
    assert destination.state() is None
    publish(destination, make("one"))
    assert destination.state() == "1"
    publish(destination, make("two"))
    assert destination.state() == "2"
    kaggle.faults.append(Fault(".*", 500))
    with pytest.raises(TryAgainError):
        destination.state()


def test_what_kaggle_refuses_is_said(kaggle, destination, make):
    body = b'{"error": "The license is not one of ours.", "errorCode": 400}'
    kaggle.faults.append(Fault("CreateModelInstance", 200, body=body))
    with pytest.raises(DataError, match=r"refuses it \(HTTP 400: The license is not one of ours.\)"):
        publish(destination, make())
    kaggle.faults[0].body = b'{"error": "No."}'
    with pytest.raises(DataError, match=r"refuses it \(No.\)"):
        publish(destination, make())


def test_nothing_of_it_is_printed(destination, make, capsys):
    """kagglehub writes to the standard output that there was when it was imported."""
    records = []
    watching = logging.Handler()
    watching.emit = records.append
    logging.getLogger("kagglehub").addHandler(watching)
    try:
        publish(destination, make())
    finally:
        logging.getLogger("kagglehub").removeHandler(watching)
    assert records == []
    assert capsys.readouterr() == ("", "")
