"""The ways down to a device that are measured: what each is built by, and on which test sets."""

from dataclasses import dataclass

CORE_ML = ("--target", "coreml", "--tile", "96")  # 96 fits the smallest picture of Set5 at ×2


@dataclass(frozen=True)
class Way:
    """One way down: the options of ``build``, and of ``sensitivity`` before it where layers are chosen.

    ``weights``: embedded ones; any other name is of a checkpoint that ``by_hand`` says how to make: its
    artifact is looked for, not built.
    """

    weights: str
    scale: str
    precision: str
    options: tuple[str, ...] = ()
    sensitivity: tuple[str, ...] = ()
    by_hand: str = ""

    @property
    def name(self) -> str:
        """Of the row, and of the folder of its artifact."""
        scale = self.scale if self.scale == "any" else f"x{self.scale}"
        extra = [*(["coreml"] if "coreml" in self.options else []), *(["plan"] if self.sensitivity else [])]
        return "-".join([self.weights, scale, self.precision, *extra])

    @property
    def checkpoint(self) -> list[str]:
        """The option that names the weights."""
        if self.by_hand:
            return ["--checkpoint", f"{self.weights}.safetensors"]
        return [] if self.weights == "baseline" else ["--checkpoint", self.weights]

    def commands(self, folder: str) -> list[list[str]]:
        """Arguments of ``liif-edge``, one list per command, that make the artifact in ``folder``."""
        if self.by_hand:
            return []
        build = ["build", "--out", folder, "--scale", self.scale, "--precision", self.precision]
        build += [*self.options, *self.checkpoint]
        if not self.sensitivity:
            return [build]
        plan = f"{folder}/layers.json"
        choose = ["sensitivity", *self.checkpoint, *self.sensitivity, "--out", plan]
        return [choose, [*build, "--mixed-precision", plan]]

    @property
    def in_words(self) -> str:
        """How its artifact is made."""
        made = [" ".join(("liif-edge", *arguments)) for arguments in self.commands("DIR")]
        return self.by_hand or "; ".join(made)


# In the order of the table of worst cases.
SHOWN_AT_WORST = (
    Way("baseline", "2", "int8"),
    Way("baseline", "3", "int8"),
    Way("baseline", "4", "int8"),
    Way("baseline", "any", "int8"),
    Way("fast", "2", "int8"),
    Way("fast", "3", "int8"),
    Way("fast", "4", "int8"),
    Way("fast", "any", "int8"),
    Way("baseline", "2", "int8", (), ("--max-loss", "0.01")),
    Way("baseline", "2", "int8-dynamic"),
    Way("baseline", "any", "int8-dynamic"),
    Way("fast", "2", "int8-dynamic"),
    Way("tiny", "2", "int8-dynamic"),
    Way("baseline", "2", "fp16", CORE_ML),
    Way("baseline", "2", "int8-weights", CORE_ML),
    Way("baseline", "2", "palette6", CORE_ML),
    Way("baseline", "2", "palette4", CORE_ML),
    Way(
        *("baseline", "2", "palette-mixed", CORE_ML),
        ("--precision", "palette-mixed", "--max-size", "800KB"),
    ),
    Way("baseline", "2", "int8", CORE_ML),
    Way("fast", "2", "fp16", CORE_ML),
    Way("fast", "2", "int8-weights", CORE_ML),
    Way("fast", "2", "palette6", CORE_ML),
    Way("fast", "2", "palette4", CORE_ML),
    Way("fast", "2", "int8", CORE_ML),
)

QAT = "liif-edge train int8-x2 --data DIR; liif-edge build --scale 2 --precision int8 --checkpoint …"
HALF = "liif-edge prune half.safetensors --macs 0.5 --part encoder --data DIR; liif-edge build …"

WAYS = (
    *SHOWN_AT_WORST,
    *(Way("pruned", scale, "int8") for scale in "234"),
    Way("baseline", "2", "fp32"),
    Way("baseline", "any", "fp32"),
    Way("qat", "2", "int8", by_hand=QAT),
    Way("qat", "2", "int8", CORE_ML, by_hand=f"{QAT} --target coreml --tile 96"),
    Way("half", "2", "int8", by_hand=HALF),
)

# By way the test sets that it is measured on, where it is not Set5 alone.
EVALUATED = {
    **{way.name: ("Set5", "BSD100") for way in WAYS if way.scale == "2" and "coreml" not in way.options},
    **{
        way.name: ("Set5", "BSD100-tenth")
        for way in WAYS
        if "coreml" in way.options and way.weights != "fast"
    },
}

# By record the programs that are timed beside those that ``bench`` always times.
BENCHED = {
    "bench x2": ("baseline-x2-int8-dynamic", "baseline-x2-int8-plan", "half-x2-int8", "pruned-x2-int8"),
    "bench phones": ("baseline-x2-int8-dynamic", "fast-x2-int8-dynamic", "tiny-x2-int8-dynamic"),
}
