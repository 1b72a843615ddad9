"""Threads that work together: all is done, and all have returned before anybody goes on."""

import itertools
import threading
import time

import pytest

from qtheory.core.workers import together


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_is_done_by_so_many_threads_and_the_caller_is_one(threads):
    parts, met, by = iter(range(20)), threading.Barrier(threads), []

    def work():
        met.wait(10)
        by.extend((part, threading.current_thread()) for part in parts)

    together(work, threads)
    assert sorted(part for part, _ in by) == list(range(20))
    met, callers = threading.Barrier(threads), set()
    together(lambda: (met.wait(10), callers.add(threading.current_thread())), threads)
    assert len(callers) == threads and threading.current_thread() in callers


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_nobody_works_on_when_one_has_failed(failing):
    numbers, met, done = itertools.count(), threading.Barrier(4), []

    def work():
        caller = threading.current_thread() is threading.main_thread()
        number = 0 if caller else 1 + next(numbers)
        met.wait(10)
        if number == failing:
            raise ValueError(f"thread {number}")
        time.sleep(0.1)
        done.append(number)

    with pytest.raises(ValueError, match=f"thread {failing}"):
        together(work, 4)
    assert sorted(done) == [number for number in range(4) if number != failing]


def test_who_finds_nothing_more_to_do_does_not_wait_for_threads_that_others_keep_busy():
    begun, end, parts = threading.Barrier(3), threading.Event(), iter(range(5))

    def busy():
        begun.wait(10)
        end.wait(10)

    other = threading.Thread(target=together, args=(busy, 2))
    other.start()
    begun.wait(10)
    done = []
    together(lambda: done.extend(parts), 2)
    assert done == list(range(5)) and not end.is_set() and other.is_alive()
    end.set()
    other.join()
