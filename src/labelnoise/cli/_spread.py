"""Where cases are worked on: in this process, in several, on a Dask cluster."""

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
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
        self._pool: ProcessPoolExecutor | None = None
        self._client = None if scheduler is None else _connect(scheduler)

    def __exit__(self, *exception: object) -> None:
        """Stop the workers; what they have begun is lost, and nothing else."""
        if self._client is not None:
            self._client.close()
        self._stop()

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Pairs[Item, Any]:
        """Yield each item with what the function gives, or with what it raises."""
        if self._client is not None:
            return self._on_cluster(function, items)
        if self._workers > 1:
            return self._in_processes(function, items)
        return ((item, _attempt(function, item)) for item in items)

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

    def _in_processes(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Pairs[Item, Any]:
        """Take a pool; what was under way when one of its processes died, again one by one."""
        alone = False
        left = list(items)
        packed = pickle.dumps(function)
        while left:
            batch, left = (left[:1], left[1:]) if alone else (left, [])
            if self._pool is None:
                # Forking is quick, and safe on Linux.
                method = "fork" if sys.platform == "linux" else "spawn"
                context = multiprocessing.get_context(method)
                self._pool = ProcessPoolExecutor(self._workers, context)
            futures = {self._pool.submit(_attempt_packed, packed, item): item for item in batch}
            died = []
            try:
                for future in as_completed(futures):
                    try:
                        yield futures[future], future.result()
                    except BrokenProcessPool:
                        died.append(futures[future])
            finally:
                for future in futures:
                    future.cancel()
            if died:
                self._stop()
                if alone:
                    yield died[0], MemoryError("its process died, perhaps for want of memory")
                else:
                    alone, left = True, died

    def _on_cluster(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Pairs[Item, Any]:
        from distributed import as_completed

        client: Any = self._client
        packed = pickle.dumps(function)
        futures = {client.submit(_attempt_packed, packed, each, pure=False): each for each in items}
        for future in as_completed(futures):
            error = future.exception()
            yield futures[future], future.result() if error is None else error

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _attempt(function: Callable[[Item], Result], item: Item) -> Result | Exception:
    """Return what goes wrong: one case's error is no other's."""
    try:
        return function(item)
    except Exception as error:
        return error.with_traceback(None)


def _attempt_packed(packed: bytes, item: Any) -> Any:
    return _attempt(_unpack(packed), item)


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
