"""Only labels change, whatever the kind of file."""

import numpy as np
import pytest
from zoo import ZOO

from labelnoise.files import differs, digest_of, encoded
from labelnoise.files.formats import opened

pytest.importorskip("nibabel")
pytest.importorskip("tifffile")
pytest.importorskip("PIL")


def test_there_are_many():
    """At least sixty."""
    assert len(ZOO) >= 60


@pytest.mark.parametrize("name", ZOO)
def test_files_hold_other_labels(name):
    """Moved to the side, each keeps its stored value; all else is the same."""
    raw = ZOO[name]()
    file = opened(name, raw)
    noisy = np.roll(file.labels, 3, axis=-2 if file.labels.shape[-1] > 4 else 0)
    content = encoded(file, name, noisy)
    again = opened(name, content)
    np.testing.assert_array_equal(again.labels, noisy)
    assert again.labels.dtype == file.labels.dtype
    assert not differs(file, again)
    assert (noisy != file.labels).any()
    back = opened(name, encoded(again, name, file.labels))
    assert digest_of(back.labels) == digest_of(file.labels)


@pytest.mark.parametrize("name", ZOO)
def test_the_same_labels_are_stored_as_they_were(name):
    """Value by value."""
    file = opened(name, ZOO[name]())
    same = opened(name, file.encode(file.labels.copy()))
    for stored in ("_stored", "_pixels"):
        if hasattr(file, stored):
            np.testing.assert_array_equal(getattr(same, stored), getattr(file, stored))
    assert not differs(file, same)
