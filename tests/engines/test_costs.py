"""What answers cost, and how a limit is held: never beyond it, and no guess where a price is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vsc.engines.costs import PRICES, Account, Price, price_of, read_prices
from pytest_vsc.errors import SettingsError
from pytest_vsc.records import Response

DOLLAR = Price(input=1_000_000, output=1_000_000)  # for each token


def answered(prompt: int, tokens: int) -> Response:
    return Response(text="Sure.", prompt_tokens=prompt, tokens=tokens)


def test_what_was_spent() -> None:
    account = Account(Price(input=2.5, output=10), None)
    assert account.describe() == {}
    account.settle(account.promise(256), answered(1000, 100))
    account.settle(account.promise(256), answered(3000, 200))
    assert account.spent == pytest.approx(4000 * 2.5e-6 + 300 * 1e-5)
    assert account.describe() == {"prompt_tokens": "4000", "tokens": "300", "cost": "0.0130 USD"}


def test_a_limit_is_never_passed() -> None:
    """Whatever the answers take, up to what they may: all are paid for before the next is sent."""
    account = Account(DOLLAR, 100)
    under_way: list[float] = []
    asked = 0
    for number in range(1000):
        while account.affords(10):
            under_way.append(account.promise(10))
            asked += 1
        if not under_way:
            break
        account.settle(under_way.pop(0), answered(5, number % 11))
        assert account.spent <= 100
    assert not account.affords(10)
    assert account.spent > 100 - 2 * 15
    assert asked == account.answers


def test_the_first_goes_alone() -> None:
    """Before it is answered nobody knows what a prompt with its pictures costs."""
    account = Account(DOLLAR, 1000)
    account.settle(account.promise(16), answered(3, 2), typical=False)  # a greeting says nothing of it
    assert account.affords(10)
    promised = account.promise(10)
    assert not account.affords(10)
    account.settle(promised, answered(700, 10))
    assert not account.affords(10)


def test_what_failed_is_taken_as_charged() -> None:
    account = Account(DOLLAR, 1000)
    account.settle(account.promise(10), answered(5, 5))
    account.settle(account.promise(10), None, sent=2)
    assert account.spent == 10 + 2 * 15
    account.settle(account.promise(10), None, sent=0)
    assert account.spent == 40
    account.settle(account.promise(10), answered(5, 5), sent=2)
    assert account.spent == 40 + 15 + 10


def test_a_server_that_does_not_count() -> None:
    told, silent = Account(DOLLAR, 5), Response(text="Sure.", tokens=3)
    assert told.uncounted(silent)
    assert not Account(DOLLAR, None).uncounted(silent)
    unlimited = Account(DOLLAR, None)
    unlimited.settle(unlimited.promise(10), answered(1, 1))
    unlimited.settle(unlimited.promise(10), silent)
    assert unlimited.describe() == {}  # a sum of which a part is missing is none


def test_shipped_prices_name_their_server_and_source() -> None:
    for price in read_prices(PRICES).values():
        assert price.server
        assert price.source
    assert price_of("gpt-4o-mini", "api.openai.com") == read_prices(PRICES)["gpt-4o-mini"]
    assert price_of("gpt-4o-mini", "localhost") is None
    assert price_of("gpt-9", "api.openai.com") is None


def test_the_users_prices_go_first(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text('["gpt-4o-mini"]\ninput = 1\noutput = 2\n["mine"]\ninput = 0\noutput = 0\nserver = "here"\n')
    assert price_of("gpt-4o-mini", "api.openai.com", file) == Price(input=1, output=2)
    assert price_of("mine", "here", file) == Price(input=0, output=0, server="here")
    assert price_of("mine", "there", file) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"prices\.toml: cannot be read \(No such file or directory\)$"),
        ("[", r"prices\.toml: not TOML \("),
        ("[a]\ninput = 1\n", r"prices\.toml: \[a\]: output: Field required\. Expected `input` and `output` in US doll"),
        ("[a]\ninput = -1\noutput = 1\n", r"\[a\]: input: Input should be greater than or equal to 0\. "),
        ("[a]\ninput = nan\noutput = 1\n", r"\[a\]: input: Input should be a finite number"),
        ("[a]\ninput = 1\noutput = 1\ncached = 1\n", r"\[a\]: cached: Extra inputs are not permitted"),
        ("a = 1\n", r"\[a\]: Input should be"),
    ],
)
def test_prices_that_are_none(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "prices.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_prices(file)
