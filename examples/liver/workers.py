"""Where runs are done: in this process, in processes of this machine, on a Dask cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any

from liver import store
from liver.runs import Place, Run

Tick = Callable[[Run, int, float, float], None]  # a run, its new steps, its loss, its Dice
Outcomes = Iterator[tuple[Run, str | None]]


def alone(runs: Sequence[Run], place: Place, tick: Tick) -> Outcomes:
    """Do the runs one after another."""
    for run in runs:
        yield run, store.attempt(run, place, lambda *news, run=run: tick(run, 1, *news))


def processes(runs: Sequence[Run], place: Place, tick: Tick, jobs: int) -> Outcomes:
    """Do the runs in processes, each with one run at a time.

    A process that dies loses its run, which is tried once more; a new process takes its
    place. Closing the generator stops them all.
    """
    # Spawned: forking would carry the threads' locks of PyTorch along. A pipe for each: a
    # queue for all would stay locked when a process dies in it.
    context = multiprocessing.get_context("spawn")
    left = deque(runs)
    died: list[Run] = []
    workers: dict[Any, tuple[Any, Run]] = {}

    def start(pipe: Any, process: Any) -> None:
        if left:
            workers[pipe] = (process, left.popleft())
            with contextlib.suppress(OSError):  # dead already: it will be heard of
                pipe.send(workers[pipe][1])
        else:
            pipe.close()
            process.join()

    def hire() -> None:
        pipe, end = context.Pipe()
        process = context.Process(target=_work, args=(end, place), daemon=True)
        process.start()
        end.close()
        start(pipe, process)

    try:
        for _ in range(min(jobs, len(runs))):
            hire()
        while workers:
            for pipe in connection.wait(list(workers)):
                process, run = workers[pipe]
                try:
                    news = pipe.recv()
                except (EOFError, OSError):
                    del workers[pipe]
                    process.join()
                    if run in died:
                        yield run, f"its process died twice (exit code {process.exitcode})"
                    else:
                        died.append(run)
                        left.append(run)
                    if left:
                        hire()
                    continue
                if isinstance(news, tuple):
                    tick(run, 1, *news)
                    continue
                del workers[pipe]
                yield run, news
                start(pipe, process)
    finally:
        for process, _ in workers.values():
            process.kill()
            process.join()


def _work(pipe: Any, place: Place) -> None:
    """Do what the parent sends, until it hangs up; Ctrl-C is the parent's to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def tick(*news: float) -> None:
        try:
            pipe.send(news)
        except OSError:
            os._exit(1)  # the parent was killed, and nobody is left to stop this process

    with contextlib.suppress(EOFError, OSError):
        while True:
            pipe.send(store.attempt(pipe.recv(), place, tick))


def cluster(runs: Sequence[Run], place: Place, tick: Tick, client: Any) -> Outcomes:
    """Do the runs on a Dask cluster, which moves those of a dead worker to another.

    Its machines must have the study's packages, and see the same folders as this one.
    """
    from distributed import as_completed

    here = str(Path(__file__).parents[1])

    def remote(work: bytes) -> str | None:  # within a function: it travels as code, not as a name
        import pickle
        import sys

        if here not in sys.path:
            sys.path.append(here)
        from liver import workers

        return workers.on_cluster(*pickle.loads(work))

    by_id = {run.id: run for run in runs}
    client.subscribe_topic(TOPIC, lambda event: hear(*event[1]))

    def hear(name: str, *news: float) -> None:
        if name in by_id:
            tick(by_id[name], *news)

    futures = {
        client.submit(remote, pickle.dumps((run, place)), key=f"liver-{run.id}", pure=False): run
        for run in runs
    }
    try:
        for future in as_completed(futures):
            run = futures[future]
            if future.cancelled():
                yield run, "the cluster gave it up"
            else:
                problem = future.exception()
                yield run, repr(problem) if problem else future.result()
    finally:
        client.cancel(list(futures))


TOPIC = "liver-study"
_one = threading.Lock()


def on_cluster(run: Run, place: Place) -> str | None:
    """Do a run in a worker of the cluster, one at a time: PyTorch's random state is one."""
    from distributed import get_worker

    worker = get_worker()
    steps, told = 0, time.monotonic()

    def tick(loss: float, dice: float) -> None:
        nonlocal steps, told
        steps += 1
        if time.monotonic() - told > 0.5:
            worker.log_event(TOPIC, (run.id, steps, loss, dice))
            steps, told = 0, time.monotonic()

    with _one:
        problem = store.attempt(run, place, tick)
    worker.log_event(TOPIC, (run.id, steps, float("nan"), float("nan")))
    return problem
