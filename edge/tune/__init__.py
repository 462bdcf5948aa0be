"""The search over channels and precision: candidates, what measures them, the study, its report."""
