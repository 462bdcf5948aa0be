"""How well text can be read in a picture: tesseract reads, and errors are counted by character."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from edge.images.metrics import luma
from edge.images.pixels import to_float, to_uint8
from models.arrays import Float

# Height of the em that pictures are brought to before tesseract reads them: it is made for capitals of
# about 30 pixels, and smaller letters would fail for its sake and not for the picture's.
OCR_EM = 40  # pixels


def missing_ocr() -> str | None:
    """What ``read_text`` lacks here and how to get it, in words; None if nothing."""
    try:
        import pytesseract
    except ImportError:
        return "found no pytesseract; pip install 'liif-edge[ocr]'"
    try:
        languages = pytesseract.get_languages()
    except pytesseract.TesseractNotFoundError:
        return "found no tesseract; apt-get install tesseract-ocr"
    return None if "eng" in languages else "tesseract knows no English; apt-get install tesseract-ocr-eng"


def read_text(rgb: Float, em: float) -> str:
    """What tesseract reads in ``rgb`` (3, H, W), a paragraph of letters ``em`` pixels large: words and
    single spaces.

    In 8 bits, as it is shown and saved; brought to ``OCR_EM`` by the same bicubic first. Tesseract reads
    light on dark as well. Ask ``missing_ocr`` before.
    """
    import pytesseract

    image = Image.fromarray(to_uint8(luma(to_float(to_uint8(rgb)))))
    factor = OCR_EM / em
    size = (round(image.width * factor), round(image.height * factor))
    enlarged = image.resize(size, Image.Resampling.BICUBIC)
    with _one_thread():  # --psm 6: one block of text, whose layout is not to be guessed
        text = pytesseract.image_to_string(enlarged, lang="eng", config="--psm 6")
    return " ".join(text.split())


def count_errors(read: str, truth: str) -> int:
    """Levenshtein's distance: the fewest characters to insert, delete or replace in ``read``."""
    distances = list(range(len(truth) + 1))
    for row, a in enumerate(read, 1):
        diagonal, distances[0] = distances[0], row
        for column, b in enumerate(truth, 1):
            best = min(distances[column] + 1, distances[column - 1] + 1, diagonal + (a != b))
            diagonal, distances[column] = distances[column], best
    return distances[-1]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Programs that are started meanwhile use one thread: on a paragraph tesseract's usual four took
    nearly four times the processor time."""
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        yield
    finally:
        del os.environ["OMP_THREAD_LIMIT"]
        if before is not None:
            os.environ["OMP_THREAD_LIMIT"] = before
