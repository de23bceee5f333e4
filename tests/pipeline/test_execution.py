"""The runner on a small TFX pipeline of its own: events, cache, failure, partial runs, resume; and reading them."""

# TFX makes the annotations of components at run time.
# pyright: reportInvalidTypeArguments=false, reportArgumentType=false

import dataclasses
import errno
import json
import re
import shutil
from pathlib import Path

import pytest
from tfx import v1 as tfx
from tfx.orchestration import metadata
from tfx.types import artifact, standard_artifacts

from model.errors import DataError, UsageError
from pipeline.collection.free import collect, end_collection
from pipeline.execution import compile_pipeline, execute, graph_of
from pipeline.failure import explain
from pipeline.partial_run import Plan, plan_resume, plan_run, run_to_resume
from pipeline.record import RunDirectory, RunRecord, RunRequest
from pipeline.runs import past_runs, read_run, read_runs
from pipeline.workspace import Workspace

DIGESTS = {"configuration": "c", "corpus": "d", "checkpoint": "e"}


class Evaluation(artifact.Artifact):
    TYPE_NAME = "Evaluation"


def _fail_on_demand(trouble: str) -> None:
    """Raises what the file `trouble` names, where there is one."""
    kind = Path(trouble).read_text() if Path(trouble).exists() else ""
    if kind == "data":
        raise DataError("Utterances must be heard; none was; record some.")
    if kind == "disk":
        raise OSError(errno.ENOSPC, "No space left on device")
    if kind == "bug":
        raise ZeroDivisionError("division by zero")


@tfx.dsl.components.component
def source_node(
    number: tfx.dsl.components.Parameter[int],
    model: tfx.dsl.components.OutputArtifact[standard_artifacts.Model],
):
    Path(model.uri, "number").write_text(str(number))


@tfx.dsl.components.component
def double_node(
    source: tfx.dsl.components.InputArtifact[standard_artifacts.Model],
    model: tfx.dsl.components.OutputArtifact[standard_artifacts.Model],
    trouble: tfx.dsl.components.Parameter[str],
):
    Path(model.uri, "half").write_text("unfinished")
    _fail_on_demand(trouble)
    Path(model.uri, "number").write_text(str(2 * int(Path(source.uri, "number").read_text())))


@tfx.dsl.components.component
def judge_node(
    model: tfx.dsl.components.InputArtifact[standard_artifacts.Model],
    evaluation: tfx.dsl.components.OutputArtifact[Evaluation],
):
    number = int(Path(model.uri, "number").read_text())
    verdict = "ACCEPT" if number > 10 else "REJECT"
    check = {"name": "number", "verdict": "PASS", "measured": number, "threshold": 10, "reason": "It is what it is."}
    gate = {"verdict": verdict, "checks": [check], "reasons": [check["reason"]]}
    Path(evaluation.uri, "gate.json").write_text(json.dumps(gate))
    split = {"words": {"wer": number / 100}, "characters": {"cer": None}}
    Path(evaluation.uri, "metrics.json").write_text(json.dumps({"splits": {"test-small": split}}))


@tfx.dsl.components.component
def publish_node(
    evaluation: tfx.dsl.components.InputArtifact[Evaluation],
    pushed_model: tfx.dsl.components.OutputArtifact[standard_artifacts.PushedModel],
):
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_string_custom_property("pushed_destination", "/releases/small/onnx/3")
    pushed_model.set_string_custom_property("pushed_version", "3")
    pushed_model.set_string_custom_property("release_digest", "abc")
    pushed_model.set_string_custom_property("reason", "It was accepted.")


class House:
    """A workspace with a small pipeline in it."""

    def __init__(self, root: Path):
        self.workspace = Workspace(root / "workspace")
        self.workspace.create()
        self.trouble = root / "trouble"
        self.events_file = root / "events.jsonl"
        self._count = 0

    def run(self, number=7, cache=True, plan=None, request=None, digests=DIGESTS):
        """Runs the pipeline as `pipeline.local` does; returns the run's id."""
        self._count += 1
        run_id = f"20260101T00000{self._count}Z-0000"
        directory = RunDirectory(self.workspace.runs_dir / run_id)
        directory.path.mkdir()
        record = RunRecord(
            run_id=run_id,
            pipeline="small",
            config={},
            started="2026-01-01T00:00:00+00:00",
            request=request or RunRequest(),
            digests=digests,
        )
        ir = compile_pipeline(self._pipeline(number, cache), run_id)
        graph = graph_of(ir)
        record = self.write(record, nodes=tuple(graph))
        chosen = plan(graph, past_runs(self.workspace, record)) if plan else Plan(tuple(graph))
        record = self.write(record, base_run_id=chosen.base_run_id)
        try:
            execute(ir, chosen)
        except Exception as error:
            self.write(record, state="FAILED", message=explain(error).message)
            raise
        self.write(record, state="COMPLETE")
        return run_id

    def write(self, record, **changes):
        record = dataclasses.replace(record, **changes)
        RunDirectory(self.workspace.runs_dir / record.run_id).write(record)
        return record

    def events(self):
        return [json.loads(line) for line in self.events_file.read_text().splitlines()]

    def states(self, run_id):
        return {node.id: node.state for node in read_run(self.workspace, run_id).nodes}

    def _pipeline(self, number, cache):
        source = source_node(number=number)
        double = double_node(source=source.outputs["model"], trouble=str(self.trouble))
        judge = judge_node(model=double.outputs["model"])
        publish = publish_node(evaluation=judge.outputs["evaluation"]).with_id("OnnxPusher")
        return tfx.dsl.Pipeline(
            pipeline_name="small",
            pipeline_root=str(self.workspace.pipelines_dir / "small"),
            components=[source, double, judge, publish],
            enable_cache=cache,
            metadata_connection_config=metadata.sqlite_metadata_connection_config(str(self.workspace.metadata_file)),
        )


