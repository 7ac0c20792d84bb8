r"""
Figure 5.3: learning probability of every class
===============================================

Are some classes learnt before others?

**How to read it.** Each line is the mean of :math:`r_t(x)` over the examples of one class. The grey
band is where the means of all classes would lie at any one epoch, in 95 % of cases, had the labels
been shuffled: classes of a hundred examples differ by chance. :math:`\epsilon^2` is the part of the
variance of r that lies between classes, at the first epoch with a mean of 1/2.

**Here.** Classes explain .133 of the variance in supervised training at epoch 10, with automobiles
first and cats, birds and deer last, and .020 in SimCLR at epoch 8.

**When not to trust it.** The band holds for these seeds. While the learning rate is high,
supervised networks of this study change from epoch to epoch which classes they favour, so that a
line may leave the band for these seeds and not for others: the crossed test in the table, which
takes seeds as drawn at random, is the one to cite. Over many epochs some line leaves the band more
often than in 5 % of cases.
"""

import dynamics
import figures
from analysis import classes

study = dynamics.open_study("published/runs/cifar-small")
result = classes.analyse(study)
figures.draw("class-curves", result)

# %%
# The variance between classes, and the test that other seeds would show a difference, too.

table = result.table.query("classes_by == 'true' and mean_r >= 0.5").groupby("method").first()
print(table[["epoch", "mean_r", "epsilon_squared", "crossed_f", "crossed_p"]].round(3))
