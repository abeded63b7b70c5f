"""Keras networks for `check_import.py`, with random weights, exported by tf2onnx.

`KERAS` has, by name, the extents of an input, channels last, and a function that makes the network for
such inputs; None stands for those of `--side`. The packages may be missing, so the functions import them.
"""

import functools
import types

import numpy as np

PICTURE = (64, 64, 3)
# Whether the layers of `always_dropped` drop.
DROPPING = types.SimpleNamespace(active=True)
# The newest operator set that tf2onnx 1.17 writes.
TF2ONNX_NEWEST = 18


def application(name):
    """A network of `keras.applications`."""

    def make(extents):
        import tensorflow as tf

        return getattr(tf.keras.applications, name)(
            input_shape=extents, weights=None, classes=10, classifier_activation=None
        )

    return make


def small(extents):
    import tensorflow as tf

    layers = tf.keras.layers
    return tf.keras.Sequential(
        [
            layers.Input(extents),
            layers.Rescaling(1 / 127.5, offset=-1),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6"),
            layers.BatchNormalization(),
            layers.DepthwiseConv2D(3, padding="same", activation="swish"),
            layers.MaxPooling2D(2),
            layers.Conv2D(12, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(16, activation="sigmoid"),
            layers.Dense(10),
        ]
    )


def always_dropped(rate, channels=False):
    """A layer of dropout that is active at prediction, in operations that tf2onnx knows.

    Keras's own Dropout with `training=True` makes random numbers that it does not know.
    """
    import tensorflow as tf

    class AlwaysDropped(tf.keras.layers.Layer):
        def call(self, x):
            if not DROPPING.active:
                return x
            extents = tf.shape(x)
            kept = (extents[0], *[1] * (len(x.shape) - 2), extents[-1])
            return tf.nn.dropout(x, rate, noise_shape=kept if channels else None)

    return AlwaysDropped()


def unet(extents, up, down=None, drop=None, dimensions=2, head="softmax"):
    """A U-Net of three stages.

    `up(channels)` makes what doubles rows and columns, `down` what halves them, `drop` a layer for
    the deep blocks.
    """
    import tensorflow as tf

    layers = tf.keras.layers
    conv = getattr(layers, f"Conv{dimensions}D")
    down = down or getattr(layers, f"MaxPooling{dimensions}D")
    drop = drop or (lambda: layers.Dropout(0.2))

    def block(x, width):
        for _ in range(2):
            x = conv(width, 3, padding="same", use_bias=False)(x)
            x = layers.BatchNormalization()(x)
            x = layers.Activation("relu")(x)
        return x

    x = inputs = layers.Input(extents)
    skips = []
    for width in (8, 16):
        x = block(x, width)
        skips.append(x)
        x = drop()(down()(x))
    x = block(x, 24)
    for width in (16, 8):
        x = layers.Concatenate()([up(width)(x), skips.pop()])
        x = block(drop()(x), width)
    return tf.keras.Model(inputs, conv(5, 1, activation=head)(x))


def upsampling(extents, interpolation, **options):
    import tensorflow as tf

    up = functools.partial(tf.keras.layers.UpSampling2D, interpolation=interpolation)
    return unet(extents, lambda _: up(), **options)


def transposed(extents, size=2, dimensions=2, **options):
    import tensorflow as tf

    up = getattr(tf.keras.layers, f"Conv{dimensions}DTranspose")
    doubled = functools.partial(up, strides=2, padding="same")
    options["dimensions"] = dimensions
    return unet(extents, lambda width: doubled(width, size), **options)


def repeated(extents, dimensions):
    """Upsampling of sequences and volumes, by repeating."""
    import tensorflow as tf

    up = getattr(tf.keras.layers, f"UpSampling{dimensions}D")
    return unet(extents, lambda _: up(), dimensions=dimensions)


def dropout(extents, channels):
    return upsampling(extents, "bilinear", drop=lambda: always_dropped(0.25, channels))


def resized(extents, resize):
    """`resize(x, extents)` doubles rows and columns."""
    import tensorflow as tf

    def double(_):
        def call(x):
            return resize(x, (2 * x.shape[1], 2 * x.shape[2]))

        return tf.keras.layers.Lambda(call)

    return unet(extents, double)


def by_image_resize(extents, **options):
    import tensorflow as tf

    return resized(extents, functools.partial(tf.image.resize, **options))


def by_old_resize(extents, name, **options):
    import tensorflow as tf

    resize = getattr(tf.compat.v1.image, f"resize_{name}")
    return resized(extents, functools.partial(resize, **options))


def strided(extents):
    """Convolutions with strides go down, so that "same" pads one side only."""
    import tensorflow as tf

    conv = tf.keras.layers.Conv2D
    return transposed(extents, 3, down=lambda: conv(16, 3, strides=2, padding="same"))


def valid(extents):
    """The first U-Net: convolutions without padding, and skips that are cropped."""
    import tensorflow as tf

    layers = tf.keras.layers
    x = inputs = layers.Input(extents)
    skips = []
    for width in (8, 16):
        for _ in range(2):
            x = layers.Conv2D(width, 3, activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(24, 3, activation="relu")(x)
    for width in (16, 8):
        x = layers.Conv2DTranspose(width, 2, strides=2)(x)
        skip = skips.pop()
        rows, columns = (skip.shape[axis] - x.shape[axis] for axis in (1, 2))
        crop = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
        x = layers.Concatenate()([layers.Cropping2D(crop)(skip), x])
        x = layers.Conv2D(width, 3, activation="relu")(x)
    return tf.keras.Model(inputs, layers.Conv2D(4, 1)(x))


def attention(extents):
    """Attention gates, squeeze and excitation, separable convolutions, LayerNormalization."""
    import tensorflow as tf

    layers = tf.keras.layers

    def block(x, width):
        x = layers.SeparableConv2D(width, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.LeakyReLU()(x)
        x = layers.DepthwiseConv2D(3, padding="same")(x)
        x = layers.LayerNormalization()(x)
        x = layers.PReLU(shared_axes=[1, 2])(x)
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(width // 2, 1, activation="silu")(gate)
        return layers.Multiply()([x, layers.Conv2D(width, 1, activation="sigmoid")(gate)])

    x = inputs = layers.Input(extents)
    skips = []
    for width in (8, 16):
        x = block(x, width)
        skips.append(x)
        x = layers.AveragePooling2D(2)(x)
    x = block(x, 24)
    for width in (16, 8):
        skip = skips.pop()
        up = layers.UpSampling2D()(x)
        both = layers.Add()([layers.Conv2D(8, 1)(up), layers.Conv2D(8, 1)(skip)])
        gate = layers.Conv2D(1, 1, activation="sigmoid")(layers.Activation("mish")(both))
        x = block(layers.Concatenate()([up, layers.Multiply()([skip, gate])]), width)
    return tf.keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def dilated(extents):
    """A pyramid of dilated convolutions and a pool, as DeepLabV3+ has."""
    import tensorflow as tf

    layers = tf.keras.layers
    x = inputs = layers.Input(extents)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    x = low = layers.Conv2D(8, 3, strides=2, activation="relu")(x)
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="hard_swish")(x)
    pooled = layers.Conv2D(8, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    size = (x.shape[1] // pooled.shape[1], x.shape[2] // pooled.shape[2])
    branches = [layers.UpSampling2D(size, interpolation="bilinear")(pooled)]
    for rate in (1, 2, 3):
        conv = layers.Conv2D(8, 3, padding="same", dilation_rate=rate, use_bias=False)
        branches.append(layers.ReLU()(layers.BatchNormalization()(conv(x))))
    x = layers.Conv2D(8, 1, activation="relu")(layers.Concatenate()(branches))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2D(5, 3, padding="same")(layers.Concatenate()([x, low]))
    return tf.keras.Model(inputs, layers.UpSampling2D(2, interpolation="bilinear")(x))


def perturbed(model):
    """The network with other parameters than the zeros and ones that would hide errors in folding."""
    random = np.random.default_rng(0)
    ranges = {"gamma": (0.8, 1.5), "beta": (-0.4, 0.4), "bias": (-0.2, 0.2), "alpha": (0.1, 0.4)}
    ranges |= {"moving_mean": (-0.2, 0.2), "moving_variance": (0.5, 1.5)}
    for weight in model.weights:
        if weight.name in ranges:
            weight.assign(random.uniform(*ranges[weight.name], weight.shape))
    return model


def export_keras(name, opset, extents, path):
    """Writes the ONNX file of a network, and returns the path of the same network without dropout."""
    import tensorflow as tf
    import tf2onnx

    tf.keras.utils.set_random_seed(0)
    model = perturbed(KERAS[name][1](extents))
    signature = (tf.TensorSpec((None, *extents), tf.float32, name="input"),)
    undropped = path.with_name(f"undropped-{path.name}")
    for active, file in ((True, path), (False, undropped)):
        DROPPING.active = active
        # Not `from_keras`, which does not support Keras 3.
        call = tf.function(lambda x: model(x, training=False), input_signature=signature)
        tf2onnx.convert.from_function(call, signature, opset=opset, output_path=str(file))
    return undropped


def _keras():
    part = functools.partial
    for name in ["MobileNetV2", "MobileNetV3Small", "ResNet50", "DenseNet121"]:
        yield f"Keras {name}", None, application(name)
    yield "Keras small", None, small
    for interpolation in ["nearest", "bilinear"]:
        make = part(upsampling, interpolation=interpolation)
        yield f"Keras U-Net {interpolation}", PICTURE, make
    yield "Keras U-Net odd", (36, 52, 1), part(upsampling, interpolation="nearest", head="sigmoid")
    yield "Keras U-Net transposed", PICTURE, transposed
    yield "Keras U-Net strided", PICTURE, strided
    yield "Keras U-Net valid", (64, 72, 3), valid
    yield "Keras U-Net 1-D", (64, 2), part(repeated, dimensions=1)
    yield "Keras U-Net 3-D", (16, 16, 16, 1), part(repeated, dimensions=3)
    yield "Keras U-Net 3-D transposed", (16, 16, 16, 1), part(transposed, dimensions=3)
    for channels, what in ((False, "elements"), (True, "channels")):
        yield f"Keras U-Net dropout of {what}", PICTURE, part(dropout, channels=channels)
    for method in ["nearest", "bilinear"]:
        yield f"Keras U-Net resize {method}", PICTURE, part(by_image_resize, method=method)
    for name in ["nearest_neighbor", "bilinear"]:
        for corners in (False, True):
            make = part(by_old_resize, name=name, align_corners=corners)
            yield f"Keras U-Net v1 {name}{' corners' * corners}", PICTURE, make
    yield "Keras U-Net attention", PICTURE, attention
    yield "Keras DeepLab", PICTURE, dilated


KERAS = {name: (extents, make) for name, extents, make in _keras()}
