"""
Figure 5.1: t-SNE of features, by true class
============================================

Do images of one class lie together in a network's features?

**How to read it.** Each dot is a training image, placed so that near images have near features,
coloured by its true class. All panels show the same images. Above each stand the fraction of the
nearest neighbours that have the class of an image, in the features and, in brackets, in the map,
and the normalised mutual information of k-means clusters and classes. A class is named where at
least half of the neighbours of its images are of it.

**Here.** Only supervised training gathers classes: .70 of the neighbours. SimCLR, without labels,
is at .30, above the raw pixels' .20 and an untrained network's .15. Random labels form ten tight
groups, those of the labels that were learnt, in which classes are mixed: .10 is chance.

**When not to trust it.** Only neighbourhoods can be read from such a map, not distances, sizes of
groups or the space between them. It is one seed of each method; the fractions are measured in the
features and do not depend on the map.
"""

import figures
from analysis.framework import results

# The networks are not published. What the analysis found is: with networks, embedding.analyse(study) computes it.
result = results.read("published/results/cifar-small", "embedding")
figures.draw("feature-embedding", result)

# %%
# Fractions of neighbours of the same class.

columns = ["method", "neighbours_features", "neighbours_map", "neighbours_chance", "nmi_features"]
print(result.table[columns].round(2).to_string(index=False))
