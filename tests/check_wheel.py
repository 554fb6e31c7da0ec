"""Is the wheel complete, and its manifest valid? Run with the wheel's content first on the path, as `make check` does."""

from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from npe2 import PluginManifest

import napari_tweedie

package = Path(napari_tweedie.__file__).parent
assert "wheel" in package.parts, f"this is not the wheel but {package}"
manifest = PluginManifest.from_distribution("napari-tweedie")
manifest.validate_imports()
held = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
needed = {"napari.yaml", "sample_data/README.md", "sample_data/stack_psf.tif"}
needed |= {
    f"weights/{name}.{suffix}"
    for name in (
        "unet",
        "unet-levels",
        "unet-small",
        "unet-stack",
        "errors",
        "lidia",
        "csc",
        "deep-ksvd",
        "unrolled-gaussian-blur",
        "unrolled-fourier-mask",
    )
    for suffix in ("safetensors", "md")
}
needed |= {"icon.png", "docs/index.html", "docs/pictures/icon.png"}
assert needed <= held, f"the wheel lacks {sorted(needed - held)}"
unneeded = [name for name in held if ("test" in name and "core/testing" not in name) or name.endswith("make.py")]
assert not unneeded, f"the wheel holds files that nobody needs: {unneeded}"
assert sum((package / name).stat().st_size for name in held if name.startswith("weights/")) < 25 * 2**20
assert any("LICENSE" in str(file) for file in distribution("napari-tweedie").files or [])
assert (files("napari_tweedie") / "napari.yaml").read_text() == (Path(__file__).parents[1] / "napari.yaml").read_text()
print(f"wheel: {len(held)} files, {len(manifest.contributions.commands or [])} commands, manifest valid")
