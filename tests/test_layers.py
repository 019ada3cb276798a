"""The design's rules about who may import whom, read from the source with ``ast``.

1. Imports run downwards, or sideways within a layer; every module has a layer, and every layer's
   entry is a module.
2. The steps never import each other.
3. Importing one module never comes back to it (no cycles).
4. What a prediction imports brings no torch: modules on that way import it (or the modules above
   torch) inside a function only, and only the few that are named below.

Each rule is a function from imports to complaints, so that a counter-example can make it fail.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"

STEPS = {
    "segfit.classification",
    "segfit.refinement",
    "segfit.classical",
    "segfit.edges",
}
# From the top down; a prefix stands for the module and all below it, the longest one counts.
LAYERS: tuple[set[str], ...] = (
    {"segfit.__main__", "segfit.cli"},
    {"segfit"},
    {"segfit.studio"},
    {
        "segfit.batch",
        "segfit.export",
        "segfit.methods",
        "segfit.napari",
        "segfit.report",
        "segfit.serving",
        "segfit.training",
    },
    {"segfit.evaluation", "segfit.streaming"},
    {"segfit.refiner", "segfit.scribbles", "segfit.segmenter"},
    {"segfit.runtime"},
    {"segfit.networks"},
    STEPS,
    {"segfit.datasets", "segfit.metrics", "segfit.shapes"},
    {"segfit.result.method", "segfit.result.segmentation"},
    {"segfit.formats"},
    {"segfit.model"},
    {"segfit.result"},
    {"segfit.imaging", "segfit.partition"},
    {"segfit.basics", "segfit.classes", "segfit.errors", "segfit.version"},
)
PREDICTION = ("segfit", "segfit.segmenter", "segfit.cli.app")
NEEDS_TORCH = ("torch", "segfit.networks", "segfit.training")
MAY_IMPORT_TORCH_LATE = ("segfit", "segfit.cli", "segfit.runtime")


@dataclass(frozen=True)
class Import:
    """``importer`` (a module of segfit) imports ``target`` (any module), in ``line``."""

    importer: str
    target: str
    line: int
    late: bool = False  # inside a function
    typing_only: bool = False  # under `if TYPE_CHECKING:`

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def read_package(source: Path = SOURCE) -> list[Import]:
    """All imports of all modules of segfit."""
    sources: dict[str, str] = {}
    for path in sorted(source.glob("segfit/**/*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[module] = path.read_text(encoding="utf-8")
    return parse_imports(sources)


def parse_imports(sources: Mapping[str, str]) -> list[Import]:
    """All imports of ``sources`` (module name → text).

    ``from package import x`` names the module ``package.x`` where there is one, else ``package``.
    """
    found: list[Import] = []

    def visit(node: ast.AST, importer: str, late: bool, typing_only: bool) -> None:
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}:{node.lineno} a relative import: write it in full"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            targets = sorted({name if name in sources else str(node.module) for name in inner})
        found.extend(Import(importer, name, node.lineno, late, typing_only) for name in targets)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            late = True
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only = True
        for child in ast.iter_child_nodes(node):
            visit(child, importer, late, typing_only)

    for name, text in sources.items():
        visit(ast.parse(text), name, late=False, typing_only=False)
    return found


def covers(prefix: str, module: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def find_prefix(module: str) -> str | None:
    """The entry of ``LAYERS`` that a module belongs to; the bare package stands for itself only."""
    prefixes = [
        prefix
        for layer in LAYERS
        for prefix in layer
        if covers(prefix, module) and (prefix != "segfit" or module == "segfit")
    ]
    return max(prefixes, key=len, default=None)


def find_rank(module: str) -> int | None:
    """Height of a module's layer; 0 is the lowest."""
    prefix = find_prefix(module)
    heights = [height for height, layer in enumerate(reversed(LAYERS)) if prefix in layer]
    return heights[0] if heights else None


