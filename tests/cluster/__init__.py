# SPDX-License-Identifier: Apache-2.0
"""Real schedulers on this machine, whose workers, nodes and heads are killed: `make test-cluster`."""
