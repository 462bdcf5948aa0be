import numpy as np
import pytest

from models.screens.typefaces import ALPHABETS
from models.screens.words import draw_code, draw_number, draw_text, draw_word


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("draw", [draw_word, draw_number, draw_code])
def test_texts_are_the_same_for_the_same_generator_and_many_for_others(draw):
    assert draw(rng(3)) == draw(rng(3))
    assert len({draw(rng(seed)) for seed in range(100)}) > 60


@pytest.mark.parametrize("script", [script for script in ALPHABETS if script != "latin"])
def test_a_script_is_written_in_its_own_letters(script):
    assert set(draw_text(rng(), 20, script)) <= set(ALPHABETS[script]) | {" "}


def test_every_latin_letter_and_digit_comes():
    text = " ".join(draw_word(rng(seed)) for seed in range(6000))
    assert set(ALPHABETS["latin"]) <= set(text)
