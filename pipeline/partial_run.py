"""Which nodes a partial or resumed run executes, and which earlier run it takes the other outputs from.

A graph is a mapping from each node's id to the ids of the nodes directly before it, in an order in which they can run.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from model.errors import UsageError
from pipeline.nodes import EVALUATORS, FORMAT_BY_PUSHER, RESOLVERS

Graph = Mapping[str, Collection[str]]

LANGUAGE_MODEL = "language model"
"""The digest, by its name, of what an evaluation decodes with; there is none where no language model is named."""


@dataclasses.dataclass(frozen=True)
class PastRun:
    """What has to be known of an earlier run of the same pipeline.

    Attributes:
      run_id: Its name.
      complete: Whether it did all that was asked of it.
      finished: The nodes whose outputs it has.
      digests: sha256 by name of what it depended on; empty where it ended before that was known.
      to_node: The node that it was to end with, None for the last.
    """

    run_id: str
    complete: bool
    finished: frozenset[str]
    digests: Mapping[str, str]
    to_node: str | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run executes.

    Attributes:
      nodes: The nodes to execute, in order.
      from_nodes: Those of them to begin with; empty for a run of the whole graph from its start.
      to_nodes: The nodes to end with; empty for all.
      base_run_id: The run whose outputs are reused; None where none are needed.
    """

    nodes: tuple[str, ...]
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    base_run_id: str | None = None

    @property
    def is_partial(self) -> bool:
        """Whether the run leaves nodes out."""
        return bool(self.from_nodes or self.to_nodes)


def require_nodes(known: Sequence[str], **wanted: str | None) -> None:
    """Raises UsageError unless each wanted node, named by its option, is known.

    Example:
      >>> require_nodes(["Transform", "Trainer"], from_="Trainer", to=None)
    """
    for option, node in wanted.items():
        if node is not None and node not in known:
            near = difflib.get_close_matches(node, known, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"--{option.strip('_')} must be one of {', '.join(known)}, not {node!r}{hint}.")


def plan_run(
    graph: Graph,
    from_node: str | None,
    to_node: str | None,
    past: Iterable[PastRun],
    digests: Mapping[str, str],
    resolvers: Collection[str] = RESOLVERS,
) -> Plan:
    """Plans a run, with `--from` and `--to` where they are given.

    Args:
      graph: The nodes.
      from_node: The node to begin with.
      to_node: The node to end with.
      past: Earlier runs of this pipeline, the newest first.
      digests: sha256 by name of what this run depends on. Outputs are reused only of a run with the same corpus and
        checkpoint, and an evaluation only of one with the same language model; that the configuration differs is what
        partial runs are for.
      resolvers: Nodes whose earlier result is never reused where something chosen depends on it.

    Raises:
      UsageError: a node is unknown, no node lies between the two, or no earlier run has the outputs that are needed.
    """
    require_nodes(list(graph), from_=from_node, to=to_node)
    chosen = set(graph)
    if from_node is not None:
        chosen &= _reachable(_reversed(graph), [from_node])
    if to_node is not None:
        chosen &= _reachable(graph, [to_node])
    if not chosen:
        raise UsageError(
            f"--from must name a node that --to depends on, and {to_node} does not depend on {from_node};"
            " name an earlier one."
        )
    fresh = _resolvers_before(graph, chosen, resolvers) if from_node is not None else ()
    chosen |= set(fresh)
    nodes = tuple(node for node in graph if node in chosen)
    starts = (from_node, *fresh) if from_node is not None else ()
    ends = (to_node,) if to_node is not None else ()
    needed = _reachable(graph, nodes) - chosen
    if not needed:
        return Plan(nodes, starts, ends)
    same = ["corpus", "checkpoint", *([LANGUAGE_MODEL] if needed & set(EVALUATORS.values()) else [])]
    for run in past:
        if needed <= run.finished and all(run.digests.get(name) == digests.get(name) for name in same):
            return Plan(nodes, starts, ends, run.run_id)
    missing = ", ".join(node for node in graph if node in needed)
    raise UsageError(
        f"--from {from_node} reuses the outputs of {missing}, and no earlier run of this pipeline has finished them"
        f" with the same {_listed(same)}; run once without --from."
    )


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def run_to_resume(past: Sequence[PastRun], digests: Mapping[str, str]) -> PastRun:
    """Returns the run that `--resume` goes on with: the latest, which must not have completed.

    Runs that ended before the graph began are passed over, and so are those that have finished nothing where an earlier
    one has.

    Args:
      past: Earlier runs of this pipeline, the newest first.
      digests: sha256 by name of what this run depends on.

    Raises:
      UsageError: there is no such run, or configuration, corpus, checkpoint or code have changed since.
    """
    begun = [run for run in past if run.digests]
    if not begun:
        raise UsageError(
            "--resume goes on with a run that did not complete, and this pipeline has none; run without --resume."
        )
    latest = begun[0]
    if latest.complete:
        raise UsageError(
            f"--resume goes on with a run that did not complete, and the latest, {latest.run_id}, did; run without"
            " --resume."
        )
    open_runs = list(itertools.takewhile(lambda run: not run.complete, begun))
    chosen = next((run for run in open_runs if run.finished), latest)
    names = list(dict.fromkeys([*digests, *chosen.digests]))
    changed = [name for name in names if chosen.digests.get(name) != digests.get(name)]
    if changed:
        raise UsageError(
            f"--resume needs everything to be as it was in run {chosen.run_id}, and since then the"
            f" {' and the '.join(changed)} changed; run without --resume."
        )
    return chosen


