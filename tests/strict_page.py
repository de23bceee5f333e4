"""Reads a page as strictly as a report must be written: whole, without a script, without anything from elsewhere."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br"}
TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "nav", "section", "h1", "h2", "h3", "h4", "p",
    "div", "span", "strong", "small", "em", "b", "i", "code", "a", "ul", "ol", "li", "dl", "dt", "dd",
    "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "audio",
    "progress", "svg", "g", "line", "path", "polyline", "circle", "rect", "text",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "class", "id", "tabindex", "scope", "aria-label",
    "title", "dir", "controls", "preload", "src", "viewbox", "role", "x", "y", "x1", "x2", "y1", "y2", "d", "cx", "cy",
    "r", "points", "text-anchor", "stroke-width", "width", "height", "max", "value",
}  # fmt: skip


class StrictPage(HTMLParser):
    """What is in a page; an AssertionError where it is not as it must be.

    Attributes:
      tags: In their order, with the names of their attributes.
      text: All of it outside the style.
      sounds: The addresses of the players.
    """

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags = []
        self.text = ""
        self.sounds = []
        self._open = []
        self._ids, self._links = [], []
        assert page.startswith("<!doctype html>\n")
        self.feed(page)
        self.close()
        assert not self._open, f"not closed: {self._open}"
        assert len(self._ids) == len(set(self._ids)), "an id occurs twice"
        assert set(self._links) <= set(self._ids), "a link leads nowhere"

    def handle_starttag(self, tag, attrs):
        self._note(tag, attrs)
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert "svg" in self._open, f"<{tag}/> is no way to close it in HTML"
        self._note(tag, attrs)

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> was not open"
        assert self._open.pop() == tag, f"</{tag}> does not close what is open"

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.text += data
        else:
            assert not re.search(r"url\(|@import|https?:|</", data)

    def handle_comment(self, data):
        assert data in (" decisions ", " history ", " link to the history "), f"a comment that is no mark: {data}"

    def _note(self, tag, attrs):
        assert tag in TAGS, f"<{tag}> is not wanted"
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        assert set(names) <= ATTRIBUTES, f"<{tag}> has {names}"
        found = dict(attrs)
        if "id" in found:
            self._ids.append(found["id"])
        if "src" in found:
            assert tag == "audio"
            assert re.fullmatch(r"data:audio/mpeg;base64,[A-Za-z0-9+/]+=*", found["src"])
            self.sounds.append(found["src"])
        if "href" in found:
            if tag == "link":
                assert found == {"rel": "icon", "href": "data:,"}
            else:
                assert tag == "a"
                assert found["href"].startswith("#")
                self._links.append(found["href"][1:])
        self.tags.append((tag, tuple(names)))
