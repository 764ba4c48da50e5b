"""The checks of the kit themselves: a sound engine passes each, and each catches what it is there for."""

from __future__ import annotations

import itertools
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from pytest_vsc.engines import EngineSettings
from pytest_vsc.errors import EngineError, ModelError, SettingsError, VscError
from pytest_vsc.protocols import Probed
from pytest_vsc.records import FinishReason, Request, Response
from pytest_vsc.testing import CHECKS, Subject, every_request, running

SECRET = "sk-very-secret-0123456789"
PNG = b"\x89PNG"


class Sound:
    """Does all that an engine must. Its model repeats the last text, a word a token, and takes a moment for it."""

    lasting = True
    at_once = 2
    moment = 0.005

    def __init__(self, settings: EngineSettings) -> None:
        self.settings, self.state = settings, "not loaded"
        self.numbers = itertools.count()
        self.line: queue.PriorityQueue[tuple[float, int, Any]] = queue.PriorityQueue()
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()

    def check(self) -> None:
        if self.settings.revision == "absent":
            raise ModelError("sound: no revision 'absent'")

    def load(self) -> None:
        self.state = "loaded"
        self.threads = [threading.Thread(target=self.work, name=f"sound-{n}", daemon=True) for n in range(self.at_once)]
        for thread in self.threads:
            thread.start()

    def describe(self) -> dict[str, str]:
        return {"model": "sound", "engine": "sound"}

    @property
    def fingerprint(self) -> str:
        return f"sound {self.settings.revision}"

    @property
    def weights(self) -> str:
        return "sound"

    def submit(self, request: Request, *, urgent: bool = False) -> Future[Response]:
        future: Future[Response] = Future()
        with self.lock:
            if self.state == "loaded":
                self.line.put((self.place(urgent), next(self.numbers), (request, future)))
                return future
        future.set_exception(self.refusal())
        return future

    def place(self, urgent: bool) -> float:
        return 0 if urgent else 1

    def refusal(self) -> VscError:
        return ModelError("sound: the model is gone") if self.state == "gone" else EngineError(f"sound: {self.state}")

    def work(self) -> None:
        while (job := self.line.get()[2]) is not None:
            request, future = job
            if self.taken(future):
                time.sleep(self.moment)
                self.settle(future, self.outcome(request))

    def taken(self, future: Future[Response]) -> bool:
        return future.set_running_or_notify_cancel()

    def settle(self, future: Future[Response], outcome: Any) -> None:
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def outcome(self, request: Request) -> object:
        for picture in request.messages[-1].images:
            if (wrong := self.unreadable(picture)) is not None:
                return wrong
        whole = self.text(request)
        for stop in request.generation.stop:
            whole = whole.partition(stop)[0]
        words = whole.split(" ")
        kept = words[: request.generation.max_new_tokens]
        reason: FinishReason = "length" if len(kept) < len(words) else "stop"
        return Response(text=" ".join(kept), finish_reason=reason, tokens=len(kept))

    def unreadable(self, picture: Any) -> EngineError | None:
        try:
            fine = picture.read().startswith(PNG)
        except OSError:
            fine = False
        return None if fine else EngineError(f"picture {picture.name} cannot be decoded")

    def text(self, request: Request) -> str:
        return request.messages[-1].text

    def probe(self, requests: Sequence[Request]) -> Probed:
        answers: Any = [self.outcome(request) for request in requests]
        places = range(len(requests))
        return Probed(answers, answers, [[float(abs(row - column)) for column in places] for row in places])

    def end(self, state: str, settle: Callable[[Future[Response]], Any]) -> None:
        with self.lock:
            self.state = state
            while not self.line.empty():
                if (job := self.line.get()[2]) is not None:
                    settle(job[1])
            for _ in self.threads:
                self.line.put((-1, next(self.numbers), None))
        for thread in self.threads:
            thread.join()

    def die(self) -> None:
        self.end("gone", lambda future: self.settle(future, self.refusal()))

    def close(self) -> None:
        self.end("closed", lambda future: (future.cancel(), future.set_running_or_notify_cancel()))


