# SPDX-License-Identifier: Apache-2.0
"""Pure functions on arrays with named axes, and the commands that apply them to a study."""
