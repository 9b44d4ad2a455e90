"""The networks: the paper's number of weights, every size, gradients everywhere."""

import pytest
import torch
from liver.networks import NETWORKS, SegNet


@pytest.mark.parametrize(
    ("name", "count"), [("unet", 1_096_526), ("segnet", 260_856), ("fcn32", 36_353_672)]
)
def test_trainable_weights_are_the_papers(name, count):
    """Exactly as many as the paper's networks have."""
    with torch.device("meta"):
        model = NETWORKS[name]()
    assert sum(weights.numel() for weights in model.parameters() if weights.requires_grad) == count


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(32, 32), (64, 96)])
def test_scores_two_classes_at_every_pixel(name, shape):
    """Any sides divisible by 32 do, and every weight learns."""
    torch.manual_seed(0)
    model = NETWORKS[name](filters=4, **({"hidden": 16} if name == "fcn32" else {}))
    scores = model(torch.randn(2, 1, *shape))
    assert scores.shape == (2, 2, *shape)
    scores.square().sum().backward()
    assert all(weights.grad is not None for weights in model.parameters())


def test_segnet_unpools_to_the_remembered_places():
    """What the decoder gets is zero but where the encoder found its maxima."""
    model = SegNet(filters=2).eval()
    seen = {}
    model.down[0].register_forward_hook(lambda _, __, out: seen.update(encoded=out))
    model.up[0].register_forward_pre_hook(lambda _, args: seen.update(unpooled=args[0]))
    torch.manual_seed(0)
    model(torch.randn(1, 1, 32, 32))
    best = torch.nn.functional.max_pool2d(seen["encoded"], 2)
    best = best.repeat_interleave(2, 2).repeat_interleave(2, 3)
    filled = seen["unpooled"] != 0
    assert filled.any()
    assert (seen["encoded"][filled] == best[filled]).all()
