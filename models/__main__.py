"""``python -m models RECIPE --data DIR --out RUN``: training with PyTorch, Pillow and safetensors alone.

For machines that have a GPU and none of the export tools; ``torchrun --nproc-per-node N -m models …`` uses N
of them. ``liif-edge train`` is the same with the exporters at hand, which int8 recipes need.
"""

import argparse
import sys
from pathlib import Path

from models.errors import ModelError, TrainingError
from models.training.loop import MODEL_FILE, describe_report, training
from models.training.recipe import find_recipe


def main() -> int:
    """Exit codes as everywhere: 0 ok, 1 training went wrong, 2 the input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m models", description="Train LIIF-EDSR by a recipe.")
    parser.add_argument("recipe", help="a TOML file, or the name of one in models/recipes")
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; one that exists goes on")
    parser.add_argument("--device", choices=("cpu", "cuda"))
    arguments = parser.parse_args()
    try:
        recipe = find_recipe(arguments.recipe)
        for report in training(recipe, arguments.data, arguments.out, device=arguments.device):
            print(describe_report(report, recipe), flush=True)
    except (ModelError, TrainingError) as error:
        print(f"models: {error}", file=sys.stderr)
        return 2 if isinstance(error, ModelError) else 1
    print(arguments.out / MODEL_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
