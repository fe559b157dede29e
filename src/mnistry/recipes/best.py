"""One convolutional network, as good as it gets."""

from mnistry.augment import Distortion
from mnistry.recipes.recipe import Recipe

RECIPE = Recipe(
    name="best",
    # 246,954 weights, fewer than the classic network's. Half as wide again brought nothing more
    # in the same time.
    network="strided-large",
    optimizer="adamw",
    learning_rate=0.007,
    warmup=0.2,
    weight_decay=0.02,
    # The longer, the better: 30 epochs gave 99.57 % of held-out images, 60 gave 99.63.
    epochs=60,
    batch_size=128,
    # Gentle: twice as much lost 0.2 points. The last sixth as they are brought 0.1.
    distortion=Distortion(rotation=8, scale=0.08, shear=0.08, shift=1, elastic=0.8),
    undistorted=1 / 6,
)
