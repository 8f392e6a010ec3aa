"""Results that come from another thread, and room that is waited for."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.chassis.loops import LoopInbox, Slots


async def from_another_thread(work: object) -> None:
    """Call it there, and let the loop turn until what it told has arrived."""
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_results_and_errors_reach_their_futures() -> None:
    """Whoever waits gets what was told of its own record; whoever is done already is left as it is."""
    loop = asyncio.get_running_loop()
    inbox = LoopInbox[int](loop)
    futures = [loop.create_future() for _ in range(3)]
    tellers = [inbox.teller(future) for future in futures]
    futures[0].set_result(7)

    def tell() -> None:
        tellers[0](1)
        tellers[1](ValueError("refused"))
        tellers[2](3)

    await from_another_thread(tell)

    assert futures[0].result() == 7
    with pytest.raises(ValueError, match="refused"):
        futures[1].result()
    assert futures[2].result() == 3


async def test_many_results_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is told after it has woken wakes it again."""
    loop = asyncio.get_running_loop()
    woken: list[object] = []
    real = loop.call_soon_threadsafe

    def counted(callback, *args):  # type: ignore[no-untyped-def]
        woken.append(callback)
        return real(callback, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    inbox = LoopInbox[int](loop)
    for times in (1, 2):
        futures = [loop.create_future() for _ in range(100)]

        def tell(waiting: list[asyncio.Future[int]] = futures) -> None:
            for number, future in enumerate(waiting):
                inbox.teller(future)(number)

        await from_another_thread(tell)
        assert [future.result() for future in futures] == list(range(100))
        assert len(woken) == times


def test_a_loop_that_is_closed_waits_for_nothing() -> None:
    """What is told then is nobody's any more, and no error of whoever tells it."""
    loop = asyncio.new_event_loop()
    future: asyncio.Future[int] = loop.create_future()
    tell = LoopInbox[int](loop).teller(future)
    loop.close()
    tell(1)
    tell(2)
    assert not future.done()


async def test_whoever_waits_longest_has_the_next_room() -> None:
    """Each place given back goes to one, and nobody is let past those who wait."""
    slots = Slots(2)
    assert slots.take_now()
    assert slots.take_now()
    assert not slots.take_now()
    got: list[str] = []

    async def wait(name: str) -> None:
        assert await slots.take(5)
        got.append(name)

    waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    slots.give()
    assert not slots.take_now()
    await asyncio.sleep(0.01)
    assert got == ["first"]
    assert not slots.take_now()
    slots.give()
    await asyncio.gather(*waiting)
    assert got == ["first", "second"]


async def test_whoever_waits_in_vain_takes_no_room() -> None:
    """The next place is for whoever waits still, and then for anybody."""
    slots = Slots(1)
    assert slots.take_now()
    assert not await slots.take(0.01)
    slots.give()
    assert slots.take_now()
