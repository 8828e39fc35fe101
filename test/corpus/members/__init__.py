"""members - messages that carry something evil in every container, for the end-to-end test of what the engines are shown

`catalogue.all_members()` yields them; `measure` sends them through tamisd with a real clamd; `run` is the command.
A container is a function from (file name, bytes) to bytes, one line of a table in archives, documents, texts or polyglots;
a wrapping is one from (file name, bytes) to a message, in mails. Everything is made here, byte by byte or by the program
that usually makes it.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
