"""liif-edge: from a LIIF-EDSR checkpoint to phone artifacts that are checked."""
