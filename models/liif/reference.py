"""LIIF-EDSR in fp32 PyTorch: what every program is compared with."""

import numpy as np
import torch

from models import LIIF, SCALES, FixedScaleLIIF
from models.arrays import Float


def fp32_picture(model: LIIF, lr: Float, size: tuple[int, int]) -> Float:
    """``lr`` (3, h, w) by ``model`` in fp32 PyTorch: (3, H, W), not clamped.

    At ×2, ×3 and ×4 through the fixed-scale form, which equals the reference and is faster.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(lr[None]))
    scale = size[0] // lr.shape[1]
    with torch.no_grad():
        if scale in SCALES and size == (scale * lr.shape[1], scale * lr.shape[2]):
            sr = FixedScaleLIIF(model, scale)(tensor)
        else:
            sr = model(tensor, size)
    picture: Float = sr[0].numpy()
    return picture
