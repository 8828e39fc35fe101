"""ordinary - what honest people send: documents of real programs (papers) and messages of usual shapes (letters)

Nothing of it may be ambiguous, over limits or banned, and only what is encrypted may be unchecked. `run` is the command.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
