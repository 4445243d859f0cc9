"""JSON that is none, mended. No step takes more than linear time.

Loaded when strict reading fails: its patterns take longer to compile than most answers take to read.
"""

from __future__ import annotations

import json
import re

# Possessive, and content with an end of the text in place of one's own: no input makes it go back.
# A quote that no comma, no colon and no end follows is one of the text's own.
_TEXT = r'"(?:[^"\\]++|\\.?|"(?!\s{0,20}(?:[,:}\]]|/[*/]|\Z)))*+"?'
_WORD = r'[^\s"{}\[\],:]'
_TOKEN = re.compile(rf"{_TEXT}|[0-9]{_WORD}*+(?::[0-9]{_WORD}*+)++|{_WORD}++", re.DOTALL)  # a bare time is one word
_TEXT_OR_COMMENT = re.compile(rf"{_TEXT}|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|(?<![:\w])//[^\n]*+", re.DOTALL)
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[\[\]{}]', re.DOTALL)
_DEEPEST = 50
_PLAIN = re.compile(r"true|false|null|NaN|-?Infinity|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity|undefined|none|nil)(\([a-z]*\))?", re.IGNORECASE)
_WORDS = {"True": "true", "False": "false"}
_ODD_IN_TEXT = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|(.))|"', re.DOTALL)
_LOST_VALUE = re.compile(r":(?=\s*[,}])")
_LOST_COMMA = re.compile(r",(?=\s*[,}\]])|(?<=[\[{]),")


def mended(text: str) -> str:
    """Bare words as null or as texts, no value as null, escapes that JSON has not and quotes within a text as they
    stand, without comments and without commas that nothing follows.
    """
    text = _TEXT_OR_COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    pieces: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        pieces += _mend_gap(text[end : token.start()]), _mend_token(token[0])
        end = token.end()
    return "".join([*pieces, _mend_gap(text[end:])])


def _mend_gap(gap: str) -> str:
    return gap if len(gap) < 2 else _LOST_COMMA.sub("", _LOST_VALUE.sub(":null", gap))


def _mend_token(token: str) -> str:
    if token.startswith('"'):
        return f'"{_ODD_IN_TEXT.sub(_as_it_stands, token[1:-1])}{token[-1]}' if len(token) > 1 else token
    if _PLAIN.fullmatch(token):
        return token
    if _NO_NUMBER.fullmatch(token):
        return "null"
    return _WORDS.get(token) or json.dumps(token)


def without_the_depths(text: str) -> str:
    """Whatever is nested deeper than makes sense as null."""
    pieces: list[str] = []
    depth = end = 0
    for found in _TEXT_OR_BRACKET.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == _DEEPEST:
                pieces.append(f"{text[end : found.start()]}null")
        elif found[0] in ("]", "}"):
            depth -= 1
            end = found.end() if depth == _DEEPEST - 1 else end
    return "".join([*pieces, text[end:]]) if depth < _DEEPEST else text


def _as_it_stands(odd: re.Match[str]) -> str:
    known, unknown = odd.groups()
    return odd[0] if known else f"\\\\{unknown}" if unknown else '\\"'
