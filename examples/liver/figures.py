"""The study's figures: what the noise looks like, and what it costs."""

from __future__ import annotations

import io
import math

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

import labelnoise
from liver.models import MODELS
from liver.noise import CONTROL, PERTURBATIONS, TARGETS, calibrated, draw
from liver.phantom import Phantom, patient
from liver.statistics import PAPER, Study

TITLES = {"unet": "U-Net", "segnet": "SegNet", "fcn32": "FCN32"}
COLOURS = {"natural": "#0072b2", "choppy": "#d55e00", "random": "#009e73"}  # Okabe and Ito


def quality(study: Study) -> Figure:
    """Draw Dice against the quality of the training labels, one panel a network.

    Solid: here, with the standard deviation over repeats; dashed: the paper's.
    """
    figure = Figure((3.4 * len(study.models) + 0.6, 3.6), layout="constrained")
    axes = figure.subplots(1, len(study.models), sharey=True, squeeze=False)[0]
    for panel, model in zip(axes, study.models, strict=True):
        column = list(MODELS).index(model)
        for noise in PERTURBATIONS:
            rows = [CONTROL, *(row for row in study.labels if row.startswith(noise))]
            cells = [study.cells[model, row] for row in rows if (model, row) in study.cells]
            if len(cells) < 2:
                continue
            x = [dice_of(cell.labels) for cell in cells]
            spread = [0 if math.isnan(cell.deviation) else cell.deviation for cell in cells]
            style = {"color": COLOURS[noise], "marker": "o", "markersize": 4}
            panel.errorbar(x, [c.dice for c in cells], spread, label=noise, capsize=3, **style)
            rows = [row for row in rows if row in PAPER]
            panel.plot(
                [dice_of(row) for row in rows],
                [PAPER[row][column] for row in rows],
                color=COLOURS[noise], linestyle="--", linewidth=1, alpha=0.6,
            )  # fmt: skip
        panel.plot([], [], "k--", linewidth=1, alpha=0.6, label="paper")
        panel.set(title=TITLES[model], xlabel="Dice of the training labels")
        panel.set_xticks(sorted({dice_of(labels) for labels in study.labels}))
        panel.invert_xaxis()
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("Test Dice")
    axes[0].legend(frameon=False)
    return figure


def dice_of(labels: str) -> float:
    """Read a training set's Dice from its name."""
    return 1.0 if labels == CONTROL else float(labels.split()[-1])


def circle() -> Figure:
    """Draw a circle without noise and with each noise at the lowest of the paper's Dice."""
    rows, columns = np.indices((256, 256))
    mask = np.hypot(rows - 127.5, columns - 127.5) < 80
    target = min(TARGETS)
    shown = {"none": mask} | {
        name: labelnoise.match(mask, getattr(labelnoise, name), target, rng=0).mask
        for name in PERTURBATIONS
    }
    figure = Figure((2.6 * len(shown), 2.9), layout="constrained")
    for panel, (name, noisy) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        panel.imshow(noisy, cmap="gray", interpolation="nearest")
        title = name if name == "none" else f"{name}, Dice {labelnoise.dice(mask, noisy):.2f}"
        panel.set_title(title, fontsize=11)
        panel.axis("off")
    return figure


def cut(size: int = 128, slices: int = 72) -> Figure:
    """Draw an orthogonal cut through a synthetic volume whose axial slices are choppy.

    Slices are drawn one by one, as annotators do, so that their errors do not agree from
    slice to slice.
    """
    volume = patient(0, Phantom(1, slices, seed=4), size)
    noise = calibrated("choppy", 0.90, volume, sample=slices, seed=0)
    noisy = draw(noise, volume, seed=0, repeat=0)
    level = int(volume.labels.sum((1, 2)).argmax())
    row = int(volume.labels.sum((0, 2)).argmax())
    views = {
        "axial": (volume.images[level], volume.labels[level], noisy[level]),
        "coronal": (volume.images[:, row], volume.labels[:, row], noisy[:, row]),
    }
    figure = Figure((10, 6.6), layout="constrained")
    panels = figure.subplots(2, 3)
    for line, (name, (image, clean, wrong)) in zip(panels, views.items(), strict=True):
        stretch = 1.0 if name == "axial" else 1.4
        layers = {"image": None, "true mask": clean, "choppy mask, Dice 0.90": wrong}
        for panel, (title, layer) in zip(line, layers.items(), strict=True):
            options = {"origin": "upper" if name == "axial" else "lower", "aspect": stretch}
            panel.imshow(image.astype(np.float32), cmap="gray", vmin=-1, vmax=1, **options)
            if layer is not None:
                panel.imshow(tinted(layer), interpolation="nearest", **options)
            panel.set_title(f"{name}: {title}", fontsize=11)
            panel.axis("off")
    return figure


def tinted(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Colour a mask, see-through where it is not."""
    return np.where(mask[..., None] > 0, (0.84, 0.37, 0.0, 0.6), 0.0)


def drawn(figure: Figure, kind: str) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    FigureCanvasAgg(figure)
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "liver study", "font.size": 10}):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(content, format=kind, dpi=120, metadata=metadata)
    return content.getvalue()
