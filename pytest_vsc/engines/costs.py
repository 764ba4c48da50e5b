"""What answers cost: prices of tokens, what was spent, and whether another request is within what may be spent.

It asks nobody for a price. Where one is unknown, so is the cost.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import Field, ValidationError

from pytest_vsc.cases import Value
from pytest_vsc.errors import SettingsError, has
from pytest_vsc.records import Response

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRICES = Path(__file__).with_name("prices.toml")
MILLION = 1_000_000


class Price(Value):
    """US dollars for a million tokens: of a prompt with its pictures, and of an answer with its thoughts.

    server: the host that asks this price; "" for any. source: where it was read.
    """

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    server: str = ""
    source: str = ""


def read_prices(file: Path) -> dict[str, Price]:
    """The prices of a file, by the name of the model. Raises SettingsError."""
    where = f"--vlm-prices {file.name}"
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: not TOML ({error})") from error
    found = {}
    for model, fields in tables.items():
        try:
            found[model] = Price.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            at = ".".join(map(str, first["loc"]))
            raise SettingsError(
                f"{where}: [{model}]: {at + ': ' if at else ''}{first['msg']}. "
                "Expected `input` and `output` in US dollars for a million tokens"
            ) from None
    return found


def price_of(model: str, host: str, own: Path | None = None) -> Price | None:
    """What this model's tokens cost at this host; what the user says goes first. Raises SettingsError."""
    for prices in (read_prices(own) if own else {}, read_prices(PRICES)):
        price = prices.get(model)
        if price is not None and price.server in ("", host):
            return price
    return None


class Account:
    """What was asked of one server, and what that cost. Whoever calls it does so from one thread."""

    def __init__(self, price: Price | None, most: float | None) -> None:
        """most: US dollars that may be spent; only where the price is known."""
        self.price, self.most = price, most
        self.answers = self.prompt_tokens = self.tokens = 0
        self.spent = 0.0
        self._dearest = 0.0  # US dollars for one prompt
        self._promised = 0.0
        self._complete = True

    def affords(self, tokens: int) -> bool:
        """Whether a request whose answer has at most so many tokens stays within what may be spent.

        All that are under way are taken to be as dear as they can become, and their prompts as the dearest so far.
        """
        if self.most is None:
            return True
        if not self.answers:  # nothing is known of what a prompt costs before the first was answered
            return self._promised == 0 and self.spent + self._worst(tokens) <= self.most
        return self.spent + self._promised + self._worst(tokens) <= self.most

    def promise(self, tokens: int) -> float:
        """Note that a request is sent; returns what it may cost, to be given back to `settle`."""
        worst = self._worst(tokens) or (1e-12 if self.most is not None else 0.0)
        self._promised += worst
        return worst

    def charge(self, promised: float) -> bool:
        """Note a try that was not answered, which the server may charge for; returns whether another can be paid."""
        self.spent += promised
        return self.most is None or self.spent + self._promised <= self.most

    def settle(self, promised: float, response: Response | None, *, sent: int = 1, typical: bool = True) -> None:
        """A request came to its end.

        sent: how often the server was given it, which it may charge for each time. typical: whether its prompt tells
        what others cost.
        """
        self._promised = max(0.0, self._promised - promised)
        failed = sent - 1 if response is not None else sent
        self.spent += failed * promised  # whether the server counts those nobody knows
        if response is None:
            return
        self.answers += typical
        if response.tokens is None or response.prompt_tokens is None:
            self._complete = False
            return
        self.prompt_tokens += response.prompt_tokens
        self.tokens += response.tokens
        if self.price is not None:
            prompt = response.prompt_tokens * self.price.input / MILLION
            self._dearest = max(self._dearest, prompt) if typical else self._dearest
            self.spent += prompt + response.tokens * self.price.output / MILLION

    def uncounted(self, response: Response) -> bool:
        """Whether a limit can not be held, since the server does not say what an answer took."""
        return self.most is not None and (response.tokens is None or response.prompt_tokens is None)

    def beyond(self) -> str:
        """Why nothing more is asked, once that can't be paid."""
        return (
            f"--vlm-max-cost {self.most:g}: {self.spent:.4f} US dollars are spent after {self.answers} "
            "answers, and the next one could go beyond; nothing more is asked"
        )

    def describe(self) -> dict[str, str]:
        """What was spent so far, once something was asked."""
        if not self.answers and not self.spent:
            return {}
        told = {"prompt_tokens": str(self.prompt_tokens), "tokens": str(self.tokens)} if self._complete else {}
        cost = {"cost": f"{self.spent:.4f} USD"} if self.price is not None and self._complete else {}
        limit = {"max_cost": f"{self.most:g} USD"} if self.most is not None else {}
        return {**told, **cost, **limit}

    def _worst(self, tokens: int) -> float:
        return 0.0 if self.price is None else self._dearest + tokens * self.price.output / MILLION


def unknown_price(model: str) -> str:
    """What to do where a limit is wanted and no price is known."""
    return (
        f"--vlm-max-cost: the price of '{model}' is unknown, and is not guessed; {has(model, read_prices(PRICES))}. "
        'Write yours into a file, as `["NAME"]` with `input` and `output` in US dollars for a million tokens, and give '
        "it as --vlm-prices FILE"
    )
