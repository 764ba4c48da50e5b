"""What hangs together by what it shares, itself or by way of others."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping


def joined(links: Mapping[str, Iterable[Hashable]]) -> dict[str, str]:
    """name -> the first, by the alphabet, of the names that it shares a link with, whatever order they come in."""
    first = {name: name for name in links}

    def root(name: str) -> str:
        while first[name] != name:
            first[name] = name = first[first[name]]
        return name

    holders: dict[Hashable, str] = {}
    for name in sorted(links):
        for link in links[name]:
            one, other = sorted((root(name), root(holders.setdefault(link, name))))
            first[other] = one
    return {name: root(name) for name in links}
