"""The files of a small release, and of an evaluation that has judged it, without running anything."""

from pathlib import Path

from components.evaluation.gate import Check, Outcome, decision_of
from components.evaluation.page import render_page
from model.export.release import Release
from model.storage import release_digest, sha256_of_files, write_json

_OUTCOME_BY_VERDICT: dict[str, Outcome] = {"ACCEPT": "PASS", "REJECT": "FAIL", "NEEDS_REVIEW": "REVIEW"}


def write_release(directory: Path, content: str) -> str:
    """Writes a release; another `content` makes another one. Returns its digest."""
    for path in ("saved_model/saved_model.pb", "onnx/onnx/model.onnx", "checkpoint/model.safetensors"):
        (directory / path).parent.mkdir(parents=True)
        (directory / path).write_text(content)
    files = sha256_of_files(directory)
    digest = release_digest(files)
    Release(
        name="wav2vec2-smoke", model_digest="7" * 64, release_digest=digest, files=files,
        sizes_bytes=dict.fromkeys(files, len(content)), source_checkpoint=None, license="mit", language="en",
        sample_rate_hz=16_000, versions={},
    ).write(directory)  # fmt: skip
    return digest


def write_evaluation(directory: Path, verdict: str, digest: str) -> None:
    """Writes what an evaluator does of a release with this digest."""
    metrics = {"model_digest": "7" * 64, "release_digest": digest, "corpus": {"root_name": "corpus"}, "splits": {}}
    words = {"wer": 0.25, "utterances": 10, "words": 100}
    metrics["splits"]["test-a"] = {"words": words, "characters": {"cer": 0.1}, "interval": None}
    checks = [Check("a", "PASS", "Good."), Check("b", _OUTCOME_BY_VERDICT[verdict], "It is so.")]
    decision = decision_of(checks, ("a",))
    assert decision.verdict == verdict
    write_json(directory / "metrics.json", metrics)
    write_json(directory / "gate.json", decision.to_mapping(metrics))
    (directory / "report.html").write_text(render_page(decision, metrics, "", {}))
    (directory / "probes.npz").write_bytes(b"")
