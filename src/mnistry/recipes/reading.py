"""The built-in network for reading: three runs of this recipe, seeds 0 to 2, logits averaged.

Two of them are trained further on digits of other hands (see `benchmarks/pretrained.py`). The card,
`mnistry/reading/digits.json`, says how well they read MNIST's test images, and the same images
distorted as people's own digits are. They give no confident answer to images that show no digit
(n = 1 ensemble). The epochs of one run take 11 to 18 minutes on two cores of an AMD EPYC. `make
pretrained` repeats it.
"""

from mnistry.augmentation.distort import Distortion
from mnistry.augmentation.strokes import Pen
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
    # The styled digits have closed twos and long upstrokes: without these, people's own 2s and 1s
    # were read as 9 and 7.
    styled=4500,
    non_digits=8000,
)
