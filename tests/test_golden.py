"""Tiny drawn masks, drawn again: what a reader can check by eye, and what must stay the same."""

import numpy as np
import pytest
from helpers import draw, show

import labelnoise

TARGET = draw("""
    ............
    ..########..
    ..########..
    ..##....##..
    ..##.##.##..
    ..##.##.##..
    ..##....##..
    ..########..
    ..########..
    ............
""")

GOLDEN = {
    ("natural", 1.0): """
        ..####......
        ..#######...
        ..#...###...
        ..#...###...
        ..##..###...
        ..##....#...
        ..###...#...
        ..########..
        ..#######...
        ............
    """,
    ("choppy", 1.0): """
        ............
        ..########..
        ..########..
        ........###.
        .###........
        ######..##..
        ###......###
        .#######....
        #########...
        ............
    """,
    ("random", 0.15): """
        ........#...
        #.##.#####..
        ..########..
        ...#....#...
        .##..#####..
        ..##.##.####
        #.##.....#..
        ..#.######..
        ..##.###.#..
        .......#....
    """,
    ("bias", 1.0): """
        .#########..
        .##########.
        .##########.
        .##########.
        .##########.
        .##########.
        .##########.
        .##########.
        .##########.
        .#########..
    """,
    ("wobble", 1.0): """
        ########....
        ##########..
        ##########..
        .######.##..
        .######.##..
        .######.##..
        ..##....##..
        ..########..
        ..########..
        ............
    """,
    ("coarse", 1.5): """
        ............
        ..########..
        ..########..
        ..##....##..
        ..##.##.##..
        ..###...##..
        ..###...##..
        ..########..
        ..########..
        ............
    """,
    ("shift", 1.0): """
        ............
        ...#######..
        ..########..
        ..###...##..
        ..##..#.##..
        ..##.##.##..
        ..##....##..
        ..########..
        ..########..
        ............
    """,
    ("elastic", 1.5): """
        #######.....
        #######.....
        #....##.....
        ..##.##.....
        .###.##.....
        .....##.....
        #######.....
        #######.....
        ............
        ............
    """,
    ("ends", 1.5): """
        ............
        ..########..
        ..########..
        ..##....##..
        ..##.##.##..
        ..##.##.##..
        ..##.##.##..
        ..########..
        ..########..
        ..########..
    """,
    ("omit", 0.5): """
        ............
        ..########..
        ..########..
        ..##....##..
        ..##....##..
        ..##....##..
        ..##....##..
        ..########..
        ..########..
        ............
    """,
    ("invent", 1.0): """
        ............
        ..########..
        ..########..
        #.##....##..
        ..##.##.##..
        #.##.##.##..
        ..##....##..
        ..########..
        ..########..
        ............
    """,
}


def redrawn(name, mask, strength, **options):
    """Call an error; of a volume with one row, the drawing shows slices from top to bottom."""
    error = getattr(labelnoise, name)
    if name == "ends":
        return error(mask[:, np.newaxis], strength, axes=(0, 1, 2), rng=3, **options)[:, 0]
    return error(mask, strength, rng=3, **options)


@pytest.mark.parametrize(("name", "strength"), GOLDEN)
def test_noise_is_the_same_in_every_version(name, strength):
    """A seed gives the drawing that it has always given."""
    result = redrawn(name, TARGET, strength)
    assert show(result) == show(draw(GOLDEN[name, strength]))


