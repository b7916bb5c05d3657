"""The convolution as a product of matrices is PyTorch's convolution."""

import copy

import pytest
import torch
from torch import nn

from genima_lite.controller.convolution import Convolution, use_products


def pair(**options):
    """Return PyTorch's convolution of random weights and the same as ours, both in training."""
    torch.manual_seed(0)
    theirs = nn.Conv2d(24, 40, **options).double()
    ours = copy.deepcopy(theirs)
    use_products(ours)
    return theirs, ours


def gradients(convolution, maps, weighting):
    maps = maps.clone().requires_grad_()
    out = convolution(maps)
    (out * weighting).sum().backward()
    return out, maps.grad, convolution.weight.grad


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"kernel_size": 3, "padding": 1, "bias": False}, (2, 2)),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, (4, 3)),
        ({"kernel_size": 1, "stride": 2, "bias": False}, (2, 2)),
        ({"kernel_size": (3, 1), "padding": (1, 0), "stride": (1, 2)}, (3, 2)),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_output_and_gradients_are_those_of_pytorch(options, size, layout):
    theirs, ours = (module.to(memory_format=layout) for module in pair(**options))
    maps = torch.randn(1, 24, *size, dtype=torch.float64).to(memory_format=layout)
    out = theirs(maps)
    weighting = torch.randn_like(out)
    expected = gradients(theirs, maps, weighting)
    found = gradients(Small.of(ours), maps, weighting)
    for ours_is, theirs_is in zip(found, expected, strict=True):
        torch.testing.assert_close(ours_is, theirs_is)


class Small(Convolution):
    """Fails where the product is not taken."""

    @staticmethod
    def of(module):
        assert type(module) is Convolution
        module.__class__ = Small
        return module

    def _conv_forward(self, *_):
        raise AssertionError("PyTorch's convolution was taken")


@pytest.mark.parametrize(("training", "pixels"), [(False, 2), (True, 64)])
def test_large_maps_and_inference_stay_with_pytorch(training, pixels):
    _, ours = pair(kernel_size=3, padding=1)
    maps = torch.zeros(1, 24, pixels, pixels, dtype=torch.float64)
    with pytest.raises(AssertionError, match="was taken"):
        Small.of(ours).train(training)(maps)


def test_weights_stay_and_other_layers_too():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(8, 8))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    use_products(network)
    assert [type(layer) for layer in network] == [Convolution, nn.Linear]
    assert network.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