def complain_about_unknown(imports: Iterable[Import]) -> list[str]:
    modules = {name for one in imports for name in (one.importer, one.target)}
    unknown = sorted(m for m in modules if covers("segfit", m) and find_rank(m) is None)
    return [f"{module} has no layer: give it one in LAYERS" for module in unknown]


def complain_about_missing(imports: Iterable[Import]) -> list[str]:
    modules = {name for one in imports for name in (one.importer, one.target)}
    entries = {prefix for layer in LAYERS for prefix in layer}
    missing = sorted(p for p in entries if not any(covers(p, module) for module in modules))
    return [f"{prefix} is in LAYERS and is not a module" for prefix in missing]


def complain_about_upwards(imports: Iterable[Import]) -> list[str]:
    complaints = []
    for one in imports:
        own, other = find_rank(one.importer), find_rank(one.target)
        if own is not None and other is not None and other > own:
            complaints.append(f"{one}, which lies above it")
    return complaints


def complain_about_steps(imports: Iterable[Import]) -> list[str]:
    return [
        f"{one}, another step"
        for one in imports
        if {find_prefix(one.importer), find_prefix(one.target)} <= STEPS
        and find_prefix(one.importer) != find_prefix(one.target)
    ]


def reach(start: str, imports: Iterable[Import]) -> set[str]:
    """All modules that importing ``start`` imports with it."""
    targets: dict[str, set[str]] = {}
    for one in imports:
        if not one.late and not one.typing_only:
            targets.setdefault(one.importer, set()).add(one.target)
    seen: set[str] = set()
    to_do = [start]
    while to_do:
        for target in targets.get(to_do.pop(), set()) - seen:
            seen.add(target)
            to_do.append(target)
    return seen


def add_packages(imports: list[Import]) -> list[Import]:
    """The imports, and those of the packages around each target, whose ``__init__`` runs as well.

    Without the package ``segfit``, which everything imports: it is a start of its own.
    """
    around = [
        replace(one, target=one.target[:end])
        for one in imports
        for end in range(len("segfit."), len(one.target))
        if one.target[end] == "."
    ]
    return [*imports, *around]


def complain_about_cycles(imports: list[Import]) -> list[str]:
    importers = sorted({one.importer for one in imports})
    return [f"{m} imports itself in the end" for m in importers if m in reach(m, imports)]


def complain_about_torch(imports: list[Import]) -> list[str]:
    way = set(PREDICTION).union(*(reach(start, add_packages(imports)) for start in PREDICTION))
    complaints = []
    for one in imports:
        needs_torch = any(covers(prefix, one.target) for prefix in NEEDS_TORCH)
        if one.importer not in way or one.typing_only or not needs_torch:
            continue
        if not one.late:
            complaints.append(f"{one} on the way of every prediction")
        elif not any(covers(prefix, one.importer) for prefix in MAY_IMPORT_TORCH_LATE[1:]) and (
            one.importer != MAY_IMPORT_TORCH_LATE[0]
        ):
            complaints.append(f"{one}: only {', '.join(MAY_IMPORT_TORCH_LATE)} may, in a function")
    return complaints


RULES = [
    complain_about_unknown,
    complain_about_missing,
    complain_about_upwards,
    complain_about_steps,
    complain_about_cycles,
    complain_about_torch,
]


@pytest.mark.parametrize("rule", RULES)
def test_package_keeps_the_rule(rule):
    imports = read_package()
    assert imports
    assert rule(imports) == []