@pytest.fixture
def house(tmp_path, monkeypatch):
    made = House(tmp_path)
    monkeypatch.setenv("W2V2_EVENTS", str(made.events_file))
    return made


def test_each_node_is_reported_as_it_starts_and_ends(house):
    house.run()
    events = [(event["event"], event["node"]) for event in house.events()]
    nodes = ["source_node", "double_node", "judge_node", "OnnxPusher"]
    assert events == [(kind, node) for node in nodes for kind in ("node_started", "node_finished")]
    finished = [event for event in house.events() if event["event"] == "node_finished"]
    assert [event["cached"] for event in finished] == [False] * 4
    assert all(0 < event["seconds"] < 60 for event in finished)


def test_a_run_is_read_back_from_the_metadata_store(house):
    run_id = house.run(number=7)
    entry = read_run(house.workspace, run_id).to_json()
    assert entry["run_id"] == run_id
    assert entry["state"] == "COMPLETE"
    assert entry["verdict"] == "ACCEPT"
    assert entry["wer"] == {"test-small": 0.14}
    assert entry["measures"] == {"test-small": {"wer": 0.14, "cer": None}}
    assert [gate["measured"] for gate in entry["gates"]] == [14]
    assert [node["id"] for node in entry["nodes"]] == ["source_node", "double_node", "judge_node", "OnnxPusher"]
    assert {node["state"] for node in entry["nodes"]} == {"COMPLETE"}
    (uri,) = entry["nodes"][1]["artifacts"]["model"]
    assert Path(uri, "number").read_text() == "14"
    assert entry["releases"] == {
        "onnx": {
            "path": "/releases/small/onnx/3",
            "version": "3",
            "digest": "abc",
            "pushed": True,
            "reason": "It was accepted.",
            "hubs": (),
        }
    }


def test_a_second_run_is_served_from_the_cache_and_has_the_same_verdict(house):
    first, second = house.run(), house.run()
    assert set(house.states(second).values()) == {"CACHED"}
    assert [event["cached"] for event in house.events() if event["event"] == "node_finished"] == [False] * 4 + [
        True
    ] * 4
    runs = read_runs(house.workspace)
    assert [run.run_id for run in runs] == [second, first]
    assert runs[0].verdict == runs[1].verdict == "ACCEPT"


def test_what_depends_on_a_changed_value_runs_again(house):
    house.run(number=7)
    second = house.run(number=3)
    assert set(house.states(second).values()) == {"COMPLETE"}
    assert read_run(house.workspace, second).verdict == "REJECT"


def test_without_the_cache_every_node_runs_again(house):
    house.run()
    assert set(house.states(house.run(cache=False)).values()) == {"COMPLETE"}


