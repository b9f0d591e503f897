"""The compiled part; use it through the package."""

from servemark_engine import ENDINGS as ENDINGS
from servemark_engine import SENTENCES as SENTENCES
from servemark_engine import Closed as Closed
from servemark_engine import Control as Control
from servemark_engine import Corpus as Corpus
from servemark_engine import EngineError as EngineError
from servemark_engine import Open as Open
from servemark_engine import Outcome as Outcome
from servemark_engine import Progress as Progress
from servemark_engine import now_ns as now_ns
from servemark_engine import pauses as pauses
from servemark_engine import run as run

def truth(arguments: list[str]) -> int:
    """Run the truth server until SIGTERM or SIGINT; return the exit status."""
