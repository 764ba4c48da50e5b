"""Addresses of servers: where an API begins, and what of an address may be printed and kept. It connects to nothing."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from pytest_vsc.errors import ModelError, one_line

KEY = "OPENAI_API_KEY"


def parts_of(url: str) -> SplitResult:
    """The parts of a server's address. Raises ModelError for one that is none, or that holds what may be a secret.

    An address is written into runs and reports, as is all that says which model was asked.
    """
    wanted = "expected http://host:8000/v1 or https://..., with the name of the model behind '#'"
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine or not url.isprintable() or " " in url:
        raise ModelError(f"{shown(url)}: not the address of a server; {wanted}")
    if "@" in url or "?" in url:
        raise ModelError(f"{shown(url)}: a user, a password or a query in the address; {wanted}, and the key in {KEY}")
    return parts


def base_of(url: str) -> str:
    """Where the API begins: the address as given, or its `/v1` if it has no path. Raises ModelError."""
    return f"{url.rstrip('/')}/v1" if parts_of(url).path in ("", "/") else url.rstrip("/")


def place_of(url: str) -> str:
    """Where the API is, written in one way only: scheme and host in lower case, the port always. Raises ModelError."""
    parts = parts_of(base_of(url))
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path}"


def is_here(url: str) -> bool:
    """Whether a server is on this machine. Raises ModelError."""
    host = parts_of(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown(url: str) -> str:
    """An address as it may be printed: without user, password and query."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # looked at for its ValueError: what stands there may be half of a password
    except ValueError:
        return one_line(f"{url.partition('://')[0][:10]}://...")
    path = "/..." if "@" in parts.path else parts.path
    return one_line(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}")
