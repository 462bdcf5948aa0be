"""Fonts to draw screens with: those of a folder, by what they can write.

Nothing is committed: the recipe names the folder, such as ``/usr/share/fonts`` after
``apt-get install fonts-noto-core fonts-liberation …``.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

from models.errors import DataError

# Families whose name begins so are measured with (edge/evaluate/text_pages.py) and never trained on: those of
# matplotlib's wheel, and Hack and Bitstream Vera, which share DejaVu's outlines.
HELD_OUT = (
    "DejaVu", "STIX", "Bitstream Vera", "Hack", "Last Resort",
    "cmb", "cmex", "cmmi", "cmr", "cmss", "cmsy", "cmti", "cmtt",
)  # fmt: skip

FONT_SUFFIXES = {".ttf", ".otf", ".ttc"}

# What texts are made of, by script. A letter stands alone and from left to right, whatever the script's
# rules: a network of a few blocks sees strokes and not words. Arabic letters are in their forms within words.
ALPHABETS: dict[str, str] = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщыьэюяАБВГДЕЖЗИКЛМНОПРСТУФЦШЭЮЯ",
    "greek": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώΑΒΓΔΕΖΗΘΛΞΠΣΦΨΩ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשת",
    "arabic": "ﺎﺒﺘﺠﺤﺨﺪﺮﺴﺸﺼﻀﻄﻌﻐﻔﻘﻜﻠﻤﻨﻬﻮﻴ",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
    "thai": "กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวศษสหอฮะาเแโไ",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆԱԲԳԴԵԶԹԺԼԽ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "ethiopic": "ሀለሐመሠረሰሸቀበተቸነኘአከወዘየደጀገጠጨጰጸፈፐ",
    "hangul": "가각간갈감강개거건게고과관교구국그기김나남내너노는다단대도동되드들등라레로를리마만말면명모",
    "han": (
        "的一是不了人在有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小"
        "么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知"
        "民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间"
        "新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼"
        "体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或"
        "司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认"
        "算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条院变联言权往展该领传近留红治决周保达办运"
        "武半候七必城父强步完革深区即求品士转量空甚众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取"
    ),
}


@dataclass(frozen=True)
class Typeface:
    """A font file and what is known of it.

    ``plain``: upright and of ordinary weight. ``scripts``: names in ``ALPHABETS`` that it has the letters of.
    """

    path: Path
    family: str
    plain: bool
    scripts: frozenset[str]
    monospaced: bool

    def width(self, text: str) -> float:
        """Width of ``text`` in em, without hinting: the same at every size."""
        return sum(advance(self.path, letter) for letter in text)

    def cut(self, text: str, room: float) -> str:
        """As much of ``text`` from its beginning as is at most ``room`` em wide."""
        width = 0.0
        for number, letter in enumerate(text):
            width += advance(self.path, letter)
            if width > room:
                return text[:number]
        return text


@lru_cache(512)
def sized_font(path: Path, em: float) -> ImageFont.FreeTypeFont:
    """The font in ``path`` with an em of this many pixels. Raises OSError if it cannot be read."""
    # BASIC: the other layout engine is not in every Pillow and places letters elsewhere.
    return ImageFont.truetype(path, em, layout_engine=ImageFont.Layout.BASIC)


MEASURING_EM = 256  # pixels: hinting rounds an advance to 1/256 em


@lru_cache(65536)
def advance(path: Path, letter: str) -> float:
    """How far ``letter`` moves the pen, in em."""
    return sized_font(path, MEASURING_EM).getlength(letter) / MEASURING_EM


@lru_cache(8)
def find_typefaces(folder: Path) -> tuple[Typeface, ...]:
    """Fonts in ``folder`` and below it that can write any of ``ALPHABETS``, without ``HELD_OUT``; by path.

    Fonts of bitmaps alone have no outlines to scale and are passed over. Raises DataError for a folder
    that is not there, a file that is no font, and if none with Latin letters is left.
    """
    if not folder.is_dir():
        raise DataError(f"expected a folder of fonts, found none at {folder}")
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in FONT_SUFFIXES):
        typeface = _describe(path)
        if typeface is not None and typeface.scripts:
            found.append(typeface)
    if not any("latin" in typeface.scripts for typeface in found):
        raise DataError(
            f"{folder}: expected fonts ({', '.join(sorted(FONT_SUFFIXES))}) with Latin letters besides "
            f"those that are measured with ({', '.join(HELD_OUT[:4])}), found none"
        )
    return tuple(found)


def is_held_out(family: str) -> bool:
    """Whether fonts of this family are measured with and not to be trained on."""
    return family.startswith(HELD_OUT)


def _describe(path: Path) -> Typeface | None:
    """What is known of the font in ``path``; None if it is held out or has no outlines."""
    try:
        font = sized_font(path, 24)
    except OSError as error:
        if "invalid pixel size" in str(error):
            return None
        raise DataError(f"{path}: expected a font, found {error}") from error
    family = font.getname()[0] or path.stem
    if is_held_out(family):
        return None
    absent = bytes(font.getmask("\uffff"))

    def has(letter: str) -> bool:
        mask = font.getmask(letter)
        return mask.getbbox() is not None and bytes(mask) != absent

    # Of a long alphabet some forty letters, from everywhere in it, tell whether a font has the script.
    scripts = frozenset(
        script
        for script, letters in ALPHABETS.items()
        if all(has(letter) for letter in letters[:: max(1, len(letters) // 40)])
    )
    monospaced = "latin" in scripts and font.getlength("i") == font.getlength("M")
    plain = font.getname()[1] in ("Regular", "Book", "Roman", "Medium", "Normal")
    return Typeface(path, family, plain, scripts, monospaced)
