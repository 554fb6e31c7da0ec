import numpy as np

from napari_tweedie.images.structure import structured


def test_the_square_with_the_blobs_is_found_and_not_that_with_most_noise() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (2, 200, 240))
    image[1, :100, :120] += rng.normal(0, 3, (100, 120))
    y, x = np.indices((200, 240))
    image[1] += 10 * ((y // 12 + x // 12) % 2) * ((y >= 130) & (x >= 160))
    start, stop = structured(image, (1, 0, 0), (2, 200, 240), "cyx", 64)
    assert (start[0], stop[0]) == (1, 2)
    assert [b - a for a, b in zip(start[1:], stop[1:], strict=True)] == [64, 64]
    assert start[1] > 100
    assert start[2] > 120


def test_a_part_smaller_than_the_square_is_taken_whole() -> None:
    assert structured(np.zeros((30, 40)), (0, 0), (30, 40), "yx", 64) == ([0, 0], [30, 40])


def test_a_chunk_is_read_once_however_many_places_lie_in_it() -> None:
    read = []

    class Chunk:
        shape = (256, 256)

        def __getitem__(self, place: object) -> np.ndarray:
            read.append(place)
            return np.pad(np.ones((40, 40)), ((150, 66), (30, 186)))[place]

    start, stop = structured(Chunk(), (10, 5), (250, 255), "yx", 64)
    assert len(read) == 1
    assert start[0] < 170 < stop[0]
    assert start[1] < 50 < stop[1]


def test_infinite_pixels_are_no_structure_and_no_warning() -> None:
    image = np.zeros((128, 128), np.float32)
    image[100:, 100:] = np.indices((28, 28)).sum(0) // 4 % 2
    image[5, 6], image[9, 9], image[9, 10] = np.inf, -np.inf, np.nan
    with np.errstate(all="raise"):
        start, _ = structured(image, (0, 0), (128, 128), "yx", 64)
    assert start == [64, 64]


def test_an_image_as_narrow_as_a_pixel_of_many_colours_is_none_of_colour() -> None:
    image = np.zeros((60, 3))
    image[40:50] = np.arange(30).reshape(10, 3)
    start, stop = structured(image, (0, 0), (60, 3), "yx", 12)
    assert start[0] < 50
    assert stop[0] > 40
    assert structured(image[:2, :2], (0, 0), (2, 2), "yx", 12) == ([0, 0], [2, 2])
