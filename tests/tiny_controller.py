"""A controller small enough to train in a test; tests change single fields with `replace`."""

from genima_lite.controller.config import ControllerConfig

TINY_CONTROLLER = ControllerConfig(
    image_size=32,
    channels=(8, 16),
    blocks=(1, 1),
    hidden=32,
    heads=2,
    feedforward=32,
    encoder_layers=1,
    decoder_layers=1,
    latent=0,
)
