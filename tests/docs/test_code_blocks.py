"""Every block of code of the README and of the documentation is executed or checked; none in silence."""

import ast
import functools
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.nodes import node_ids
from tests.docs import shell_commands
from tests.docs.error_messages import messages
from tests.docs.pages import ROOT, Block, blocks, every_block, pages, spans
from tests.docs.python_names import WrongPythonError, check_python
from tests.docs.shell_commands import WrongCommandError, check_command, check_options, check_script, check_usage

_BLOCKS = every_block()
_TESTS = {path: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}


@functools.cache
def _words_of_the_code() -> frozenset[str]:
    """Every word in a text or a name of the code: what it can print, and what its keys can be."""
    found: set[str] = set()
    for package in ("pipeline", "components", "beam_jobs", "model"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.update(re.findall(r"[A-Za-z_][\w-]*", node.value))
                elif isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.arg | ast.keyword) and node.arg:
                    found.add(node.arg)
                elif isinstance(node, ast.Attribute):
                    found.add(node.attr)
    return frozenset(found)


def _check_nodes(code: str) -> None:
    """What is written as a class is a node of the graph, but for the class of the resolver."""
    named = set(re.findall(r"\b[A-Z]+[a-z]+(?:[A-Z]\w*)\b|\bTransform\b|\bTrainer\b", code))
    assert len(named) > 5
    assert sorted(named - set(node_ids("ctc"))) == []


def _check_keys(code: str) -> None:
    """What stands in quotation marks as a key is a word of the code."""
    keys = set(re.findall(r'[{,]\s*"([a-z_0-9]+)"', code)) | set(re.findall(r'"([a-z_0-9]+)":', code))
    assert len(keys) > 3
    assert sorted(keys - _words_of_the_code()) == []


def _check_verdict(code: str) -> None:
    """The rules and verdicts are those of the gate."""
    found = re.findall(r"^ *[✓✗·?!] ([a-z_0-9]+)(?=/| {2})", code, re.MULTILINE)
    assert found
    gates = (ROOT / "docs" / "gates.md").read_text(encoding="utf-8")
    assert set(found) <= _words_of_the_code() | set(re.findall(r"`([a-z_0-9]+)", gates))
    assert set(re.findall(r"\b(?:ACCEPT|REJECT|NEEDS_REVIEW)\b", code)) <= _words_of_the_code()


def _check_run(code: str) -> None:
    """What a run shows: its nodes, its checks, its verdict."""
    _check_nodes(code)
    _check_verdict(code)


def _check_layers(code: str) -> None:
    folders = re.findall(r"^(\w+)/", code, re.MULTILINE)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []


def _check_manifest(code: str) -> None:
    header = code.splitlines()[0].split()
    assert {"audio", "text"} <= set(header)
    assert set(header) <= {"audio", "text", "speaker", "split", "id", "gender"}
    assert all(len(re.split(r"\s{2,}", line)) == len(header) for line in code.splitlines()[1:])


def _check_ways(code: str) -> None:
    """The rows of a table of paddings are called as the command calls them."""
    rows = re.findall(r"^\s+((?:un)?masked), (alone|padded to [\d,]+|in batches)", code, re.MULTILINE)
    assert len(rows) == len(code.splitlines()) - 1
    assert {"masked", "unmasked", "alone"} <= _words_of_the_code()


def _check_measured_padding(code: str) -> None:
    """What the piece above it prints; test_padding.py runs that, and looks at the numbers."""
    printed = re.search(r'print\(f"(largest logit .*)"\)', (ROOT / "docs" / "padding.md").read_text(encoding="utf-8"))
    assert printed is not None
    assert re.fullmatch(re.sub(r"\{[^}]+\}", r"[\\d.e+-]+", printed[1]), code.strip())


def _check_workspace(code: str) -> None:
    named = re.findall(r"^ {2}([\w.]+)", code, re.MULTILINE)
    assert len(named) > 5
    stems = _words_of_the_code() | {"metadata.sqlite"}
    assert [name for name in named if name not in stems and name.partition(".")[0] not in stems] == []


def _check_headings(code: str) -> None:
    """What stands in front of each paragraph is a word of the code."""
    found = re.findall(r"^ {2}([A-Z][a-z]+) {2}", code, re.MULTILINE)
    assert len(found) > 2
    assert sorted(set(found) - _words_of_the_code()) == []


def _check_shell_file(code: str) -> None:
    """Lines for a file of a shell; that they are read by it is all that can be said here."""
    assert subprocess.run(["bash", "-n"], input=code, text=True, check=False).returncode == 0


