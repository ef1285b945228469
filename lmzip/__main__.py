"""`python -m lmzip` is `lmzip`."""

import sys

from lmzip.cli import main

sys.exit(main())
