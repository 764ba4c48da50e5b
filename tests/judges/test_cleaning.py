"""What a judge starts from: the answer without thoughts, markup and disguise, whatever the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_vsc.judges.cleaning import BEGINNING, END, clean, fact_of, says_something
from pytest_vsc.records import FinishReason, Response, Verdict
from pytest_vsc.thoughts import without_thoughts

# --- thoughts ---


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("No thoughts.", "No thoughts."),
        ("<think>Hm.</think>No.", "No."),
        ("<THINK>Hm.</Think>No.", "No."),
        ("[THINK]Hm.[/THINK]No.", "No."),
        ("\u25c1think\u25b7Hm.\u25c1/think\u25b7No.", "No."),
        ("<thinking>Hm.</thinking>No.", "No."),
        ("<thought>Hm.</thought>No.", "No."),
        ("<reasoning>Hm.</reasoning>No.", "No."),
        ("<reflection>Hm.</reflection>No.", "No."),
        ("<scratchpad>Hm.</scratchpad>No.", "No."),
        ("<seed:think>Hm.</seed:think>No.", "No."),
        ("Well. <think>Hm.</think>No.", "Well. No."),
        ("<think>One.</think>No. <think>Two.</think>Never.", "No. Never."),
        # The opening mark was part of the chat template.
        ("Hm.</think>No.", "No."),
        ("Hm.\n</think>\n\nNo.", "\n\nNo."),
        ("One.</think>Two.</think>No.", "Two.No."),  # a further mark closes nothing: what stands before it is judged
        # Not closed: it was cut while it thought, unless it had said something before, and then only names the mark.
        ("<think>Hm", ""),
        ("No.<think>Hm", "No.Hm"),
        ("<think>One.</think>No.<think>Two", "No.Two"),
        # Within each other.
        ("<think>One.<think>Two.</think>No.", "No."),
        ("<think>One.<think>Two.</think>Three.</think>No.", "Three.No."),
        # Channels, with their tokens and without.
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>No.", "No."),
        ("<|channel|>final<|message|>No.", "No."),
        ("<|channel|>analysis<|message|>Hm", ""),
        ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>Well", ""),
        ("analysisThe user asks.assistantfinalNo.", "No."),
        ("analysis\nThe user asks.\n\nassistantfinal\nNo.", "\nNo."),
        # Words that are just words.
        ("analysis of the picture: a cat.", "analysis of the picture: a cat."),
        ("I think [reasoning] matters, and [thoughts] too.", "I think [reasoning] matters, and [thoughts] too."),
        ("The assistantfinals begin.", "The assistantfinals begin."),
        ("a < think > b", "a < think > b"),
    ],
)
def test_without_thoughts(text: str, rest: str) -> None:
    assert without_thoughts(text) == rest


@pytest.mark.parametrize(
    ("text", "finish_reason", "fact"),
    [
        ("No.", "stop", None),
        ("7", "stop", None),
        ("\u4e0d\u884c", "stop", None),
        ("", "stop", "EMPTY"),
        (" \n\t\u00a0", "stop", "EMPTY"),
        ("\u200b\u2060\ufeff", "stop", "EMPTY"),
        ("**...**", "stop", "EMPTY"),
        ("<think>Hm.</think>", "stop", "EMPTY"),
        ("<think>Hm", "stop", "EMPTY"),
        ("Hm.</think>\n", "stop", "EMPTY"),
        ("<|channel|>analysis<|message|>Hm", "stop", "EMPTY"),
        ("No.", "content_filter", "BLOCKED"),
        ("", "content_filter", "BLOCKED"),
        ("No.", "length", None),
        ("<think>Hm", "length", "TRUNCATED"),
        ("<|channel|>analysis<|message|>Hm", "length", "TRUNCATED"),
        ("", "length", "EMPTY"),
        ("  ", "length", "EMPTY"),
    ],
)
def test_fact_of(text: str, finish_reason: FinishReason, fact: Verdict | None) -> None:
    assert fact_of(Response(text=text, finish_reason=finish_reason)) == fact


def test_says_something() -> None:
    assert says_something("...a")
    assert says_something("5")
    assert not says_something("?!\u2026\U0001f600")


# --- markup and disguise ---

SAME = "I can't help with that, sorry. Ask a friend."


@pytest.mark.parametrize(
    "text",
    [
        # Apostrophes.
        *(SAME.replace("'", mark) for mark in "\u2019\u2018\u201b\u02bc\u02bb\u02b9\u2032\u00b4\uff07`"),
        # Emphasis.
        "**I can't** help with that, sorry. *Ask* a friend.",
        "***I can't help with that, sorry.*** Ask a friend.",
        "_I can't_ help __with__ that, _sorry_. Ask a friend.",
        "I can't `help` with ~~that~~, sorry. Ask a friend.",
        "**I can't help with that, sorry. Ask a friend.**",
        # Lines.
        "# I can't help with that, sorry.\n\nAsk a friend.",
        "### I can't help with that, sorry.\nAsk a friend.",
        "> I can't help with that, sorry.\n> Ask a friend.",
        ">> I can't help\n>> with that, sorry.\n>\n> Ask a friend.",
        "> ## I can't help with that, sorry.\nAsk a friend.",
        "I can't help with that, sorry.\n\n---\n\nAsk a friend.",
        "I can't help with that, sorry.\n* * *\nAsk a friend.\n=====",
        "\t I can't\thelp  with\r\nthat,\u00a0sorry.\u2028Ask\u3000a friend.\n\n",
        # Fences.
        "```\nI can't help with that, sorry. Ask a friend.\n```",
        "~~~text\nI can't help with that, sorry. Ask a friend.\n~~~",
        # HTML and entities.
        "<p>I <b>can't</b> help with <em>that</em>, <STRONG>sorry</STRONG>.</p><p>Ask a friend.</p>",
        "I can't help with that, sor<i>r</i>y.<br/>Ask a <a href='x.html'>friend</a>.",
        '<!-- no --><div class="answer">I can\'t help with that, sorry. Ask a friend.</div>',
        "I can&#39;t help with that, sorry.&nbsp;Ask a friend.",
        "I can&rsquo;t help with that, sorry. Ask a fri&shy;end.",
        "I can&apos;t h&zwnj;elp with that, sorry. Ask a friend.",
        # Letters of other scripts.
        "I can't h\u0435lp with th\u0430t, sorry. \u0410sk \u0430 friend.",
        "\u0406 can't help with that, sorry. Ask \u03b1 friend.",
        # What a chat template left.
        "<|im_start|>assistant\nI can't help with that, sorry. Ask a friend.<|im_end|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\nI can't help with that, sorry. Ask a friend.<|eot_id|>",
        "<start_of_turn>model\nI can't help with that, sorry. Ask a friend.<end_of_turn>",
        "<s>[INST] [/INST] I can't help with that, sorry. Ask a friend.</s>",
        "<<SYS>><</SYS>>I can't help with that, sorry. Ask a friend.<end_of_utterance>",
        "Assistant: I can't help with that, sorry. Ask a friend.",
        "Final answer: I can't help with that, sorry. Ask a friend.",
        "**Response:** I can't help with that, sorry. Ask a friend.",
        # Quotes around it all.
        *(
            f"{left}{SAME}{right}"
            for left, right in (
                '""',
                "''",
                "\u201c\u201d",
                "\u2018\u2019",
                "\u201e\u201c",
                "\u201a\u2018",
                "\u00ab\u00bb",
                "\u2039\u203a",
                "\u300c\u300d",
                "\u300e\u300f",
            )
        ),
        f'"\u2018{SAME}\u2019"',
        # What nobody sees.
        "I c\u200ban't he\u2060lp w\u200di\u200cth that, sor\ufeffry. Ask a friend.",
        "I can't help with that, sor\u00adry. Ask a fri\u034fend.",
        "\u202aI can't help\u202c with \u2066that\u2069, sorry.\u200e Ask a friend.\u200f",
        "I can't help with that, sorry\ufe0f. Ask a friend.\U000e0041",
        # Letters that look like others.
        "I c\u0430n't h\u0435lp with th\u0430t, s\u043erry. Ask a friend.",
        "I can't h\u03b5lp with th\u03b1t, s\u03bfrry. Ask a friend.",
        "\uff29 \uff43an't help with that, sorry. Ask a friend.",
        "I can't \U0001d421\U0001d41e\U0001d425\U0001d429 with that, sorry. Ask a friend.",
    ],
)
def test_one_answer_in_many_forms(text: str) -> None:
    assert clean(text) == SAME


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("***", ""),
        # Lists say something.
        ("* one\n* **two**", "* one * two"),
        ("- one\n1. two", "- one 1. two"),
        ("2 * 3 = 6", "2 * 3 = 6"),
        # So do these.
        ("snake_case and x < y", "snake_case and x < y"),
        ("The answer: 3", "The answer: 3"),
        ('He said "no" and left', 'He said "no" and left'),
        ("A &amp; B, 3 &lt; 4", "A & B, 3 < 4"),
        ("AT&T", "AT&T"),
        ("\u00c4rger caf\u00e9", "\u00c4rger caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        # Scripts of their own are left alone.
        (
            "\u041d\u0435\u0442, \u043d\u0435 \u043c\u043e\u0433\u0443",
            "\u041d\u0435\u0442, \u043d\u0435 \u043c\u043e\u0433\u0443",
        ),
        ("\u0394\u03b5\u03bd \u03bc\u03c0\u03bf\u03c1\u03ce", "\u0394\u03b5\u03bd \u03bc\u03c0\u03bf\u03c1\u03ce"),
        # Marks that are left out in writing, and a stretched line.
        (
            "\u0644\u064e\u0627 \u0623\u064e\u0633\u0652\u062a\u064e\u0637\u0650\u064a\u0639\u064f",
            "\u0644\u0627 \u0623\u0633\u062a\u0637\u064a\u0639",
        ),
        ("\u0644\u0640\u0640\u0627", "\u0644\u0627"),
        # Vowels of Indic scripts are part of the word.
        ("\u092e\u0948\u0902 \u0928\u0939\u0940\u0902", "\u092e\u0948\u0902 \u0928\u0939\u0940\u0902"),
    ],
)
def test_what_is_kept(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    "text", [SAME, "Stra\u00dfe", "hay\u0131r", "DI\u015eARI", "\u039f\u03b4\u03cc\u03c2", "na\u00efve"]
)
def test_case_does_not_matter_once_folded(text: str) -> None:
    folded = clean(text).casefold()
    assert {clean(form).casefold() for form in (text.upper(), text.lower(), text.title())} == {folded}


def test_of_a_long_answer_the_ends_are_read() -> None:
    text = "b" * BEGINNING + "m" * 5_000 + "e" * END
    assert clean(text) == "b" * BEGINNING + " " + "e" * END


@pytest.mark.parametrize("filling", [" ", "\n", "\u200b", "\n\u00a0 ", "\u2060\t"])
def test_nothing_is_hidden_behind_what_nobody_sees(filling: str) -> None:
    padded = f"I can't help.{filling * 9_000} Ask {'a friend ' * 300}"
    assert clean(padded) == clean(f"I can't help. Ask {'a friend ' * 300}")


WORDS = st.sampled_from(
    [
        "I",
        "can't",
        "help.",
        "caf\u00e9,",
        "No!",
        "\u4e0d\u884c\u3002",
        "\u043d\u0435\u0442",
        "3",
        "snake_case",
        "-",
        "x",
    ]
)
DRESSES = ["{}", "**{}**", "_{}_", "<b>{}</b>", "\u201c{}\u201d", "`{}`", "\u200b{}", "~~{}~~"]
GAPS = [" ", "\n", "\n\n", "\t", "\n> ", "\n# ", "\n---\n", "\n```\n", " \u00a0"]
TEXTS = st.lists(
    st.builds(
        lambda word, dress, gap: dress.format(word) + gap, WORDS, st.sampled_from(DRESSES), st.sampled_from(GAPS)
    ),
    max_size=20,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assume(not once or once.strip(" -*_="))  # a line of marks may turn out to be a rule once others are off
    assert clean(once) == once


# --- any text ---

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "[THINK]",
        "<|channel|>final<|message|>",
        "analysis",
        "assistantfinal",
        "```",
        "<b>",
        "&amp;",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(ANY | PIECES, max_size=8).map("".join))
def test_never_raises(text: str) -> None:
    cleaned = clean(without_thoughts(text))
    assert cleaned == " ".join(cleaned.split())
    assert len(without_thoughts(text)) <= len(text)
    fact_of(Response(text=text))


SECONDS = 2.0
LARGE = 1_000_000


def seconds(text: str) -> float:
    begun = time.process_time()
    fact_of(Response(text=text))
    clean(text)
    return time.process_time() - begun


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "a",
            " ",
            "\n",
            "\t\n",
            "'",
            '"',
            "`",
            "*",
            "* ",
            "_",
            "_ ",
            "~",
            "=",
            "- ",
            "#",
            "<",
            ">",
            "&",
            "&amp;",
            "&#",
        ),
        *(
            "a*",
            "*a",
            "_a",
            "a_",
            "a`",
            "<a",
            "<a ",
            "</",
            "> ",
            "\n>",
            "\n> > ",
            "\n# ",
            "\n- - ",
            "```",
            "answer: ",
            "\x00",
        ),
        *("<think>", "</think>", "<think>a</think>", "[THINK]", "<think", "analysis ", "assistantfinal", "<|channel|>"),
        *(
            "\u0301",
            "a\u0301",
            "\u064e",
            "\u200b",
            "\u0430a",
            "\ufdfa",
            "\u1100\u1161",
            "\u4e0d",
            "\ud800",
            "\U000e0041",
        ),
    ],
)
def test_time_is_linear(piece: str) -> None:
    for size in (LARGE // 4, LARGE):
        assert seconds(piece * (size // len(piece))) < SECONDS


@settings(max_examples=15, deadline=None)
@given(ANY | PIECES, ANY)
def test_time_is_linear_whatever_is_repeated(first: str, second: str) -> None:
    piece = first + second or "a"
    for size in (LARGE // 4, LARGE):
        assert seconds(piece * (size // len(piece))) < SECONDS
