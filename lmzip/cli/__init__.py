"""The command `lmzip`, and `lmzcat`. Nothing else in the package imports this.

run        exit status, and what ends the command before time
signals    what a signal leaves behind: nothing unfinished
streams    standard streams that are closed, or full
commands   the commands and their help
train      the command that learns a prior
instruments the commands that measure
told       what these print
options    options that commands share, and the environment
prior      what --prior names
inputs     which files are meant
outputs    where their results go
jobs       compress, decompress or test one file after the other
listing    what `list` prints
tables     columns of text
report     messages, verbosity, and the status that they add up to
manual     the man page, built from the help
"""

from __future__ import annotations

from lmzip.cli.run import lmzcat, main

__all__ = ["lmzcat", "main"]
