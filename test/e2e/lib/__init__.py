"""What the end-to-end tests stand on: processes with logs, servers on free ports, sample messages, the daemon itself"""
import pathlib
import sys

TEST = pathlib.Path(__file__).resolve().parents[2]      # test/
SOURCE = TEST.parent                                    # the checkout
if str(TEST) not in sys.path:
    sys.path.insert(0, str(TEST))
