"""Figures: contours lie where masks end, clean ones behind noisy ones; planes are well chosen."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import labelnoise

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from labelnoise import plot  # noqa: E402


def segments(patch):
    """Return what a contour draws, as pairs of corners (x, y)."""
    path = patch.get_path()
    points, drawn = path.vertices.tolist(), path.codes[1:] == path.LINETO
    return {
        frozenset({tuple(a), tuple(b)})
        for a, b, line in zip(points, points[1:], drawn, strict=False)
        if line
    }


def edges(mask):
    """Return the edges of pixels on the boundary, one by one."""
    found = set()
    for (row, column), inside in np.ndenumerate(mask):
        for down, right in (1, 0), (0, 1):
            if (there := (row + down, column + right)) in np.ndindex(mask.shape):
                y, x = row + down / 2, column + right / 2
                ends = [(x - down / 2, y - right / 2), (x + down / 2, y + right / 2)]
                found |= {frozenset(ends)} if inside != mask[there] else set()
    return found


def unit_steps(lines):
    """Cut lines along the axes into edges of single pixels."""
    cut = set()
    for (x, y), (right, down) in map(sorted, lines):
        count = round(right - x + down - y)
        steps = [(x + (right - x) * i / count, y + (down - y) * i / count) for i in range(count)]
        cut |= {frozenset(pair) for pair in pairwise([*steps, (right, down)])}
    return cut


def test_contours_are_the_outlines_of_pixels():
    """Corner by corner: a pixel, a hole, two that touch; not along the border of the array."""
    mask = np.zeros((5, 6), bool)
    mask[1, 2] = True
    (patch,) = plot.contours(mask).patches
    assert patch.get_path().vertices.tolist() == [
        [1.5, 0.5], [1.5, 1.5], [2.5, 1.5], [2.5, 0.5], [1.5, 0.5]
    ]  # fmt: skip
    ring = np.ones((7, 8), bool)
    ring[0] = ring[:, 0] = ring[3, 3:5] = ring[4, 5] = False
    several = np.random.default_rng(0).random((20, 6, 9)) < 0.5
    for mask in (ring, ~ring, np.indices((4, 4)).sum(0) % 2 == 0, *several):
        (patch,) = plot.contours(mask, ax=Figure().subplots()).patches
        assert unit_steps(segments(patch)) == edges(mask)
    (patch,) = plot.contours(np.ones((3, 4), bool), ax=Figure().subplots()).patches
    assert not segments(patch)
    assert not plot.contours(np.zeros((3, 4), bool), ax=Figure().subplots()).patches


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">i4", "int64", "uint64"])
def test_each_label_has_a_hue(dtype):
    """Whatever its value; clean contours are wider, paler and drawn first."""
    values = [3, 7] if dtype[0] == "u" else [-5, 300]
    labels = np.zeros((20, 40), dtype)[:, ::2]
    labels[3:12, 3:12], labels[5:9, 5:9] = values
    before = labels.copy()
    ax = plot.contours(labels, np.roll(labels, 1, axis=0), labels=values)
    colours = [patch.get_edgecolor()[:3] for patch in ax.patches]
    assert colours == [to_rgb(name) for name in (*plot.CLEAN[:2], *plot.NOISY[:2])]
    widths = [patch.get_linewidth() for patch in ax.patches]
    assert min(widths[:2]) > 2 * max(widths[2:])
    np.testing.assert_array_equal(labels, before)
    (only,) = plot.contours(labels, labels=values[1:], ax=Figure().subplots()).patches
    assert only.get_path().get_extents().bounds == (4.5, 4.5, 4, 4)
    assert not plot.contours(labels, labels=[99, 2**70], ax=Figure().subplots()).patches


def test_a_label_keeps_its_colour_where_others_are_missing():
    """A mask of booleans has that of a mask with one label."""
    labels = np.zeros((9, 9), np.uint8)
    labels[2:4, 2:4] = 2
    ax = plot.contours(labels, labels > 0, labels=None)
    assert [patch.get_edgecolor()[:3] for patch in ax.patches] == [
        to_rgb(colours[0]) for colours in (plot.CLEAN, plot.NOISY)
    ]
    (patch,) = plot.contours(labels, ax=Figure().subplots()).patches
    assert patch.get_edgecolor()[:3] == to_rgb(plot.CLEAN[1])


def test_clean_contours_show_beside_noisy_ones():
    """In the picture itself, where the two lie apart."""
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50] = True
    figure = plt.figure(figsize=(3, 3), dpi=100)
    plot.contours(mask, np.roll(mask, 4, axis=1), np.zeros((60, 60)), figure.add_axes((0, 0, 1, 1)))
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255
    for column, colours in (10, plot.CLEAN), (14, plot.NOISY), (50, plot.CLEAN), (54, plot.NOISY):
        shown = pixels[150, 5 * column - 1 : 5 * column + 1]
        assert np.abs(shown - to_rgb(colours[0])).max() < 0.1


def test_structures_are_shown_with_a_margin():
    """In units of length, not beyond the plane; pixels keep their places."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 30:50] = 1
    ax = plot.contours(mask, margin=0.1, spacing=(2.0, 1.0))
    assert ax.get_xlim() == (27.5, 51.5)
    assert ax.get_ylim() == (22.5, 6.5)  # at least 16 pixels
    assert ax.get_aspect() == 2.0
    assert plot.contours(mask, margin=9).get_xlim() == (-0.5, 59.5)
    assert plot.contours(0 * mask, margin=0.1).get_ylim() == (39.5, -0.5)
    mask[:] = 0
    mask[0, 5] = 1
    assert plot.contours(mask, margin=0).get_xlim() == (-0.5, 15.5)


