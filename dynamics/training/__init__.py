# SPDX-License-Identifier: Apache-2.0
"""From a recipe and a seed to a run folder: the training loop, the panel, and the processes that train seeds."""
