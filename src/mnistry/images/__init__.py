"""Picture files -> arrays, and digits -> 28x28 pixels, as MNIST was made."""
