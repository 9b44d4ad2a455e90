"""Time all scores of two label maps, in units of two distance transforms by SciPy.

python benchmarks/scores.py
"""

from timeit import repeat

import numpy as np
from scipy.ndimage import distance_transform_edt

import labelnoise

SPACING = (1.5, 0.7, 0.7)
LESIONS = (90, 180, 230, 20), (120, 250, 280, 12), (80, 160, 260, 8)


def volume():
    """Draw a liver with three lesions in 200 slices of 512 x 512 pixels."""
    slices, rows, columns = np.ogrid[:200, :512, :512]
    liver = ((slices - 100) / 75) ** 2 + ((rows - 200) / 120) ** 2 + ((columns - 250) / 110) ** 2
    labels = (liver < 1).astype(np.uint8)
    for z, y, x, radius in LESIONS:
        labels[(2 * (slices - z)) ** 2 + (rows - y) ** 2 + (columns - x) ** 2 < radius**2] = 2
    return labels


def transforms(reference, other, spacing):
    """Measure the distance of every pixel to each liver, in the box of both."""
    masks = [mask > 0 for mask in (reference, other)]
    filled = np.nonzero(masks[0] | masks[1])
    box = tuple(slice(axis.min(), axis.max() + 1) for axis in filled)
    return [distance_transform_edt(~mask[box], spacing) for mask in masks]


def main():
    """Print a line for a volume, one for its middle slice."""
    clean = volume()
    noisy = labelnoise.wobble(clean, 3.0, axes=(0, 1, 2), rng=0)
    print("| | scores | two distance transforms | ratio |")
    print("| --- | --- | --- | --- |")
    for name, pair, spacing in (
        ("200 x 512 x 512, liver and lesions", (clean, noisy), SPACING),
        ("its middle slice", (clean[100], noisy[100]), SPACING[1:]),
    ):
        ours = min(repeat(lambda: labelnoise.scores(*pair, spacing=spacing), number=1))
        theirs = min(repeat(lambda: transforms(*pair, spacing), number=1))
        print(f"| {name} | {1e3 * ours:.1f} ms | {1e3 * theirs:.1f} ms | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
