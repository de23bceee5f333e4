"""Work in another process: its result, its error, or the fact that it ended without either."""

import os
import signal
import subprocess
import sys

import pytest

from model import fresh_process
from model.audio import AudioError
from model.errors import DataError, DiskFullError, ReleaseError, TryAgainError, UsageError, WorkerError


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
    message = f"{module} must end with a result, and ended with code {code} and none"
    with pytest.raises(WorkerError, match=message) as raised:
        fresh_process.run(module, arguments)
    assert raised.value.exit_code == 1, "it says nothing of the data"


def worker(monkeypatch, tmp_path, code):
    """Lets `python -m worker` run this code."""
    (tmp_path / "worker.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "worker"


def test_an_error_that_is_not_among_the_common_ones_is_one_of_the_data(monkeypatch, tmp_path):
    work = """
from model import fresh_process
from model.audio import AudioError
def work():
    raise AudioError("It is no sound.")
raise SystemExit(fresh_process.report(work))
"""
    with pytest.raises(DataError, match="It is no sound") as raised:
        fresh_process.run(worker(monkeypatch, tmp_path, work), [])
    assert type(raised.value) is DataError
    assert issubclass(AudioError, DataError)


def test_a_worker_that_was_killed_may_be_tried_again(monkeypatch, tmp_path):
    module = worker(monkeypatch, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(TryAgainError, match="The process of worker was killed"):
        fresh_process.run(module, [])


@pytest.mark.parametrize(
    ("parent", "code"), [(os.getpid(), 0), (1 + os.getpid(), -signal.SIGTERM)], ids=["there", "gone"]
)
def test_a_worker_whose_parent_has_gone_before_it_began_ends(monkeypatch, parent, code):
    monkeypatch.setenv("W2V2_PARENT_PROCESS", str(parent))
    begun = "from model.fresh_process import end_with_parent; end_with_parent()"
    assert subprocess.run([sys.executable, "-c", begun], check=False).returncode == code
