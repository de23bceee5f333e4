"""Every notebook in a fresh kernel, on small data; what is asserted is what it leaves in its namespace."""

import json
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest

from components.evaluation.files import write_files
from components.wer_evaluator.report import render_report
from model.export.export_model import export_model
from model.export.settings import ReleaseSettings
from notebooks.execute import execute, paths_in
from tests.evaluated import decision, large

pytestmark = pytest.mark.e2e

DIRECTORY = Path(__file__).parents[2] / "notebooks"
MAX_SECONDS = 180


@pytest.fixture(scope="session")
def release(tmp_path_factory):
    """The checkpoint that comes with the project, exported once."""
    return export_model("tiny", tmp_path_factory.mktemp("tiny") / "release", ReleaseSettings(), ("saved_model", "onnx"))


@pytest.fixture
def run(tmp_path):
    def run(name, expressions, **parameters):
        """Executes a notebook; returns the values of expressions by name, its pictures, and its texts."""
        notebook = nbformat.read(DIRECTORY / f"{name}.ipynb", as_version=4)
        facts = ", ".join(f"{key!r}: {expression}" for key, expression in expressions.items())
        began = time.monotonic()
        done = execute(notebook, tmp_path, parameters, f"import json\nprint('FACTS' + json.dumps({{{facts}}}))")
        assert time.monotonic() - began < MAX_SECONDS
        assert paths_in(done, tmp_path) == []
        outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
        pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
        text = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
        return json.loads(done.metadata["printed"].partition("FACTS")[2]), pictures, text

    return run


def test_a_released_model_is_fine_tuned(run, release):
    facts, pictures, text = run(
        "fine_tune_on_your_recordings",
        {
            "before": "before.system.words.rate",
            "after": "after.system.words.rate",
            "losses": "list(training.losses)",
            "same": "score_saved_model(again, test).system.words.errors == after.system.words.errors",
        },
        MODEL=str(release.directory),
        MINUTES=2.5,
        EPOCHS=5,
    )
    assert facts["after"] < facts["before"] - 0.05
    assert np.mean(facts["losses"][-3:]) < 0.8 * np.mean(facts["losses"][:3])
    assert facts["same"]
    assert len(pictures) == 2
    assert "rejected: 0 of " in text


def test_padding_is_evaluated_in_both_ways(run):
    facts, pictures, text = run(
        "evaluate_librispeech",
        {
            "rows": "[[row.padding, row.way.name, row.score.system.words.rate, row.text_agreement]"
            " for row in evaluated.tables[0].rows]",
            "beam": "'apache_beam' in __import__('sys').modules",
        },
        MINUTES=0.8,
        PAD_TO_SAMPLES=120_000,
    )
    rows = {(padding, way): (rate, agreement) for padding, way, rate, agreement in facts["rows"]}
    alone, _ = rows["masked", "alone"]
    assert rows["masked", "constant"] == (alone, 1.0)
    assert rows["masked", "batched"] == (alone, 1.0)
    assert rows["unmasked", "alone"][0] == alone
    assert rows["unmasked", "constant"][1] < 0.5, "padding that counts as sound changes texts"
    assert not facts["beam"]
    assert len(pictures) == 1
    assert "masked, padded to 120,000" in text


def test_files_are_exported_and_timed(run):
    facts, pictures, _ = run(
        "onnx_and_latency",
        {
            "medians": "{name: one.median_seconds for name, one in latencies.items()}",
            "rounds": "[len(one.seconds) for one in latencies.values()]",
            "differences": "differences",
            "megabytes": "megabytes",
        },
        MODEL="tiny",
        SAMPLES=16_000,
        ROUNDS=3,
    )
    assert list(facts["medians"]) == [
        "onnxruntime, float32", "onnxruntime, int8", "TensorFlow, graph", "TensorFlow, JIT (XLA)",
    ]  # fmt: skip
    assert facts["rounds"] == [3] * 4
    assert min(facts["medians"].values()) > 0
    assert facts["differences"]["TensorFlow, graph"] < 1e-3
    assert facts["differences"]["TensorFlow, JIT (XLA)"] < 1e-3
    assert facts["differences"]["onnxruntime, int8"] > facts["differences"]["TensorFlow, graph"]
    assert facts["megabytes"]["int8"] < facts["megabytes"]["float32"]
    assert len(pictures) == 1


def test_a_file_is_written_down_and_a_missing_microphone_is_said(run, release):
    facts, pictures, text = run(
        "transcribe_file_and_microphone",
        {
            "words": "[[word.text, word.start_seconds, word.end_seconds] for word in heard.words]",
            "text": "heard.text",
            "seconds": "heard.duration_seconds",
            "spoken": "spoken is None",
        },
        RELEASE=str(release.directory),
    )
    assert " ".join(word for word, *_ in facts["words"]) == facts["text"] != ""
    ends = [end for _, start, end in facts["words"] if start < end <= facts["seconds"]]
    assert len(ends) == len(facts["words"])
    assert facts["spoken"]
    assert "Recording needs " in text
    assert "00:00:0" in text, "subtitles"
    assert len(pictures) == 1


def test_a_gate_report_is_read(run, tmp_path):
    metrics, rows = large(120)
    judged = decision()
    report = render_report(judged, metrics, rows, {})
    write_files(tmp_path / "evaluation", judged, metrics, rows, report)
    facts, pictures, text = run(
        "read_a_gate_report",
        {
            "verdict": "evaluation.gate['verdict']",
            "wer": "evaluation.slices('test-other')[0]['words']['wer']",
            "worst": "[row['words']['errors'] for row in evaluation.worst(3)]",
            "heavy": "[name for name in ('tensorflow', 'tfx') if name in __import__('sys').modules]",
        },
        EVALUATION="evaluation",
    )
    assert facts["verdict"] == judged.verdict
    assert facts["wer"] == metrics["splits"]["test-other"]["words"]["wer"]
    assert facts["worst"] == sorted((row["words"]["errors"] for row in rows), reverse=True)[:3]
    assert facts["heavy"] == []
    assert "The WER of test-a is within the ceiling." in text
    assert len(pictures) == 1


def test_a_model_goes_on_learning_from_sound_alone(run):
    facts, pictures, text = run(
        "pretrain_on_unlabelled_audio",
        {
            "steps": "measured",
            "perplexity": "[one.validation['perplexity'] for one in result.measurements]",
            "losses": "[one.validation['loss'] for one in result.measurements]",
            "width": "states.shape[-1]",
            "head": "exported.release.head",
            "words": "sum(split['words'] for split in told['splits'].values())",
        },
        MINUTES=1.5,
        STEPS=6,
        MEASURE_EVERY_STEPS=3,
    )
    assert facts["steps"] == [3, 6]
    assert all(20 < value < 128 for value in facts["perplexity"])
    assert all(2 < value < 4 for value in facts["losses"])
    assert (facts["width"], facts["head"], facts["words"]) == (144, "pretraining", 0)
    assert len(pictures) == 3
    assert "0 words of transcript" in text