def _check_messages(code: str) -> None:
    known = {message.text for message in messages()} | {"module … has no attribute …"}
    assert [line for line in code.splitlines() if line not in known] == []


# By page and by how the block begins.
_TEXTS = {
    ("README.md", "corpus → LibriSpeechExampleGen"): _check_nodes,
    ("README.md", "  ✓ LibriSpeechExampleGen"): _check_run,
    ("README.md", "   REJECT"): _check_verdict,
    ("docs/architecture.md", "pipeline/ "): _check_layers,
    ("docs/command_line.md", "w2v2 "): check_usage,
    ("docs/command_line.md", "fpath="): _check_shell_file,
    ("docs/data.md", "audio  "): _check_manifest,
    ("docs/evaluation.md", "  Padding"): _check_ways,
    ("docs/evaluation.md", '{"format_version"'): _check_keys,
    ("docs/gates.md", "✓ non_inferiority/"): _check_verdict,
    ("docs/own_data.md", "  greek: "): _check_headings,
    ("docs/own_data.md", "  ✗ noise_words"): _check_verdict,
    ("docs/padding.md", "largest logit"): _check_measured_padding,
    ("docs/running.md", "workspace/"): _check_workspace,
    ("docs/running.md", '{"runs"'): _check_keys,
    ("docs/running.md", '{"run_id"'): _check_keys,
    ("docs/troubleshooting.md", ""): _check_messages,
}


def _check_text(block: Block) -> None:
    for (page, begin), check in _TEXTS.items():
        if block.page == page and block.code.startswith(begin):
            check(block.code)
            return
    raise AssertionError(
        f"{block.place} must have a check in _TEXTS of tests/docs/test_code_blocks.py, by how it begins, and has none."
    )


def _check_titled(block: Block) -> None:
    """What has a title is executed by a test of its own, which takes it out of the page by that title."""
    name = Path(block.page).name
    tests = [text for text in _TESTS.values() if f'"{name}"' in text]
    takes_all = any(re.search(r"pieces\(\w+\)\.items\(\)", text) for text in tests)
    assert takes_all or any(f"{quote}{block.title}{quote}" in text for quote in "\"'" for text in tests), (
        f"{block.place}: a test must execute the piece with the title {block.title!r}, by tests/documented_code.py."
    )


def _check_block(block: Block) -> None:
    if block.title:
        _check_titled(block)
    if block.language in {"bash", "sh", "shell"}:
        check_script(block.code)
    elif block.language == "python":
        # What has a title is executed, be it a whole file or a few lines that are put into one.
        if not block.title:
            check_python(block.code)
    elif block.language == "json":
        json.loads(block.code)
    elif block.language in {"yaml", "toml"}:
        yaml.safe_load(block.code)
    elif block.language == "text":
        _check_text(block)
    elif block.language == "js" and block.title:
        pass  # executed by the test that was looked for above
    else:
        raise AssertionError(
            f"{block.place} must have a language that the checker knows (bash, python, json, yaml, text, or js with a"
            f" title), not {block.language!r}."
        )


@pytest.mark.parametrize("block", _BLOCKS, ids=lambda block: block.place)
def test_the_block_holds(block: Block):
    _check_block(block)


def test_the_blocks_are_those_of_the_pages():
    named = {block.page for block in _BLOCKS}
    assert {"README.md", "CONTRIBUTING.md", "docs/running.md", "docs/loading.md"} <= named
    assert len(_BLOCKS) > 80
    fences = sum(len(re.findall(r"^ *```", path.read_text(encoding="utf-8"), re.MULTILINE)) for path in pages())
    assert 2 * len(_BLOCKS) == fences


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_within_sentences_are_there(path: Path):
    wrong = []
    for span in spans(path):
        words = span.removeprefix(".venv/bin/").split()
        try:
            if words[0] == "w2v2" and len(words) > 1 and re.fullmatch(r"[a-z-]+|-.*", words[1]):
                check_options(words[1:])
            elif (words[0] == "make" and len(words) == 2) or words[:2] == ["python", "-m"]:
                check_command(words)
        except WrongCommandError as error:
            wrong.append(f"`{span}`: {error}")
    assert wrong == []


