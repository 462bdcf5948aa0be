"""The type of pictures, tiles and tensors at every door that is not PyTorch's."""

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
