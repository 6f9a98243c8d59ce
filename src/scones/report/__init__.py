"""What a run was, told: one self-contained HTML page, one summary, one bill. Runs where the operator sits.

Pure: a `run.Run` goes in, text and numbers come out. Asks no service, writes no file; `steps/report.py` does.
"""

from scones.report.html import render

__all__ = ["render"]
