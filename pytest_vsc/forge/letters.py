"""Tables of letters: which lie side by side on a keyboard, look alike, or are not seen. No text is changed here."""

from __future__ import annotations

from math import hypot

ROWS = (
    ("qwertyuiop", 0.0),
    ("asdfghjkl", 0.25),
    ("zxcvbnm", 0.75),
)  # of QWERTY, and how far right each begins, in keys
NEAR_KEYS = 1.3  # keys from centre to centre: those that touch


def _neighbours() -> dict[str, str]:
    at = {key: (x + shift, y) for y, (row, shift) in enumerate(ROWS) for x, key in enumerate(row)}
    near = {
        one: "".join(two for two in at if two != one and hypot(x - at[two][0], y - at[two][1]) <= NEAR_KEYS)
        for one, (x, y) in at.items()
    }
    return near | {one.upper(): keys.upper() for one, keys in near.items()}


NEIGHBOURS = _neighbours()

# Cyrillic, then Greek where there is one. A letter is here only if its other case is the look-alike of the same letter,
# or of none: so that folding the case first takes nothing away.
LOOK_ALIKES = {
    "a": "\u0430\u03b1",
    "c": "\u0441",
    "d": "\u0501",
    "e": "\u0435",
    "h": "\u04bb",
    "i": "\u0456\u03b9",
    "j": "\u0458",
    "k": "\u03ba",
    "l": "\u04cf",
    "o": "\u043e\u03bf",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "s": "\u0455",
    "w": "\u051d",
    "x": "\u0445",
    "y": "\u0443",
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421",
    "E": "\u0415\u0395",
    "H": "\u041d\u0397",
    "I": "\u0406\u0399",
    "J": "\u0408",
    "K": "\u041a\u039a",
    "M": "\u041c\u039c",
    "N": "\u039d",
    "O": "\u041e\u039f",
    "P": "\u0420\u03a1",
    "S": "\u0405",
    "T": "\u0422\u03a4",
    "X": "\u0425\u03a7",
    "Y": "\u0423\u03a5",
    "Z": "\u0396",
}

# One digit a letter, so that there is a way back.
LEET = {"a": "4", "b": "8", "e": "3", "g": "9", "i": "1", "o": "0", "s": "5", "t": "7"}
LEET |= {letter.upper(): digit for letter, digit in LEET.items()}

# Zero-width space, non-joiner, joiner, word joiner.
UNSEEN = "\u200b\u200c\u200d\u2060"

# Grave, acute, circumflex, tilde, macron, breve, dot, diaeresis, ring, caron; dot below, cedilla, line below.
MARKS = "\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030c\u0323\u0327\u0331"
