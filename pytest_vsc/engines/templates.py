"""How a chat template takes a conversation, found out by rendering probes; a conversation is put so that it arrives.

Knows no model and decodes no pictures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pytest_vsc.errors import ModelError, one_line
from pytest_vsc.thoughts import left_open

Turn = dict[str, Any]
Conversation = list[Turn]

# Words of probes, which no template holds.
SYSTEM, USER, ANSWER, AGAIN = "vscprobesystem", "vscprobeuser", "vscprobeanswer", "vscprobeagain"


# A list of parts where a template expected a text.
SPELT_OUT = re.compile(r"""['"]type['"]: ?['"](?:text|image)['"]""")


class Manner(NamedTuple):
    """How turns are put. As it stands here: as the processors of this transformers want it.

    template: whose it is: the processor's, the tokenizer's, or nobody's. plain: roles whose content is one text, with
    image tokens in it, and no list of parts. folded: a system turn's words go before the user's. joined: turns of one
    role in a row are made one. answers: whether earlier answers arrive. opens: the mark of a thought that the template
    begins an answer with.
    """

    template: str = "processor"
    plain: frozenset[str] = frozenset()
    folded: bool = False
    joined: bool = False
    answers: bool = True
    opens: str = ""

    def describe(self) -> dict[str, str]:
        whose = {"processor": "its own", "tokenizer": "its own, of the tokenizer"}
        said = {"chat_template": whose.get(self.template, "none: image tokens, then the text, as it stands")}
        if self.folded:
            said["system"] = "before the user's words: the chat template takes no system turn"
        if self.template == "none":
            said["system"] = "a line before the user's words"
        if self.plain:
            said["content"] = f"one text, and no parts: {', '.join(sorted(self.plain))}"
        if self.joined:
            said["turns"] = "of one role in a row are made one"
        if not self.answers:
            said["earlier_answers"] = "not taken by the chat template"
        if self.opens:
            said["thought"] = f"opened by the chat template: {self.opens}"
        return said

    def differences(self) -> dict[str, Any]:
        """What of this changes answers of models that were asked without it, for a fingerprint; {} for most."""
        said = {
            "template": self.template if self.template == "tokenizer" else "",
            "plain": sorted(self.plain),
            "folded": self.folded,
            "joined": self.joined,
            "opens": self.opens,
        }
        return {name: value for name, value in said.items() if value}


OWN = Manner()
NONE = Manner(template="none")


def manner_of(processor: Any, name: str) -> Manner:
    """How its template takes turns. Raises ModelError for one that can take no words with a picture."""
    if not getattr(processor, "chat_template", None):
        if not getattr(processor.tokenizer, "chat_template", None):
            return NONE
        return _probed(processor, OWN._replace(template="tokenizer"), name)
    return _probed(processor, OWN, name)


def _probed(processor: Any, manner: Manner, name: str) -> Manner:
    asked = [turn_of("user", USER, picture=True)]
    ways = (manner, manner._replace(plain=frozenset({"user"})))
    found = next((way for way in ways if _arrive(processor, way, asked)), None)
    if found is None:
        try:
            render(processor, manner, asked)
            why = "it leaves out the words or the picture"
        except Exception as error:  # jinja's, and whatever a template raises of its own
            why = f"{type(error).__name__}: {one_line(error)}"
        raise ModelError(f"{name}: its chat template takes no picture with a text ({why})")
    manner = found
    for role, turns in (
        ("system", [turn_of("system", SYSTEM), *asked]),
        ("assistant", [*asked, turn_of("assistant", ANSWER), turn_of("user", AGAIN)]),
    ):
        text = manner._replace(plain=manner.plain | {role})
        if not _arrive(processor, manner, turns):
            if _arrive(processor, text, turns):
                manner = text
            else:
                manner = manner._replace(folded=True) if role == "system" else manner._replace(answers=False)
    manner = manner._replace(joined=not _arrive(processor, manner, [*asked, turn_of("user", AGAIN)]))
    return manner._replace(opens=left_open(render(processor, manner, asked)))


def turn_of(role: str, text: str, *, picture: bool = False) -> Turn:
    return {"role": role, "content": [*([{"type": "image"}] if picture else []), {"type": "text", "text": text}]}


def _arrive(processor: Any, manner: Manner, turns: Conversation) -> bool:
    """Whether all words of the turns are in the prompt, and their pictures make a difference to it."""
    bare = [{**turn, "content": [part for part in turn["content"] if part["type"] == "text"]} for turn in turns]
    try:
        said, without = render(processor, manner, turns), render(processor, manner, bare)
    except Exception:  # jinja's, and whatever a template raises of its own: it does not take them
        return False
    words = [part["text"] for turn in turns for part in turn["content"] if part["type"] == "text"]
    return all(word in said for word in words) and said != without and not SPELT_OUT.search(said)


def render(processor: Any, manner: Manner, turns: Conversation) -> str:
    """The prompt as text. Raises whatever the template does."""
    owner = processor.tokenizer if manner.template == "tokenizer" else processor
    said: str = owner.apply_chat_template(
        as_wanted(turns, manner, image_token(processor)), tokenize=False, add_generation_prompt=True
    )
    return said


def as_wanted(turns: Conversation, manner: Manner, token: str) -> Conversation:
    """The turns with the content of some roles as one text: image tokens, then the words."""
    return [{**turn, "content": _flat(turn, token)} if turn["role"] in manner.plain else turn for turn in turns]


def _flat(turn: Turn, token: str) -> str:
    return "".join(token + "\n" if part["type"] == "image" else part["text"] for part in turn["content"])


def image_token(processor: Any) -> str:
    """What stands for a picture in a text, "" where there is no such thing."""
    return str(getattr(processor, "image_token", None) or "")


def arranged(turns: Conversation, manner: Manner) -> Conversation:
    """The turns with a system turn's words before the user's, and those of one role in a row made one, as wanted."""
    if manner.folded:
        turns = _folded(turns)
    return _joined(turns) if manner.joined else turns


def _folded(turns: Conversation) -> Conversation:
    system = [part["text"] for turn in turns if turn["role"] == "system" for part in turn["content"]]
    others = [turn for turn in turns if turn["role"] != "system"]
    first = next((place for place, turn in enumerate(others) if turn["role"] == "user"), None)
    if not system or first is None:
        return others if not system else [turn_of("user", "\n\n".join(system)), *others]
    before = "".join(text + "\n\n" for text in system)
    return [{**turn, "content": _after(before, turn)} if place == first else turn for place, turn in enumerate(others)]


def _after(before: str, turn: Turn) -> list[Mapping[str, Any]]:
    """A turn's parts with some words before its own."""
    parts = list(turn["content"])
    place = next((place for place, part in enumerate(parts) if part["type"] == "text"), len(parts))
    own = parts[place]["text"] if place < len(parts) else ""
    return [*parts[:place], {"type": "text", "text": before + own}, *parts[place + 1 :]]


def _in_a_row(some: Sequence[Mapping[str, Any]], more: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The parts of two turns, the second's words a paragraph of their own.

    Texts that meet are one part: a template may trim each, or take the first only.
    """
    *before, last = some
    first, *after = more
    if last["type"] != "text":
        return [*some, *more]
    if first["type"] != "text":
        return [*before, {**last, "text": last["text"] + "\n\n"}, *more]
    return [*before, {**first, "text": f"{last['text']}\n\n{first['text']}"}, *after]


def _joined(turns: Sequence[Turn]) -> Conversation:
    made: Conversation = []
    for turn in turns:
        if made and made[-1]["role"] == turn["role"]:
            made[-1] = {**turn, "content": _in_a_row(made[-1]["content"], turn["content"])}
        else:
            made.append(turn)
    return made