@pytest.mark.parametrize(
    ("trouble", "exit_code", "message"),
    [
        ("data", 3, "Utterances must be heard; none was; record some."),
        ("disk", 75, r"The file system under .* is full; free some space"),
        ("bug", 1, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_node_that_fails_ends_the_run_and_leaves_no_half_output(house, trouble, exit_code, message):
    good = house.run(number=7)
    house.trouble.write_text(trouble)
    with pytest.raises(Exception) as caught:  # noqa: PT011 — TFX may wrap it; explain() finds what was meant
        house.run(number=8)
    failure = explain(caught.value)
    assert failure.exit_code == exit_code
    assert re.match(message, failure.message)
    failed = read_runs(house.workspace)[0]
    assert {node.id: node.state for node in failed.nodes} == {
        "source_node": "COMPLETE",
        "double_node": "FAILED",
        "judge_node": "NOT_RUN",
        "OnnxPusher": "NOT_RUN",
    }
    assert failed.verdict is None
    assert house.events()[-1]["event"] == "node_failed"
    assert house.events()[-1]["node"] == "double_node"
    assert [path.parent.name for path in house.workspace.pipelines_dir.rglob("half")] == [
        Path(read_run(house.workspace, good).nodes[1].outputs[0].uri).name
    ]


def test_resume_goes_on_with_the_node_that_failed(house):
    house.trouble.write_text("data")
    with pytest.raises(DataError):
        house.run(cache=False)
    house.trouble.unlink()
    resumed = house.run(
        cache=False,
        request=RunRequest(resume=True),
        plan=lambda graph, past: plan_resume(graph, run_to_resume(past, DIGESTS)),
    )
    assert house.states(resumed) == {
        "source_node": "CACHED",
        "double_node": "COMPLETE",
        "judge_node": "COMPLETE",
        "OnnxPusher": "COMPLETE",
    }
    assert read_run(house.workspace, resumed).verdict == "ACCEPT"


def test_an_evaluation_that_was_removed_keeps_neither_runs_nor_lists_back(house):
    first = house.run(number=7)
    second = house.run(number=8)
    evaluation = next(
        a.uri for node in read_run(house.workspace, first).nodes for a in node.outputs if a.key == "evaluation"
    )
    shutil.rmtree(evaluation)
    newer, older = read_runs(house.workspace)
    assert (newer.run_id, newer.verdict, newer.problem) == (second, "ACCEPT", "")
    shown = older.to_json()
    assert (shown["run_id"], shown["state"], shown["verdict"], shown["gates"]) == (first, "COMPLETE", None, [])
    assert shown["message"].startswith(
        f"An evaluation must hold gate.json and metrics.json; those in {evaluation} cannot"
    )
    with pytest.raises(DataError, match="An evaluation must hold"):
        read_run(house.workspace, first)
    # The mend that the sentence names works.
    third = house.run(
        number=7, cache=False, plan=lambda graph, past: plan_run(graph, "judge_node", None, past, DIGESTS)
    )
    assert read_run(house.workspace, third).verdict == "ACCEPT"


def test_a_partial_run_takes_earlier_outputs_of_an_earlier_run(house):
    first = house.run(number=7)
    # The source would now give another number; it is not asked.
    second = house.run(
        number=3, cache=False, plan=lambda graph, past: plan_run(graph, "double_node", "judge_node", past, DIGESTS)
    )
    assert house.states(second) == {
        "source_node": "CACHED",
        "double_node": "COMPLETE",
        "judge_node": "COMPLETE",
        "OnnxPusher": "NOT_RUN",
    }
    entry = read_run(house.workspace, second)
    assert entry.record.base_run_id == first
    assert entry.wer == {"test-small": 0.14}


def test_a_run_may_end_early(house):
    run_id = house.run(plan=lambda graph, past: plan_run(graph, None, "double_node", past, DIGESTS))
    assert house.states(run_id) == {
        "source_node": "COMPLETE",
        "double_node": "COMPLETE",
        "judge_node": "NOT_RUN",
        "OnnxPusher": "NOT_RUN",
    }
    entry = read_run(house.workspace, run_id)
    assert entry.verdict is None
    assert entry.releases == {}


def to_double(graph, past):
    return plan_run(graph, None, "double_node", past, DIGESTS)


def test_what_gc_freed_is_made_again_and_all_else_comes_from_the_cache(house):
    freed = house.run(number=1, plan=to_double)
    published = house.run(number=7)
    plan = collect(house.workspace, keep_runs=1)
    assert {item.run_ids for item in plan.items} == {(freed,)}
    assert [item.path.parts[-3] for item in plan.items] == ["source_node", "double_node"]
    assert plan.kept == {published: "its model is published"}
    assert set(house.states(house.run(number=7)).values()) == {"CACHED"}
    again = house.run(number=1, plan=to_double)
    assert [house.states(again)[node] for node in ("source_node", "double_node")] == ["COMPLETE", "COMPLETE"]
    assert "source_node, double_node" in read_run(house.workspace, freed).freed
    assert read_run(house.workspace, again).freed == ""


def test_the_cache_gives_nothing_of_a_gc_that_was_killed(house, monkeypatch):
    """The metadata store says that it is deleted, and TFX asks no more than whether a directory is there."""
    freed = house.run(number=1, plan=to_double)
    house.run(number=7)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("pipeline.collection.free.remove", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(house.workspace, keep_runs=1)
    (uri,) = read_run(house.workspace, freed).nodes[0].outputs
    assert Path(uri.uri).is_dir()
    end_collection(house.workspace)
    assert not Path(uri.uri).exists()
    again = house.run(number=1, plan=to_double)
    assert [house.states(again)[node] for node in ("source_node", "double_node")] == ["COMPLETE", "COMPLETE"]


def test_a_run_that_was_freed_is_none_to_begin_from(house):
    house.run(number=1, plan=to_double)
    house.run(number=7, digests={**DIGESTS, "corpus": "another"})
    collect(house.workspace, keep_runs=1)
    with pytest.raises(UsageError, match="--from judge_node reuses the outputs of source_node, double_node, and no ea"):
        house.run(number=1, plan=lambda graph, past: plan_run(graph, "judge_node", None, past, DIGESTS))