def test_the_list_of_what_cannot_be_run_has_no_more_than_the_pages():
    used = {
        command[0] for block in _BLOCKS if block.language == "bash" for command in shell_commands.commands(block.code)
    }
    assert len(shell_commands.ELSEWHERE) < 20
    assert used - set(shell_commands.ELSEWHERE), "the checker must know some"
    assert all(reason for reason in shell_commands.ELSEWHERE.values())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("w2v2 rnu", "w2v2 rnu must be a command"),
        ("w2v2 run --corpsu synthetic", "No such option"),
        ("w2v2 run --from", "requires an argument"),
        ("w2v2 run --config no_such", "--config must be one of"),
        ("w2v2 convert base", "Missing argument"),
        ("w2v2 evaluate tiny --corpus synthetic --pad-to many", "Invalid value"),
        ("w2v2 schedule plan|applyy --config x.py", "w2v2 schedule applyy must be a command"),
        ("ffmpeg -i a.mkv - | w2v2 transcrib -", "w2v2 transcrib must be a command"),
        ("A=1 \\\n  .venv/bin/w2v2 runs --no-such", "No such option"),
        ("for x in a b; do\n  w2v2 rnu $x\ndone", "w2v2 rnu must be a command"),
        ("N=$(w2v2 rnu)", "w2v2 rnu must be a command"),
        ("make tets", "make tets must be a target"),
        ("make e2e ARG=1", "make takes ARGS, PYTHON"),
        ("python -m pipeline.nothing", "must be a module"),
        ("python -m beam_jobs.librispeech --corpus x --outptu y", "must have the flag --outptu"),
        ("python tests/golden/make_nothing.py", "must be a file of the project"),
        ("pytest tests --no-such=1", "must have the flag --no-such"),
        ("pip install", "must install something"),
        ("pip install 'wav2vec2-tfx[nothing]'", "The extra nothing"),
        ("frobnicate --all", "frobnicate must be a command that the checker knows"),
        (".ci/nothing", "must be a file of the project"),
        ("for x in", "bash cannot read it"),
        ("echo 'open", "bash cannot read it"),
    ],
)
def test_a_wrong_command_is_found(code: str, reason: str):
    with pytest.raises(WrongCommandError, match=re.escape(reason)):
        check_script(code)


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ("w2v2 review [OPTIONS] RUN", "w2v2 review takes [OPTIONS] [RUN], not [OPTIONS] RUN"),
        ("w2v2 reviews [OPTIONS]", "w2v2 reviews must be a command"),
    ],
)
def test_a_wrong_usage_is_found(usage: str, reason: str):
    check_usage("w2v2 review [OPTIONS] [RUN]")
    with pytest.raises(WrongCommandError, match=re.escape(reason)):
        check_usage(usage)


def test_commands_are_found_wherever_they_stand():
    code = "X=1 w2v2 runs --json > out.json  # a note\ncat <<'JSON'\n{}\nJSON\nfor i in a b; do docker push $i; done\n"
    assert list(shell_commands.commands(code)) == [["w2v2", "runs", "--json"], ["cat"], ["docker", "push", "$i"]]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = (", "It must be Python"),
        ("from model import nothing", "model must have nothing"),
        ("import model.nothing", "must be a module that can be imported"),
        ("IngestSettings(split={})", "cannot be called so"),
        ("from pipeline.config import load_config\nload_config()", "cannot be called so"),
        ("PipelineConfig(..., publications=None)", "cannot be called so"),
        ("from pipeline import config\nconfig.load_nothing()", "must have load_nothing"),
        ("frobnicate(1)", "frobnicate must be imported"),
    ],
)
def test_wrong_python_is_found(code: str, reason: str):
    with pytest.raises(WrongPythonError, match=re.escape(reason)):
        check_python(code)


def test_an_unknown_language_and_an_untold_text_are_failures(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```rust\nfn\n```\n\n  ```text\n  words\n  ```\n\n```\nnone\n```\n")
    found = list(blocks(page, tmp_path))
    assert [(block.language, block.code) for block in found] == [("rust", "fn\n"), ("text", "words\n"), ("", "none\n")]
    for block in found:
        with pytest.raises(AssertionError, match=r"^page\.md:\d+ must have a"):
            _check_block(block)


def test_a_titled_piece_without_a_test_and_an_open_block_are_failures(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f'```python title="{"nobody"} runs this"\nx = 1\n```\n')
    with pytest.raises(AssertionError, match="a test must execute the piece"):
        _check_block(next(blocks(page, tmp_path)))
    page.write_text("```bash\nmake\n")
    with pytest.raises(AssertionError, match="must be closed"):
        list(blocks(page, tmp_path))
