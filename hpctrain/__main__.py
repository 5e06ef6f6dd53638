"""The program, as ``python -m hpctrain`` starts it."""

import sys

from hpctrain.cli.main import main

sys.exit(main())
