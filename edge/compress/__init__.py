"""Compression of a network before its export: int8, palettes, mixed precision, channels, QAT."""
