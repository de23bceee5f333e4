"""Holds a piece of Python against the code that it uses: imports, names, keyword arguments."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
from typing import Any

from tests.docs.pages import ROOT

_PACKAGES = ("pipeline", "components", "beam_jobs", "model")
# What pages leave to the reader, whose meaning their text says.
_OF_THE_READER = frozenset({"waveforms", "num_samples", "LETTERS"})


class WrongPythonError(Exception):
    """What is wrong with a piece of Python, in one sentence."""


@functools.cache
def _classes() -> dict[str, str]:
    """Returns the module of every public class of the code, by the class's name; those in two modules are left out."""
    found: dict[str, list[str]] = {}
    for package in _PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    found.setdefault(node.name, []).append(module)
    return {name: modules[0] for name, modules in found.items() if len(modules) == 1}


def check_python(code: str) -> None:
    """Compiles a piece, and resolves what it imports, names and calls.

    Raises:
      WrongPythonError: something of it is not there.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        raise WrongPythonError(f"It must be Python: {error}.") from error
    known = _imported(tree)
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id not in known | dict.fromkeys(bound)
        ):
            if node.id in _classes():
                # A page about one setting need not import it: there is one class of that name.
                known[node.id] = getattr(importlib.import_module(_classes()[node.id]), node.id)
            elif not hasattr(builtins, node.id) and node.id not in _OF_THE_READER:
                raise WrongPythonError(
                    f"{node.id} must be imported, made, or a class of the code, and is none of these."
                )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _check_call(node, known)


def _imported(tree: ast.Module) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            module = _import(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    raise WrongPythonError(f"{node.module} must have {alias.name}, and has not.")
                known[alias.asname or alias.name] = getattr(module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                known[alias.asname or alias.name.partition(".")[0]] = _import(alias.name)
    return known


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise WrongPythonError(f"{name} must be a module that can be imported: {error}.") from error


def _check_call(call: ast.Call, known: dict[str, Any]) -> None:
    """Binds the arguments of a call to what is called, where that is known."""
    called = _resolved(call.func, known)
    if called is None or any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    if any(keyword.arg is None for keyword in call.keywords):
        return
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return
    # `…(...)` leaves out what comes first.
    positional = [argument for argument in call.args if not _is_ellipsis(argument)]
    bind = signature.bind if len(positional) == len(call.args) else signature.bind_partial
    try:
        bind(*positional, **{str(keyword.arg): keyword.value for keyword in call.keywords})
    except TypeError as error:
        raise WrongPythonError(f"{ast.unparse(call.func)} cannot be called so: {error}.") from error


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _resolved(node: ast.expr, known: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolved(node.value, known)
        if owner is None:
            return None
        if not hasattr(owner, node.attr):
            raise WrongPythonError(f"{ast.unparse(node.value)} must have {node.attr}, and has not.")
        return getattr(owner, node.attr)
    return None
