import numpy as np

from mnistry.datasets import npz
from mnistry.system import aligned


def test_an_aligned_array_is_used_in_place() -> None:
    array = aligned.empty(12).view(np.int32).reshape(3, 1)
    assert aligned.as_aligned(array) is array


def test_an_array_that_is_not_aligned_is_copied_with_its_values() -> None:
    array = aligned.empty(13)[1:]
    array[:] = range(12)
    copy = aligned.as_aligned(array)
    assert not aligned.is_aligned(array)
    assert aligned.is_aligned(copy)
    assert copy.tolist() == list(range(12))


def test_the_images_of_an_archive_are_used_in_place_by_jax(mnist_path) -> None:
    import jax

    images = npz.read(mnist_path).train.images
    on_device = jax.device_put(images)
    assert on_device.unsafe_buffer_pointer() == images.ctypes.data
