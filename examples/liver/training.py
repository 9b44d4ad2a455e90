"""One run: train a network on a stack of slices, and count its hits on clean labels.

The training set lives on the device as 16-bit images and 8-bit labels, and nothing in an
epoch waits for the device. A step reads 3 bytes of it for each pixel; its convolutions
multiply and add, forward and back, 24,066 times a pixel for U-Net, 16,182 times for SegNet
and 115,500 times for FCN32 with 4096 features. That is the floor: 0.25, 0.17 and 1.2 TFLOP a
step of 20 slices of 512 x 512.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from liver.data import Slices

Labels = NDArray[np.uint8]
PRECISIONS = ("float32", "bfloat16")


def train(
    build: Callable[[], nn.Module],
    slices: Slices,
    labels: Labels | Callable[[NDArray[np.int64], int], Labels],
    *,
    epochs: int = 1,
    steps: int,
    batch: int = 20,
    seed: int = 0,
    device: str = "cpu",
    precision: str = "float32",
    decay: bool = False,
    tick: Callable[[], None] = lambda: None,
    report: Callable[[nn.Module, float], None] = lambda model, loss: None,
) -> nn.Module:
    """Train a network from scratch by Adam with its default settings.

    Parameters
    ----------
    build : callable
        Makes the network, with random weights.
    slices : Slices
        The training set; its clean labels say how rare the liver is.
    labels : array of uint8, or callable
        The labels to learn from, one for each slice; or a function of the indices of an
        epoch's slices and the epoch's number (from 0) that gives one for each index.
    epochs, steps, batch : int
        The number of epochs, of Adam's steps in each, and of the slices in a step. The
        slices come in random order, each once before any comes again.
    seed : int
        Decides the weights, the order, the dropout and the pixels that count. On one kind
        of CPU, with one number of threads, the same seed gives the same network.
    device, precision : str
        Where to train, as PyTorch names it, and the type in which convolutions multiply.
    decay : bool
        Whether the learning rate falls to 0, along a line over the second half.
    tick : callable
        Called after each step.
    report : callable
        Called after each epoch with the network and the mean loss.
    """
    images = torch.from_numpy(np.array(slices.images)).to(device)
    share = float(slices.labels.mean())
    where = torch.device(device)
    cuda = where.type == "cuda"
    # Streams and graphs are those of the current device, which may be another GPU's.
    current = torch.cuda.device(where) if cuda else contextlib.nullcontext()
    with current, torch.random.fork_rng([where] if cuda else []):
        torch.manual_seed(seed)
        # Channels last: on CPUs up to a third faster with so few filters.
        model = build().to(device, memory_format=torch.channels_last).train()
        rate = torch.tensor(1e-3, device=device)
        adam = torch.optim.Adam(model.parameters(), lr=rate, fused=True, capturable=cuda)
        step = Step(model, adam, share / (1 - share), functools.partial(cast, where, precision))
        if callable(labels):
            marks = torch.empty((steps * batch, *images.shape[1:]), dtype=torch.uint8).to(device)
        else:
            marks = torch.from_numpy(np.array(labels)).to(device)
        order = torch.empty(0, dtype=torch.int64)
        for epoch in range(epochs):
            while len(order) < steps * batch:
                order = torch.cat([order, torch.randperm(len(slices))])
            chosen, order = order[: steps * batch], order[steps * batch :]
            places = chosen
            if callable(labels):
                marks.copy_(torch.from_numpy(labels(chosen.numpy(), epoch)))
                places = torch.arange(len(chosen))
            rows = torch.stack([chosen, places]).view(2, steps, batch).to(device)
            losses = torch.zeros(steps, device=device)
            for index in range(steps):
                if decay:
                    rate.fill_(1e-3 * min(1, 2 - 2 * (epoch + index / steps) / epochs))
                losses[index] = step(images, marks, rows[0, index], rows[1, index])
                tick()
            report(model, float(losses.mean()))
    return model


class Step:
    """One step of Adam, on CUDA replayed from a graph after the first few.

    With networks this small a GPU would wait for Python to name each kernel; a graph names
    them all at once.
    """

    EAGER = 3  # steps before the capture, so that all lazy state has been made

    def __init__(
        self,
        model: nn.Module,
        adam: torch.optim.Optimizer,
        chance: float,
        cast: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        self.model, self.adam, self.chance, self.cast = model, adam, chance, cast
        self.taken = 0
        self.graph: Any = None
        self.inputs: tuple[Tensor, ...] = ()
        self.loss = torch.empty(0)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Learn from the images and labels at some places; give the loss, still on the device."""
        self.taken += 1
        if inputs[0].device.type != "cuda":
            return self.learn(*inputs)
        images, marks, chosen, places = inputs
        if self.taken <= self.EAGER:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                loss = self.learn(*inputs)
            torch.cuda.current_stream().wait_stream(side)
            return loss
        if self.graph is None:
            self.inputs = (images, marks, chosen.clone(), places.clone())
            self.graph = torch.cuda.CUDAGraph()
            self.adam.zero_grad()
            with torch.cuda.graph(self.graph):
                self.loss = self.learn(*self.inputs)
        self.inputs[2].copy_(chosen)
        self.inputs[3].copy_(places)
        self.graph.replay()
        return self.loss

    def learn(self, images: Tensor, marks: Tensor, chosen: Tensor, places: Tensor) -> Tensor:
        """Take the step."""
        target = marks[places] > 0
        with self.cast():
            scores = self.model(batch_of(images[chosen])).float()
        # Both classes weigh the same: all of the liver counts, and of the rest as many
        # pixels, by expectation, other ones in each step.
        counts = (target | (torch.rand(target.shape, device=target.device) < self.chance)).float()
        # The cross-entropy of two classes is that of their scores' difference.
        losses = binary_cross_entropy_with_logits(
            scores[:, 1] - scores[:, 0], target.float(), weight=counts, reduction="sum"
        )
        loss = losses / counts.sum().clamp_min(1)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.detach()


def cast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Let convolutions multiply in the wanted type."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def batch_of(images: Tensor) -> Tensor:
    """Images as a batch with one channel."""
    return images.float().unsqueeze(1).contiguous(memory_format=torch.channels_last)


def counts(
    model: nn.Module,
    slices: Slices,
    *,
    batch: int = 20,
    device: str = "cpu",
    precision: str = "float32",
) -> NDArray[np.int64]:
    """Count, in each slice, the liver's pixels that are both outlined and true, outlined, true.

    From these follow Dice, precision and recall.
    """
    model.eval()
    found = []
    with torch.inference_mode(), cast(torch.device(device), precision):
        for start in range(0, len(slices), batch):
            part = slice(start, start + batch)
            images = torch.from_numpy(np.array(slices.images[part])).to(device)
            truth = torch.from_numpy(np.array(slices.labels[part])).to(device) > 0
            outlined = model(batch_of(images)).argmax(1) > 0
            sums = [mask.sum((1, 2)) for mask in (outlined & truth, outlined, truth)]
            found.append(torch.stack(sums, 1))
    model.train()
    return torch.cat(found).cpu().numpy()


def scores(found: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Dice, precision and recall of each slice; nothing outlined is a precision of 0."""
    both, outlined, true = found.T
    total = outlined + true
    return {
        "dice": np.where(total, 2 * both / np.maximum(total, 1), 1.0),
        "precision": both / np.maximum(outlined, 1),
        "recall": both / np.maximum(true, 1),
    }
