"""Every table of the documentation that is rendered from records."""

from coreml_tables import coreml, palettes
from detail_tables import details, fonts, misread
from page_tables import Records, Table, lines
from predictions import measured_by_others, predicted
from score_tables import baseline_scores, narrower, scores_beside_the_baseline, worst_cases
from way_tables import compression, phones, sizes, speed


def phone_runs(records: Records) -> str:
    """What others measured on phones."""
    header = ["phone", "runs on", "network", "10⁶ multiplications", "ms", "10⁹ a second"]
    return lines(header, measured_by_others())


def phone_predictions(records: Records) -> str:
    """What the embedded weights should take there."""
    return lines(*predicted())


TABLES = (
    Table("which artifact", "README.md", phones),
    Table("compression", "docs/results/compression.md", compression),
    Table("speed", "docs/results/compression.md", speed),
    Table("sizes", "docs/results/compression.md", sizes),
    Table("packages", "docs/results/coreml.md", coreml),
    Table("palettes", "docs/results/coreml.md", palettes),
    Table("phone runs", "docs/results/phones.md", phone_runs),
    Table("phone predictions", "docs/results/phones.md", phone_predictions),
    Table("details", "docs/results/detail-score.md", details),
    Table("misread", "docs/results/detail-score.md", misread),
    Table("fonts", "docs/results/detail-score.md", fonts),
    Table("narrower", "docs/results/tuning.md", narrower),
    Table("worst cases", "docs/results/worst-cases.md", worst_cases),
    Table("baseline", "models/weights/README.md", baseline_scores),
    Table("fast", "models/weights/README.md", scores_beside_the_baseline("fast")),
    Table("pruned", "models/weights/README.md", scores_beside_the_baseline("pruned")),
)
