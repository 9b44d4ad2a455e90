"""
Three noises, three levels
==========================

A circle, drawn with each noise at Dice 0.95, 0.90 and 0.85, as in Figure 2 of Heller et al. (2018).
:func:`labelnoise.match` finds, for one mask, the strength that gives the wanted score.
"""

import matplotlib.pyplot as plt
import numpy as np

import labelnoise

rows, columns = np.indices((256, 256))
circle = np.hypot(rows - 127.5, columns - 127.5) < 80

figure, axes = plt.subplots(3, 3, figsize=(7.5, 8), layout="constrained")
for line, perturb in zip(axes, [labelnoise.natural, labelnoise.choppy, labelnoise.random]):
    for panel, target in zip(line, [0.95, 0.90, 0.85]):
        found = labelnoise.match(circle, perturb, target, rng=3)
        panel.imshow(found.mask, cmap="gray", interpolation="nearest")
        panel.contour(circle, [0.5], colors="tab:red", linewidths=0.8)
        panel.set_title(f"{perturb.__name__} {found.strength:.3g}: Dice {found.score:.3f}")
        panel.axis("off")
plt.show()

# %%
# In red the circle as it was. Natural noise moves the contour as a whole, choppy noise each row on
# its own, random noise pixels wherever they lie. The same seed has the same draws at each level, so
# that errors grow from left to right instead of being other ones.
