# SPDX-License-Identifier: Apache-2.0
"""Activation maximisation: the image that drives a unit of a network hardest, by gradient ascent on the image.

`robust` searches natural-looking images in [0, 1] (Olah et al., 2017, "Feature Visualization",
doi:10.23915/distill.00007); `thesis` ascends on pixels, as the memorization thesis did (section 5.4). This
package uses torch; import it inside functions.
"""
