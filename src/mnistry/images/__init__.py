"""Picture files -> arrays, and digits -> MNIST's form."""
