"""A convolution for maps that are smaller than its weights, as in the last stage of a ResNet."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Conv2d):
    """PyTorch's convolution, but one product of matrices where it has more weights than inputs.

    PyTorch's gradient of the weights on a CPU (oneDNN) is slow there, and is copied twice. The
    gradient of a product is a product. One training step of ResNet-18 with views of 64 pixels, 2x2
    numbers a map in the end, takes 0.8 times as long (`benchmarks/bench_act.py`, its first size,
    on AVX2). Results are equal within rounding. Without groups and dilation.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return maps (P, O, h, w) of maps (P, C, H, W)."""
        small = 4 * x.numel() < self.weight.numel()  # from there on it was faster
        if self.training and small and x.device.type == "cpu":
            return self._product(x)
        return super().forward(x)

    def _product(self, x: Tensor) -> Tensor:
        (rows, columns), (down, right) = self.kernel_size, self.stride
        above, left = (int(padding) for padding in self.padding)
        x = F.pad(x, (left, left, above, above)).permute(0, 2, 3, 1)
        x = x.unfold(1, rows, down).unfold(2, columns, right)  # (P, h, w, C, rows, columns)
        patches = x.permute(0, 1, 2, 4, 5, 3).flatten(3)  # (P, h, w, rows columns C)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)  # (O, rows columns C)
        return F.linear(patches, weight, self.bias).permute(0, 3, 1, 2)


def use_products(network: nn.Module) -> None:
    """Make every convolution of a network a `Convolution`, in place; its weights stay."""
    for module in network.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = Convolution
