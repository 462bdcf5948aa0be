"""What drawn screens say: words of ours and made-up ones, numbers, code, and letters of other scripts.

No word of the pages that are measured with (edge/evaluate/text_pages.py) is among them; the tests say so.
"""

import numpy as np

from models.screens.typefaces import ALPHABETS

# What interfaces say, in a few languages.
_WORDS = """
File Edit View Insert Format Tools Window Help New Open Save Close Print Export Import Undo Redo Cut Copy
Paste Select Find Replace Zoom Account Profile Password Email Phone Address Country Language Theme Sound
Display Network Bluetooth Privacy Security Update Install Remove Delete Add Cancel Apply Reset Submit Login
Logout Continue Previous Home Search Filter Sort Name Date Size Type Status Owner Priority Price Amount
Subtotal Discount Invoice Order Shipping Quantity Product Category Review Rating Comment Reply Forward
Archive Draft Sent Spam Trash Inbox Calendar Contact Photo Video Music Album Artist Playlist Volume Camera
Gallery Map Route Weather Sunny Rain Wind Humidity Pressure Server Client Database Table Column Row Index
Query Error Debug Build Deploy Branch Commit Merge Issue Milestone Project Team Member Admin Guest Report
Summary Chart Axis Legend Average Median Maximum Minimum Sum Count Revenue Profit Growth Budget Forecast
Datei Bearbeiten Ansicht Einstellungen Öffnen Speichern Schließen Suchen Löschen Hinzufügen Übersicht Größe
Zurück Straße Menü für über Prüfen Ändern Abbrechen Fichier Édition Affichage Paramètres Réseau Supprimer
Enregistrer Précédent Suivant Déjà façon Archivo Edición Ajustes Contraseña Buscar Añadir Año página
Configuração Opções Início Não Ayarlar Görünüm Kapat Şifre Plik Widok Zapisz Wyślij Łącze Hasło
"""
WORDS = tuple(_WORDS.split())

# Parts of syllables, those that come more often more than once. Pairs that are misread (rn for m, cl for d)
# are among them.
_ONSETS = "b c ch d dr f fl g gr h j k l m n p pl qu r s sc sh sl st t tr v w z br cl cr gl pr sp"
_VOWELS = "a e i o u ai ea ee ou ie y oa"
_CODAS = "- - - n r l s t m nd ck rm st ng rn ll ff x"

CODE = (
    "def fn(x):", "return a[i] + 1", "if (n <= 0) {", "} else {", "for k, v in d:", "x = y ** 2;", "// TODO:",
    "import os", "let m = [];", "&mut self", "std::vec", "#include", "await f();", "!= null", "'\\n'", "0x3F",
    "<div id=", "</span>", "{{ v }}", "a && !b", "|| c", "lambda: 0", "%s/%d", "$HOME", "@app", "fn() -> u8",
    "~/src", "* p = &q;", "i++", "[l|I|1]", "O0oQ", "rn|m|nn", "cl|d", "vv|w", ";", "();", "});", "==>",
)  # fmt: skip


def _made_up(rng: np.random.Generator) -> str:
    # Two syllables at least: shorter ones are too often words that somebody measures with.
    syllables = range(rng.integers(2, 4))
    parts = [str(rng.choice(kind.split())) for _ in syllables for kind in (_ONSETS, _VOWELS, _CODAS)]
    return "".join(parts).replace("-", "")


# Made-up words bring pairs of letters that interfaces have too few of.
MADE_UP = tuple(_made_up(np.random.default_rng((2026, number))) for number in range(1500))


def draw_word(rng: np.random.Generator, script: str = "latin") -> str:
    """A word in ``script``: 1 to 11 letters, capitals and numbers among them."""
    if script != "latin":
        letters, n = ALPHABETS[script], int(rng.integers(1, 5 if script in ("han", "hangul") else 10))
        return "".join(letters[i] for i in rng.integers(0, len(letters), n))
    kind = rng.random()
    if kind < 0.14:
        return draw_number(rng)
    if kind < 0.5:
        return WORDS[rng.integers(len(WORDS))]
    word = MADE_UP[rng.integers(len(MADE_UP))]
    if kind < 0.62:
        return word.capitalize()
    if kind < 0.66:
        return word.upper()
    return word + (str(rng.choice(list(",.;:!?…"))) if kind > 0.93 else "")


def draw_number(rng: np.random.Generator) -> str:
    """Digits as interfaces have them: prices, times, dates, shares, sizes, identifiers."""
    a, b, c = (int(v) for v in rng.integers(0, 100, 3))
    forms = (
        f"{a}.{b:02d}", f"{a % 24:02d}:{b % 60:02d}", f"{c}%", f"{a},{b * 7:03d}", f"${a}.{c:02d}", f"€{b}",
        f"{1900 + a}-{b % 12 + 1:02d}-{c % 28 + 1:02d}", f"({c})", f"#{a * 97 + b}", f"{a}/{c}", f"{b} KB",
        f"v{a % 9}.{b}", f"+{c}", f"−{a}.{b}",
    )  # fmt: skip
    return forms[rng.integers(len(forms))]


def draw_text(rng: np.random.Generator, words: int, script: str = "latin") -> str:
    """So many words, with spaces where the script has them."""
    space = "" if script in ("han", "thai") else " "
    return space.join(draw_word(rng, script) for _ in range(words))


def draw_code(rng: np.random.Generator) -> str:
    """A line of a program in no language."""
    parts = [
        CODE[rng.integers(len(CODE))] if rng.random() < 0.6 else draw_word(rng).lower()
        for _ in range(rng.integers(1, 5))
    ]
    return " ".join(parts)
