"""What doctor says of credentials; it tells of none what it holds, and asks nothing of the network."""

import json
import socket

import pytest

from pipeline.credentials import check_google, check_hugging_face, check_kaggle

SECRET = "hf_SeCrEtSeCrEt"
SERVICE = {"type": "service_account", "client_email": "a@b", "private_key": SECRET, "token_uri": "https://x"}
PERSON = {"type": "authorized_user", "client_id": "a", "client_secret": SECRET, "refresh_token": SECRET}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("doctor must not use the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def seen(tmp_path):
    """Looks with a check, and sees that no secret is told."""

    def look(check, **environment):
        found = check(environment, tmp_path)
        assert SECRET not in f"{found.message}{found.mend}"
        assert bool(found.mend) == (found.status != "ok")
        return found

    return look


@pytest.mark.parametrize("check", [check_google, check_hugging_face, check_kaggle])
def test_none_is_needed_here(seen, check):
    found = seen(check)
    assert found.status == "ok"
    assert "not needed here, but by " in found.message


def test_a_file_that_the_variable_names(seen, tmp_path):
    file = tmp_path / "key.json"
    file.write_text(json.dumps(SERVICE))
    found = seen(check_google, GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert (found.status, found.message) == ("ok", "a service account, of GOOGLE_APPLICATION_CREDENTIALS")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("", "cannot be read (it is no JSON)"),
        (f"{{{SECRET}", "cannot be read (it is no JSON)"),
        (b"\xff\xfe", "cannot be read (it is no UTF-8 text)"),
        ("[" * 100_000, "cannot be read (it is no JSON)"),
        ("[]", "holds no credentials that Google's libraries read"),
        ('{"type": ["a"]}', "holds no credentials that Google's libraries read"),
        (json.dumps({"installed": {"client_secret": SECRET}}), "holds no credentials that Google's libraries read"),
        (json.dumps({**SERVICE, "private_key": ""}), "lacks private_key, which a file of the type service_account mus"),
    ],
)
def test_credentials_that_cannot_be_used(seen, tmp_path, content, problem):
    file = tmp_path / "key.json"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = seen(check_google, GOOGLE_APPLICATION_CREDENTIALS=str(file))
    assert found.status == "warn"
    named = f"names {file}, which" if file.exists() else "names what"
    assert found.message.startswith(f"GOOGLE_APPLICATION_CREDENTIALS {named} {problem}")
    assert found.mend.startswith("gcloud auth application-default login")


@pytest.mark.parametrize("value", [json.dumps(SERVICE), SECRET, f"{SECRET}\n{SECRET}", "x" * 5_000 + SECRET])
def test_a_secret_in_the_place_of_a_file_is_not_printed(seen, value):
    found = seen(check_google, GOOGLE_APPLICATION_CREDENTIALS=value)
    assert found.status == "warn"
    assert found.message.startswith("GOOGLE_APPLICATION_CREDENTIALS names what cannot be read (")
    assert SECRET not in found.message + found.mend


def test_a_directory_in_the_place_of_credentials(seen, tmp_path):
    found = seen(check_google, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path))
    assert (found.status, "Is a directory" in found.message) == ("warn", True)


def test_the_login_of_gcloud(seen, tmp_path):
    file = tmp_path / ".config/gcloud/application_default_credentials.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(PERSON))
    assert seen(check_google).message == f"a person's login, in {file}"
    file.write_text("{")
    found = seen(check_google)
    assert (found.status, found.mend) == ("warn", "gcloud auth application-default login")
    other = tmp_path / "other"
    other.mkdir()
    assert "no credentials" in seen(check_google, CLOUDSDK_CONFIG=str(other)).message


@pytest.mark.parametrize(("check", "variable"), [(check_hugging_face, "HF_TOKEN"), (check_kaggle, "KAGGLE_API_TOKEN")])
def test_a_token_in_a_variable(seen, check, variable):
    found = seen(check, **{variable: SECRET})
    assert found.status == "ok"
    assert f"a token, in {variable}; whether " in found.message
    for value, problem in (("  ", "is empty"), (f"{SECRET} x", "must be printable"), (f"{SECRET}é", "must be printab")):
        found = seen(check, **{variable: value})
        assert found.status == "warn"
        assert found.message.startswith(f"{variable} {problem}")


def test_a_token_in_a_file(seen, tmp_path):
    file = tmp_path / ".cache/huggingface/token"
    file.parent.mkdir(parents=True)
    file.write_text(f"{SECRET}\n")
    assert seen(check_hugging_face).message.startswith(f"a token, in {file}, for private checkpoints; ")
    file.write_text("\n")
    found = seen(check_hugging_face)
    assert (found.status, found.message) == ("warn", f"the token in {file} is empty")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "no token" in seen(check_hugging_face, HF_HOME=str(elsewhere)).message
    (elsewhere / "token").mkdir()
    assert "Is a directory" in seen(check_hugging_face, HF_HOME=str(elsewhere)).message
    assert seen(check_hugging_face, HF_TOKEN_PATH=str(elsewhere / "none")).status == "ok"


def test_the_two_halves_of_kaggle(seen, tmp_path):
    assert seen(check_kaggle, KAGGLE_USERNAME="me", KAGGLE_KEY=SECRET).status == "ok"
    found = seen(check_kaggle, KAGGLE_KEY=SECRET)
    assert (found.status, found.message) == ("warn", "KAGGLE_KEY is set and KAGGLE_USERNAME is not")
    assert found.mend.startswith("export KAGGLE_USERNAME=…, or ")
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle/kaggle.json").write_text(SECRET)
    assert "w2v2 push --to kaggle://… takes KAGGLE_API_TOKEN alone" in seen(check_kaggle).message
