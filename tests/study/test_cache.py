"""Shrunk slices on disk: read once, whole, and again when a file changes."""

import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
from liver import cache, data
from liver.data import WINDOW
from liver.phantom import Phantom
from made import make
from test_data import case, store


class Counted(Phantom):
    """A phantom that tells how often it is drawn."""

    drawn = 0

    def draw(self, *args):
        """Count, and draw."""
        Counted.drawn += 1
        return super().draw(*args)


def test_reads_once_and_maps(tmp_path):
    """The second call finds the first one's entry, with the same slices, not to be written."""
    source, told = Counted(3, 2), []
    one = cache.load(source, 32, WINDOW, tmp_path, told.append)
    other = cache.load(source, 32, WINDOW, tmp_path, told.append)
    assert Counted.drawn == 1
    assert len(told) == 1
    wanted = make(3, 2, 32)
    for slices in (one, other):
        np.testing.assert_array_equal(slices.images, wanted.images)
        np.testing.assert_array_equal(slices.labels, wanted.labels)
        np.testing.assert_array_equal(slices.patients, wanted.patients)
        assert slices.names == wanted.names
        assert isinstance(slices.of(["phantom-1", "phantom-2"]).images, np.memmap)
        assert not slices.images.flags.writeable


def test_another_size_or_window_is_another_entry(tmp_path):
    """Nothing is taken for what it is not."""
    source = Phantom(3, 1)
    shapes = {cache.load(source, size, WINDOW, tmp_path).images.shape for size in (32, 64)}
    assert shapes == {(3, 32, 32), (3, 64, 64)}
    narrow = cache.load(source, 32, (0, 100), tmp_path)
    assert (narrow.images != cache.load(source, 32, WINDOW, tmp_path).images).any()


def test_stale_entries_are_made_anew(tmp_path):
    """A file of another date is read again, and the old entry goes."""
    folder, kept = tmp_path / "lits", tmp_path / "cache"
    folder.mkdir()
    image, label = case(np.random.default_rng(0))
    store(folder, 0, image, label)
    before = cache.load(data.Folder(folder), 32, WINDOW, kept)
    store(folder, 0, image + 50, label)
    os.utime(folder / "volume-0.nii.gz", ns=(1, 1))
    after = cache.load(data.Folder(folder), 32, WINDOW, kept)
    assert (before.images != after.images).any()
    assert before.origin != after.origin
    assert len([path for path in kept.iterdir() if path.is_dir()]) == 1


def test_a_reading_that_failed_leaves_nothing_that_counts(tmp_path):
    """A broken volume is an error each time, until it is mended."""
    folder, kept = tmp_path / "lits", tmp_path / "cache"
    folder.mkdir()
    for number in (0, 1):
        store(folder, number, *case(np.random.default_rng(number)))
    path = folder / "volume-1.nii.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:2000])
    for _ in range(2):
        with pytest.raises(ValueError, match="volume-1"):
            cache.load(data.Folder(folder), 32, WINDOW, kept)
    path.write_bytes(whole)
    assert len(cache.load(data.Folder(folder), 32, WINDOW, kept)) == 8


def build(folder):
    """Load in a process of its own."""
    assert len(cache.load(Phantom(4, 2), 32, WINDOW, Path(folder))) == 8


def test_two_processes_make_one_entry(tmp_path):
    """Both get whole slices, whoever comes first."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=build, args=(str(tmp_path),)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1
