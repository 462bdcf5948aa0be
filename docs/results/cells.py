"""Cells that several tables have, from the records."""

from typing import Any

from page_tables import Records, signed

# How an artifact, fp32 and bicubic are called.
METHODS = {"artifact": "int8 `.pte`", "fp32": "fp32 PyTorch", "bicubic": "bicubic"}

# Embedded weights of other networks than the baseline's.
SMALLER = ("pruned", "fast", "tiny")


def marked(text: str, record: dict[str, Any]) -> str:
    """``text`` with a ‡ if ``record`` is of the weights that were embedded before."""
    return f"{text} ‡" if record.get("earlier_weights") else text


def drop(records: Records, way: str, data: str) -> str:
    """Below the baseline in fp32, whatever network ``way`` has."""
    record = records[f"eval {way} {data}"]
    if not way.startswith(SMALLER):
        return marked(signed(record["lost_db"]), record)
    return signed(records[f"eval baseline-x2-int8 {data}"]["fp32"]["psnr_y"] - record["artifact"]["psnr_y"])


def megabytes(records: Records, way: str, digits: int = 2) -> str:
    """Of the artifact's programs."""
    return f"{records[f'build {way}']['bytes'] / 1e6:.{digits}f}"


def score_cell(records: Records, way: str, method: str, data: str) -> str:
    """PSNR-Y in dB and SSIM."""
    score = records[f"eval {way} {data}"][method]
    return f"{score['psnr_y']:.2f} / {score['ssim']:.4f}"
