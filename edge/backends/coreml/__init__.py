"""Core ML: packages, ExecuTorch files that hold one, and an interpreter for any system."""