def test_images_show_the_structure():
    """Though others are much brighter; a window of one's own is kept."""
    image = np.full((40, 40), -1000.0)
    image[5:35, 5:35] = 60 + np.random.default_rng(0).normal(0, 10, (30, 30))
    image[0, 0], image[1, 1] = 3000, np.nan
    mask = image > 0
    mask[0, 0] = False
    low, high = (
        plot.contours(mask, np.random.default_rng(0).random(mask.shape) < 0.5, image)
        .images[0]
        .get_clim()
    )
    assert -200 < low < 0
    assert 150 < high < 300
    assert plot.contours(mask, image=image, vmin=0, vmax=9).images[1].get_clim() == (0, 9)
    for flat in image * np.nan, image * 0, mask, np.full(mask.shape, -7, np.int16):
        ax = plot.contours(0 * mask, image=flat, ax=Figure().subplots())
        assert np.isfinite(ax.images[0].get_clim()).all()


@pytest.mark.parametrize("colours", [3, 4])
@pytest.mark.parametrize(("dtype", "scale"), [("u1", 255), ("f8", 1), (">u2", 65535), ("f4", 7e4)])
def test_images_may_have_colours(colours, dtype, scale):
    """In whatever range."""
    image = np.zeros((20, 20, colours), dtype)
    image[5:15, :, 0] = scale
    image[..., 3:] = scale
    shown = plot.contours(image[..., 0] > 0, image=image).images[0].make_image(None, unsampled=True)
    np.testing.assert_array_equal(shown[0][..., 0], np.where(image[..., 0], 255, 0))
    np.testing.assert_array_equal(shown[0][..., 1], 0)


def test_areas_are_filled():
    """Those of noisy labels, below a dark clean contour; the rest is transparent."""
    labels = np.zeros((9, 9), np.int16)
    labels[2:4, 2:4], labels[5:8, 5:8] = 1, -1
    ax = plot.contours(labels, labels, fill=0.5, labels=[1])
    (area,), (patch,) = ax.images, ax.patches
    assert max(patch.get_edgecolor()[:3]) < 0.2
    pixels = area.get_array()
    np.testing.assert_allclose(pixels[2, 2], [*to_rgb(plot.NOISY[0]), 0.5], atol=0.01)
    assert not pixels[..., 3][labels != 1].any()


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
        plot.grid(volume, noisy, np.zeros((9, 40, 40, 3)), axes=(0, 1, 2), count=1),
    ):
        titles = [ax.get_title() for ax in figure.axes]
        scores = [labelnoise.dice(volume[plane], noisy[plane]) for plane in (7, 4, 1)]
        places = zip(("worst", "median", "best"), (7, 4, 1), scores, strict=True)
        assert titles == [
            f"{name}: plane {plane}, Dice {score:.2f}" for name, plane, score in places
        ]
    assert len(plot.grid(volume, noisy, count=3).axes) == 6
    opened = plt.get_fignums()
    figure = Figure()
    assert plot.grid(volume, noisy, figure=figure) is figure
    assert plt.get_fignums() == opened


