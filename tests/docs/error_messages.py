"""Every message that the code can raise, read out of the source: values stand as …, and the words as they are."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipeline", "components", "beam_jobs", "model", "images", "demo")
# `model.settings.require` raises ConfigurationError with its second argument.
_REQUIRE = "require"
_LIMIT = 64


@dataclasses.dataclass(frozen=True)
class Message:
    """One thing that can be raised.

    Attributes:
      place: File and line.
      kind: The class of the error, or `require`.
      text: The sentence, with … for each value that is known only when it is raised.
      expression: What stands in the source for the sentence.
    """

    place: str
    kind: str
    text: str
    expression: str

    @property
    def is_dynamic(self) -> bool:
        """Whether no word of it can be read here."""
        return not re.search(r"\w", self.text)


@functools.cache
def messages(root: Path = ROOT) -> list[Message]:
    """Returns every message of the packages below root, in the order of their places."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    families = _families(trees)
    constants = _constants(trees)
    everywhere = _functions(trees)
    found: list[Message] = []
    for path, tree in trees.items():
        module = _Module(tree, constants, everywhere)
        raised = {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        for call, function in _calls(tree, None):
            kind = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            # `raise kind(…)` is an error whose class is chosen there; of a function that gives one, it is found inside.
            is_chosen = (
                id(call) in raised and isinstance(call.func, ast.Name) and kind not in module.functions | everywhere
            )
            if not call.args or not (kind in families or (is_chosen and kind[0].islower())):
                continue
            argument = call.args[-1] if kind == _REQUIRE else call.args[0]
            if kind == _REQUIRE and not (isinstance(call.func, ast.Name) and len(call.args) == 2):
                continue  # a method of that name, which raises by itself
            place = f"{path.relative_to(root)}:{call.lineno}"
            found += [
                Message(place, kind, _tidy(text), ast.unparse(argument))
                for text in dict.fromkeys(module.texts(argument, function))
            ]
    return found


def _families(trees: Mapping[Path, ast.Module]) -> set[str]:
    """Returns the names of the error classes of the code, of those of Python that it raises, and of `require`."""
    bases = {
        node.name: {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {name for name in dir(builtins) if name.endswith(("Error", "Exception")) or name == "SystemExit"}
    errors |= {"BadParameter", "ClickException", "PicklingError", "UnpicklingError"}
    while more := {name for name, above in bases.items() if above & errors} - errors:
        errors |= more
    return errors - {"AttributeError"} | {_REQUIRE}


def _constants(trees: Mapping[Path, ast.Module]) -> dict[str, ast.expr]:
    """Returns the texts in capitals at the top of modules, by name, but for names that mean two things."""
    found: dict[str, list[ast.expr]] = {}
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name, value = node.targets[0].id, node.value
                if name.isupper() and isinstance(value, ast.Constant | ast.JoinedStr | ast.BinOp):
                    found.setdefault(name, []).append(value)
    return {name: values[0] for name, values in found.items() if len({ast.dump(one) for one in values}) == 1}


def _functions(trees: Mapping[Path, ast.Module]) -> dict[str, ast.FunctionDef]:
    """Returns the functions at the top of modules by name, but for names that mean two things."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for tree in trees.values():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append(node)
    return {name: nodes[0] for name, nodes in found.items() if len(nodes) == 1}


def _calls(node: ast.AST, function: ast.AST | None) -> Iterator[tuple[ast.Call, ast.AST | None]]:
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.Call):
            yield child, inner
        yield from _calls(child, inner)


class _Module:
    """Reads the sentences that an expression of a module can be."""

    def __init__(
        self, tree: ast.Module, constants: Mapping[str, ast.expr], everywhere: Mapping[str, ast.FunctionDef]
    ) -> None:
        own = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        self._constants = {**constants, **own}
        self._everywhere = everywhere
        self.functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}

    def texts(self, node: ast.expr, function: ast.AST | None, depth: int = 0) -> list[str]:
        """Returns the sentences, with … for what is not known; at most so many that a page could hold them."""
        if depth > 4:
            return ["…"]
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else ["…"]
        if isinstance(node, ast.JoinedStr):
            before = [None, *node.values]
            return self._joined(
                [self._part(value, last, function, depth) for value, last in zip(node.values, before, strict=False)]
            )
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._joined([self.texts(side, function, depth) for side in (node.left, node.right)])
        if isinstance(node, ast.IfExp):
            return self.texts(node.body, function, depth) + self.texts(node.orelse, function, depth)
        if isinstance(node, ast.Name):
            return self._named(node.id, function, depth)
        if isinstance(node, ast.Attribute) and node.attr in self.functions:
            return self._returned(self.functions[node.attr], depth)
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            called = self.functions.get(name) or self._everywhere.get(name)
            if called is not None:
                return self._returned(called, depth)
        return ["…"]

    def _part(self, node: ast.expr, last: ast.expr | None, function: ast.AST | None, depth: int) -> list[str]:
        if isinstance(node, ast.Constant):
            return [str(node.value)]
        assert isinstance(node, ast.FormattedValue)
        value = node.value
        # A constant is words of the sentence; what else stands there is a value of the moment.
        if isinstance(value, ast.Name) and value.id.isupper() and value.id in self._constants and node.conversion < 0:
            return self.texts(self._constants[value.id], function, depth + 1)
        # What follows a semicolon is the mend, which several messages may share.
        if (
            isinstance(last, ast.Constant)
            and str(last.value).endswith("; ")
            and isinstance(value, ast.Name | ast.Call | ast.Attribute)
        ):
            return self.texts(value, function, depth + 1)
        return ["…"]

    def _named(self, name: str, function: ast.AST | None, depth: int) -> list[str]:
        values = [
            node.value
            for node in ast.walk(function or ast.Module([], []))
            if isinstance(node, ast.Assign)
            and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        ]
        if not values and name in self._constants:
            values = [self._constants[name]]
        return [text for value in values for text in self.texts(value, function, depth + 1)] or ["…"]

    def _returned(self, function: ast.FunctionDef, depth: int) -> list[str]:
        values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
        return [text for value in values for text in self.texts(value, function, depth + 1)] or ["…"]

    @staticmethod
    def _joined(parts: list[list[str]]) -> list[str]:
        texts = [""]
        for part in parts:
            texts = [text + more for text in texts for more in part]
            if len(texts) > _LIMIT:
                raise AssertionError(f"a message has more than {_LIMIT} forms: {texts[0]}")
        return texts


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    return re.sub(r"…{2,}", "…", text)
