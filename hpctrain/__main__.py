"""``python -m hpctrain``."""

import sys

from hpctrain.cli.main import main

sys.exit(main())
