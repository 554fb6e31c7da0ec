"""Further photographs to train on, from a Debian package of wallpapers: grey, and reduced until they are sharp and free of noise.

Usage: ``dpkg -x lomiri-wallpapers-16.04_*.deb FOLDER; python benchmarks/photographs.py FOLDER OUT``. The photographs are those
whose licence, in the package's ``copyright``, is CC0, CC BY or CC BY-SA; drawn ones are left out. Each is averaged over squares
of pixels until its shorter side has about 900, and written to OUT as an 8-bit PNG.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.transform import downscale_local_mean

SHORTER = 900
"""About the shorter side in pixels that is left."""
PHOTOGRAPHS = {
    "Bridge_by_Sander_Klootwijk": "CC-BY-SA-4.0",
    "Dragonfly_by_Bolly": "CC-BY-SA-4.0",
    "Kleiber_by_Lukas_Baubkus": "CC-BY-SA-3.0",
    "Picture_0B_by_freespace": "CC-BY-4.0",
    "Picture_1A_by_freespace": "CC-BY-4.0",
    "Wine_by_Jakkub_Mede": "CC-BY-4.0",
    "aitzgorri_by_Aitzol_Berasategi": "CC-BY-4.0",
    "free_by_Peter_Nerlich": "CC-BY-SA-4.0",
    "friends_by_Aitzol_Berasategi": "CC-BY-4.0",
    "greentock_by_Peter_Nerlich": "CC-BY-SA-4.0",
    "life_by_Aitzol_Berasategi": "CC-BY-4.0",
    "picosdeeuropa_by_Aitzol_Berasategi": "CC-BY-4.0",
    "seeding_by_Clements_Engelhardt": "CC0-1.0",
    "sunset_by_Aitzol_Berasategi": "CC-BY-4.0",
}
"""Those that were used, and their licences."""


def reduced(image: np.ndarray) -> np.ndarray:
    """Return a grey image averaged over squares of at least 2 × 2 pixels, 8-bit."""
    factor = max(2, round(min(image.shape) / SHORTER))
    whole = image[: image.shape[0] // factor * factor, : image.shape[1] // factor * factor]
    return np.round(downscale_local_mean(whole, (factor, factor))).astype(np.uint8)


def main() -> None:
    """Reduce all photographs of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.folder.rglob("*.jpg")):
        if path.stem in PHOTOGRAPHS:
            image = reduced(np.asarray(Image.open(path).convert("L"), np.float32))
            Image.fromarray(image).save(options.out / f"{path.stem}.png")
            print(f"{path.stem}: {image.shape[0]} × {image.shape[1]}, {PHOTOGRAPHS[path.stem]}")


if __name__ == "__main__":
    main()
