from concurrent.futures import ThreadPoolExecutor

from localaws.faults.injector import Injector
from localaws.faults.rules import Call, Rule

PUT = Call("command", "s3", "PutObject")
GET = Call("lambda", "s3", "GetObject")


def test_nothing_is_counted_until_a_rule_or_a_recording_begins() -> None:
    injector = Injector()
    assert injector.take(PUT) is None
    assert injector.report() == {"calls": [], "injected": []}
    injector.arm(None)
    injector.take(PUT)
    assert injector.report()["calls"] == [{**PUT._asdict(), "count": 1}]


def test_a_rule_counts_only_the_calls_that_it_matches() -> None:
    injector = Injector()
    injector.arm(Rule("reset", operation="GetObject", skip=1))
    assert [injector.take(call) for call in (GET, PUT, PUT, GET, GET)] == [None, None, None, "reset", None]
    assert injector.report()["injected"] == [{**GET._asdict(), "kind": "reset", "call": 2}]


def test_each_rule_counts_every_call_whichever_of_them_fires() -> None:
    injector = Injector()
    injector.arm(Rule("reset", skip=0))
    injector.arm(Rule("hang", skip=1))
    assert [injector.take(PUT) for _ in range(3)] == ["reset", "hang", None]


def test_clearing_forgets_rules_calls_and_faults() -> None:
    injector = Injector()
    injector.arm(Rule("reset", count=100))
    injector.take(PUT)
    injector.clear()
    assert not injector.is_armed
    assert injector.take(PUT) is None
    assert injector.report() == {"calls": [], "injected": []}


def test_threads_get_the_faults_of_the_seed_whatever_their_order() -> None:
    def drill(workers: int) -> list[tuple[str, int]]:
        injector = Injector()
        injector.arm(Rule("reset", seed="drill", probability=0.3))
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(injector.take, [PUT, GET] * 200))
        return sorted((fault["operation"], fault["call"]) for fault in injector.report()["injected"])

    assert drill(1) == drill(8)
