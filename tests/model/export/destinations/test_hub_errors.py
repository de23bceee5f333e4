"""What a hub's status means: who can mend it, by which exit code, and that nothing secret is repeated."""

import pytest

from model.export.destinations.hub_errors import refused


@pytest.mark.parametrize(
    ("status", "exit_code", "message"),
    [
        (401, 2, "hf://a/b does not know the token in HF_TOKEN (HTTP 401: No.); set it to a valid one."),
        (403, 2, "The token in HF_TOKEN must be allowed to write to hf://a/b, and is not (HTTP 403: No.); set it to"),
        (404, 2, "hf://a/b must be a place where one can publish, and is none (HTTP 404: No.); correct its name."),
        (400, 3, "hf://a/b must take what is published there, and refuses it (HTTP 400: No.); correct what it names."),
        (413, 3, "hf://a/b must take what is published there, and refuses it (HTTP 413: No.); correct what it names."),
        (408, 75, "hf://a/b cannot be published to now (HTTP 408: No.); push again in a few minutes."),
        (429, 75, "hf://a/b cannot be published to now (HTTP 429: No.); push again in a few minutes."),
        (500, 75, "hf://a/b cannot be published to now (HTTP 500: No.); push again in a few minutes."),
        (503, 75, "hf://a/b cannot be published to now (HTTP 503: No.); push again in a few minutes."),
    ],
)
def test_a_status_says_who_can_mend_it(status, exit_code, message):
    error = refused("hf://a/b", status, "HF_TOKEN", "No.")
    assert error.exit_code == exit_code
    assert error.may_retry == (exit_code == 75)
    assert str(error).startswith(message)


def test_without_a_reason_the_status_stands_alone():
    assert "(HTTP 500);" in str(refused("hf://a/b", 500, "HF_TOKEN"))
