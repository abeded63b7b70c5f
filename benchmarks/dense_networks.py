"""Dense networks for `check_import.py`: of torchvision, segmentation-models-pytorch, MONAI, and as
nnU-Net builds them.

`DENSE` has, by name, the extents of an input, channels last, and a function that makes the network.
Its package may be missing, so the functions import it.
"""

import functools
import itertools

PICTURE = (64, 64, 3)
VOLUME = (32, 32, 32, 1)


def torchvision_segmentation(name):
    import torch
    import torchvision

    class Out(torch.nn.Module):
        """The map alone, without the name that torchvision gives it."""

        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(x)["out"]

    make = getattr(torchvision.models.segmentation, name)
    return Out(make(weights=None, weights_backbone=None, num_classes=5))


def smp(name, encoder, **options):
    import segmentation_models_pytorch

    make = getattr(segmentation_models_pytorch, name)
    return make(encoder, encoder_weights=None, classes=5, **options)


def monai(name, **options):
    import monai.networks.nets

    return getattr(monai.networks.nets, name)(**options)


def nnunet(dimensions):
    """nnU-Net's plain network, with three stages and without the outputs of deep supervision."""
    import torch
    from torch import nn

    conv, norm, up = (
        getattr(nn, f"{layer}{dimensions}d") for layer in ("Conv", "InstanceNorm", "ConvTranspose")
    )
    widths = [8, 16, 32]

    def stage(inputs, outputs, stride):
        layers = []
        for channels, step in ((inputs, stride), (outputs, 1)):
            layers += [conv(channels, outputs, 3, step, 1), norm(outputs, affine=True)]
            layers.append(nn.LeakyReLU(0.01))
        return nn.Sequential(*layers)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            pairs = list(itertools.pairwise(widths))
            self.first = stage(1, widths[0], 1)
            self.down = nn.ModuleList(stage(a, b, 2) for a, b in pairs)
            self.up = nn.ModuleList(up(b, a, 2, 2) for a, b in reversed(pairs))
            self.join = nn.ModuleList(stage(2 * a, a, 1) for a, _ in reversed(pairs))
            self.last = conv(widths[0], 3, 1)

        def forward(self, x):
            skips = [self.first(x)]
            for down in self.down:
                skips.append(down(skips[-1]))
            x = skips.pop()
            for up, join in zip(self.up, self.join, strict=True):
                x = join(torch.cat([up(x), skips.pop()], 1))
            return self.last(x)

    return Network()


def _dense():
    part = functools.partial
    for name in [
        "lraspp_mobilenet_v3_large",
        "deeplabv3_mobilenet_v3_large",
        "deeplabv3_resnet50",
        "fcn_resnet50",
    ]:
        yield f"torchvision {name}", PICTURE, part(torchvision_segmentation, name)
    for name in ["Unet", "UnetPlusPlus", "Linknet", "FPN", "DeepLabV3Plus"]:
        yield f"smp {name} resnet18", PICTURE, part(smp, name, "resnet18")
    for encoder in ["mobilenet_v2", "efficientnet-b0", "timm-mobilenetv3_small_100"]:
        yield f"smp Unet {encoder}", PICTURE, part(smp, "Unet", encoder)
    yield "smp FPN mobilenet_v2", PICTURE, part(smp, "FPN", "mobilenet_v2")
    yield "smp UPerNet resnet18", (192, 192, 3), part(smp, "UPerNet", "resnet18")
    small = {"features": (8, 8, 8, 8, 16, 8), "out_channels": 3}
    flat = {"spatial_dims": 2, "in_channels": 3}
    deep = {"spatial_dims": 3, "in_channels": 1}
    stages = {"channels": (8, 16, 32), "strides": (2, 2), "out_channels": 3}
    yield "MONAI BasicUNet 2-D", PICTURE, part(monai, "BasicUNet", **flat, **small)
    yield "MONAI BasicUNet odd", (52, 36, 3), part(monai, "BasicUNet", **flat, **small)
    yield "MONAI BasicUNetPlusPlus", PICTURE, part(monai, "BasicUNetPlusPlus", **flat, **small)
    for upsample in ["deconv", "pixelshuffle"]:
        unet = part(monai, "BasicUNet", **deep, **small, upsample=upsample)
        yield f"MONAI BasicUNet 3-D {upsample}", VOLUME, unet
    yield "MONAI UNet 2-D", PICTURE, part(monai, "UNet", **flat, **stages, num_res_units=2)
    yield "MONAI UNet 3-D", VOLUME, part(monai, "UNet", **deep, **stages, num_res_units=2)
    yield "MONAI AttentionUnet", PICTURE, part(monai, "AttentionUnet", **flat, **stages)
    kernels = {"kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2]}
    dyn = part(monai, "DynUNet", **deep, **kernels, filters=[8, 16, 32], out_channels=3)
    yield "MONAI DynUNet", VOLUME, dyn
    blocks = {"init_filters": 8, "blocks_down": (1, 2, 2), "blocks_up": (1, 1)}
    yield "MONAI SegResNet", VOLUME, part(monai, "SegResNet", **deep, **blocks, out_channels=3)
    yield "MONAI VNet", VOLUME, part(monai, "VNet", **deep, out_channels=3)
    yield "nnU-Net 2-D", (64, 64, 1), part(nnunet, 2)
    yield "nnU-Net 3-D", VOLUME, part(nnunet, 3)


DENSE = {name: (extents, make) for name, extents, make in _dense()}
