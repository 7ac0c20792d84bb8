# SPDX-License-Identifier: Apache-2.0
"""Record what somebody else's training loop learns: the panel, the recorder, and callbacks for other libraries.

`Panel` and `Recorder` are part of the front door (:mod:`dynamics`), where they are described.
The callbacks are imported by themselves, because their libraries are optional: `dynamics.recording.lightning`,
`dynamics.recording.huggingface`, `dynamics.recording.keras`.
"""

from dynamics.recording.panel import Panel
from dynamics.recording.recorder import Recorder

__all__ = ["Panel", "Recorder"]
