"""What is seen of the work: a bar on a terminal, lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(cases: int) -> Iterator[Callable[[str, str], None]]:
    """Yield what tells of a case that is done, by its name and news."""
    if sys.stderr.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            with tqdm(total=cases, unit=" cases") as bar:
                yield lambda name, news: bar.update() and None
            return
    done = 0

    def line(name: str, news: str) -> None:
        nonlocal done
        done += 1
        if done * 100 // cases > (done - 1) * 100 // cases:  # a hundred lines at most
            print(f"{done}/{cases} {name} {news}".rstrip(), file=sys.stderr, flush=True)

    yield line
