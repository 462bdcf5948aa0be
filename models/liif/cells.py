"""The cells of a picture that a router decides on, in integers, and without PyTorch."""


def cell_edges(length: int, cell: int) -> tuple[int, ...]:
    """Where ``length`` LR pixels are divided into as few near-equal parts of at most ``cell`` as there can
    be: number i of k begins at ``i · length // k``."""
    count = -(-length // cell)
    return tuple(number * length // count for number in range(count + 1))
