"""Where an artifact runs: one small module per device, one interface."""
