"""The notebooks as they lie there: executed, small, of no machine, and without logic."""

import ast
import json
import re
from pathlib import Path

import nbformat
import pytest

DIRECTORY = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(DIRECTORY.glob("*.ipynb"))
DOCS = DIRECTORY.parent / "docs"
# Plots of each, and what they are of is looked at where they are executed.
PLOTS = {
    "evaluate_librispeech": 1,
    "fine_tune_on_your_recordings": 2,
    "onnx_and_latency": 1,
    "pretrain_on_unlabelled_audio": 3,
    "read_a_gate_report": 1,
    "transcribe_file_and_microphone": 1,
}
MAX_BYTES = 400_000
MAX_FUNCTION_LINES = 5
# Homes, temporary directories and environments of Linux, macOS and Windows.
OF_A_MACHINE = re.compile(r"/(root|home|Users|tmp|var|work|opt|usr)/|site-packages|[A-Z]:\\\\")

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def tree(source):
    """The code of a cell; an IPython command is a statement that does nothing."""
    return ast.parse(re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.MULTILINE))


def test_all_notebooks_are_known():
    assert [path.stem for path in NOTEBOOKS] == sorted(PLOTS)


@each
def test_every_cell_was_executed_in_order_and_none_failed(path):
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output.output_type for cell in cells for output in cell.outputs]
    assert "error" not in kinds
    assert path.stat().st_size < MAX_BYTES


@each
def test_the_plots_are_kept(path):
    pictures = [
        output.data["image/png"]
        for cell in code_cells(path)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == PLOTS[path.stem]
    assert all(len(picture) > 4_000 for picture in pictures)


@each
def test_the_outputs_are_of_no_machine_and_hold_no_wall_of_warnings(path):
    for cell in code_cells(path):
        without_pictures = [
            {**output, "data": {kind: data for kind, data in output.get("data", {}).items() if kind != "image/png"}}
            for output in cell.outputs
        ]
        told = json.dumps(without_pictures)
        assert OF_A_MACHINE.search(told) is None, f"{cell.id}: {told}"
        assert "Warning" not in told
        assert [output for output in cell.outputs if output.get("name") == "stderr"] == [], cell.id


@each
def test_no_logic_is_in_it(path):
    for cell in code_cells(path):
        for node in ast.walk(tree(cell.source)):
            assert not isinstance(node, ast.ClassDef | ast.While), cell.id
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert len(ast.unparse(node).splitlines()) <= MAX_FUNCTION_LINES, f"{cell.id}: {node.name}"


@each
def test_what_can_be_set_stands_in_one_cell_of_plain_values(path):
    (cell,) = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    for statement in tree(cell.source).body:
        assert isinstance(statement, ast.Assign)
        ast.literal_eval(statement.value)


@each
def test_it_says_at_its_top_how_long_it_takes_and_where(path):
    top = read(path).cells[0].source
    rows = dict(re.findall(r"^\| (takes|runs|installs|more in) \| (.+) \|$", top, re.MULTILINE))
    assert set(rows) == {"takes", "runs", "installs", "more in"}
    assert re.search(r"\d+ (s|min)", rows["takes"])
    assert "Python 3.10" in rows["runs"]
    assert "Colab" in rows["runs"]
    assert f"`{path.name}`" in (DOCS / "notebooks.md").read_text()
    assert rows["takes"].partition(";")[0] in (DOCS / "notebooks.md").read_text(), "the page says another time"


@each
def test_every_link_leads_somewhere(path):
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    links = re.findall(r"\]\(([^)]+)\)", "\n".join(texts))
    assert links
    for link in links:
        if not link.startswith("https://"):
            file, _, anchor = link.partition("#")
            target = DIRECTORY / file
            assert target.is_file(), link
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings]
            assert not anchor or anchor in slugs, link


def test_all_begin_with_the_same_installation():
    assert len({code_cells(path)[0].source for path in NOTEBOOKS}) == 1