def subject_of(kind: Callable[[EngineSettings], Any]) -> Subject:
    return Subject(
        kind,
        unlike=(Subject(kind, EngineSettings(revision="other")),),
        absent=Subject(kind, EngineSettings(revision="absent")),
        secrets=(SECRET,),
        echoes=True,
        ahead=4,
        kill=lambda engine: engine.die(),  # type: ignore[attr-defined]  # it is a Sound
        seconds=2.0,
        closing=1.0,
    )


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_engine_passes(check: Callable[[Subject], None]) -> None:
    check(subject_of(Sound))


@pytest.mark.parametrize("check", CHECKS)
def test_one_that_runs_already_passes_as_well(check: Callable[[Subject], None]) -> None:
    with running(subject_of(Sound)) as subject:
        check(subject)


# -- defects: what of a sound engine is another, and what its check says of it


def answered(**fields: Any) -> Mapping[str, Any]:
    """Other fields of every answer."""

    def outcome(self: Sound, request: Request) -> object:
        whole = Sound.outcome(self, request)
        return whole.model_copy(update=fields) if isinstance(whole, Response) else whole

    return {"outcome": outcome}


def failing(when: Callable[[Request], object], how: Callable[[Request], object]) -> Mapping[str, Any]:
    """Some requests end in a way of their own."""
    return {"outcome": lambda self, request: how(request) if when(request) else Sound.outcome(self, request)}


def refusing(refusal: Callable[[Sound], VscError]) -> Mapping[str, Any]:
    return {"refusal": refusal}


def has_pictures(request: Request) -> bool:
    return bool(request.messages[-1].images)


def asks_of_the_week(request: Request) -> bool:
    return "week" in request.messages[-1].text


def of_broken(how: Callable[[Any], object]) -> Mapping[str, Any]:
    """What becomes of a picture that cannot be read."""
    return {"unreadable": lambda self, picture: how(picture) if Sound.unreadable(self, picture) is not None else None}


def raising(error: Exception) -> Callable[..., Any]:
    def method(*_: object, **__: object) -> Any:
        raise error

    return method


def once(self: Sound) -> None:
    if self.state == "checked":
        raise SettingsError("once is enough")
    self.state = "checked"


def blocking(self: Sound, request: Request, *, urgent: bool = False) -> Future[Response]:
    future = Sound.submit(self, request, urgent=urgent)
    time.sleep(0.03)
    return future


def own_thread_only(self: Sound, request: Request, *, urgent: bool = False) -> Future[Response]:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("called from another thread")
    return Sound.submit(self, request, urgent=urgent)


def crowded(text: Callable[[Sound, Request], str]) -> Mapping[str, Any]:
    """Another text for what does not come alone."""
    return {"text": lambda self, request: Sound.text(self, request) if self.line.empty() else text(self, request)}


def never(self: Sound, request: Request, *, urgent: bool = False) -> Future[Response]:
    return Sound.submit(self, request, urgent=urgent) if self.state == "loaded" else Future()


def leaving_open(self: Sound) -> None:
    self.end("closed", lambda _: None)


def breaking_open(self: Sound) -> None:
    self.end("closed", lambda future: self.settle(future, KeyError("waiting")))


def leaving_a_thread(self: Sound) -> None:
    threading.Thread(target=time.sleep, args=(4,), name="forgotten", daemon=True).start()
    Sound.load(self)


def leaving_a_process(self: Sound) -> None:
    self.child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(4)"])  # type: ignore[attr-defined]
    Sound.load(self)


def closing_once(self: Sound) -> None:
    if self.state == "closed":
        raise RuntimeError("closed twice")
    Sound.close(self)


def closing_loaded(self: Sound) -> None:
    self.threads[0].join(0)
    Sound.close(self)


def broken_text(request: Request) -> bool:
    return "\ud83d" in request.messages[-1].text


def sulking(self: Sound, request: Request) -> object:
    """Nobody is answered any more after a text that could not be encoded."""
    if broken_text(request):
        self.state = "sulking"
    return EngineError("sulking") if self.state == "sulking" else Sound.outcome(self, request)


def forgetting(self: Sound, request: Request, *, urgent: bool = False) -> Future[Response]:
    """Who comes when many are there already is taken down nowhere."""
    return Future() if self.line.qsize() > 30 else Sound.submit(self, request, urgent=urgent)


