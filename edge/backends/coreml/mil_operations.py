"""The operations of a MIL program, with torch as the arithmetic: an explicit table, name to function.

Semantics as in the MIL operation sets of iOS 16 to 18; what is not in the tables is refused by name.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

# Integers that stand several to the byte in the program itself; the reader of weight.bin unpacks them.
PACKED_BITS = {"INT4": 4, "UINT6": 6, "UINT4": 4, "UINT3": 3, "UINT2": 2, "UINT1": 1}


def unpack_bits(packed: NDArray[np.uint8], bits: int, shape: Sequence[int], signed: bool = False) -> Tensor:
    """Integers of ``bits`` bits each, packed from the least significant bit upward."""
    count = math.prod(shape)
    digits = np.unpackbits(packed, bitorder="little")[: count * bits].reshape(count, bits)
    worth = 2 ** np.arange(bits, dtype=np.int64)
    if signed:
        worth[-1] *= -1
    return torch.from_numpy(digits @ worth).view(*shape)


def _along(value: Tensor, axis: Tensor | None, rank: int) -> Tensor:
    """A scalar, or a vector that stands along ``axis`` of a tensor of ``rank`` dimensions."""
    if value.ndim == 0 or axis is None:
        return value
    return value.view([-1 if i == int(axis) % rank else 1 for i in range(rank)])


def _conv(
    x: Tensor,
    weight: Tensor,
    strides: Tensor,
    pad_type: str,
    dilations: Tensor,
    groups: Tensor,
    pad: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    if pad_type not in ("custom", "valid"):
        raise ValueError(f"expected a pad_type of custom or valid, found {pad_type}")
    pads = pad.tolist() if pad_type == "custom" and pad is not None else [0] * 4
    if pads[::2] != pads[1::2]:  # torch's convolution pads both sides alike
        top, bottom, left, right = pads
        x, pads = F.pad(x, (left, right, top, bottom)), [0] * 4
    return F.conv2d(x, weight, bias, strides.tolist(), pads[::2], dilations.tolist(), int(groups))


def _concat(values: list[Tensor], axis: Tensor, interleave: Tensor) -> Tensor:
    if bool(interleave):
        raise ValueError("expected a concat without interleaving, found one with")
    return torch.cat(values, int(axis))


def _slice_by_index(
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
) -> Tensor:
    """A mask is true where an axis is taken from its beginning, or to its end."""

    def bounds(values: Tensor, mask: Tensor | None) -> list[int | None]:
        masked = [False] * x.ndim if mask is None else mask.tolist()
        return [None if left_out else value for value, left_out in zip(values.tolist(), masked, strict=True)]

    steps = [1] * x.ndim if stride is None else stride.tolist()
    spans = zip(bounds(begin, begin_mask), bounds(end, end_mask), steps, strict=True)
    return x[tuple(slice(*span) for span in spans)]


def _cast(x: Tensor, dtype: str) -> Tensor:
    if dtype not in ("fp16", "fp32"):  # the declared type says which; rounding follows it
        raise ValueError(f"expected a cast to fp16 or fp32, found {dtype}")
    return x.float()


def _affine(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor | None = None) -> Tensor:
    rank = quantized_data.ndim
    # In float32, which is exact: the difference of two bytes is none.
    return (quantized_data.float() - _along(zero_point, axis, rank)) * _along(scale, axis, rank)


def _quantize(
    input: Tensor,
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: Tensor | None = None,
) -> Tensor:
    held_as = {"int8": torch.int8, "uint8": torch.uint8}[output_dtype]
    limits = torch.iinfo(held_as)
    level = (input / _along(scale, axis, input.ndim)).round_()
    if zero_point is not None:
        level += _along(zero_point, axis, input.ndim)
    return level.clamp_(limits.min, limits.max).to(held_as)


def _dequantize(
    input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: Tensor | None = None
) -> Tensor:
    return _affine(input, torch.tensor(0) if zero_point is None else zero_point, scale, axis)


def _spread(blocks: Tensor, shape: Sequence[int]) -> Tensor:
    """``blocks`` repeated so that its leading dimensions become ``shape``."""
    for axis, size in enumerate(shape):
        blocks = blocks.repeat_interleave(size // blocks.shape[axis], axis)
    return blocks


def _blockwise(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    shifted = data.float() if offset is None else data.float() - _spread(offset, data.shape)
    return shifted * _spread(scale, data.shape)


def _lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Tensor | None = None, vector_axis: Tensor | None = None
) -> Tensor:
    if shape is not None:  # iOS 16 and 17: one table, packed indices
        return lut[unpack_bits(indices.byte().numpy(), int(math.log2(len(lut))), shape.tolist())]
    tables = _spread(lut, indices.shape)  # (*indices, palettes, vector)
    entry = indices.long()[..., None, None].expand(*indices.shape, 1, lut.shape[-1])
    dense = tables.gather(-2, entry)[..., 0, :]  # (*indices, vector)
    if vector_axis is None:
        return dense[..., 0]
    axis = int(vector_axis) % indices.ndim
    return dense.movedim(-1, axis + 1).flatten(axis, axis + 1)


def _sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Tensor | None = None) -> Tensor:
    if shape is not None:  # iOS 16 and 17: packed mask
        mask = unpack_bits(mask.byte().numpy(), 1, shape.tolist())
    dense = torch.zeros(mask.shape, dtype=nonzero_data.dtype)
    dense[mask.bool()] = nonzero_data
    return dense


# Evaluated once, when the package is opened: what they make is weights.
CONSTANT_OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "constexpr_affine_dequantize": _affine,
    "constexpr_blockwise_shift_scale": _blockwise,
    "constexpr_lut_to_dense": _lut_to_dense,
    "constexpr_sparse_to_dense": _sparse_to_dense,
}

OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "add": lambda x, y: x + y,
    "cast": _cast,
    "concat": _concat,
    "conv": _conv,
    "dequantize": _dequantize,
    "linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "mul": lambda x, y: x * y,
    "pixel_shuffle": lambda x, upscale_factor: F.pixel_shuffle(x, int(upscale_factor)),
    "quantize": _quantize,
    "real_div": lambda x, y: x / y,
    "reduce_sum": lambda x, axes, keep_dims: x.sum(axes.tolist(), bool(keep_dims)),
    "relu": lambda x: F.relu(x),
    "reshape": lambda x, shape: x.reshape(shape.tolist()),
    "slice_by_index": _slice_by_index,
    "sub": lambda x, y: x - y,
}
