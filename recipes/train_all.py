#!/usr/bin/env python
"""Train all shipped models from one folder of data sets, on a card if there is one, into another.

    python recipes/train_all.py ../shared/data trained --device cuda --times 0.5

The models, a log of each, and what is unfinished lie in the second folder. Give the same command
again after an interruption: finished models stay, and the one that was trained resumes. They
replace nothing: compare them with what is shipped, and copy what is better.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from rich.console import Console

RECIPES = Path(__file__).resolve().parent
MODELS = ("nuclei", "face", "edges", "outlines")

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that holds the data sets")
    parser.add_argument("output", type=Path, help="where models and logs go")
    parser.add_argument("--device", default="cpu", help="where they learn (%(default)s)")
    parser.add_argument("--times", type=float, default=1.0, help="their minutes (%(default)s)")
    parser.add_argument("--only", nargs="*", choices=MODELS, default=MODELS)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    failed = [name for name in arguments.only if not train(name, arguments)]
    if failed:
        raise SystemExit(f"not trained: {', '.join(failed)}; their logs say why")


def train(name: str, arguments: argparse.Namespace) -> bool:
    """Train a model unless it is there; whether it is there then."""
    model = arguments.output / f"{name}.segfit"
    if model.exists():
        console.print(f"{model}: is there already")
        return True
    log = arguments.output / f"{name}.log"
    command = [sys.executable, str(RECIPES / f"train_{name}.py"), str(arguments.data)]
    command += ["-o", str(model), "--work", str(arguments.output), "--device", arguments.device]
    command += ["--times", f"{arguments.times:g}"]
    console.print(f"{name}: {log} says how far it is")
    with log.open("a", encoding="utf-8") as lines:
        ended = subprocess.run(command, stdout=lines, stderr=subprocess.STDOUT, check=False)
    console.print(f"{model}: {'trained' if ended.returncode == 0 else 'failed'}")
    return ended.returncode == 0


if __name__ == "__main__":
    main()
