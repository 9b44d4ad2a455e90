"""Time one training step of the liver study's networks, beside a matrix product.

Every line is for one thread (or one GPU): the median time of a step, the operations a
second that its convolutions make of it, and what part that is of a plain product of two
float32 matrices in the same process.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

import liver_study
from liver.networks import NETWORKS


def seconds(call: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Take the median time of a call, after some that warm up."""
    times = []
    for index in range(rounds + 5):
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if index >= 5:
            times.append(time.perf_counter() - began)
    return median(times)


def operations(model: torch.nn.Module, size: int, batch: int) -> float:
    """Count a step's multiplications and additions in convolutions, forward and back."""
    meta = model.to("meta")
    with FlopCounterMode(display=False) as counter:
        meta(torch.empty(1, 1, size, size, device="meta")).sum().backward()
    return float(counter.get_total_flops() * batch)


def main() -> None:
    """Print a line for each network and precision."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--rounds", type=int, default=11)
    given = parser.parse_args()
    torch.set_num_threads(1)
    where = {"device": given.device}
    matrix = torch.randn(2048, 2048, **where)
    peak = 2 * 2048**3 / seconds(lambda: matrix @ matrix, given.device, given.rounds)
    print(f"matrix product: {peak / 1e9:.0f} GFLOP/s")
    images = torch.randn(given.batch, given.size, given.size, **where).half()
    labels = images > 1.5
    for name, build in NETWORKS.items():
        if name == "fcn32":
            build = partial(build, hidden=given.hidden)
        count = operations(build(), given.size, given.batch)
        for precision in "float32", "bfloat16":
            model = build().to(given.device, memory_format=torch.channels_last)
            adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

            def step() -> None:
                scores = liver_study.forward(model, images, precision)
                liver_study.learn(adam, scores, labels, 0.08)

            taken = seconds(step, given.device, given.rounds)
            speed = count / taken
            print(
                f"{name:<7} {precision:<9} {1e3 * taken:7.1f} ms  {speed / 1e9:6.0f} GFLOP/s"
                f"  {speed / peak:5.2f} of the product"
            )


if __name__ == "__main__":
    main()
