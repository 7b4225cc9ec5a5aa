"""One function that runs a pure stage on Arrow tables, here or on a cluster: `run_stage`.

Covers where rows stand on disk (`Dataset`), what a stage is (`Stage`: a pure function and how each of its inputs is
dealt out) and running it so that it can be stopped and taken up again. Knows nothing of what the rows mean.
"""

from plumbline.engine.dataset import Dataset, Part, part_of, position_of, positions, read_whole
from plumbline.engine.engines import ENGINES, Engine, open_engine
from plumbline.engine.running import run_stage
from plumbline.engine.stage import ByKey, ByPart, Made, PortionsToParts, Stage, Take, ToParts, Whole
from plumbline.engine.workspace import Workspace, open_workspace

__all__ = [
    "ENGINES",
    "ByKey",
    "ByPart",
    "Dataset",
    "Engine",
    "Made",
    "Part",
    "PortionsToParts",
    "Stage",
    "Take",
    "ToParts",
    "Whole",
    "Workspace",
    "open_engine",
    "open_workspace",
    "part_of",
    "position_of",
    "positions",
    "read_whole",
    "run_stage",
]
