"""The scales that have a form of their own; plain numbers, which parsers of options read at once."""

# Integer scales that have a form of their own, whose coordinates are constants.
SCALES = (2, 3, 4)
