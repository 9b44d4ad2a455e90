"""Figures: contours lie where masks end, clean ones behind noisy ones; planes are well chosen."""

import subprocess
import sys

import numpy as np
import pytest

import labelnoise

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

from labelnoise import plot  # noqa: E402


@pytest.fixture(autouse=True)
def no_figures():
    """Close what a test opens."""
    yield
    plt.close("all")


def outline(collection):
    """Return the corners of a contour, as pairs of row and column."""
    return {
        (float(y), float(x)) for path in collection.get_paths() for x, y in path.vertices.tolist()
    }


def test_contours_run_halfway_between_pixels():
    """Round a single pixel, too, and closed where the array ends."""
    mask = np.zeros((5, 6), np.uint8)
    mask[1, 2] = 1
    (lines,) = plot.contours(mask).collections
    assert outline(lines) == {(0.5, 2.0), (1.5, 2.0), (1.0, 1.5), (1.0, 2.5)}
    corner = np.zeros((5, 6), bool)
    corner[0, 0] = True
    (lines,) = plot.contours(corner, ax=plt.figure().gca()).collections
    assert outline(lines) == {(-0.5, 0.0), (0.5, 0.0), (0.0, -0.5), (0.0, 0.5)}


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i4", "int64"])
def test_each_label_has_a_colour(dtype):
    """Whatever its value; clean contours have one of their own and are drawn first."""
    values = [3, 7] if dtype == "uint8" else [-5, 300]
    labels = np.zeros((20, 40), dtype)[:, ::2]
    labels[3:12, 3:12], labels[5:9, 5:9] = values
    ax = plot.contours(labels, np.roll(labels, 1, axis=0))
    colours = [tuple(lines.get_edgecolor()[0][:3]) for lines in ax.collections]
    names = [plot.CLEAN, plot.CLEAN, *plot.NOISY[:2]]
    assert colours == [to_rgb(name) for name in names]
    wide, narrow = (ax.collections[index].get_linewidth()[0] for index in (0, 2))
    assert wide > narrow
    (only,) = plot.contours(labels, labels=values[1:], ax=plt.figure().gca()).collections
    assert max(y for y, _ in outline(only)) == 8.5


def test_clean_contours_show_beside_noisy_ones():
    """In the picture itself, where the two lie apart."""
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50] = True
    figure = plt.figure(figsize=(3, 3), dpi=100)
    plot.contours(mask, np.roll(mask, 4, axis=1), np.zeros((60, 60)), figure.add_axes((0, 0, 1, 1)))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255
    at = {"clean": (150, int((9.5 + 0.5) * 5)), "noisy": (150, int((13.5 + 0.5) * 5))}
    for name, colour in (("clean", plot.CLEAN), ("noisy", plot.NOISY[0])):
        assert np.abs(pixels[at[name]] - to_rgb(colour)).max() < 0.1


def test_structures_are_shown_with_a_margin():
    """In units of length, and not beyond the plane; pixels keep their places."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 30:50] = 1
    ax = plot.contours(mask, margin=0.1, spacing=(2.0, 1.0))
    assert ax.get_xlim() == (27.5, 51.5)
    assert ax.get_ylim() == (20.5, 8.5)
    assert ax.get_aspect() == 2.0
    assert plot.contours(mask, margin=9).get_xlim() == (-0.5, 59.5)
    assert plot.contours(0 * mask, margin=0.1).get_ylim() == (39.5, -0.5)


def test_images_show_the_structure():
    """Though others are much brighter; a window of one's own is kept, and so are colours."""
    image = np.full((40, 40), -1000.0)
    image[5:35, 5:35] = 60 + np.random.default_rng(0).normal(0, 10, (30, 30))
    image[0, 0], image[1, 1] = 3000, np.nan
    mask = image > 0
    mask[0, 0] = False
    low, high = plot.contours(mask, image=image).images[0].get_clim()
    assert -1000 <= low < 0
    assert 100 < high < 600
    assert plot.contours(mask, image=image, vmin=0, vmax=9).images[1].get_clim() == (0, 9)
    coloured = np.zeros((40, 40, 3), np.uint8)
    np.testing.assert_array_equal(plot.contours(mask, image=coloured).images[2].get_array(), 0)
    assert len(plot.contours(0 * mask, image=image).images) == 4


