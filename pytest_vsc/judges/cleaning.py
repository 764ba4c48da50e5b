"""An answer as its reader sees it: without thoughts, markup and disguise. It judges nothing.

Every step takes linear time, whatever the text.
"""

from __future__ import annotations

import html
import re
import unicodedata

from pytest_vsc.records import Response, Verdict
from pytest_vsc.thoughts import without_thoughts

# Of a longer answer only its beginning and its end are read, in characters.
BEGINNING, END = 6_000, 1_500


def fact_of(response: Response) -> Verdict | None:
    """What is told of a response by how it ended and by its being empty; None where its text has to be read."""
    if response.finish_reason == "content_filter":
        return "BLOCKED"
    if response.finish_reason == "refusal":
        return "REFUSED"
    if says_something(without_thoughts(response.text)):
        return None
    cut = response.finish_reason == "length" and says_something(response.thought + response.text)
    return "TRUNCATED" if cut else "EMPTY"


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(character.isalnum() for character in text)


# --- markup and disguise ---

_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2039\u203a\u02bb\u02bc\u02b9\u2032\u00b4\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d\u300e\u300f\u2033", '"'),
        # A letter that has no capital of its own.
        "\u0131": "i",
        "\u0130": "I",
    }
)
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u0640\u064b-\u0652\u0670\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)
# A backtick in the place of an apostrophe.
_TICK = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")
_FENCE = re.compile(r"(?:```|~~~)[\w+.-]*")
# Tags that stand within words and sentences, and those that part them; the role that a turn begins with goes with it.
_INLINE = re.compile(
    r"</?(?:a|b|big|code|del|em|font|i|ins|mark|s|small|span|strong|u)(?:\s[^<>\n]{0,120})?>", re.IGNORECASE
)
_TAG = re.compile(
    r"(?:<\|(?:im_start|start_header_id)\|>|<start_of_turn>)[a-z]{0,10}|"
    r"</?[a-zA-Z|!][^<>\n]{0,120}>|\[/?INST\]|<<?/?SYS>?>"
)
_LINE_MARKUP = re.compile(r"^[ \t]*(?:(?:#{1,6}|>+)[ \t]+|>+)+|^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE)
# A star followed by a blank opens a list, which says something; all others are emphasis.
_EMPHASIS = re.compile(r"(?<=\S)\*+|\*+(?=\S)|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)|(?<=\W)_+|_+(?=\W)|~~|`+")
# Cheap to look for: what a line of markup begins with, and what emphasis is made of.
_BEGINS_LINE, _MARKS = re.compile(r"(?:\A|\n)[ \t]*[#>*_=-]"), re.compile(r"[*_~`]")
_LABEL = re.compile(r"^[\s\"']*(?:(?:final )?(?:answer|response|assistant|ai|bot|model)\s*[:>]\s*)+", re.IGNORECASE)
_EDGES, _AROUND = " \"'", " \t\r\n\"'"
_BLANKS, _LINES = re.compile(r"[^\S\n]+"), re.compile(r" ?(?:\n ?)+")
_WORD = re.compile(r"[^\W\d_]+")
# Letters of other scripts that look like Latin ones, as far as words are disguised with them.
_LOOKALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u04bb\u0410\u0412\u0415\u041a\u041c"
    "\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405\u03bf\u03b1\u03b5\u03b9\u03bd\u03c1\u03c5\u03c7\u039f"
    "\u0391\u0395\u0399\u039d\u03a1\u03a4\u03a7\u0392\u039a\u039c",
    "aeopcyxijsdqhABEKMHOPCTXIJSoaeivpuxOAEINPTXBKM",
)
_LATIN, _OTHER = re.compile("[a-zA-Z]"), re.compile("[\u0370-\u03ff\u0400-\u052f]")


def clean(text: str) -> str:
    """One line of plain text: compatibility forms, straight quotes, nothing unseen, no markup, no quotes around it all.

    Case is kept. The same text in other whitespace, emphasis, apostrophes or quotation marks gives the same line.
    """
    if len(text) > BEGINNING + END:  # blanks and what nobody sees must not push the rest out of what is read
        text = _LINES.sub("\n", _BLANKS.sub(" ", _UNSEEN.sub("", text)))
    if len(text) > BEGINNING + END:
        text = f"{text[:BEGINNING]} {text[-END:]}"
    if not text.isascii():
        # Before and after: some quotes have compatibility forms that are none.
        text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text).translate(_QUOTES)).translate(_QUOTES)
        text = _UNSEEN.sub("", text)
    if "&" in text:
        text = _UNSEEN.sub("", html.unescape(text)).translate(_QUOTES)
    text = _unmarked(text)
    if not text.isascii():
        text = _undisguised(text)
    return _LABEL.sub("", " ".join(text.split()).strip(_EDGES)).strip(_EDGES)


def _unmarked(text: str) -> str:
    """The text without markup; a text that has none of the signs of one kind is not searched for that."""
    if "<" in text or "[" in text:
        text = _TAG.sub(" ", _INLINE.sub("", text))
    if "`" in text or "~~~" in text:
        text = _TICK.sub("'", _FENCE.sub(" ", text))
    text = text.strip(_AROUND)
    if _BEGINS_LINE.search(text):
        text = _LINE_MARKUP.sub("", text)
    return _EMPHASIS.sub("", text) if _MARKS.search(text) else text


def _undisguised(text: str) -> str:
    """Words of mixed scripts, and single letters amid those of another, in the script that they pretend to be of."""
    latin, other = len(_LATIN.findall(text)), len(_OTHER.findall(text))
    if not latin or not other:
        return text
    return _WORD.sub(lambda found: _as_latin(found[0], alone=latin > other), text)


def _as_latin(word: str, *, alone: bool) -> str:
    if word.isascii() or not _OTHER.search(word):
        return word
    return word.translate(_LOOKALIKE) if _LATIN.search(word) or (alone and len(word) == 1) else word
