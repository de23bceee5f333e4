"""Whether a message says by itself what to do.

It does in one of two forms, and in no other:

1. A mend: after a semicolon, a colon or the end of a sentence stands an imperative of the list below, as in "; copy
   it again." A word or clause may go before it: "; please report it", "; first free some", "; with Python 3.10,
   run again".
2. A rule about a setting: the sentence begins with the name of an option, a field or a variable, in which alone the
   fault can be, and says which values it must have and which one it got ("steps must be at least 1, not 0."), or that
   it must be left out.

"The file must be whole, and is not." is neither: it leaves people alone with what to do.
"""

from __future__ import annotations

import re

from tests.docs.error_messages import Message

VERBS = frozenset(
    """accept add allow allocate approve ask assemble begin build call change check choose clone close come
    compile convert copy correct create cut decode delete divide download enable end evaluate export fetch fill
    find fine-tune free get give grant halve ingest install keep leave let load look lower make mend mix move
    name open pack part pass paste pick pipe press print publish pull push put raise read record reduce release
    remove rename repeat replace report request run save say scale see select send set shorten sign speak split
    start stop take transcribe train try turn unpack unset update upgrade upload use wait write""".split()
)


def _one_of(words: frozenset[str]) -> str:
    return rf"(?:{'|'.join(sorted(words, key=len, reverse=True))})\b"


_BEFORE = r"(?:(?:please|then|first|or|either|else) |(?:with|for|on|in|where) [^;,]*, |do not [^;,]*, (?:or|and) )?"
_LATER = rf"(?:[;:] {_BEFORE}|, so |, and please ){_one_of(VERBS)}(?!\.)|; did you mean …\?"
_CAPITAL_VERBS = frozenset(map(str.capitalize, VERBS))
_MEND = re.compile(
    rf"{_LATER}|[.?!…] (?:(?:Or )?{_one_of(_CAPITAL_VERBS)}|Or {_one_of(VERBS)})|^{_one_of(_CAPITAL_VERBS)}(?! must)"
)

# --option, dotted.field, field_of_two_words, AN_ENVIRONMENT_VARIABLE; … stands for a name that is put in.
_NAME = r"(?:--[a-z0-9…-]+|[a-z0-9_…]+(?:\.[a-z0-9_…]+)+|[a-z0-9]+(?:_[a-z0-9]+)+|[A-Z0-9]+(?:_[A-Z0-9]+)+)"
_SUBJECT = rf"{_NAME}(?: or {_NAME}|,? and {_NAME}|, {_NAME}|, or {_NAME},?)*"
# `require` checks fields of settings and nothing else: its subject is one, however it is written.
_FIELD = rf"(?:{_SUBJECT}|[a-z_…]+)"
_RECEIVED = (
    r", not …|, not '?\w|; (?:it|they) (?:is|are|names?) |; none was given|; … does not|; … is neither"
    r"|, and (?:is|are|names|has|is none) "
)


def says_what_to_do(message: Message) -> bool:
    """Returns whether the message names its own mend, in one of the two forms."""
    if _MEND.search(message.text):
        return True
    subject = _FIELD if message.kind in {"require", "ConfigurationError"} else _SUBJECT
    rule = re.match(rf"{subject}:? (?:[a-z_]+ )?must (?P<rule>.+)$", message.text)
    if rule is None:
        return False
    return bool(re.search(_RECEIVED, rule["rule"])) or rule["rule"].startswith(("be left out", "not be "))
