"""The study's three networks, each with exactly the paper's number of weights.

All take (batch, 1, rows, columns), rows and columns divisible by 32, and give two class scores
(background, liver) for each pixel; the softmax is part of the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

DEPTH = 5  # poolings: the sides of an image must be divisible by 2 ** 5


def conv(inputs: int, outputs: int, *, norm_last: bool = True) -> nn.Sequential:
    """3 x 3 convolution, batch normalisation and ReLU, in the order the network wants."""
    layers = [nn.ReLU(), nn.BatchNorm2d(outputs)]
    order = layers if norm_last else layers[::-1]
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), *order)


class UNet(nn.Module):
    """U-Net (Ronneberger et al. 2015) with five poolings, 1,096,526 weights."""

    def __init__(self, filters: int = 6) -> None:
        super().__init__()
        widths = [filters * 2**level for level in range(DEPTH + 1)]
        steps = list(pairwise([1, *widths]))
        self.down = nn.ModuleList(nn.Sequential(conv(a, b), conv(b, b)) for a, b in steps)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in steps[1:])
        self.merge = nn.ModuleList(nn.Sequential(conv(b, a), conv(a, a)) for a, b in steps[1:])
        self.scores = nn.Conv2d(filters, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Score both classes at every pixel."""
        skips: list[Tensor] = []
        for block in self.down:
            x = block(nn.functional.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for level in reversed(range(DEPTH)):
            x = self.merge[level](torch.cat([self.up[level](x), skips[level]], dim=1))
        return self.scores(x)


class SegNet(nn.Module):
    """SegNet (Badrinarayanan et al. 2017), VGG16's convolutions there and back, 260,856 weights.

    It unpools to the places of the maxima. Its last block does not double, and the scores are
    normalised as well.
    """

    def __init__(self, filters: int = 6) -> None:
        super().__init__()
        widths = [filters * factor for factor in (1, 2, 4, 8, 8)]
        down, up = [], []
        for before, width, count in zip([1, *widths], widths, (2, 2, 3, 3, 3), strict=False):
            # Upwards the last convolution of a block narrows; the very last block has
            # no narrower one to go to, and its 1 x 1 convolution to the scores stands for it.
            chain = [before] + [width] * count
            down.append(nn.Sequential(*(conv(*c, norm_last=False) for c in pairwise(chain))))
            back = [width] * count + [before] if before > 1 else [width] * count
            up.append(nn.Sequential(*(conv(*c, norm_last=False) for c in pairwise(back))))
        self.down, self.up = nn.ModuleList(down), nn.ModuleList(up)
        self.scores = nn.Sequential(nn.Conv2d(filters, 2, 1), nn.BatchNorm2d(2))

    def forward(self, x: Tensor) -> Tensor:
        """Score both classes at every pixel."""
        places = []
        for block in self.down:
            x, place = nn.functional.max_pool2d(block(x), 2, return_indices=True)
            places.append(place)
        for block, place in zip(reversed(self.up), reversed(places), strict=True):
            x = block(nn.functional.max_unpool2d(x, place, 2))
        return self.scores(x)


class FCN32(nn.Module):
    """FCN-32s (Long et al. 2015), VGG16 with dense layers as convolutions, 36,353,672 weights."""

    def __init__(self, filters: int = 6, hidden: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for level, count in enumerate([2, 2, 3, 3, 3]):
            width = filters * 2**level
            layers += [conv(before if i == 0 else width, width) for i in range(count)]
            layers += [nn.MaxPool2d(2)]
            before = width
        self.features = nn.Sequential(*layers)
        self.classify = nn.Sequential(
            nn.Conv2d(before, hidden, 7, padding=3), nn.ReLU(), nn.Dropout(0.5),
            nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Dropout(0.5),
            nn.Conv2d(hidden, 2, 1),
        )  # fmt: skip
        self.enlarge = nn.ConvTranspose2d(2, 2, 64, stride=32, padding=16, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Score both classes at every pixel."""
        return self.enlarge(self.classify(self.features(x)))


NETWORKS: dict[str, Callable[..., nn.Module]] = {"unet": UNet, "segnet": SegNet, "fcn32": FCN32}
