"""Thirty years of MNIST: published results, each beside a page of code that re-runs it.

Each module but `published` and `deskew` is a row of the table in `docs/literature.md`, with what
was published (`PUBLISHED`). A Keras network's module has a recipe, for `mnistry train --recipe
NAME`. The others have `fit(images, labels)`, which returns a function from images to labels.
"""

# Recipes, in the table's order. Nothing is imported: the command line's help needs only the names.
RECIPES = (
    *("mlp-300", "mlp-1000", "mlp-300-100", "lenet-1", "lenet-5", "lenet-5-distorted"),
    *("mlp-800", "mlp-800-affine", "mlp-800-elastic", "simard-elastic"),
    *("dropout-max-norm", "batch-normalization"),
)
CLASSICAL = (
    *("linear", "linear-deskewed", "pairwise-linear", "k-nearest", "nearest"),
    *("k-nearest-deskewed", "pca-quadratic", "rbf-units"),
    *("svm-rbf", "svm-polynomial", "virtual-svm"),
)
