"""An artifact against fp32: tiles, intermediate outputs, layers, and the report of it."""