def test_planes_are_the_worst_the_median_and_the_best():
    """Of a volume in any order of axes, or of a list; tips of structures are left out."""
    volume = np.zeros((9, 40, 40), np.uint8)
    volume[1:, 10:30, 10:30] = 1
    volume[8, :, 12:] = 0
    noisy = volume.copy()
    for shift, plane in enumerate(noisy[1:8]):
        plane[:] = np.roll(plane, shift, axis=1)
    noisy[8] = 0
    for figure in (
        plot.grid(volume, noisy, count=1),
        plot.grid(volume.transpose(2, 1, 0), noisy.transpose(2, 1, 0), axes=(1, 0), count=1),
        plot.grid(list(volume), list(noisy), [np.zeros((40, 40))] * 9, count=1),
    ):
        titles = [ax.get_title() for ax in figure.axes]
        scores = [labelnoise.dice(volume[plane], noisy[plane]) for plane in (7, 4, 1)]
        places = zip(("worst", "median", "best"), (7, 4, 1), scores, strict=True)
        assert titles == [
            f"{name}: plane {plane}, Dice {score:.2f}" for name, plane, score in places
        ]
    assert len(plot.grid(volume, noisy, count=3).axes) == 7


def test_chosen_planes_have_different_owners():
    """If there are so many; none is chosen twice."""
    scores, sizes = np.linspace(0.1, 1, 10), np.full(10, 50)
    owners = np.array([0] * 5 + [1] * 5)
    assert plot.choose(scores, sizes, owners) == {"worst": [0, 5], "median": [3, 6], "best": [9, 4]}
    alone = plot.choose(scores[:3], sizes[:3], owners[:3])
    assert alone == {"worst": [0, 1], "median": [], "best": [2]}


def test_a_search_is_shown():
    """With all that it tried, and what it found."""
    disc = np.hypot(*np.indices((64, 64)) - 32) < 20
    for found in (
        labelnoise.match(disc, labelnoise.natural, 0.9, rng=0),
        labelnoise.calibrate([disc], labelnoise.natural, 0.9, rng=0),
    ):
        ax = plot.curve(found, plt.figure().gca())
        every, chosen = (each.get_offsets() for each in ax.collections)
        np.testing.assert_array_equal(every, found.history)
        np.testing.assert_array_equal(chosen, [[found.strength, found.score]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mask: plot.contours(mask, mask[1:]), "other: shape (7, 8) differs"),
        (
            lambda mask: plot.contours(mask[np.newaxis]),
            "reference: shape (1, 8, 8); pass one plane",
        ),
        (lambda mask: plot.contours(mask, image=mask[1:]), "image: shape (7, 8), and (8, 8) of"),
        (lambda mask: plot.contours(mask, margin=-1), "margin=-1: pass a number"),
        (lambda mask: plot.contours(mask, spacing=(1,)), "spacing=(1,): pass 2 positive"),
        (lambda mask: plot.grid([mask], [mask, mask]), "others: 2 planes, and 1 of references"),
        (lambda mask: plot.grid([0 * mask], [0 * mask]), "references: no plane has foreground"),
        (lambda mask: plot.grid([mask], [mask], count=0), "count=0: pass an integer"),
    ],
)
def test_what_cannot_be_drawn_is_told(call, message):
    """In one sentence."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        call(np.ones((8, 8), np.uint8))
    assert str(error.value).startswith(message)


def test_matplotlib_is_imported_when_it_is_used():
    """And missed by its name."""
    code = (
        "import sys, numpy, labelnoise.plot; assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib'] = None\n"
        "try: labelnoise.plot.contours(numpy.ones((3, 3), bool))\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "labelnoise.plot needs matplotlib; pip install matplotlib\n"


def test_a_legend_names_the_contours_that_are_there():
    """Both, or the clean ones alone, in their colours."""
    figure = plt.figure(layout="constrained")
    both, one = plot.legend(figure), plot.legend(figure, "true", None)
    assert [text.get_text() for text in both.texts] == ["clean", "noisy"]
    assert [text.get_text() for text in one.texts] == ["true"]
    assert [line.get_color() for line in both.get_lines()] == [plot.CLEAN, plot.NOISY[0]]
