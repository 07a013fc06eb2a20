"""What the process from which gateways are forked has done once for all of them. Imported there, and nowhere else."""

from __future__ import annotations

import gc

from voltgate.store import schema

schema.wanted()  # the scripts of all revisions are read
gc.collect()
gc.freeze()  # what they share is walked over, and copied for that, by none of them
