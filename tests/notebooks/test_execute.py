"""How notebooks are executed: their parameters, and what may not get into their outputs."""

import nbformat
import pytest

from model.errors import UsageError
from notebooks.execute import execute, main, paths_in


def notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    return nbformat.v4.new_notebook(cells=cells)


def test_parameters_take_the_place_of_those_in_the_file(tmp_path):
    done = execute(
        notebook("A, B = 1, 2\nC = 'x'", "print(A, B, C)"), tmp_path, {"B": 5, "C": "y"}, more_code="print(A + B)"
    )
    assert done.cells[1].outputs[0].text == "1 5 y\n"
    assert done.metadata["printed"] == "6\n"
    assert [cell.execution_count for cell in done.cells] == [1, 2]
    assert not any("execution" in cell.metadata for cell in done.cells), "when it ran would change with each run"


def test_a_parameter_that_is_none_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(UsageError, match="A parameter must be one of A, not B"):
        execute(notebook("A = 1"), tmp_path, {"B": 2})


def test_places_of_the_machine_in_outputs_are_found_and_those_in_the_code_are_not(tmp_path):
    one = notebook(f"A = {str(tmp_path)!r}")
    assert paths_in(one, tmp_path) == []
    one.cells[0].outputs = [nbformat.v4.new_output("stream", text=f"{tmp_path}/x")]
    assert str(tmp_path) in paths_in(one, tmp_path)


def test_logs_of_tensorflow_are_not_kept_and_what_else_is_said_on_standard_error_is(tmp_path):
    log = "import os; _ = os.write(2, b'I0000 00:00:1.2    7 service.cc:145] XLA service\\n')"
    done = execute(notebook("A = 1", log, "import sys; print('careful', file=sys.stderr)"), tmp_path)
    assert [output.text for cell in done.cells for output in cell.outputs] == ["careful\n"]


def test_a_name_that_is_none_ends_in_a_sentence(capsys):
    assert main(["unknown"]) == 2
    assert "A notebook must be one of evaluate_librispeech, " in capsys.readouterr().err
