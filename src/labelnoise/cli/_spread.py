"""Where cases are worked on: in this process, in several, on a Dask cluster."""

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, TypeVar

from ._sources import UsageError

Item = TypeVar("Item")
Result = TypeVar("Result")
Pairs = Iterator[tuple[Item, Result | Exception]]


class Spread(AbstractContextManager["Spread"]):
    """Calls of a function, one for each case, in any order.

    Parameters
    ----------
    workers : int
        Number of processes; 1 stays in this one.
    scheduler : str or None
        Address of a Dask scheduler, whose workers do it instead.
    """

    def __init__(self, workers: int, scheduler: str | None) -> None:
        self._workers = workers
        self._client = None if scheduler is None else _connect(scheduler)

    def __exit__(self, *exception: object) -> None:
        """Stop the workers; what they have begun is lost, and nothing else."""
        if self._client is not None:
            self._client.close()
        elif self._workers > 1:
            self._stop()

    @property
    def alone(self) -> bool:
        """Whether all is done in this process."""
        return self._client is None and self._workers == 1

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Pairs[Item, Any]:
        """Yield each item with what the function gives, or with what it raises."""
        if self.alone:
            return ((item, _attempt(function, item)) for item in items)
        return self._in_parallel(function, items)

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return what the function gives for each item, in order; raise what it raises."""
        items = list(items)
        found: dict[Item, Result] = {}
        for item, result in self.each(function, items):
            if isinstance(result, OSError | ValueError):
                raise result
            if isinstance(result, Exception):
                raise ValueError(f"{type(result).__name__}: {result}") from result
            found[item] = result
        return [found[item] for item in items]

    def _in_parallel(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Pairs[Item, Any]:
        """Do all at once; what was under way when a process died, again one by one."""
        from joblib.externals.loky.process_executor import BrokenProcessPool

        left = dict(enumerate(items))
        packed = pickle.dumps(function)
        try:
            for number, result in self._run(packed, left):
                yield left.pop(number), result
        except BrokenProcessPool:
            for number, item in left.items():
                try:
                    [(_, result)] = self._run(packed, {number: item})
                except BrokenProcessPool:
                    result = MemoryError("its process died, perhaps for want of memory")
                yield item, result

    def _run(self, packed: bytes, items: dict[int, Any]) -> Iterator[tuple[int, Any]]:
        from joblib import Parallel, delayed, parallel_config

        chosen: dict[str, Any] = {"backend": "dask", "n_jobs": -1}
        if self._client is None:
            chosen = {"backend": "loky", "n_jobs": self._workers}
            chosen |= {"initializer": _follow, "initargs": (os.getpid(),)}
        with parallel_config(**chosen):
            work = Parallel(return_as="generator_unordered", batch_size=1)
            calls = (delayed(_numbered)(packed, *each) for each in list(items.items()))
            yield from work(calls)

    def _stop(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(kill_workers=True)


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Exception:
    """Return what goes wrong: one case's error is no other's."""
    try:
        return function(item)
    except Exception as error:
        return error.with_traceback(None)


def _follow(parent: int) -> None:
    """End this process soon after the one that started it, which may be killed at any moment."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _numbered(packed: bytes, number: int, item: Any) -> tuple[int, Any]:
    return number, _attempt(_unpack(packed), item)


@lru_cache(1)
def _unpack(packed: bytes) -> Callable[[Any], Any]:
    """Return a function; those that hold the names of many cases are sent as bytes, and kept."""
    return pickle.loads(packed)  # type: ignore[no-any-return]


def _connect(address: str) -> Any:
    try:
        from distributed import Client

        return Client(address, timeout=10)
    except ImportError as error:
        raise UsageError("--scheduler needs Dask; pip install distributed") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"--scheduler={address!r}: no answer ({error}); start one") from error
