"""ExecuTorch with XNNPACK: export, the Python runtime, and what a file says of its layers."""
