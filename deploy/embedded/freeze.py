"""Imported last by the process that services are forked from: what is there now stays shared between them."""

from __future__ import annotations

import gc

gc.collect()
gc.freeze()