def plan_resume(graph: Graph, latest: PastRun, resolvers: Collection[str] = RESOLVERS) -> Plan:
    """Plans to go on with a run that did not complete.

    Args:
      graph: The nodes.
      latest: What `run_to_resume` chose.
      resolvers: Nodes whose earlier result is never reused where something that is left depends on it.

    Raises:
      UsageError: all nodes of the run have finished.
    """
    wanted = set(graph) if latest.to_node is None else _reachable(graph, [latest.to_node])
    ends = (latest.to_node,) if latest.to_node is not None else ()
    # A node counts as finished only with all before it: what ran after a node that failed is of no use.
    finished: set[str] = set()
    for node, before in graph.items():
        if node in latest.finished and finished.issuperset(before):
            finished.add(node)
    left = wanted - finished
    fresh = _resolvers_before(graph, left, resolvers)
    nodes = tuple(node for node in graph if node in left or node in fresh)
    if not left:
        raise UsageError(f"All nodes of run {latest.run_id} have finished; run without --resume.")
    if not (_reachable(graph, nodes) & finished) - set(nodes):
        return Plan(nodes, (), ends)
    return Plan(nodes, nodes, ends, latest.run_id)


def plan_publication(graph: Graph, judged: PastRun, pushers: Collection[str] = tuple(FORMAT_BY_PUSHER)) -> Plan:
    """Plans to publish what an earlier run has made and judged, and a person has approved.

    Args:
      graph: The nodes.
      judged: That run.
      pushers: The nodes that publish.

    Raises:
      UsageError: the run has not finished what the pushers need.
    """
    nodes = tuple(node for node in graph if node in pushers)
    missing = [node for node in graph if node in _reachable(graph, nodes) - set(nodes) - judged.finished]
    if missing:
        raise UsageError(
            f"What is published must have been made by run {judged.run_id}, and it has not finished"
            f" {', '.join(missing)}; run the pipeline again and approve that run."
        )
    return Plan(nodes, nodes, (), judged.run_id)


def _resolvers_before(graph: Graph, nodes: set[str], resolvers: Collection[str]) -> tuple[str, ...]:
    """Returns the resolvers that some nodes depend on directly.

    What a resolver found in an earlier run is old by now: another model may have been blessed since.
    """
    return tuple(node for node in graph if node in resolvers and any(node in graph[after] for after in nodes))


def _reachable(graph: Graph, starts: Iterable[str]) -> set[str]:
    """Returns the nodes that can be reached from `starts`, with these."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += graph[node]
    return found


def _reversed(graph: Graph) -> dict[str, list[str]]:
    after: dict[str, list[str]] = {node: [] for node in graph}
    for node, before in graph.items():
        for upstream in before:
            after[upstream].append(node)
    return after
