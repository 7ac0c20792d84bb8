r"""
Figure 4.3: one augmentation against binomial noise
===================================================

Could augmented examples be equally hard, and differ only by the chance of few seeds?

**How to read it.** Solid is :math:`\tilde r_t(\tilde x)` of one fixed augmentation of each example,
sorted, at the first epochs whose mean reaches 1/4, 1/2 and 3/4; dashed a draw from the binomial
distribution that would hold if all of these were equally hard. The further the solid line is from
the dashed one, the less can chance alone explain that some augmented examples are right more often.

**Here.** The lines of SimCLR, VICReg and supervised training lie far apart. Counts of right answers
vary 2.6 to 5.5 times as much as chance allows (the column ``dispersion``). With random labels and
no augmentation the lines all but coincide, and counts vary at most 1.1 times as much: the
permutation test finds something at epochs 6 and 10 (q .001 and .004), and nothing at epoch 11
(.181).

**When not to trust it.** Whether it is the example that is hard or this one augmentation of it, the
figure cannot tell: :doc:`figure 4.5 <figure_4_5_augmentation_spread>` can. Where some seeds learn
more than others, counts of equally hard examples vary less than binomial ones; the permutation
test, within seeds, holds then, too.
"""

import dynamics
import figures
from analysis import binomial, learning

study = dynamics.open_study("published/runs/cifar-small")
result = binomial.analyse(study)
figures.draw("binomial-single", learning.analyse(study), result)

# %%
# The numbers of the figure, and q of a permutation test.

table = result.table.query("quantity == 'r_tilde'")
print(table[["method", "epoch", "p0", "dispersion", "permutation_q"]].round(3).to_string(index=False))
