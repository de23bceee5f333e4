"""Work in another process: its result, its error, or the fact that it ended without either."""

import pytest

from model.errors import DiskFullError, ReleaseError, UsageError
from model.export import fresh_process


def failing(error):
    def work():
        raise error

    return work


def test_a_result_is_printed_for_programs_or_for_people(capsys):
    assert fresh_process.report(lambda: {"a": 1}) == 0
    assert fresh_process.report(lambda: {"a": 1}, lambda result: f"It is {result['a']}.") == 0
    assert capsys.readouterr().out == '{"a": 1}\nIt is 1.\n'


def test_an_error_is_printed_with_its_kind_and_its_exit_code(capsys):
    assert fresh_process.report(failing(DiskFullError("It is full."))) == 75
    assert fresh_process.report(failing(UsageError("It is wrong.")), str) == 2
    captured = capsys.readouterr()
    assert captured.out == '{"error": "It is full.", "kind": "DiskFullError"}\n'
    assert captured.err == "It is wrong.\n"


def test_a_full_disk_that_a_library_tells_in_words_is_one(capsys):
    words = failing(RuntimeError("INTERNAL: No space left on device; writing variables"))
    assert fresh_process.report(words) == 75
    assert '"kind": "DiskFullError"' in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="something else"):
        fresh_process.report(failing(RuntimeError("something else")))


def test_the_error_of_the_worker_is_raised_here(tmp_path):
    with pytest.raises(ReleaseError, match="A copy of a release must be a directory; /no/such is none"):
        fresh_process.run("model.export.verify", ["onnx", "/no/such", "/no/probes.npz", "--json"])


@pytest.mark.parametrize(("module", "arguments", "code"), [("platform", [], 0), ("json.tool", ["/no/such"], 2)])
def test_a_worker_that_ends_without_a_result_is_an_error(module, arguments, code):
    with pytest.raises(ReleaseError, match=f"{module} must end with a result, and ended with code {code} and none"):
        fresh_process.run(module, arguments)
