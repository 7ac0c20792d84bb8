# SPDX-License-Identifier: Apache-2.0
"""How to read each figure, in two sentences, by its number in the thesis."""

READINGS = {
    "4.1": "Each curve holds the learning probabilities r of all examples after one epoch, sorted from the hardest "
    "to the easiest; its colour is the epoch. A flat curve would mean that all examples are equally hard, a "
    "steep one that some are nearly always right and others nearly never.",
    "4.2": "Each panel compares the settings at epochs at which they have learnt as much, on average, as SimCLR has "
    "at the epoch above it. What differs between the curves of a panel is therefore the spread between "
    "examples, not the amount that was learnt.",
    "4.3": "Solid: one fixed augmentation of every example, sorted; dashed: a draw from the binomial distribution "
    "that would hold if all were equally hard. The further the solid line is from the dashed one, the less can "
    "chance alone explain that some examples are right more often.",
    "4.4": "As figure 4.3, but averaged over all augmentations of an example; the area between curve and noise is "
    "shaded. The noise is that of N trials, though the curve has N times M, so that a narrow area "
    "does not mean that examples are equally hard.",
    "4.5": "Each dot is one augmentation of an example, at the height of its own r̃; the line is the average of "
    "each example. Dots near the line mean that it is the example that is hard, dots far from it that it is the "
    "augmentation.",
    "5.1": "Each dot is a training image, placed so that near images have near features (t-SNE), coloured by its "
    "true class. Only neighbourhoods can be read from such a map, not distances or sizes; the shares of "
    "same-class neighbours below are measured in the features themselves.",
    "5.2": "Each cell is the divergence of the row's class from the column's, between Gaussians fitted to the "
    "features, on a logarithmic colour scale. Values depend on the number of features and images: compare "
    "cells of one panel rather than panels of different networks.",
    "5.3": "Each line is the mean r of the examples of one class. The grey band is where class means would lie, in "
    "95 % of cases, had the labels been shuffled: lines inside it do not differ.",
    "5.4": "Each tile is an image that makes one channel at the centre of a block's output as active as the search "
    "could. What is seen in the column of untrained networks as well comes from the architecture, not from "
    "what was learnt; dead channels are marked as such.",
    "C.1": "Each panel is the loss of one method over the epochs, black, with its terms before they are weighted. "
    "Losses of different methods are in different units: compare a panel's curves, not panels.",
    "C.2": "A spread near 0 means that all images have one vector (complete collapse), a low rank that the vectors "
    "lie in few dimensions (dimensional collapse). In the last panel each line goes from the first epoch to the "
    "last, which has the marker: low alignment is good only where uniformity is low too.",
    "C.3": "Each line is the training loss of a layer on the features of one encoder, or of the encoder as it is "
    "fine-tuned, mean over seeds; grey are pixels and an untrained network. A low loss on few labels is no "
    "accuracy on test images: those are in the tables below.",
    "B.1": "SimCLR asks each of two views for the other: r from the first views sets the order, r from the second "
    "views is laid over it. Where both agree it does not matter which view is asked.",
}
