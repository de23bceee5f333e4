"""The documentation is built; no link, anchor or picture of it is broken, and it asks nothing of the network."""

import functools
import http.server
import os
import posixpath
import re
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.docs.pages import ROOT

_MKDOCS = Path(sys.executable).with_name("mkdocs")
# What a browser fetches by itself; a link is followed by a person.
_FETCHED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}


class _Page(HTMLParser):
    """The links, the ids and what is fetched of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.without_alt: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in _FETCHED and _FETCHED[tag] in values:
            self.fetched.append(values[_FETCHED[tag]])
        if tag == "img" and not values.get("alt"):
            self.without_alt.append(values.get("src", ""))
        if tag == "link" and values.get("rel") in {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch"}:
            self.fetched.append(values.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages."""
    directory = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [_MKDOCS, "build", "--strict", "--quiet", "--site-dir", directory], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=300, env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture(scope="module")
def built(site):
    return {
        str(path.relative_to(site)): _Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if path.name != "404.html"  # its links begin at the root of a server
    }


def _broken(site: Path, pages: dict[str, _Page]) -> list[str]:
    found = []
    for name, page in pages.items():
        for link in [*page.links, *page.fetched]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in {"", "."}:
                continue
            target = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
            )
            if (site / target).is_dir():
                target = posixpath.join(target, "index.html")
            if not (site / target).is_file():
                found.append(f"{name}: {link} is no file")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids | {"__top"}:
                found.append(f"{name}: {link} has no such anchor")
    return found


def test_every_page_is_built_and_in_the_navigation(built):
    named = re.findall(r":\s+(\w+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
    assert sorted(named) == pages
    assert {name.replace(".md", ".html") for name in pages} <= set(built)


def test_no_link_anchor_or_picture_is_broken(site, built):
    assert sum(len(page.links) for page in built.values()) > 500
    assert _broken(site, built) == []


def test_broken_links_are_found(tmp_path):
    for name in ("there.html", "page.html"):
        (tmp_path / name).write_text("")
    page = _Page(
        '<a href="there.html">a</a><a href="#here">b</a><h1 id="here"><a href="gone.html">c</a><img src="gone.png">'
        '<a href="#away">d</a><a href="there.html#away">e</a><a href="https://example.org/x">f</a>'
    )
    assert _broken(tmp_path, {"page.html": page, "there.html": _Page("")}) == [
        "page.html: gone.html is no file",
        "page.html: #away has no such anchor",
        "page.html: there.html#away has no such anchor",
        "page.html: gone.png is no file",
    ]


def test_no_page_fetches_anything_from_another_host(site, built):
    away = {
        name: [one for one in page.fetched if urlsplit(one).netloc or urlsplit(one).scheme not in {"", "data"}]
        for name, page in built.items()
    }
    assert {name: ones for name, ones in away.items() if ones} == {}
    for style in site.rglob("*.css"):
        assert re.findall(r"url\(\s*['\"]?(?:https?:)?//[^)]+\)", style.read_text(encoding="utf-8")) == [], style
        assert "@import" not in style.read_text(encoding="utf-8"), style


def test_nothing_needs_a_library_from_elsewhere():
    """Material fetches Mermaid from a CDN where a page has a block of it, and fonts where a theme has some."""
    assert [
        path.name for path in (ROOT / "docs").glob("*.md") if "```mermaid" in path.read_text(encoding="utf-8")
    ] == []
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert settings["theme"]["font"] is False
    assert settings["strict"] is True


def test_every_picture_says_what_it_shows(built):
    assert {name: page.without_alt for name, page in built.items() if page.without_alt} == {}


def test_links_to_files_of_the_project_are_files():
    """README and CONTRIBUTING are read where no documentation is built."""
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / name).read_text(encoding="utf-8")):
            assert "://" in target or (ROOT / target).exists(), f"{name}: {target}"


@pytest.mark.browser
def test_a_browser_fetches_nothing_from_elsewhere_and_scrolls_no_page_sideways(site, browser):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}/"
        for path in sorted(site.glob("*.html")):
            for width in (1280, 390):
                browser.open(f"{root}{path.name}", width, 900)
                assert browser.evaluate("document.documentElement.scrollWidth") <= width, (path.name, width)
                away = [one for one in browser.requested() if not one.startswith((root, "data:"))]
                assert away == [], path.name
                assert browser.complaints() == [], path.name
        server.shutdown()
