"""A question and its answer as another model is shown them: cut, plain, and set apart by a mark that neither holds."""

from __future__ import annotations

import hashlib
import json
import re

# The longest text that is shown, in characters; of a longer one its beginning and its end.
LONGEST, BEGINNING = 12_000, 8_000
# What chat templates have for tokens of their own: <|im_end|>, </s>, <image>, [INST]. A blank makes plain text of them.
_TOKEN = re.compile("<(?=[/|!\uff5c]?[A-Za-z_|\uff5c])|\\[(?=/?[A-Z_]{2,20}\\])|\\|(?=>)")

# How the two stand in a request.
MARKED = """\
===== {tag} question begins =====
{question}
===== {tag} question ends =====
===== {tag} answer begins =====
{answer}
===== {tag} answer ends ====="""


def set_apart(tag: str, question: str, answer: str) -> str:
    """A question and its answer as shown, each between two lines that carry the mark."""
    return MARKED.format(tag=tag, question=shown(question), answer=shown(answer))


def shown(text: str) -> str:
    """The text as it stands in a request to a model that judges: cut to LONGEST, valid Unicode, no template tokens."""
    if len(text) > LONGEST:
        end = LONGEST - BEGINNING
        text = f"{text[:BEGINNING]}\n[... {len(text) - LONGEST} characters left out ...]\n{text[-end:]}"
    return _TOKEN.sub(r"\g<0> ", text.encode("utf-8", "replace").decode("utf-8"))


def tag_of(*texts: str) -> str:
    """A mark to set the texts apart with: the same each time, and no text can hold its own, being a digest of it."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def masked(spec: str) -> str:
    """A model's specification as it may be written down: of an address neither user nor password nor query.

    What a password may hold is not known, so that rather too much of an address is left out than too little.
    """
    return re.sub(r"(?<=://)[^#]*", _masked, spec)


def _masked(address: re.Match[str]) -> str:
    if "@" in address[0].partition("?")[2]:
        return "***"  # where its parts end is not to be told
    _, at, rest = address[0].rpartition("@")
    place, query, _ = rest.partition("?")
    return f"{'***@' if at else ''}{place}{'?***' if query else ''}"
