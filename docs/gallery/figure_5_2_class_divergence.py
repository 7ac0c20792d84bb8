"""
Figure 5.2: divergence between the classes in feature space
===========================================================

How far apart are the classes in the features of a network?

**How to read it.** A Gaussian is fitted to the features of each class. Each cell is the
Kullback-Leibler divergence of the row's class from the column's, in nats, on a logarithmic colour
scale: light classes are near.

**Here.** Cat and dog are nearest in both networks: 39 nats in SimCLR, where cat and automobile are
87 apart. Supervised training separates classes further: its median is 372 nats, SimCLR's 82.

**When not to trust it.** The formula of the memorization thesis is biased upwards where a class has
few images for so many features: two random halves of one class are 125 nats apart by it, further
than two classes of SimCLR. The corrected estimate, in the table, has -0.4 there, and puts cat 13
times nearer to dog than to automobile. Values depend on the numbers of features and images: compare
cells of one panel rather than networks.
"""

import figures
from analysis.framework import results

# The networks are not published. What the analysis found is: with networks, divergence.analyse(study) computes it.
result = results.read("published/results/cifar-small", "divergence")
figures.draw("class-divergence", result)

# %%
# Both estimates of three pairs, and of two halves of one class.

for one in result.settings["summary"]:
    pairs = result.table.query("method == @one['method'] and estimator == @one['estimator'] and y == 'cat'")
    near = pairs.set_index("z")["kl"][["dog", "bird", "automobile"]].round(1).to_dict()
    print(f"{one['method']:10} {one['estimator']:9} cat from {near}, halves of a class {one['null']:.1f}")
