import numpy as np
import torch

from napari_tweedie import denoisers
from napari_tweedie.denoisers.inpainting import inpainted
from napari_tweedie.images.missing import filled


def test_known_pixels_stay_and_unknown_ones_come_nearer_to_the_truth() -> None:
    x = np.mgrid[:96, :96][1]
    truth = (0.5 + 0.4 * np.sign(np.sin(x / 5) + 0.2)).astype(np.float32)
    unknown = np.random.default_rng(0).random(truth.shape) < 0.3
    start = filled(np.where(unknown, 0, truth)[None, None], unknown[None, None])
    made = inpainted(torch.from_numpy(start), torch.from_numpy(unknown), 0.01, denoisers.load("unet-small"))[0, 0].numpy()
    assert np.array_equal(made[~unknown], truth[~unknown])
    before, after = (np.abs(image - truth)[unknown].mean() for image in (start[0, 0], made))
    assert after < 0.5 * before


def test_a_denoiser_that_changes_nothing_leaves_what_it_began_with() -> None:
    start = torch.rand(1, 1, 8, 8)
    made = inpainted(start, torch.ones(1, 1, 8, 8, dtype=torch.bool), 0.0, lambda x, sigma: x)
    assert torch.equal(made, start)
