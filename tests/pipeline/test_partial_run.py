import pytest

from model.errors import UsageError
from pipeline.partial_run import PastRun, Plan, plan_publication, plan_resume, plan_run, require_nodes, run_to_resume

#   Gen → Transform → Trainer → Evaluator → Pusher
#   Converter ────────↗   Resolver ↗
GRAPH = {
    "Gen": (),
    "Transform": ("Gen",),
    "Converter": (),
    "Trainer": ("Transform", "Converter"),
    "Resolver": (),
    "Evaluator": ("Trainer", "Resolver", "Gen"),
    "Pusher": ("Evaluator",),
}
DIGESTS = {"configuration": "1", "corpus": "2", "checkpoint": "3"}


def past(run_id="r1", complete=True, finished=GRAPH, digests=DIGESTS, to_node=None):
    return PastRun(run_id, complete, frozenset(finished), digests, to_node)


def test_without_options_all_nodes_run_and_nothing_is_reused():
    assert plan_run(GRAPH, None, None, [], DIGESTS) == Plan(tuple(GRAPH))
    assert not Plan(tuple(GRAPH)).is_partial


def test_to_runs_what_the_node_needs():
    plan = plan_run(GRAPH, None, "Trainer", [], DIGESTS)
    assert plan.nodes == ("Gen", "Transform", "Converter", "Trainer")
    assert (plan.from_nodes, plan.to_nodes, plan.base_run_id) == ((), ("Trainer",), None)
    assert plan.is_partial


def test_from_runs_what_comes_after_and_reuses_the_newest_run_that_has_the_rest():
    lacking = past("r3", complete=False, finished=["Gen", "Transform"])
    other_corpus = past("r2", digests={**DIGESTS, "corpus": "other"})
    other_training = past("r1", digests={**DIGESTS, "configuration": "other"})
    plan = plan_run(GRAPH, "Trainer", None, [lacking, other_corpus, other_training, past("r0")], DIGESTS)
    assert plan.nodes == ("Trainer", "Evaluator", "Pusher")
    assert (plan.from_nodes, plan.to_nodes, plan.base_run_id) == (("Trainer",), (), "r1")


def test_an_evaluation_is_reused_only_with_the_language_model_that_it_decoded_with():
    graph = {"Trainer": (), "WEREvaluator": ("Trainer",), "Pusher": ("WEREvaluator",)}
    digests = {**DIGESTS, "language model": "a"}
    plain, other = past("r3", finished=graph), past("r2", finished=graph, digests={**DIGESTS, "language model": "b"})
    same = past("r1", finished=graph, digests=digests)
    assert plan_run(graph, "Pusher", None, [plain, other, same], digests).base_run_id == "r1"
    assert plan_run(graph, "Pusher", None, [other, plain], DIGESTS).base_run_id == "r3"
    assert plan_run(graph, "WEREvaluator", None, [other], digests).base_run_id == "r2"
    with pytest.raises(UsageError, match="finished them with the same corpus, checkpoint and language model; run once"):
        plan_run(graph, "Pusher", None, [plain, other], digests)


def test_from_the_first_node_needs_the_outputs_of_other_branches():
    with pytest.raises(UsageError, match="--from Gen reuses the outputs of Converter, Resolver, and no earlier run"):
        plan_run(GRAPH, "Gen", None, [], DIGESTS)
    assert plan_run(GRAPH, "Gen", None, [past()], DIGESTS).base_run_id == "r1"


def test_what_a_resolver_found_earlier_is_never_reused():
    """Another model may have been blessed since; the gate must compare with that one."""
    resolvers = ("Resolver",)
    plan = plan_run(GRAPH, "Trainer", None, [past()], DIGESTS, resolvers)
    assert plan.nodes == ("Trainer", "Resolver", "Evaluator", "Pusher")
    assert plan.from_nodes == ("Trainer", "Resolver")
    assert plan_run(GRAPH, "Transform", "Trainer", [past()], DIGESTS, resolvers).nodes == ("Transform", "Trainer")
    halted = past(complete=False, finished=["Gen", "Transform", "Converter", "Trainer", "Resolver"])
    assert plan_resume(GRAPH, halted, resolvers).nodes == ("Resolver", "Evaluator", "Pusher")


