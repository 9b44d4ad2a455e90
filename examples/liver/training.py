"""One run: train a network on a stack of slices, and score it on clean labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from liver.data import WINDOW, Slices

Labels = NDArray[np.uint8]


def train(
    build: Callable[[], nn.Module],
    slices: Slices,
    labels: Labels | Callable[[NDArray[np.int64], int], Labels],
    *,
    steps: int,
    batch: int = 20,
    seed: int = 0,
    device: str = "cpu",
    report: Callable[[int, float, nn.Module], None] = lambda step, loss, model: None,
) -> nn.Module:
    """Train a network from scratch by Adam with its default settings.

    Parameters
    ----------
    build : callable
        Makes the network, with random weights.
    slices : Slices
        The training set; its clean labels say how rare the liver is.
    labels : array of uint8, or callable
        The labels to learn from, one for each slice; or a function of the indices of
        a batch and the number of the step that gives the batch's labels.
    steps, batch : int
        The number of Adam's steps, and of the slices in each. The slices come in random
        order, each once before any comes again.
    seed : int
        Decides the weights, the order, the dropout and the pixels that count. On one
        kind of CPU the same seed gives the same network.
    device : str
        Where to train, as PyTorch names it.
    report : callable
        Called after each step with its number (from 1), its loss and the network.
    """
    share = float(slices.labels.mean())
    chance = share / (1 - share)
    images = torch.from_numpy(slices.images).to(device)
    fixed = None if callable(labels) else torch.from_numpy(labels).to(device)
    cuda = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(cuda):
        torch.manual_seed(seed)
        # Channels last: on CPUs up to a third faster with so few filters.
        model = build().to(device, memory_format=torch.channels_last).train()
        adam = torch.optim.Adam(model.parameters(), fused=True)
        order: list[Tensor] = []
        for step in range(1, steps + 1):
            while sum(map(len, order)) < batch:
                order.append(torch.randperm(len(slices)))
            queue = torch.cat(order)
            chosen, order = queue[:batch], [queue[batch:]]
            if callable(labels):
                target = torch.from_numpy(labels(chosen.numpy(), step)).to(device)
            else:
                assert fixed is not None
                target = fixed[chosen.to(device)]
            losses = cross_entropy(
                model(scale(images[chosen.to(device)])), target.long(), reduction="none"
            )
            # Both classes weigh the same: all of the liver counts, and of the rest as
            # many pixels, by expectation, other ones in each step.
            counts = (target > 0) | (torch.rand(target.shape, device=device) < chance)
            loss = (losses * counts).sum() / counts.sum().clamp_min(1)
            adam.zero_grad()
            loss.backward()
            adam.step()
            report(step, loss.item(), model)
    return model


def scale(images: Tensor) -> Tensor:
    """Hounsfield units to -1..1, as a batch with one channel."""
    scaled = images.float().unsqueeze(1) / WINDOW[1]
    return scaled.contiguous(memory_format=torch.channels_last)


def predict(model: nn.Module, slices: Slices, *, batch: int = 20, device: str = "cpu") -> Labels:
    """Outline the liver in every slice."""
    model.eval()
    with torch.inference_mode():
        masks = [
            model(scale(images.to(device))).argmax(1).to("cpu", torch.uint8)
            for images in torch.from_numpy(slices.images).split(batch)
        ]
    model.train()
    return torch.cat(masks).numpy()


def score(
    model: nn.Module, slices: Slices, *, batch: int = 20, device: str = "cpu"
) -> NDArray[np.float64]:
    """Measure the Dice of each slice against its clean label."""
    from labelnoise import dice

    masks = predict(model, slices, batch=batch, device=device)
    return np.array([dice(*pair) for pair in zip(slices.labels, masks, strict=True)])
