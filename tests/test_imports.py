"""Who may import whom: the table of the design, held."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MAY = {
    "errors": set(),
    "model": {"errors"},
    "intervals": {"model"},
    "keep": {"model"},
    "plan": {"errors", "model", "intervals"},
    "transform": {"errors", "model", "values"},
    "values": {"errors", "model"},
    "slices": set(),
    "withheld": {"model", "slices", "transform", "values"},
    "report": {"errors", "model"},
    "settings": {"errors", "model", "sections", "complaints", "secret_file", "authorities", "account_rows"},
    "account_rows": set(),
    "figures": {"model"},
    "harmless": set(),
    "health": {"model", "figures"},
    "page": {"model", "figures", "harmless", "health"},
    "authorities": set(),
    "secret_file": set(),
    "sections": {"errors", "model"},
    "complaints": {"errors", "model"},
    "example": set(),
    "shapes": set(),
    "extract": {"errors", "model", "slices", "extract"},
    "warehouse": {"errors", "model", "intervals", "figures", "warehouse"},
    "census": {"model"},
    "shown": set(),
    "tally": {"census", "model", "shown"},
    "abreast": {"model"},
    "learned": {"model"},
    "turn": {"abreast", "census", "errors", "model", "keep", "learned", "shown", "tally"},
    "pipeline": {"errors", "model", "report", "turn"},
    "mending": {"errors", "model", "report"},
    "metrics": {"model"},
    "notify": set(),
    "sandbox": {"sandbox"},
    "lineage": {"model"},
    "airflow_call": set(),
    "airflow_operator": {"airflow_call"},
    "airflow_sensor": {"airflow_call", "airflow_operator"},
    "airflow_dag": {"airflow_call", "airflow_operator"},
}
"""Room -> rooms it may import; `bootstrap`, `sources` and `cli` may import everything. `version` is etl/__init__."""


def rooms() -> list[Path]:
    return [path for path in sorted((ROOT / "etl").rglob("*.py")) if room_of(path) in MAY]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "etl").parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "etl" else [f"etl.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("etl.") and name != "etl.__version__"}
    return found


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_its_neighbours(path: Path) -> None:
    """extract and warehouse never meet; the sandbox knows nothing of ours."""
    assert imported_rooms(path) <= MAY[room_of(path)] | {room_of(path)}


def test_migrations_know_only_the_warehouse() -> None:
    """A migration must run without the rest of the program."""
    for path in (ROOT / "migrations").rglob("*.py"):
        assert imported_rooms(path) <= {"warehouse"}


def test_airflow_imports_the_tool_and_nothing_of_the_tool_imports_airflow() -> None:
    """Airflow's environment may lack all that the command needs, and the command's has no Airflow."""
    for path in sorted((ROOT / "etl").rglob("*.py")):
        is_airflows = path.name.startswith("airflow_")
        imports = ast.walk(ast.parse(path.read_text()))
        named = {node.module for node in imports if isinstance(node, ast.ImportFrom) and node.module}
        tops = {name.split(".")[0] for name in named}
        assert is_airflows or "airflow" not in tops
        assert not is_airflows or tops <= {"airflow", "etl"} | sys.stdlib_module_names


def test_values_are_structs() -> None:
    """A dataclass is made with exec at every start, half a millisecond each; the sandbox, which no night loads, may."""
    for path in sorted((ROOT / "etl").rglob("*.py")):
        assert room_of(path) == "sandbox" or "@dataclass" not in path.read_text()
