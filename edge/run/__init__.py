"""An artifact, opened; tiles; and pictures enlarged with both."""