MAP = """
    ............
    .1111112222.
    .1111112222.
    .1133332222.
    .1133332222.
    .1111112222.
    .1111111199.
    .1111111199.
    ............
"""
GOLDEN_MAPS = {
    ("natural", 1.0): """
        ............
        .111111.....
        .11333112...
        .11333322...
        .113312222..
        .1111112222.
        .1111112299.
        ..1....1199.
        ............
    """,
    ("choppy", 1.0): """
        ............
        .1111112222.
        .11112222...
        ..1133322222
        .1113332222.
        11111111122.
        ..111111199.
        .1111111199.
        ............
    """,
    ("random", 0.15): """
        .......1.3.1
        .1111112222.
        .11111.2.2..
        .11.3332.22.
        ...33332222.
        .1111112222.
        1111.1111992
        .111.11.1991
        2..1....1..2
    """,
    ("bias", 1.0): """
        111111222222
        111111222222
        113333332222
        113333332222
        113333332222
        113333332222
        111111222992
        11111111199.
        1111111111..
    """,
    ("wobble", 1.0): """
        11111111....
        1111111.....
        1111111122..
        1113333222..
        1113333222..
        1111111112..
        .1111111199.
        .1111111199.
        ....11111...
    """,
    ("coarse", 1.5): """
        ............
        .111111222..
        .111111222..
        .113312222..
        .113333222..
        .111111112..
        .1111111199.
        .........99.
        ............
    """,
    ("shift", 1.0): """
        ............
        ..111112222.
        .1111112222.
        .1113332222.
        .1133332222.
        .1111112222.
        .1111111199.
        .1111111199.
        ............
    """,
    ("elastic", 1.5): """
        11112222....
        111122222...
        33332222....
        33332222....
        11112222....
        1111112.....
        111111...99.
        .........99.
        ............
    """,
    ("ends", 1.5): """
        ............
        .1111112222.
        .1111112222.
        .1111122222.
        .1111122222.
        .111111111..
        .1111111199.
        .1111111199.
        .11111111...
    """,
    ("omit", 0.5): """
        ............
        .1111112222.
        .1111112222.
        .1133332222.
        .1133332222.
        .1111112222.
        .1111111199.
        .1111111199.
        ............
    """,
    ("invent", 1.0): """
        ............
        .1131112222.
        .1111112222.
        .1133332222.
        .1133332222.
        .1111112222.
        .11111111991
        .1111111199.
        ......2.....
    """,
    ("confuse", 1.0): """
        ............
        .2222221111.
        .2222221111.
        .2211111111.
        .2211111111.
        .2222221111.
        .2222222299.
        .2222222299.
        ............
    """,
}


@pytest.mark.parametrize(("name", "strength"), GOLDEN_MAPS)
def test_noise_of_maps_is_the_same_in_every_version(name, strength):
    """Labels 1 to 3 are drawn in this order, 9 stays; the right border is no boundary."""
    lines = [line.replace(".", "0") for line in MAP.split()]
    labels = np.array([[int(pixel) for pixel in line] for line in lines], np.uint8)
    result = redrawn(name, labels, strength, labels=[1, 2, 3])
    drawing = "\n".join("".join(".123456789"[pixel] for pixel in row) for row in result)
    assert drawing == "\n".join(GOLDEN_MAPS[name, strength].split())


def test_parts_that_meet_merge_and_holes_stay_holes():
    """Contours that overlap are filled by winding number, not crossed out."""
    pair = draw("""
        ...........
        .###...###.
        .#.#...#.#.
        .###...###.
        ...........
    """)
    results = [labelnoise.natural(pair, 3.0, knots=1, rng=seed) for seed in range(200)]
    merged = [result for result in results if result[2, 4:7].all()]
    assert merged
    rows, columns = np.indices((61, 61))
    radius = np.hypot(rows - 30, columns - 30)
    ring = (radius < 25) & (radius > 9)
    for seed in range(50):
        result = labelnoise.natural(ring, 1.5, rng=seed)
        assert not result[30, 30]
        assert result[30, 13]
        assert result[30, 47]


def test_small_parts_vanish_or_grow_and_do_not_turn_over():
    """A dot shrinks to nothing or becomes a blob around its place."""
    dot = np.zeros((41, 41), bool)
    dot[20, 20] = True
    areas = []
    for seed in range(300):
        result = labelnoise.natural(dot, 5.0, knots=1, rng=seed)
        areas.append(result.sum())
        assert not result.any() or result[20, 20]
    assert 100 < areas.count(0) < 200


def test_runs_vanish_merge_and_clip():
    """Runs that cross are gone, runs that meet are one, and the border cuts."""
    rows = np.zeros((2000, 20), bool)
    rows[:, 2:4] = True
    rows[:, 6:8] = True
    results = labelnoise.choppy(rows, 3.0, rng=0)
    changes = np.abs(np.diff(results.astype(int), axis=1, prepend=0, append=0)).sum(axis=1) // 2
    assert set(changes.tolist()) == {0, 1, 2}
    assert results[:, 0].any()


def test_even_a_huge_sigma_leaves_a_mask():
    """No overflow: what leaves the plane is cut off."""
    lengths = "natural", "choppy", "bias", "wobble", "coarse", "shift", "elastic"
    for perturb in (getattr(labelnoise, name) for name in lengths):
        result = perturb(TARGET, 1e9, spacing=(1e-9, 1e-9), rng=3)
        assert result.shape == TARGET.shape
        assert set(np.unique(result)) <= {0, 1}
