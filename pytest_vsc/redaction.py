"""A run without its texts, for everybody to see, that can still be compared. It reads and writes nothing.

What is taken out leaves a line with its length and digest, the same for the same text, so that two runs still tell
whether they asked the same.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import PurePosixPath, PureWindowsPath

from pytest_vsc.comparing import BaselineSeen
from pytest_vsc.errors import RunFileError
from pytest_vsc.examine import ECHO
from pytest_vsc.records import NOT_NEEDED, Judgement, Record, Response, Seen
from pytest_vsc.runs import Footer, Header

STAND_IN = re.compile(r"withheld: \d+ characters, sha256 [0-9a-f]{64}")

# What this package says itself of a failure; whatever follows it in the same message may be somebody else's.
_SECONDS = r"\d[\d.e+]* s"
_TRIES = rf"(?: \(\d+ tries\)| for {_SECONDS})?"
_OWN = (
    rf"timed out after {_SECONDS}{_TRIES}",
    r"cancelled: the run is ending",
    r"unsupported: (?:text-only|several pictures|earlier answers)(?: \([\w ,.-]{1,80}\))?",
    r"(?:a )?picture cannot be read",
    r"[A-Za-z]\w{0,60} in the (?:engine|openai engine|openai package)",
    r"the engine broke",
    r"no end after \d+ calls",
    rf"the server answers \d{{3}}{_TRIES}",
    rf"the server cannot be reached{_TRIES}",
    r"the server's answer (?:is no chat completion|holds no choice|holds no message)",
    r"no verdict in \d+ replies \(the last: (?:it is cut off|a filter stopped it|a field is given twice|"
    r"it is not one JSON object and nothing else|its id is not the mark|it has a field too many|"
    r"field '(?:id|reason|verdict)' (?:is missing|has a value not allowed))\)",
    r"the guard's reply (?:is neither 'safe' nor 'unsafe' with its codes|begins with neither 'Yes' nor 'No'|"
    r"was stopped by a filter|was cut off)",
    r"no label for this answer",
    r"reviewers disagree",
    re.escape(ECHO),
)
_WHOLE = (
    re.escape(NOT_NEEDED),
    r"asking the case failed",
    r"the test(?: never (?:asked its case|ran)| was skipped|'s (?:setup|call|teardown) failed)",
    r"the worker crashed",
    r"judges disagree|no judge has a verdict",
    r"verdict [A-Z_]+",
    r"further reasons",
)
_FAILURE = re.compile(rf"(?:invalid: )?(?:(?:engine|judge \S+): (?:{'|'.join(_OWN)})|(?:{'|'.join(_WHOLE)}))")
_REST = re.compile(rf" \({STAND_IN.pattern}\)")
_CUT = re.compile(
    r"interrupted|--lf|--sw|an internal error of pytest or a plugin|\d+ selected tests never ran|"
    r"terminated by SIGTERM|stopping after \d+ failures|[A-Z]\w{0,40}"
)
# A folder of somebody's machine, wherever in a text it stands; not the address of a server.
_PATH = re.compile(r"(?P<kind>(?:[\w.-]+[:@])*)(?P<path>(?:(?:~|\.\.)?/(?!/)|[A-Za-z]:[\\/]|\\\\).*)")
_ENDING = re.compile(r"\.[a-z0-9]{1,5}")
_FOLDERS = re.compile(r"(?:(?<![\w/.~])(?:~|\.\.)?/(?!/)|(?<!\w)[A-Za-z]:[\\/]|(?<!\w)\\\\)[^\s'\",;()]*")


def stand_in(text: str) -> str:
    """The line that stands for a text; it stands for itself, and an empty text says nothing."""
    if not text or STAND_IN.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return f"withheld: {len(text)} characters, sha256 {digest}"


def redacted(record: Record) -> Record:
    """The record without a word of prompt, answer, thought or of what somebody else said of them.

    Ids, categories, tags, verdicts, digests and numbers stay. Redacted again it stays as it is.
    """
    return record.model_copy(
        update={
            "prompt": stand_in(record.prompt),
            "answers": (),  # of a few letters a digest would tell
            "images": tuple(_picture(picture) for picture in record.images),
            "response": record.response and _response(record.response),
            "turns": tuple(turn and _response(turn) for turn in record.turns),
            "judge": _named_without_folders(record.judge),
            "span": stand_in(record.span),
            "opinions": tuple(_opinion(opinion) for opinion in record.opinions),
            "error": record.error and _failure(record.error),
        }
    )


def redacted_header(header: Header) -> Header:
    """The header, marked, and without folders of the machine."""
    return header.model_copy(
        update={
            "model": {name: _named_without_folders(said) for name, said in header.model.items()},
            "judge": _named_without_folders(header.judge),
            "judge_identity": _named_without_folders(header.judge_identity),
            "redacted": True,
        }
    )


def redacted_footer(footer: Footer) -> Footer:
    """The footer without folders, and without what a message that broke the run off may hold."""
    causes: Counter[str] = Counter()
    for cause, number in footer.causes.items():
        causes[_failure(cause)] += number
    cut = footer.cut if footer.cut is None or _CUT.fullmatch(footer.cut) else stand_in(footer.cut)
    gates = tuple(
        gate.model_copy(update={"message": gate.message.replace(footer.cut, cut)}) if cut and footer.cut else gate
        for gate in footer.gates
    )
    return footer.model_copy(
        update={
            "causes": dict(causes),
            "cut": cut,
            "gates": gates,
            "used": {name: without_folders(said) for name, said in footer.used.items()},
            "baseline": footer.baseline and _baseline(footer.baseline),
        }
    )


def without_folders(text: str) -> str:
    """The text with each path that leads through folders of a machine cut down to its last part."""
    return _FOLDERS.sub(lambda found: _last(found[0]), text)


def _named_without_folders(text: str) -> str:
    """The same of the name of a model or a judge, which may be nothing but a path, with spaces in it."""
    found = _PATH.fullmatch(text)
    return found["kind"] + _last(found["path"]) if found else without_folders(text)


def _last(path: str) -> str:
    kind = PurePosixPath if "/" in path else PureWindowsPath
    return kind(path).name or "."


def _picture(picture: Seen) -> Seen:
    ending = PurePosixPath(picture.path).suffix.lower()
    return Seen(f"{picture.sha256[:12]}{ending if _ENDING.fullmatch(ending) else ''}", picture.sha256)


def _response(response: Response) -> Response:
    return response.model_copy(update={"text": stand_in(response.text), "thought": stand_in(response.thought)})


def _opinion(opinion: Judgement) -> Judgement:
    return opinion.model_copy(
        update={
            "judge": _named_without_folders(opinion.judge),
            "span": stand_in(opinion.span),
            "opinions": tuple(map(_opinion, opinion.opinions)),
            "error": opinion.error and _failure(opinion.error),
        }
    )


def _failure(said: str) -> str:
    """Why something failed, as far as the words are this package's own."""
    found = _FAILURE.match(said)
    if found is None:
        return stand_in(said)
    own, rest = without_folders(found[0]), said[found.end() :]
    return f"{own}{rest}" if not rest or _REST.fullmatch(rest) else f"{own} ({stand_in(rest)})"


def _baseline(seen: BaselineSeen) -> BaselineSeen:
    unlike = tuple(map(without_folders, seen.unlike))
    return seen.model_copy(update={"model": _named_without_folders(seen.model), "unlike": unlike})


def refuse_redacted(redacted: bool, where: str, needs: str) -> None:
    """Raises RunFileError where texts are needed and were taken out. needs: what needs them."""
    if redacted:
        raise RunFileError(
            f"{where}: a redacted copy, without prompts and answers; {needs} needs them. Expected the run itself"
        )
