"""Draws the graph of the pipeline, as `create_pipeline` builds it, for the README and the documentation.

Example:
  $ .venv/bin/python docs/images/make_pipeline.py
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.config import load_config
from pipeline.graph import RunInputs, create_pipeline

PICTURE = Path(__file__).with_name("pipeline.svg")
_NODE_WIDTH, _NODE_HEIGHT = 204, 46
_LAYER_GAP, _GAP, _MARGIN = 30, 20, 20
_LEGEND_HEIGHT = 34
_SWEEPS = 8
_OWN_PACKAGE = "components."

# The background is part of the picture: a page of the other scheme than the reader's system leaves it legible.
_STYLE = """
svg { color-scheme: light dark; }
text { font: 600 14px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; fill: #1b1f24; }
.small { font-weight: 400; font-size: 12px; fill: #57606a; }
.page { fill: #ffffff; stroke: #d0d7de; }
.node { fill: #f6f8fa; stroke: #8c959f; }
.own { fill: #e3effd; stroke: #2f6fbf; }
path { fill: none; stroke: #6e7781; stroke-width: 1.5; }
marker path { fill: #6e7781; stroke: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .small { fill: #a5b0bc; }
  .page { fill: #161b22; stroke: #30363d; }
  .node { fill: #21262d; stroke: #6e7681; }
  .own { fill: #15304f; stroke: #5b9bec; }
  path { stroke: #8b949e; }
  marker path { fill: #8b949e; }
}
"""
_ARROW_HEAD = (
    '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z"/></marker></defs>'
)


class Node(NamedTuple):
    """A node of the graph.

    Attributes:
      name: Its id.
      outputs: The names of what it gives.
      is_own: Whether its class is of this project; else it is TFX's.
      after: The nodes that it waits for.
    """

    name: str
    outputs: tuple[str, ...]
    is_own: bool
    after: frozenset[str]


def main() -> None:
    """Writes the picture."""
    PICTURE.write_text(draw(read_graph()), encoding="utf-8")


def read_graph() -> list[Node]:
    """Returns the nodes of the default configuration, in the pipeline's order."""
    nothing = dict.fromkeys(
        (
            "pipeline_root", "metadata_path", "staging_dir", "releases_place", "corpus_root", "corpus_fingerprint",
            "checkpoint_path", "checkpoint_fingerprint", "schema_path",
        ),
        "unread",
    )  # fmt: skip
    pipeline = create_pipeline(load_config("local"), RunInputs(**nothing, vocabulary={"<pad>": 0}))
    return [
        Node(
            component.id,
            tuple(component.outputs),
            type(component).__module__.startswith(_OWN_PACKAGE),
            frozenset(node.id for node in component.upstream_nodes),
        )
        for component in pipeline.components
    ]


def draw(nodes: Sequence[Node]) -> str:
    """Returns the graph as SVG: an arrow for each wait, but for those that follow from others."""
    after = _without_shortcuts({node.name: node.after for node in nodes})
    layers, chains = _layout(after)
    step_x, step_y = _NODE_WIDTH + _GAP, _NODE_HEIGHT + _LAYER_GAP
    widest = max(map(len, layers))
    width = 2 * _MARGIN + widest * step_x - _GAP
    height = 2 * _MARGIN + len(layers) * step_y - _LAYER_GAP + _LEGEND_HEIGHT
    corner = {
        name: (_MARGIN + (widest - len(names)) * step_x / 2 + number * step_x, _MARGIN + layer * step_y)
        for layer, names in enumerate(layers)
        for number, name in enumerate(names)
    }
    told = html.escape(_told(after))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{told}">',
        f"<style>{_STYLE}</style>",
        _ARROW_HEAD,
        f'<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="10"/>',
        *(_arrow([corner[name] for name in chain]) for chain in chains),
        *(_box(node, *corner[node.name]) for node in nodes),
        *_legend(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _without_shortcuts(after: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Returns what each node waits for and would not wait for anyway."""
    all_before: dict[str, set[str]] = {}

    def before(name: str) -> set[str]:
        if name not in all_before:
            all_before[name] = set(after[name]).union(*(before(one) for one in after[name]))
        return all_before[name]

    return {
        name: frozenset(one for one in ones if not any(one in before(other) for other in ones - {one}))
        for name, ones in after.items()
    }


def _layout(after: Mapping[str, frozenset[str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Returns the names in each layer, and each arrow as the names that it passes.

    Where an arrow passes a layer, a place is kept for it there, so that it crosses no node.
    """
    depth: dict[str, int] = {}
    for name in _in_order(after):
        depth[name] = max((depth[one] + 1 for one in after[name]), default=0)
    # What nothing leads to stands beside what it serves, and not at the very top.
    for name in reversed(_in_order(after)):
        serves = [depth[one] for one, ones in after.items() if name in ones]
        if serves and (not after[name] or min(serves) - 1 > depth[name]):
            depth[name] = max(depth[name], min(serves) - 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name in after:
        layers[depth[name]].append(name)
    chains = []
    for name, ones in after.items():
        for one in sorted(ones):
            passed = [f"{one}→{name}@{layer}" for layer in range(depth[one] + 1, depth[name])]
            for layer, place in enumerate(passed, start=depth[one] + 1):
                layers[layer].append(place)
            chains.append([one, *passed, name])
    _untangle(layers, chains)
    return layers, chains


def _in_order(after: Mapping[str, frozenset[str]]) -> list[str]:
    done: list[str] = []
    while len(done) < len(after):
        done += [name for name, ones in after.items() if name not in done and ones <= set(done)]
    return done


def _untangle(layers: list[list[str]], chains: Sequence[Sequence[str]]) -> None:
    """Orders each layer by where its neighbours stand, to and fro, so that few arrows cross."""
    beside: dict[str, list[str]] = {}
    for chain in chains:
        for left, right in itertools.pairwise(chain):
            beside.setdefault(left, []).append(right)
            beside.setdefault(right, []).append(left)
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            place = {name: number - len(names) / 2 for names in layers for number, name in enumerate(names)}
            centre = {
                name: sum(place[one] for one in beside.get(name, [name])) / len(beside.get(name, [name]))
                for name in layer
            }
            layer.sort(key=centre.__getitem__)


def _arrow(corners: Sequence[tuple[float, float]]) -> str:
    """Returns an arrow from the first box's bottom to the last one's top, through the places between."""
    x, y = corners[0][0] + _NODE_WIDTH / 2, corners[0][1] + _NODE_HEIGHT
    path = f"M{x:g} {y:g}"
    bend = _LAYER_GAP * 0.7
    for number, (left, top) in enumerate(corners[1:], start=2):
        middle = left + _NODE_WIDTH / 2
        path += f" C{x:g} {y + bend:g} {middle:g} {top - bend:g} {middle:g} {top:g}"
        x, y = middle, top
        if number < len(corners):
            y = top + _NODE_HEIGHT
            path += f" V{y:g}"
    return f'<path d="{path}" marker-end="url(#end)"/>'


def _box(node: Node, x: float, y: float) -> str:
    kind = "own" if node.is_own else "node"
    middle = x + _NODE_WIDTH / 2
    gives = html.escape(", ".join(node.outputs))
    return (
        f'<g><title>{node.name}</title><rect class="{kind}" x="{x:g}" y="{y:g}" width="{_NODE_WIDTH}"'
        f' height="{_NODE_HEIGHT}" rx="6"/>'
        f'<text x="{middle:g}" y="{y + 20:g}" text-anchor="middle">{node.name}</text>'
        f'<text class="small" x="{middle:g}" y="{y + 37:g}" text-anchor="middle">{_shortened(gives)}</text></g>'
    )


def _shortened(gives: str, most: int = 27) -> str:
    return gives if len(gives) <= most else f"{gives[: gives.rfind(',', 0, most - 2)]}, …"


def _legend(height: float) -> list[str]:
    y = height - _MARGIN
    boxes, x = [], _MARGIN
    for kind, text in (("own", "of this project"), ("node", "of TFX")):
        boxes.append(f'<rect class="{kind}" x="{x}" y="{y - 11:g}" width="16" height="14" rx="3"/>')
        boxes.append(f'<text class="small" x="{x + 23}" y="{y:g}">{text}</text>')
        x += 140
    boxes.append(f'<text class="small" x="{x}" y="{y:g}">small: the outputs; an arrow: waits for</text>')
    return boxes


def _told(after: Mapping[str, frozenset[str]]) -> str:
    return "; ".join(f"{name} after {', '.join(sorted(ones))}" for name, ones in after.items() if ones)


if __name__ == "__main__":
    main()
