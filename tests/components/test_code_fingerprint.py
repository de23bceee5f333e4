"""The fingerprint of code follows the code."""

import sys

import pytest

from components.code_fingerprint import code_fingerprint
from model.errors import ConfigurationError


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "some_package_of_ours"
    (root / "inner").mkdir(parents=True)
    (root / "__init__.py").write_text("raise AssertionError('the code must not be imported')\n")
    (root / "inner" / "work.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code_fingerprint.cache_clear()
    yield root
    code_fingerprint.cache_clear()


def fingerprint():
    code_fingerprint.cache_clear()
    return code_fingerprint("some_package_of_ours")


def test_it_changes_with_a_file_below_the_package_and_comes_back(package):
    before = fingerprint()
    work = package / "inner" / "work.py"
    work.write_text("x = 2\n")
    assert fingerprint() != before
    work.write_text("x = 1\n")
    assert fingerprint() == before
    work.rename(package / "inner" / "other.py")
    assert fingerprint() != before, "a name is part of the code"


def test_what_is_no_code_does_not_count_and_nothing_is_imported(package):
    before = fingerprint()
    (package / "notes.log").write_text("x")
    assert fingerprint() == before
    assert "some_package_of_ours" not in sys.modules


def test_a_name_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="must be of a package or module of ours, not 'no_such_package'"):
        code_fingerprint("no_such_package")
