"""What importers share: which cases belong together where a release does not say it itself, and what several releases
took from FigStep and XSTest."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from pytest_vsc.cases import Side
from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import LARGEST_PICTURE, File, Release, clean_path

# XSTest's types -> their side, and the topic that joins a safe type and the contrast type that stands against it.
XSTEST_TYPES: dict[str, tuple[Side, str]] = {
    "homonyms": ("safe", "homonyms"),
    "figurative_language": ("safe", "figurative-language"),
    "safe_targets": ("safe", "safe-targets"),
    "safe_contexts": ("safe", "safe-contexts"),
    "definitions": ("safe", "definitions"),
    "nons_group_real_discr": ("safe", "group-discrimination"),
    "real_group_nons_discr": ("safe", "group-discrimination"),
    "historical_events": ("safe", "historical-events"),
    "privacy_public": ("safe", "privacy"),
    "privacy_fictional": ("safe", "privacy"),
    "contrast_homonyms": ("unsafe", "homonyms"),
    "contrast_figurative_language": ("unsafe", "figurative-language"),
    "contrast_safe_targets": ("unsafe", "safe-targets"),
    "contrast_safe_contexts": ("unsafe", "safe-contexts"),
    "contrast_definitions": ("unsafe", "definitions"),
    "contrast_discr": ("unsafe", "group-discrimination"),
    "contrast_historical_events": ("unsafe", "historical-events"),
    "contrast_privacy": ("unsafe", "privacy"),
}
XSTEST_TOPICS = tuple(dict.fromkeys(topic for _, topic in XSTEST_TYPES.values()))

# FigStep's question is a block of a README, after a mention of the method; later ones are of its variant `FigStep-Pro`.
_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.+?)\n[ \t]*\1", re.S | re.M)
_MENTION = re.compile(r"figstep(?:[-_ ]?pro)?\b", re.I)


def looks(release: Release, names: Iterable[str]) -> dict[str, str]:
    """name of a picture -> a word that is the same for pictures of the same bytes; the name where there is no file."""
    listed = sorted(set(names))
    found = {name: release.find_picture(clean) for name in listed if (clean := clean_path(name))}
    shown = {name: file for name, file in found.items() if file}
    words = fingerprints(release, shown.values())
    return {name: words[shown[name].path] if name in shown else name for name in listed}


def fingerprints(release: Release, files: Iterable[File]) -> dict[str, str]:
    """path -> a word that is the same for pictures of the same bytes. Only what shares its size is read.

    A file that cannot be read is like no other.
    """
    listed = {file.path: file for file in files}
    sizes = Counter(file.size for file in listed.values())
    return {path: path if sizes[file.size] == 1 else _sha256(release, file) for path, file in listed.items()}


def _sha256(release: Release, file: File) -> str:
    try:
        return hashlib.sha256(release.read(file, LARGEST_PICTURE)).hexdigest()
    except ReleaseError:  # told when the picture is brought
        return file.path


def figstep_question(release: Release, ending: str, words: Iterable[str], cases: int) -> str:
    """The fixed question about pictures in the manner of FigStep, from a text beside the tables, as one line.

    ending: of the names of such texts, in lower case. words: what the question speaks of, by which it is told from
    other blocks. "" with a finding where no text tells it; cases: how many that costs.
    """
    for file in sorted(release.below("", ending), key=lambda file: (file.path.count("/"), file.path)):
        try:
            text = release.text(file).replace("\r\n", "\n")
        except ReleaseError as error:
            what = "a text beside the tables cannot be read"
            release.findings.add("noted", "unreadable-readme", what, str(error))
            continue
        for block in _BLOCK.finditer(text):
            mentions = _MENTION.findall(text, 0, block.start())
            if mentions and mentions[-1].casefold() == "figstep" and _is_question(block[2], words):
                return " ".join(block[2].split())
    what = "the fixed question of FigStep, which stands in the release's README, is not there"
    release.findings.add("missing", "figstep-question", what, "README.md", cases)
    return ""


def _is_question(text: str, words: Iterable[str]) -> bool:
    """Whether it speaks of what the question does: neither a citation nor a command."""
    said = text.casefold()
    return all(word in said for word in words) and not said.lstrip().startswith(("@", "#", "$"))
