"""How deep containers lie in each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model.checkpoint.readers.pickled_object import PickledObject


def find_leaf_types(value: Any, limit: int) -> set[type] | None:
    """Returns the types of all that a value holds besides containers; the walk needs no recursion.

    A container that is met again counts with the depth that it has; one that holds itself is not entered again.

    Args:
      value: Containers that a pickle described; everything else in them is a leaf.
      limit: The greatest depth allowed; a leaf has depth 0, a list of leaves 1.

    Returns:
      The types, or None where the walk would go deeper than the limit.
    """
    types: set[type] = set()
    height_by_id: dict[int, int] = {}  # of containers that were walked through; 0 while they are
    path: list[tuple[int, Iterator[Any]]] = []
    highest: list[int] = [0]  # for each container of the path and what is around it: the height of its highest child
    todo: Iterator[Any] = iter((value,))
    while True:
        child = next(todo, _END)
        if child is not _END:
            children = _children(child)
            if children is None:
                types.add(type(child))
                continue
            if id(child) not in height_by_id:
                height_by_id[id(child)] = 0
                path.append((id(child), todo))
                highest.append(0)
                todo = children
                height = 0
            else:
                height = height_by_id[id(child)]
                highest[-1] = max(highest[-1], height)
            if len(path) + height > limit:
                return None
        elif path:
            finished, todo = path.pop()
            height_by_id[finished] = highest.pop() + 1
            highest[-1] = max(highest[-1], height_by_id[finished])
        else:
            return types


_END = object()


def _children(value: Any) -> Iterator[Any] | None:
    if type(value) is list or type(value) is tuple:
        return iter(value)
    if type(value) is dict:
        return iter(value.values())  # keys are no containers
    if isinstance(value, PickledObject):
        return iter((value.arguments, value.state, value.content))
    return None
