"""Can the networks and views of methods be traced whole: python -m tests.dynamics.no_graph_break [METHOD ...].

Run apart from pytest, whose checks of shapes are Python that no compiler follows. Nothing is generated: tracing shows
where a graph would break.
"""

import sys

import torch

from dynamics import data, methods, networks
from dynamics.streams import generator
from dynamics.study_file import preset
from dynamics.training import capture


def check(name: str) -> None:
    """Trace one method's views and networks, in training and in evaluation."""
    recipe = preset(name, "quick")
    dataset = networks.training_data(data.load("digits"), recipe)
    method = networks.untrained(name, recipe, dataset, seed=0)
    capture.compile_networks(method, backend="eager", fullgraph=True)
    views = method.views(recipe, networks.image_statistics(dataset))
    render = torch.compile(views.render, backend="eager", fullgraph=True, dynamic=False)
    draw = views.draw(64, 8, generator=generator(0, "control"))
    images = render(dataset.train_images[:64], draw)
    # To rounding: some versions trace `add` with a factor as a product and a sum.
    torch.testing.assert_close(images, views.render(dataset.train_images[:64], draw), rtol=0, atol=1e-6)
    method.train()
    batch = images.unflatten(0, (method.training_views, -1)) if method.training_views > 1 else images[None]
    method.loss(batch, dataset.train_labels[: batch.shape[1]])["loss"].backward()
    method.eval()
    with torch.inference_mode():
        method.represent(images)


if __name__ == "__main__":
    for found in sys.argv[1:] or methods.names():
        torch._dynamo.reset()
        check(found)
        print(found, "traced whole")
