"""Reads a piece of a page as strictly as a whole page is read."""

import re

from tests.strict_page import StrictPage

# What must come out as it went in, and do nothing.
HOSTILE = "<script>alert(1)</script>\"' onclick=x {{7*7}} ${1} \u202e"
# What pages without a script have no need of; the styles are places and sizes, in numbers.
_LEFT_OUT = re.compile(r' (?:style="[a-z0-9:;%.,-]*"|aria-hidden="true"|preserveAspectRatio="none")')
_HEAD = "<!doctype html>\n<html><head><title></title></head><body>"


def strict_fragment(fragment):
    """Returns what is in a fragment; an AssertionError where it is not as it must be."""
    page = StrictPage(f"{_HEAD}{_LEFT_OUT.sub('', fragment)}</body></html>")
    page.text = page.text.removeprefix("\n")
    return page
