"""The network that reads: digits as people write them, and no sure answer to what is none."""

from mnistry.augment import Distortion
from mnistry.pens import Pen
from mnistry.recipes.recipe import Recipe

RECIPE = Recipe(
    name="reading",
    network="strided-large",
    optimizer="adamw",
    learning_rate=0.007,
    warmup=0.2,
    weight_decay=0.02,
    epochs=50,
    batch_size=128,
    distortion=Distortion(rotation=12, scale=0.12, shear=0.15, shift=1.5, elastic=1, pen=Pen()),
    styled=3000,
    strangers=8000,
    validation=0.1,
)