def test_planes_of_label_maps_are_scored_by_all_their_labels():
    """Though one map lacks that of the other."""
    first, second = (np.full((2, 8, 8), label, np.uint8) for label in (1, 2))
    figure = plot.grid(first, second)
    assert [ax.get_title() for ax in figure.axes] == [
        "worst: plane 0, Dice 0.00", "best: plane 1, Dice 0.00"
    ]  # fmt: skip


def test_chosen_planes_have_different_owners():
    """If there are so many; none is chosen twice."""
    scores, sizes = np.linspace(0.1, 1, 10), np.full(10, 50)
    owners = np.array([0] * 5 + [1] * 5)
    assert plot.choose(scores, sizes, owners) == {"worst": [0, 5], "median": [3, 6], "best": [9, 4]}
    alone = plot.choose(scores[:3], sizes[:3], owners[:3])
    assert alone == {"worst": [0], "median": [1], "best": [2]}


def test_a_search_is_shown():
    """With all that it tried, and what it found."""
    disc = np.hypot(*np.indices((64, 64)) - 32) < 20
    for found in (
        labelnoise.match(disc, labelnoise.natural, 0.9, rng=0),
        labelnoise.calibrate([disc], labelnoise.natural, 0.9, rng=0),
    ):
        ax = plot.curve(found, plt.figure().gca())
        every, chosen = (each.get_offsets() for each in ax.collections)
        assert len(ax.patches) == hasattr(found, "bracket")
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
        (lambda mask: plot.contours(mask, fill=2), "fill=2: pass a number from 0 to 1"),
        (lambda mask: plot.contours(mask, linewidth="a"), "linewidth='a': pass a number"),
        (lambda mask: plot.contours(mask, labels=[0]), "labels=[0]: list different integers"),
        (lambda mask: plot.grid([mask], [mask], [mask] * 2), "images: 2 planes, and 1 of ref"),
        (lambda mask: plot.grid(mask, mask, mask[:4]), "images: shape (4, 8), and (8, 8) of ref"),
        (lambda mask: plot.grid(mask, mask, axes=(0, 0)), "axes=(0, 0): names an axis twice"),
        (lambda mask: plot.grid(mask, mask, spacing=(1,)), "spacing=(1,): pass 2 positive"),
        (lambda mask: plot.curve(labelnoise.Match(mask, {1: 2.0}, {1: 0.9}, ())), "calibration: "),
        (lambda mask: plot.contours(mask, margin=-1), "margin=-1: pass a number"),
        (lambda mask: plot.contours(mask, spacing=(1,)), "spacing=(1,): pass 2 positive"),
        (lambda mask: plot.grid([mask], [mask, mask]), "others: 2 planes, and 1 of references"),
        (lambda mask: plot.grid([0 * mask], [0 * mask]), "references: no plane has foreground"),
        (lambda mask: plot.grid([mask], [mask], count=0), "count=0: pass an integer"),
    ],
)
def test_what_cannot_be_drawn_is_told(call, message):
    """In one sentence, and no figure is opened."""
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        call(np.ones((8, 8), np.uint8))
    assert str(error.value).startswith(message)
    assert not plt.get_fignums()


def test_matplotlib_is_imported_when_it_is_used():
    """And missed by its name."""
    code = (
        "import sys, numpy, labelnoise.plot; assert 'matplotlib' not in sys.modules\n"
        "sys.modules['matplotlib'] = None\n"
        "try: labelnoise.plot.contours(numpy.ones((3, 3), bool))\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "labelnoise.plot needs matplotlib; pip install labelnoise[plot]\n"


def test_a_legend_tells_clean_from_noisy():
    """By the colours that they have, as lines or as areas."""
    figure = plt.figure(layout="constrained")
    lines = plot.legend(figure, "true", "read")
    assert [text.get_text() for text in lines.texts] == ["true", "read"]
    assert [line.get_color() for line in lines.get_lines()] == [plot.CLEAN[0], plot.NOISY[0]]
    areas = plot.legend(figure, fill=0.8)
    assert [text.get_text() for text in areas.texts] == ["clean", "noisy"]
    assert [to_rgb(patch.get_facecolor()[:3]) for patch in areas.get_patches()] == [
        to_rgb(plot.NOISY[0])
    ]
