"""The reference of the components: every input, output and property is named in the docstrings that it is made of."""

import importlib
import inspect
import operator
import re

import pytest
from tfx.dsl.components.base import base_component

from tests.docs.pages import ROOT

_PAGE = (ROOT / "docs" / "components.md").read_text(encoding="utf-8")
_PACKAGES = sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py"))
# A docstring that says that its arguments are those of another function is read together with that.
_ELSEWHERE = re.compile(r"(?:those of|See) `(components\.[\w.]+)`")


def _component(package):
    module = importlib.import_module(f"components.{package}.component")
    (found,) = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base_component.BaseComponent)
        and value.__module__ == module.__name__
    ]
    return found


def _docstring(thing):
    text = inspect.getdoc(thing) or ""
    for name in _ELSEWHERE.findall(text):
        module, _, attribute = name.rpartition(".")
        text += "\n" + (inspect.getdoc(getattr(importlib.import_module(module), attribute)) or "")
    return text


def _section(text, name):
    """Returns the lines of a section such as `input_dict:`, up to the next of its depth."""
    found = re.search(rf"^(?P<indent> *){name}:(?P<rest>.*(?:\n(?P=indent) +.*|\n *$)*)", text, re.MULTILINE)
    return found["rest"] if found else ""


def _named(section):
    """Returns the names before the colon of each item; several may share a line."""
    items = re.findall(r"^ *- ([\w, ]+):", section, re.MULTILINE)
    return {name.strip() for item in items for name in item.split(",")}


@pytest.mark.parametrize("package", _PACKAGES)
def test_the_executor_names_every_input_output_and_property(package):
    component = _component(package)
    spec = component.SPEC_CLASS
    text = _docstring(component.EXECUTOR_SPEC.executor_class.Do)
    assert _named(_section(text, "input_dict")) == set(spec.INPUTS)
    assert _named(_section(text, "output_dict")) == set(spec.OUTPUTS)
    assert _named(_section(text, "exec_properties")) == set(spec.PARAMETERS)


@pytest.mark.parametrize("package", _PACKAGES)
def test_the_component_explains_every_argument(package):
    component = _component(package)
    text = _docstring(component)
    arguments = [
        name
        for name, parameter in inspect.signature(component.__init__).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
    named = set(re.findall(r"^ +(\w+): ", text, re.MULTILINE))
    assert set(arguments) <= named
    assert "Examples:" in text


@pytest.mark.parametrize("package", _PACKAGES)
def test_the_page_has_the_component_and_its_work(package):
    component = _component(package)
    assert f"::: {component.__module__}.{component.__name__}\n" in _PAGE
    text = inspect.getdoc(component.EXECUTOR_SPEC.executor_class.Do) or ""
    shown = [f"components.{package}.executor.Executor.Do", *_ELSEWHERE.findall(text)]
    assert any(f"::: {name}\n" in _PAGE for name in shown)


def test_every_name_of_the_page_is_there():
    names = re.findall(r"^::: ([\w.]+)$", _PAGE, re.MULTILINE)
    assert len(names) > 15
    for name in names:
        # Everything up to the last small name is a module, but for a function at its end.
        module, attributes = name.removesuffix(".Executor.Do"), "Executor.Do"
        if module == name:
            module, _, attributes = name.rpartition(".")
        thing = operator.attrgetter(attributes)(importlib.import_module(module))
        assert inspect.getdoc(thing), name
