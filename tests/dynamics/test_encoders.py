import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from dynamics.encoders import build, initialise
from dynamics.encoders.resnet18 import Encoder as ResNet18
from dynamics.errors import UserError
from dynamics.streams import generator


class Classifier(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = ResNet18(width)
        self.head = nn.Linear(self.encoder.num_features, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images))


def reference() -> nn.Module:
    """torchvision's ResNet-18 in the CIFAR form."""
    network = resnet18(num_classes=10)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def torchvisions_name(name: str) -> str:
    name = name.removeprefix("encoder.").replace("head.", "fc.")
    name = name.replace("shortcut.", "downsample.")
    for stage in range(4):
        name = name.replace(f"stages.{stage}.", f"layer{stage + 1}.")
    return name


def test_parameters_and_outputs_equal_torchvisions() -> None:
    ours, theirs = Classifier(64), reference()
    assert sum(p.numel() for p in ours.parameters()) == 11_173_962
    initialise(ours, generator(0, "weights"))
    theirs.load_state_dict({torchvisions_name(k): v for k, v in ours.state_dict().items()})
    images = torch.rand(2, 3, 32, 32, generator=generator(0, "control"))
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(images), theirs.train(mode)(images))


@pytest.mark.parametrize("size", [8, 32, 64])
def test_images_of_any_size(size: int) -> None:
    assert ResNet18(4)(torch.rand(2, 3, size, size)).shape == (2, 32)


def test_weights_come_from_the_generator_alone() -> None:
    first, second, third = Classifier(4), Classifier(4), Classifier(4)
    initialise(first, generator(5, "weights"))
    initialise(second, generator(5, "weights"))
    initialise(third, generator(6, "weights"))
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not torch.equal(first.head.weight, third.head.weight)


def test_weights_have_pytorchs_distribution() -> None:
    """Same support and the same spread as layers that initialise themselves."""
    ours, theirs = ResNet18(32), ResNet18(32)
    initialise(ours, generator(0, "weights"))
    for (name, mine), (_, its) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        if mine.numel() > 2000:
            assert mine.std().item() == pytest.approx(its.std().item(), rel=0.05), name
            assert mine.abs().max().item() == pytest.approx(its.abs().max().item(), rel=0.02), name


def test_unknown_encoder_is_said() -> None:
    with pytest.raises(UserError, match="resnet18"):
        build("vgg", width=64)


def test_n1_has_the_courseworks_parameters() -> None:
    encoder = build("n1", width=64)
    head = nn.Linear(encoder.num_features, 10)
    assert encoder.num_features == 256
    assert sum(p.numel() for part in (encoder, head) for p in part.parameters()) == 403_530


@pytest.mark.parametrize("size", [8, 32, 64])
def test_n1_reads_images_of_any_size(size: int) -> None:
    assert build("n1", width=64)(torch.rand(2, 3, size, size)).shape == (2, 256)
