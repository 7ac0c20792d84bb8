"""
Figure 4.4: average over augmentations against binomial noise
=============================================================

How far is the learning probability, averaged over augmentations, from that of equally hard
examples?

**How to read it.** As :doc:`figure 4.3 <figure_4_3_binomial_single>`, with :math:`r_t(x)`, the
average over all augmentations of an example. The area between curve and noise is shaded; its mean
height is the third number in the legend, the MAE of the memorization thesis.

**Here.** SimCLR's MAE is .037 to .040 and supervised training's .086 to .126. This is the thesis's
evidence that SimCLR, once averaged, treats examples as if they were equally hard.

**When not to trust it.** The noise is that of N trials, though the curve has N times M: were all 40
answers of each example equally hard, the MAE would be .07 to .08 and not 0 (the column
``mae_if_equal``), because their curve is flatter than the noise. A narrow area therefore does not
mean that examples are equally hard. Two draws of the noise differ by .007 to .010 (``mae_floor``);
the permutation test rejects equal examples at all these epochs.
"""

import dynamics
import figures
from analysis import binomial, learning

study = dynamics.open_study("published/runs/cifar-small")
result = binomial.analyse(study)
figures.draw("binomial-averaged", learning.analyse(study), result)

# %%
# The MAE, beside what it would be between two draws of the noise, and were all examples equally hard.

table = result.table.query("quantity == 'r'")
columns = ["method", "epoch", "p0", "mae", "mae_floor", "mae_if_equal", "permutation_q"]
print(table[columns].round(3).to_string(index=False))