@pytest.mark.parametrize(
    ("rule", "sources", "complaint"),
    [
        (
            complain_about_unknown,
            {"segfit.gadgets": "import os"},
            "segfit.gadgets has no layer",
        ),
        (
            complain_about_missing,
            {"segfit.imaging.read": "import os"},
            "segfit.batch is in LAYERS and is not a module",
        ),
        (
            complain_about_upwards,
            {"segfit.imaging.read": "def f():\n    from segfit.cli.app import main"},
            "segfit.imaging.read:2 imports segfit.cli.app, which lies above",
        ),
        (
            complain_about_upwards,
            {"segfit.errors": "from segfit import load"},
            "segfit.errors:1 imports segfit, which lies above",
        ),
        (
            complain_about_upwards,
            {"segfit.formats.save": "def f():\n    import segfit.result.segmentation"},
            "segfit.formats.save:2 imports segfit.result.segmentation, which lies above",
        ),
        (
            complain_about_steps,
            {"segfit.classification.classify": "from segfit.classical.otsu import Otsu"},
            "segfit.classification.classify:1 imports segfit.classical.otsu, another step",
        ),
        (
            complain_about_steps,
            {"segfit.edges.finder": "def f():\n    import segfit.refinement.outlines"},
            "segfit.edges.finder:2 imports segfit.refinement.outlines, another step",
        ),
        (
            complain_about_cycles,
            {
                "segfit.imaging.read": "import segfit.runtime",
                "segfit.runtime": "import segfit.imaging.read",
            },
            "segfit.imaging.read imports itself",
        ),
        (
            complain_about_torch,
            {"segfit.cli.app": "import segfit.runtime", "segfit.runtime": "import torch.nn"},
            "segfit.runtime:1 imports torch.nn on the way",
        ),
        (
            complain_about_torch,
            {
                "segfit.segmenter": "from segfit.training import engine",
                "segfit.training.engine": "",
            },
            "segfit.segmenter:1 imports segfit.training.engine on the way",
        ),
        (
            complain_about_torch,
            {
                "segfit.cli.app": "import segfit.metrics.confusion",
                "segfit.metrics.confusion": "",
                "segfit.metrics": "import torch",
            },
            "segfit.metrics:1 imports torch on the way",
        ),
        (
            complain_about_torch,
            {"segfit.segmenter": "def f():\n    import torch"},
            "segfit.segmenter:2 imports torch: only",
        ),
    ],
)
def test_rule_complains_about_a_counter_example(rule, sources, complaint):
    imports = parse_imports(sources)
    assert any(found.startswith(complaint) for found in rule(imports)), rule(imports)


@pytest.mark.parametrize(
    "sources",
    [
        {"segfit.cli.app": "import segfit.runtime", "segfit.runtime": "def f():\n    import torch"},
        {
            "segfit.cli.app": "def f():\n    import segfit.training",
            "segfit.training": "import torch",
        },
        {
            "segfit.runtime": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    import torch",
            "segfit.cli.app": "import segfit.runtime",
        },
        {"segfit.classical.otsu": "import segfit.classical.lines"},
        {"segfit.formats": "import segfit.formats.coco", "segfit.formats.coco": ""},
        {"segfit.result.segmentation": "from segfit.formats.save import save"},
        {"segfit.training": "import torch"},
    ],
)
def test_rules_accept_what_is_allowed(sources):
    imports = parse_imports(sources)
    rules = [rule for rule in RULES if rule is not complain_about_missing]
    assert [complaint for rule in rules for complaint in rule(imports)] == []


TREE_LINE = re.compile(r"^  (\w+(?:\.py|/)(?:, \w+(?:\.py|/))*)\s", re.MULTILINE)


def test_the_readme_s_tree_is_that_of_the_folders():
    text = (SOURCE.parent / "README.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"^src/segfit/\n(.*?)^(?:\w|```)", text, re.MULTILINE | re.DOTALL)
    named = [name for line in TREE_LINE.findall(tree) for name in line.split(", ")]
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (SOURCE / "segfit").iterdir()
        if path.name != "__pycache__" and (path.is_dir() or path.suffix == ".py")
    }
    assert sorted(named) == sorted(rooms - {"__init__.py"})


def test_the_layers_of_the_architecture_are_those_that_are_held():
    text = (SOURCE.parent / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE)
    written = [{f"segfit.{name}" for name in row.split("`, `")} for row in rows]
    held = [layer - {"segfit.__main__"} for layer in LAYERS if layer != {"segfit"}]
    assert written == held
