# SPDX-License-Identifier: Apache-2.0
"""How networks learn, example by example: (config, seed) in, a run folder of snapshots out."""

__version__ = "0.1.0"
