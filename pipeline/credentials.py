"""Looks at the credentials of this machine without the network, and tells of none what it holds.

None is needed to run the pipeline here. One that is there and cannot be used is a warning.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline.check import Check

_GOOGLE_VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
_GOOGLE_LOGIN = "gcloud auth application-default login"
# What google.auth reads, with the fields without which it cannot.
_GOOGLE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "service_account": ("client_email", "private_key", "token_uri"),
    "authorized_user": ("client_id", "client_secret", "refresh_token"),
    "external_account": ("audience", "subject_token_type", "token_url"),
    "external_account_authorized_user": (),
    "impersonated_service_account": ("service_account_impersonation_url", "source_credentials"),
    "gdch_service_account": (),
}


def check_google(environment: Mapping[str, str], home: Path) -> Check:
    """Google's application default credentials, which Vertex AI, Dataflow and gs:// places need.

    Args:
      environment: The variables of the process.
      home: The person's directory.
    """
    name = "google"
    variable = environment.get(_GOOGLE_VARIABLE, "")
    if variable:
        # What is no file may be the secret itself, put there by mistake.
        named = f"names {variable}, which" if _is_file(variable) else "names what"
        problem = _google_problem(Path(variable))
        mend = f"{_GOOGLE_LOGIN}, and unset {_GOOGLE_VARIABLE}; or let it name a file of credentials"
        return (
            Check(name, "warn", f"{_GOOGLE_VARIABLE} {named} {problem}", mend)
            if problem
            else Check(name, "ok", f"{_kind(Path(variable))}, of {_GOOGLE_VARIABLE}")
        )
    directory = environment.get("CLOUDSDK_CONFIG")
    file = (Path(directory) if directory else home / ".config/gcloud") / "application_default_credentials.json"
    if not _is_there(file):
        needed = "w2v2 vertex, w2v2 schedule, Dataflow and gs:// places"
        return Check(name, "ok", f"no credentials; not needed here, but by {needed} ({_GOOGLE_LOGIN})")
    problem = _google_problem(file)
    if problem:
        return Check(name, "warn", f"{file} {problem}", _GOOGLE_LOGIN)
    return Check(name, "ok", f"{_kind(file)}, in {file}")


def _is_file(named: str) -> bool:
    try:
        return Path(named).exists()
    except (OSError, ValueError):  # too long for a name, or with what none may have
        return False


def check_hugging_face(environment: Mapping[str, str], home: Path) -> Check:
    """The token of the Hugging Face Hub, which private checkpoints and pushing there need.

    Args:
      environment: The variables of the process.
      home: The person's directory.
    """
    name, page = "hugging face", "https://huggingface.co/settings/tokens"
    mend = f"export HF_TOKEN=… with a token of {page}, or unset HF_TOKEN"
    variable = environment.get("HF_TOKEN", "")
    if variable:
        problem = _token_problem(variable)
        if problem:
            return Check(name, "warn", f"HF_TOKEN {problem}", mend)
        return Check(name, "ok", "a token, in HF_TOKEN; whether the Hub takes it was not asked")
    cache = environment.get("XDG_CACHE_HOME") or str(home / ".cache")
    hub_home = environment.get("HF_HOME") or f"{cache}/huggingface"
    file = Path(environment.get("HF_TOKEN_PATH") or f"{hub_home}/token").expanduser()
    if not _is_there(file):
        return Check(
            name, "ok", "no token; not needed here, but by private checkpoints and w2v2 push --to hf://… (HF_TOKEN)"
        )
    try:
        problem = _token_problem(file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({_reason(error)})"
    if problem:
        return Check(name, "warn", f"the token in {file} {problem}", "hf auth login, or remove the file")
    return Check(name, "ok", f"a token, in {file}, for private checkpoints; w2v2 push takes that of HF_TOKEN")


def check_kaggle(environment: Mapping[str, str], home: Path) -> Check:
    """What signs in at Kaggle, which only pushing there needs.

    Args:
      environment: The variables of the process.
      home: The person's directory.
    """
    name, mend = "kaggle", "export KAGGLE_API_TOKEN=… with a token of https://www.kaggle.com/settings"
    if token := environment.get("KAGGLE_API_TOKEN", ""):
        problem = _token_problem(token)
        if problem:
            return Check(name, "warn", f"KAGGLE_API_TOKEN {problem}", mend)
        return Check(name, "ok", "a token, in KAGGLE_API_TOKEN; whether Kaggle takes it was not asked")
    pair = [one for one in ("KAGGLE_USERNAME", "KAGGLE_KEY") if environment.get(one, "").strip()]
    if len(pair) == 1:
        missing = "KAGGLE_KEY" if pair == ["KAGGLE_USERNAME"] else "KAGGLE_USERNAME"
        return Check(name, "warn", f"{pair[0]} is set and {missing} is not", f"export {missing}=…, or {mend}")
    if pair:
        return Check(name, "ok", "KAGGLE_USERNAME and KAGGLE_KEY; whether Kaggle takes them was not asked")
    directory = environment.get("KAGGLE_CONFIG_DIR")
    file = (Path(directory) if directory else home / ".kaggle") / "kaggle.json"
    if _is_there(file):
        return Check(name, "ok", f"{file} is there, but w2v2 push --to kaggle://… takes KAGGLE_API_TOKEN alone")
    return Check(name, "ok", "no token; not needed here, but by w2v2 push --to kaggle://… (KAGGLE_API_TOKEN)")


def _google_problem(file: Path) -> str:
    """Returns what is wrong with a file of credentials, as the end of a sentence; empty where nothing is seen."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"cannot be read ({_reason(error)})"
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _GOOGLE_FIELDS:
        return "holds no credentials that Google's libraries read"
    missing = [field for field in _GOOGLE_FIELDS[kind] if not value.get(field)]
    return f"lacks {' and '.join(missing)}, which a file of the type {kind} must have" if missing else ""


def _kind(file: Path) -> str:
    kind = str(json.loads(file.read_text(encoding="utf-8"))["type"])
    return {"service_account": "a service account", "authorized_user": "a person's login"}.get(
        kind, f"credentials of the type {kind}"
    )


def _token_problem(token: str) -> str:
    if not token.strip():
        return "is empty"
    if not token.isascii() or not token.isprintable() or any(character.isspace() for character in token):
        return "must be printable ASCII without a blank, and is not"
    return ""


def _reason(error: Exception) -> str:
    """Returns why a file cannot be read, without a word of what is in it."""
    if isinstance(error, OSError):
        return error.strerror or "an error of the system"
    return "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "it is no JSON"


def _is_there(file: Path) -> bool:
    """Tells whether there is something, even where it may not be looked at."""
    try:
        return file.exists() or file.is_symlink()
    except OSError:
        return True
