"""The mailbox of the newest frame: nothing waits, nothing is lost unaccounted."""

from __future__ import annotations

import itertools
import threading

from waiting import LONG

from restore_node.runtime.mailbox import Mailbox


def test_the_newest_is_taken_and_what_it_replaced_is_given_back() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert [mailbox.put(item) for item in (1, 2, 3)] == [None, 1, 2]
    assert mailbox.take() == 3
    assert mailbox.put(4) is None
    assert mailbox.take() == 4


def test_closing_gives_back_what_nobody_took_and_refuses_the_rest() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    assert mailbox.close() == 1
    assert mailbox.close() is None
    assert mailbox.put(2) == 2
    assert mailbox.take() is None


def test_taker_is_woken_by_an_item_and_by_closing() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    woken = threading.Semaphore(0)

    def take_until_closed() -> None:
        while True:
            taken.append(mailbox.take())
            woken.release()
            if taken[-1] is None:
                return

    taker = threading.Thread(target=take_until_closed, daemon=True)
    taker.start()
    mailbox.put(1)
    assert woken.acquire(timeout=LONG)
    mailbox.close()
    taker.join(LONG)
    assert not taker.is_alive()
    assert taken == [1, None]


def test_every_item_is_taken_or_given_back_exactly_once() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int] = []
    given_back: list[list[int]] = [[], [], []]

    def put(giver: int) -> None:
        for number in range(2000):
            left = mailbox.put(giver * 10_000 + number)
            if left is not None:
                given_back[giver].append(left)

    def take() -> None:
        while (item := mailbox.take()) is not None:
            taken.append(item)

    givers = [threading.Thread(target=put, args=(giver,), daemon=True) for giver in range(3)]
    taker = threading.Thread(target=take, daemon=True)
    for thread in (*givers, taker):
        thread.start()
    for thread in givers:
        thread.join(LONG)
    left = mailbox.close()
    taker.join(LONG)
    assert not taker.is_alive()
    accounted = [*taken, *itertools.chain(*given_back), *([] if left is None else [left])]
    assert sorted(accounted) == [giver * 10_000 + number for giver in range(3) for number in range(2000)]
    for giver in range(3):  # newer never before older
        mine = [item for item in taken if item // 10_000 == giver]
        assert mine == sorted(mine)
