"""The report of a run: one self-contained HTML page, one summary and one bill. Runs where the operator sits.

Pure: a `types.Run` goes in, text and numbers come out. It calls no service and writes no file; `steps/report.py` does.
"""

from scones.report.html import render

__all__ = ["render"]