def test_from_and_to_together():
    assert plan_run(GRAPH, "Transform", "Evaluator", [past()], DIGESTS).nodes == ("Transform", "Trainer", "Evaluator")


def test_no_node_between_from_and_to():
    with pytest.raises(UsageError, match="must name a node that --to depends on, and Gen does not depend on Trainer"):
        plan_run(GRAPH, "Trainer", "Gen", [past()], DIGESTS)


@pytest.mark.parametrize(("option", "shown"), [("from_", "--from"), ("to", "--to")])
def test_an_unknown_node_is_refused_with_all_names_and_the_nearest(option, shown):
    with pytest.raises(
        UsageError, match=rf"{shown} must be one of Gen, .*Pusher, not 'trainer' \(did you mean Trainer"
    ):
        require_nodes(list(GRAPH), **{option: "trainer"})


def test_resume_runs_what_did_not_finish():
    halted = past("r2", complete=False, finished=["Gen", "Transform", "Converter"])
    plan = plan_resume(GRAPH, run_to_resume([halted, past("r1")], DIGESTS))
    assert plan.nodes == ("Trainer", "Resolver", "Evaluator", "Pusher")
    assert plan.from_nodes == plan.nodes
    assert plan.base_run_id == "r2"


def test_resume_of_a_run_that_finished_nothing_is_a_whole_run():
    assert plan_resume(GRAPH, past(complete=False, finished=[])) == Plan(tuple(GRAPH))


def test_resume_does_not_trust_a_node_whose_predecessor_did_not_finish():
    halted = past(complete=False, finished=["Gen", "Converter", "Trainer", "Resolver"])
    assert plan_resume(GRAPH, halted).nodes == ("Transform", "Trainer", "Evaluator", "Pusher")


def test_resume_ends_where_the_run_was_to_end():
    halted = past(complete=False, finished=["Gen"], to_node="Trainer")
    plan = plan_resume(GRAPH, halted)
    assert plan.nodes == ("Transform", "Converter", "Trainer")
    assert plan.to_nodes == ("Trainer",)


def test_resume_passes_over_runs_that_ended_before_the_graph_began():
    bad_corpus = past("r3", complete=False, finished=[], digests={})
    halted = past("r2", complete=False, finished=["Gen"])
    assert run_to_resume([bad_corpus, halted, past("r1")], DIGESTS) == halted


def test_resume_prefers_a_run_that_has_finished_something_but_none_before_one_that_completed():
    nothing, halted, complete = (
        past("r3", complete=False, finished=[]),
        past("r2", complete=False, finished=["Gen"]),
        past("r1"),
    )
    assert run_to_resume([nothing, halted, complete], DIGESTS) == halted
    assert run_to_resume([nothing, complete, halted], DIGESTS) == nothing


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "goes on with a run that did not complete, and this pipeline has none"),
        ([past("r9")], "and the latest, r9, did; run without --resume"),
        (
            [past("r9", complete=False, digests={**DIGESTS, "corpus": "x", "checkpoint": "y"})],
            "as it was in run r9, and since then the corpus and the checkpoint changed",
        ),
        (
            [past("r9", complete=False, digests={**DIGESTS, "language model": "x"})],
            "as it was in run r9, and since then the language model changed",
        ),
    ],
)
def test_resume_is_refused_in_words(runs, message):
    with pytest.raises(UsageError, match=message):
        run_to_resume(runs, DIGESTS)


def test_a_run_that_finished_everything_has_nothing_left():
    with pytest.raises(UsageError, match="All nodes of run r9 have finished"):
        plan_resume(GRAPH, past("r9", complete=False))


def test_what_was_approved_is_published_by_the_pushers_alone():
    finished = [node for node in GRAPH if node != "Pusher"]
    plan = plan_publication(GRAPH, past("r7", complete=False, finished=finished), ("Pusher", "Unknown"))
    assert plan == Plan(("Pusher",), ("Pusher",), (), "r7")
    message = "must have been made by run r7, and it has not finished Trainer, Evaluator; run the pipeline again and"
    with pytest.raises(UsageError, match=message):
        plan_publication(GRAPH, past("r7", finished=["Gen", "Transform", "Converter", "Resolver"]), ("Pusher",))
