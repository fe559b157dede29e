"""Seeded distortions of images, and images that MNIST lacks."""
