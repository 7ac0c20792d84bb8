# SPDX-License-Identifier: Apache-2.0
"""Evaluation of encoders: how well classes can be told from their features, by every kind of probe.

features   the encoder's outputs for all images of a split, cached beside the run
logistic   logistic regression on frozen features, many seeds side by side (memorization thesis, table B.1)
knn        weighted nearest neighbours in feature space (Wu et al., 2018)
sgd        linear layers and fine-tuning by SGD (the VICReg coursework)
encoder    a run's encoder, the same before training, and pixels, evaluated on any images
recipes    the hyperparameters of all probes; importing them does not load torch
"""
