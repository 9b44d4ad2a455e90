"""A small synthetic CT volume, for examples and tests that need no download."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._validate import check_count

Plane = NDArray[np.float32]
_FIELD = 385  # millimetres from edge to edge of the image
_LENGTH = 150  # millimetres from the liver's lower tip to its dome


class Phantom(NamedTuple):
    """A synthetic CT volume of a liver.

    Attributes
    ----------
    image : (slices, rows, columns) int16 array
        Hounsfield units.
    labels : (slices, rows, columns) uint8 array
        0 background, 1 liver, 2 lesion.
    spacing : tuple of float
        Distance of slices, rows and columns in mm.
    """

    image: NDArray[np.int16]
    labels: NDArray[np.uint8]
    spacing: tuple[float, float, float]


def phantom(slices: int = 24, size: int = 128, *, seed: int | Sequence[int] = 0) -> Phantom:
    """Draw one synthetic patient: slices of abdominal CT, all with liver.

    Parameters
    ----------
    slices : int, optional
        Number of axial slices, from the liver's lower tip to below its dome.
    size : int, optional
        Number of rows and of columns.
    seed : int or sequence of int, optional
        Which patient. The size of the array has no influence on its shape.

    Returns
    -------
    Phantom
        Image, labels and spacing.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Notes
    -----
    Organs are drawn by their distance functions on a grid in mm: fat, muscle, ribs, spine, vessels,
    lungs, stomach, spleen, kidneys, bowel, and a liver with vessels and lesions. Its neighbours
    share their Hounsfield units with the liver, so that its place and shape matter and not its
    brightness alone. Nothing here was measured on a person. Up to 256 rows, a patient is drawn at
    twice the size and averaged. A slice of 64 x 64 takes about 10 ms, one of 512 x 512 0.15 s.

    Examples
    --------
    >>> image, labels, spacing = phantom(slices=3, size=16, seed=0)
    >>> labels[1]
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
           [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=uint8)
    >>> [round(step) for step in spacing]
    [69, 24, 24]
    """
    slices, size = check_count("slices", slices), check_count("size", size)
    factor = 2 if size <= 256 else 1
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(
            f"seed={seed!r}: pass an integer of at least 0, or a sequence of them"
        ) from None
    body = _Body(rng, factor * size)
    image = np.empty((slices, size, size), np.int16)
    labels = np.zeros((slices, size, size), np.uint8)
    levels = np.linspace(0.05, 0.97, slices)
    for index, level in enumerate(levels):
        drawn, organs = body.draw(float(level))
        # Averages give edges the partial volumes of a real CT.
        image[index] = np.rint(_average(drawn, factor)).clip(-1024, 3071)
        labels[index][_average(organs > 0, factor) >= 0.5] = 1
        labels[index][_average(organs == 2, factor) >= 0.5] = 2
    pixel = _FIELD / size
    return Phantom(image, labels, (_LENGTH * 0.92 / max(slices - 1, 1), pixel, pixel))


def _average(plane: NDArray[Any], factor: int) -> NDArray[Any]:
    blocks = plane.reshape(plane.shape[0] // factor, factor, plane.shape[1] // factor, factor)
    averages: NDArray[Any] = blocks.mean(axis=(1, 3))
    return averages


class _Body:
    """One patient: what stays the same from slice to slice.

    ``x`` runs from the patient's right to the left and ``y`` from front to back, in
    millimetres from the middle of the image; the level is 0 at the liver's lower tip
    and 1 at its dome.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self.rng, self.size, self.pixel = rng, size, _FIELD / size
        ticks = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * _FIELD
        shift = rng.normal(0, 8, 2)
        self.scale = rng.uniform(0.88, 1.1)
        self.grid = (
            (ticks[:, None] - np.float32(shift[0])) / np.float32(self.scale),
            (ticks[None, :] - np.float32(shift[1])) / np.float32(self.scale),
        )
        self.waves = rng.uniform(-1, 1, (6, 6))
        self.fat, self.depth = rng.uniform(8, 30), rng.uniform(96, 116)
        self.noise, self.table = rng.uniform(10, 22), rng.integers(3)
        # Contrast agent reaches all organs together; each differs a little on its own.
        liver = rng.uniform(70, 118)
        self.hu = {
            "liver": liver,
            "fat": rng.normal(-103, 5),
            "muscle": rng.normal(58, 5),
            "spleen": liver + rng.normal(8, 10),
            "kidney": liver + rng.normal(40, 22),
            "pancreas": liver + rng.normal(-10, 8),
            "vessel": liver + rng.uniform(8, 45),
            "aorta": liver + rng.uniform(15, 90),
            "gall": rng.normal(10, 6),
            "stomach": rng.choice([15, 30, 60, 90, 180]) + rng.normal(0, 8),
            "wall": liver + rng.normal(-20, 10),
        }
        self.left = rng.uniform(0.75, 1.25)  # how far the left lobe reaches
        self.right = rng.uniform(0.85, 1.1)
        self.fissure = rng.uniform(0.3, 0.75)  # up to this level the two lobes are apart
        self.stomach = rng.uniform(0.7, 1.25)
        self.gas = rng.uniform(-0.9, 0.3)
        self.spleen = rng.uniform(0.8, 1.3)
        self.kidneys = rng.normal(0, 6, (2, 2))
        self.tree = rng.uniform(-1, 1, (9, 4))
        self.lesions = [
            (rng.uniform(-125, 0), rng.uniform(-60, 60), rng.uniform(0.1, 0.9),
             rng.gamma(3, 4) + 4, rng.choice([-75, -45, -30, 25]))
            for _ in range(rng.poisson(2.5))
        ]  # fmt: skip
        self.bowel = [
            (rng.uniform(-95, 110), rng.uniform(-75, 25), rng.uniform(-0.3, 0.65),
             rng.uniform(9, 20), rng.choice([-900, 5, 30, 60, 200]), rng.uniform(0, 3))
            for _ in range(32)
        ]  # fmt: skip

    def bend(self, level: float) -> None:
        """Warp the grid, slowly over the levels, so that no organ is a plain ellipse."""
        y, x = self.grid
        self.y, self.x = np.broadcast_arrays(y, x)
        for ky, kx, kz, phase, ay, ax in self.waves:
            wave = np.sin(ky * y / 22 + kx * x / 22 + 5 * kz * level + 7 * phase)
            self.y, self.x = self.y + 4 * ay * wave, self.x + 4 * ax * wave

    def oval(self, x: float, y: float, width: float, height: float, turn: float = 0) -> Plane:
        """Depth below an ellipse's outline in about millimetres: positive inside."""
        cos, sin = np.cos(turn), np.sin(turn)
        u = ((self.x - x) * cos + (self.y - y) * sin) / width
        v = ((self.y - y) * cos - (self.x - x) * sin) / height
        depth: Plane = ((1 - np.sqrt(u * u + v * v)) * min(width, height)).astype(np.float32)
        return depth

    def paint(self, image: Plane, depth: Plane, value: float | Plane) -> None:
        """Cover what lies inside, mixing in the pixels that the outline cuts."""
        image += np.clip(depth / self.pixel + 0.5, 0, 1) * (value - image)

    def draw(self, level: float) -> tuple[Plane, NDArray[np.uint8]]:
        """Return the Hounsfield units and the labels of one level."""
        from scipy.ndimage import gaussian_filter

        hu, rng = self.hu, self.rng
        image = np.full((self.size, self.size), -1000, np.float32)
        self.couch(image)
        self.bend(level)

        # The trunk: round in front, flat at the back, narrower towards the chest.
        width = 158 - 8 * level
        u, v = np.abs(self.x / width), np.abs((self.y - 2) / self.depth)
        skin = ((1 - (u**2.4 + v**2.4) ** (1 / 2.4)) * self.depth).astype(np.float32)
        inside = skin - np.float32(self.fat)
        cavity = inside - 11
        self.paint(image, skin, 20)
        self.paint(image, skin - 2, hu["fat"])
        self.paint(image, inside, hu["muscle"])
        self.paint(image, cavity, hu["fat"])
        # Above the domes of the diaphragm the chest begins: lungs, and the heart's base.
        if level > 0.62:
            self.paint(image, np.minimum(cavity - 3, self.y - 75 + 130 * (level - 0.62)), -850)
        if level > 0.85:
            self.paint(image, cavity - 3, -850)
            self.paint(image, np.minimum(cavity - 5, self.oval(25, -45, 58, 38)), hu["vessel"])
        for side in (-1, 1):
            self.paint(image, self.oval(side * 30, 76, 29, 21), hu["muscle"])
            if level < 0.45:
                self.paint(image, self.oval(side * 33, 50, 13, 19), hu["muscle"])

        self.loops(image, cavity, level)
        if 0.15 < level < 0.6:
            self.paint(image, self.oval(20, -2 - 20 * level, 52, 11, -0.35), hu["pancreas"])
        for side, (dx, top) in zip((-1, 1), self.kidneys, strict=True):
            size = np.sqrt(max(0.0, 1 - ((level - 0.12 - 0.08 * side) / 0.42) ** 2))
            if size > 0.2:
                shape = (side * 70 + dx, 38 + top, 30 * size, 24 * size, side * 0.5)
                self.paint(image, self.oval(*shape), hu["kidney"])
                if level < 0.35:
                    hilum = self.oval(side * 57 + dx, 36 + top, 17 * size, 9 * size)
                    self.paint(image, hilum, hu["fat"])
        self.left_side(image, cavity, level)

        labels = self.liver(image, cavity, level)

        self.paint(image, self.oval(8, 33, 11, 11), hu["aorta"])
        self.paint(image, self.oval(0, 58, 24, 19), 210)
        self.paint(image, self.oval(0, 58, 20, 15), 150)
        self.paint(image, self.oval(0, 92, 5, 16), 260)
        for side in (-1, 1):
            self.paint(image, self.oval(side * 20, 82, 22, 5, side * 0.3), 240)
        self.paint(image, self.oval(0, 80, 10, 8), 30)
        for rib in range(-6, 7):
            angle = rib * 0.45 + 0.9 * level
            # On the trunk's superellipse, like the wall that they lie in.
            sin, cos = (np.sign(t) * abs(t) ** (2 / 2.4) for t in (np.sin(angle), np.cos(angle)))
            x, y = (
                (width - self.fat * width / self.depth - 8) * sin,
                (self.depth - self.fat - 6) * cos,
            )
            if y > -55:
                self.paint(image, self.oval(x, y + 2, 10, 4, -angle), 260)

        # Noise as a scanner's kernel leaves it, less of it where a pixel averages more.
        grain = gaussian_filter(
            rng.standard_normal(image.shape, np.float32), max(0.4, 1.0 / self.pixel)
        )
        slow = gaussian_filter(rng.standard_normal(image.shape, np.float32), 8 / self.pixel)
        image += grain * (self.noise / (1 + self.pixel / 2) / grain.std()) + slow * (4 / slow.std())
        return image, labels

    def liver(self, image: Plane, cavity: Plane, level: float) -> NDArray[np.uint8]:
        """Draw the liver with gall bladder, vena cava, vessels and lesions; return the labels."""
        hu = self.hu
        girth = np.sqrt(np.clip(1 - ((level - 0.62) / 0.66) ** 2, 0, 1)) * self.right
        right = self.oval(-84 + 14 * level, 14 - 22 * level, 58 * girth, 80 * girth, 0.25)
        lobe = np.sqrt(np.clip(1 - ((level - 0.66) / 0.42) ** 2, 0, 1)) * self.left
        if lobe > 0.1:
            left = self.oval(-12 + 20 * lobe, -52, 82 * lobe, 33 * lobe, -0.12)
            # The lobes melt into one another, but below the fissure's top they lie apart.
            liver = np.maximum(right, left) + 5 * np.exp(-np.abs(right - left) / 8)
            if level < self.fissure:
                gap = np.abs(self.x + 38 + 0.3 * self.y) - 2 - 26 * (self.fissure - level)
                liver = np.minimum(liver, np.maximum(gap, self.y - 5))
        else:
            liver = right
        for ky, kx, kz, phase, ay, ax in self.waves:
            liver += (
                2.5 * ay * np.sin(ky * self.y / 9 + kx * self.x / 9 + 9 * kz * level + ax + phase)
            )
        cava = self.oval(-24, 30 - 8 * level, 13, 11)
        liver = np.minimum.reduce(
            [liver, cavity - 2, -cava, -2 - self.oval(4, 56, 42, 38), -self.oval(10, 25, 30, 24)]
        )
        if level < 0.5:
            gall = self.oval(-45, -34 + 25 * level, 15, 22 * (1 - level), 0.5)
            liver = np.minimum(liver, -gall - 1)
            self.paint(image, gall, hu["gall"])
        self.paint(image, cava, hu["vessel"])

        inside = np.full_like(image, hu["liver"])
        labels: NDArray[np.uint8] = (liver > 0).view(np.uint8)
        for x, y, z, turn in self.tree:
            reach = 26 * (1 - min(1, abs(level - 0.5 - 0.4 * z) / 0.4))
            if reach > 3:
                branch = self.oval(-60 + 55 * x, -10 + 50 * y, reach, 3.2, 2 * turn + x)
                self.paint(inside, branch, hu["vessel"])
        for x, y, z, radius, contrast in self.lesions:
            cut = radius**2 - (_LENGTH * (level - z)) ** 2
            if cut > 4:
                lesion = self.oval(x, y, np.sqrt(cut), 0.85 * np.sqrt(cut), x)
                self.paint(inside, lesion, hu["liver"] + contrast)
                labels[(lesion > 0) & (liver > 0)] = 2
        self.paint(image, liver, inside)
        return labels

    def left_side(self, image: Plane, cavity: Plane, level: float) -> None:
        """Draw spleen and stomach, with fluid below and gas above."""
        size = np.sqrt(max(0.0, 1 - ((level - 0.62) / 0.45) ** 2)) * self.spleen
        if size > 0.2:
            spleen = self.oval(88, 34, 33 * size, 52 * size, 0.45)
            spleen = np.minimum(spleen, -self.oval(58, 20, 24, 34, 0.45))
            self.paint(image, np.minimum(spleen, cavity - 2), self.hu["spleen"])
        size = np.sqrt(max(0.0, 1 - ((level - 0.7) / 0.5) ** 2)) * self.stomach
        if size > 0.25:
            stomach = self.oval(66, -22 - 12 * size, 44 * size, 36 * size, -0.5)
            stomach = np.minimum(stomach, cavity - 2)
            self.paint(image, stomach, self.hu["wall"])
            self.paint(image, stomach - 4, self.hu["stomach"])
            surface = -22 - 12 * size + 36 * size * self.gas - self.y
            self.paint(image, np.minimum(stomach - 4, surface), -900)

    def loops(self, image: Plane, cavity: Plane, level: float) -> None:
        """Draw loops of bowel, with gas, fluid or contrast agent."""
        for x, y, z, radius, content, turn in self.bowel:
            near = 1 - ((level - z) / 0.22) ** 2
            if near > 0.1:
                loop = self.oval(x, y, radius * 1.5 * np.sqrt(near), radius * np.sqrt(near), turn)
                loop = np.minimum(loop, cavity - 3)
                self.paint(image, loop, self.hu["wall"])
                self.paint(image, loop - 3, content)

    def couch(self, image: Plane) -> None:
        """Draw the table below the patient, in one of three shapes."""
        if self.table:
            y, x = self.grid
            bow = 0.0012 * x**2 * (1 if self.table == 1 else -0.3)
            plate = 1.5 - np.abs(y - np.float32(self.depth + 16) + bow)
            self.paint(image, np.minimum(plate, 170 - np.abs(x)), 160)
