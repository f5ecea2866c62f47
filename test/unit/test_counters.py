"""The account of every frame's fate: it always adds up."""

from __future__ import annotations

import random
import threading

import pytest

from restore_node.runtime.counters import REASONS, Account, Fate, FrameLedger, Reason, Settlement

ENDINGS = [(fate, reason) for fate, reasons in REASONS.items() for reason in sorted(reasons)]


def adds_up(account: Account) -> bool:
    settled = account.restored + account.passed_through + account.dropped
    return account.received == settled + account.in_flight and sum(account.reasons.values()) == settled


def test_every_reason_of_the_contract_has_a_fate() -> None:
    assert {reason for reasons in REASONS.values() for reason in reasons} == set(Reason)
    assert set(REASONS) == set(Fate)


@pytest.mark.parametrize(('fate', 'reason'), ENDINGS)
def test_a_settled_frame_is_in_one_fate(fate: Fate, reason: Reason) -> None:
    ledger = FrameLedger()
    assert ledger.account() == Account(0, 0, 0, 0, 0, {})
    ticket = ledger.receive('/image_raw', 5)
    assert ledger.account() == Account(1, 0, 0, 0, 1, {})
    ledger.settle(ticket, fate, reason)
    account = ledger.account()
    assert adds_up(account)
    assert account.as_dict()[fate.value] == 1
    assert account.in_flight == 0


def test_failures_are_told_apart_by_what_was_done() -> None:
    ledger = FrameLedger()
    for fate in (Fate.PASSED_THROUGH, Fate.DROPPED, Fate.DROPPED):
        ledger.settle(ledger.receive('/image_raw', 5), fate, Reason.FAILURE)
    assert ledger.account().reasons == {'failure': 1, 'failure_dropped': 2}


@pytest.mark.parametrize(
    ('fate', 'reason'), [(fate, reason) for fate in Fate for reason in Reason if reason not in REASONS[fate]]
)
def test_reason_of_another_fate_is_refused(fate: Fate, reason: Reason) -> None:
    ledger = FrameLedger()
    ticket = ledger.receive('/image_raw', 5)
    with pytest.raises(ValueError, match=f'{reason.value} is no reason for {fate.value}'):
        ledger.settle(ticket, fate, reason)
    assert ledger.account().in_flight == 1


def test_frame_is_settled_once() -> None:
    ledger = FrameLedger()
    ticket = ledger.receive('/image_raw', 5)
    ledger.settle(ticket, Fate.DROPPED, Reason.STALE)
    with pytest.raises(ValueError, match='frame 5 of /image_raw already has a fate'):
        ledger.settle(ticket, Fate.RESTORED, Reason.RESTORED)
    assert ledger.account() == Account(1, 0, 0, 1, 0, {'stale': 1})


def test_equal_stamps_are_different_frames() -> None:
    ledger = FrameLedger()
    tickets = [ledger.receive('/image_raw', 0) for _ in range(3)]
    for ticket in tickets:
        ledger.settle(ticket, Fate.RESTORED, Reason.RESTORED)
    assert ledger.account().restored == 3


def test_latency_is_that_of_published_frames() -> None:
    settlements: list[Settlement] = []
    ledger = FrameLedger(settlements.append)
    assert ledger.latency_ms() is None
    ledger.settle(ledger.receive('/image_raw', None), Fate.DROPPED, Reason.MALFORMED)
    assert ledger.latency_ms() is None
    assert settlements == [Settlement('/image_raw', None, Fate.DROPPED, Reason.MALFORMED, None)]
    ledger.settle(ledger.receive('/image_raw', 7), Fate.PASSED_THROUGH, Reason.GATE)
    latency = settlements[1].latency_ms
    assert latency is not None
    assert 0 <= latency < 1000
    assert ledger.latency_ms() == {'p50': latency, 'p95': latency, 'p99': latency}


def test_it_adds_up_at_every_moment_under_threads() -> None:
    settlements: list[Settlement] = []
    ledger = FrameLedger(settlements.append)
    done = threading.Event()
    wrong: list[Account] = []

    def camera(seed: int) -> None:
        dice = random.Random(seed)
        waiting = []
        for stamp in range(500):
            waiting.append(ledger.receive(f'/camera_{seed}', stamp))
            while waiting and dice.random() < 0.6:
                ledger.settle(waiting.pop(dice.randrange(len(waiting))), *dice.choice(ENDINGS))
        for ticket in waiting:
            ledger.settle(ticket, Fate.DROPPED, Reason.INACTIVE)

    def watch() -> None:
        while not done.is_set():
            account = ledger.account()
            if not adds_up(account):
                wrong.append(account)

    cameras = [threading.Thread(target=camera, args=(seed,)) for seed in range(4)]
    watcher = threading.Thread(target=watch)
    for thread in (*cameras, watcher):
        thread.start()
    for thread in cameras:
        thread.join()
    done.set()
    watcher.join()
    assert not wrong
    account = ledger.account()
    assert (account.received, account.in_flight) == (2000, 0)
    assert adds_up(account)
    assert sorted((s.topic, s.stamp_ns) for s in settlements) == [
        (f'/camera_{seed}', stamp) for seed in range(4) for stamp in range(500)
    ]