def early(self: Sound, request: Request, *, urgent: bool = False) -> Future[Response]:
    """It answers without being loaded."""
    if self.state == "loaded":
        return Sound.submit(self, request, urgent=urgent)
    future: Future[Response] = Future()
    future.set_result(Response(text=self.text(request)))
    return future


def unlike_each_time(name: str) -> Mapping[str, Any]:
    return {name: property(lambda *_: uuid.uuid4().hex)}


def mixed(self: Sound, requests: Sequence[Request]) -> Probed:
    alone, batched, apart = Sound.probe(self, requests)
    return Probed(alone, batched, [list(row) for row in reversed(apart)])


DEFECTS: Sequence[tuple[str, Mapping[str, Any], str]] = [
    ("offers_what_an_engine_offers", {"describe": None}, "describe is no method"),
    ("offers_what_an_engine_offers", {"lasting": "yes"}, "lasting is 'yes'; expected True or False"),
    ("offers_what_an_engine_offers", {"at_once": 1.5, "load": lambda *_: None}, "at_once is 1.5; expected how many"),
    ("offers_what_an_engine_offers", {"ready_made": "no"}, "ready_made is 'no'"),
    ("check_loads_nothing_and_may_be_called_twice", {"check": Sound.load}, r"answers after check\(\) alone"),
    ("check_loads_nothing_and_may_be_called_twice", {"check": once}, r"check\(\) raised SettingsError: once is enough"),
    ("a_model_that_is_not_there_is_refused", {"check": lambda *_: None}, r"raised nothing; expected a ModelError"),
    ("a_model_that_is_not_there_is_refused", {"check": raising(KeyError("a"))}, "it raised KeyError; expected a Model"),
    ("a_model_that_is_not_there_is_refused", {"check": raising(ModelError("a\nb"))}, r"not one line: 'a\\nb'"),
    ("describes_itself_in_words", {"describe": lambda *_: {"model": 7}}, "'model': 7; expected a str and a str"),
    ("describes_itself_in_words", {"describe": lambda *_: {"engine": "x"}}, "says no 'model'"),
    ("describes_itself_in_words", {"describe": lambda *_: {"model": "a\nb"}}, "expected one line"),
    ("describes_itself_in_words", {"describe": lambda *_: None}, "returned a NoneType; expected a dict"),
    ("tells_no_secret", {"describe": lambda *_: {"model": "m", "key": SECRET}}, r"describe\(\) tells a secret"),
    ("tells_no_secret", {"describe": lambda *_: {"model": "hunter2-hunter2"}}, r"describe\(\) tells MY_API_KEY"),
    ("tells_no_secret", {"fingerprint": SECRET}, "fingerprint tells a secret of the subject"),
    ("tells_no_secret", {"weights": SECRET}, "weights tells a secret"),
    ("tells_no_secret", {"__repr__": lambda *_: f"<{SECRET}>"}, r"repr\(\) tells a secret"),
    ("tells_no_secret", refusing(lambda *_: EngineError(f"with {SECRET}")), "the error of a request tells a secret"),
    ("fingerprint_is_the_same_again", unlike_each_time("fingerprint"), "a second engine of the same settings, load"),
    ("fingerprint_is_the_same_again", {"fingerprint": property(lambda self: self.state)}, "has another fingerprint"),
    (
        "fingerprint_is_the_same_again",
        {"fingerprint": property(raising(EngineError("a")))},
        "raised EngineError; expec",
    ),
    ("fingerprint_is_the_same_again", {"fingerprint": 12}, "the fingerprint is 12; expected a str"),
    ("fingerprint_follows_what_changes_answers", {"fingerprint": "sound"}, "number 1 of `unlike` has a fingerprint"),
    ("weights_are_known_again", unlike_each_time("weights"), "have different weights"),
    ("weights_are_known_again", {"weights": None}, "weights is None; expected a str"),
    ("answers_a_picture", answered(text=" "), "the answer is empty"),
    ("answers_a_picture", answered(finish_reason="eos"), "finish_reason is 'eos'; expected one of"),
    ("answers_a_picture", answered(seconds=-1.0), r"seconds is -1\.0"),
    ("answers_a_picture", answered(tokens="3"), "tokens is '3'"),
    ("answers_a_picture", answered(thought=None), "thought is a NoneType"),
    (
        "answers_a_picture",
        failing(has_pictures, lambda _: EngineError("unsupported: pictures")),
        "no answer but unsupp",
    ),
    ("answers_a_picture", failing(has_pictures, lambda _: "Sure."), "the future holds a str; expected a .*Response"),
    ("answers_a_picture", failing(has_pictures, lambda _: ModelError("gone")), "holds a ModelError .gone., which ends"),
    ("answers_a_picture", {"submit": raising(OSError())}, r"submit\(\) raised OSError; whatever goes wrong belongs"),
    ("answers_a_picture", {"submit": lambda *_, **__: "Sure."}, r"submit\(\) returned a str"),
    ("answers_a_picture", {"taken": lambda *_: False}, r"no answer within 2 s"),
    ("answers_text_alone", failing(asks_of_the_week, lambda _: EngineError("no picture")), "begins with 'unsupported"),
    ("answers_text_alone", failing(asks_of_the_week, lambda _: KeyError("image")), "the future holds a KeyError"),
    (
        "answers_text_alone",
        failing(asks_of_the_week, lambda each: EngineError(f"unsupported: {each.messages[-1].text}")),
        "the message repeats what was asked",
    ),
    (
        "answers_text_alone",
        failing(asks_of_the_week, lambda _: EngineError("unsupported: text-only\n  in line 3")),
        "the message is not one line",
    ),
    (
        "answers_several_turns",
        failing(lambda each: each.messages[0].role == "system", lambda _: EngineError("failed (TemplateError)")),
        r"no answer but 'failed \(TemplateError\)'",
    ),
    (
        "answers_two_pictures",
        failing(lambda each: len(each.messages[-1].images) == 2, lambda _: ValueError("1 picture, got 2")),
        "the future holds a ValueError",
    ),
    (
        "unicode_goes_in_and_comes_out",
        failing(lambda each: not each.messages[-1].text.isascii(), lambda _: EngineError("codec")),
        "no answer but codec",
    ),
    (
        "unicode_goes_in_and_comes_out",
        {"text": lambda _, request: request.messages[-1].text.encode("ascii", "replace").decode()},
        "letter by letter",
    ),
    (
        "the_same_request_is_answered_the_same",
        {"text": lambda self, _: f"{next(self.numbers)} is the answer"},
        "answered in two ways at temperature 0",
    ),
    ("max_new_tokens_cuts_an_answer", answered(tokens=6), "an answer has 6 tokens; asked were at most 2"),
    ("max_new_tokens_cuts_an_answer", answered(finish_reason="stop"), r"end with \['stop'\]; expected 'length'"),
    ("tokens_are_counted", answered(tokens=None), "tokens is None; expected their number"),
    ("tokens_are_counted", answered(tokens=0), "an answer with words has 0 tokens"),
    ("tokens_are_counted", answered(tokens=99), "99 tokens; asked were at most 12"),
    (
        "stop_strings_end_an_answer",
        failing(lambda each: each.generation.stop, lambda each: Response(text=each.messages[-1].text, tokens=6)),
        "asked to stop at a string, it answers 30 letters; expected 15",
    ),
    (
        "a_bad_picture_fails_that_request_only",
        {"unreadable": lambda *_: None},
        "cannot be read, but the request has no",
    ),
    (
        "a_bad_picture_fails_that_request_only",
        of_broken(lambda picture: EngineError(f"cannot identify {picture.data!r}")),
        "the message repeats what was asked",
    ),
    ("a_bad_picture_fails_that_request_only", of_broken(lambda _: EngineError("a\nb")), "the message is not one line"),
    (
        "a_bad_picture_fails_that_request_only",
        of_broken(lambda _: EngineError("")),
        "the message of an EngineError is emp",
    ),
    ("a_bad_picture_fails_that_request_only", of_broken(lambda _: OSError("a")), "the future holds a OSError"),
    (
        "a_text_that_is_no_unicode_harms_nobody",
        {"outcome": sulking, "at_once": 1},
        "beside a text with half of .* a picture failed: sulking",
    ),
    (
        "a_text_that_is_no_unicode_harms_nobody",
        failing(broken_text, lambda _: UnicodeEncodeError("utf-8", "\ud83d", 0, 1, "surrogates not allowed")),
        "the future holds a UnicodeEncodeError",
    ),
    ("probing_tells_alone_from_batched", {"probe": mixed}, "makes of one request in a batch what it makes of another"),
    (
        "probing_tells_alone_from_batched",
        {"probe": lambda self, requests: Sound.probe(self, requests[:2])},
        r"of 3 requests probe\(\) tells \[2, 2, 2, 2, 2\]; expected that of all",
    ),
    ("submit_returns_at_once", {"submit": blocking, "moment": 0.0}, "64 submits took .*; expected that each returns"),
    ("many_at_once_are_all_answered", {"submit": forgetting}, "no answer within 2 s"),
    ("many_at_once_are_all_answered", crowded(lambda *_: "Sure."), "has the answer to another"),
    ("a_batch_is_answered_as_one_at_a_time", crowded(lambda *_: "Sure."), r"[0-9] of 16 texts are the same alone"),
    ("any_thread_may_submit", {"submit": own_thread_only}, r"submit\(\) raised RuntimeError"),
    ("what_is_cancelled_holds_nobody_up", {"taken": lambda *_: True}, "no answer within 2 s"),
    (
        "who_is_waited_for_goes_first",
        {"place": lambda *_: 1, "moment": 0.02},
        "requests went before an urgent one, at best of 3 times; expected at most 4",
    ),
    ("a_request_before_load_fails_in_its_future", {"submit": never}, "no answer within 2 s"),
    (
        "a_request_before_load_fails_in_its_future",
        {"submit": raising(EngineError("early"))},
        "submit.. raised EngineErr",
    ),
    (
        "a_request_before_load_fails_in_its_future",
        {"submit": early},
        r"before check\(\) has no EngineError but an answ",
    ),
    (
        "a_request_after_close_fails_in_its_future",
        {"submit": early},
        r"after close\(\) has no EngineError but an answer",
    ),
    ("a_request_after_close_fails_in_its_future", {"close": leaving_open, "submit": never}, "no answer within 2 s"),
    ("closes_twice", {"close": closing_once}, r"close\(\) raised RuntimeError: closed twice"),
    ("closes_twice", {"close": lambda *_: time.sleep(1.5)}, r"close\(\) takes longer than 1 s"),
    ("closes_unloaded", {"close": closing_loaded}, r"close\(\) raised IndexError"),
    ("close_settles_what_waits", {"close": leaving_open}, r"of 64 futures are open 1 s after close\(\)"),
    ("close_settles_what_waits", {"close": breaking_open}, r"close\(\) left a KeyError in a future"),
    ("close_leaves_nothing_running", {"load": leaving_a_thread}, r"thread 'forgotten' is left 1 s after close"),
    ("close_leaves_nothing_running", {"load": leaving_a_process}, r"process \d+ is left 1 s after close"),
    ("a_dead_model_is_a_model_error", refusing(lambda *_: EngineError("gone")), "that waited has a EngineError; exp"),
    ("a_dead_model_is_a_model_error", {"die": lambda self: self.end("gone", lambda _: None)}, "a future is open 2 s"),
    ("a_dead_model_is_a_model_error", {"die": lambda *_: None}, "one that asks later has a Response"),
]
NAMED = {check.__name__: check for check in CHECKS}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # some defects end a thread
@pytest.mark.parametrize(("check", "parts", "message"), DEFECTS, ids=[f"{d[0]}-{n}" for n, d in enumerate(DEFECTS)])
def test_a_defect_is_caught(
    check: str, parts: Mapping[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_API_KEY", "hunter2-hunter2")
    with pytest.raises(pytest.fail.Exception, match=message) as caught:
        NAMED[check](subject_of(type("Defect", (Sound,), dict(parts))))
    assert len(str(caught.value).splitlines()) == 1


def test_every_check_has_a_defect_that_it_catches() -> None:
    assert {check for check, _, _ in DEFECTS} == set(NAMED)


def test_what_is_asked_is_told_beforehand() -> None:
    requests = every_request()
    assert len({request.digest("") for request in requests}) == len(requests)
    assert requests == every_request()


def test_a_subject_that_lacks_what_is_no_lack() -> None:
    with pytest.raises(SettingsError, match=r"lacks: unknown 'sigt'; expected one of .*; did you mean 'sight'\?"):
        Subject("tiny", lacks={"sigt"})  # type: ignore[arg-type]  # as somebody may write it
