"""Compression of any nn.Module: calibration and post-training quantisation."""
