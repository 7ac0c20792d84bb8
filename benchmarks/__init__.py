# SPDX-License-Identifier: Apache-2.0
"""Speed and memory, compared with alternatives: one file per benchmark, with `measure(conditions) -> rows`.

`benchmarks.harness` is what they measure with, `benchmarks.peers` what ours is compared with. Nothing imports this
package: `python -m benchmarks` runs it.
"""

from typing import Literal, get_args

Name = Literal[
    "train", "photographs", "seeds", "engines", "analysis", "augment", "store", "recording", "scale"
]
NAMES: tuple[Name, ...] = get_args(Name)
"""All benchmarks, in the order of measurement: those with most targets come first, in case time is short."""
