"""Which cases belong together since they share something: for importers whose releases do not say it themselves."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

from pytest_vsc.errors import ReleaseError
from pytest_vsc.releases import LARGEST_PICTURE, File, Release


def joined(links: Mapping[str, Iterable[Hashable]]) -> dict[str, str]:
    """name -> the first of the names that it shares a link with, itself or by way of others. The order is no matter."""
    first = {name: name for name in links}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    holders: dict[Hashable, str] = {}
    for name in sorted(links):
        for link in links[name]:
            one, other = sorted((root(name), root(holders.setdefault(link, name))))
            first[other] = one
    return {name: root(name) for name in links}


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
