"""Is TorchScript from strangers run only if it computes, ends, and does nothing while it is loaded?"""

import io
import json
import warnings
import zipfile
from itertools import count
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_tweedie import denoisers
from napari_tweedie.denoisers.file import load_file

X = torch.rand((1, 1, 17, 24), generator=torch.Generator().manual_seed(0))
CPU = torch.device("cpu")
NUMBERS = count()


def saved(module: nn.Module, path: Path, traced: bool = False) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.trace(module, torch.zeros(1, 1, 32, 32)) if traced else torch.jit.script(module)
        made.save(str(path))
    return path


def scripted(source: str, path: Path, **attributes: object) -> Path:
    """Write a module whose methods have this source, which need not be a Python file's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = type(f"Model{next(NUMBERS)}", (torch.jit.ScriptModule,), {})()
        for name, value in attributes.items():
            setattr(module, name, value)
        module.define(source)
        torch.jit.save(module, str(path))
    return path


def method(name: str, body: str) -> str:
    return f"def {name}(self, x: Tensor) -> Tensor:\n    {body}\n    return x\n"


def denoise(path: Path, x: Tensor = X) -> Tensor:
    return denoisers.load("file", path=path)(x, 0.1)


class Small(nn.Module):
    """What networks are made of: convolutions, norms, attention, resizing, padding, a loop over layers and one over axes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, 8, 3, padding=1, padding_mode="reflect")
        self.norms = nn.ModuleList([nn.BatchNorm2d(8), nn.GroupNorm(2, 8), nn.InstanceNorm2d(8)])
        self.shrink = nn.Sequential(nn.Conv2d(8, 8, 2, stride=2), nn.PReLU(), nn.Dropout(), nn.SiLU(), nn.GELU())
        self.grow = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.shuffle = nn.Sequential(nn.PixelUnshuffle(2), nn.PixelShuffle(2), nn.Upsample(scale_factor=1.0, mode="bilinear"))
        self.tail = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x)
        for norm in self.norms:
            y = nn.functional.leaky_relu(norm(y))
        gate = nn.functional.adaptive_avg_pool2d(y, 1).sigmoid()
        y = y * gate + self.grow(self.shrink(y))
        y = torch.cat([self.shuffle(y)[:, :4], y[:, 4:]], 1)
        for _ in range(x.dim() - 2):
            y = y.transpose(-1, -2).contiguous()
        return x - 0.01 * self.tail(y)


@pytest.mark.parametrize("traced", [False, True])
def test_an_ordinary_network_runs_as_in_python(traced: bool, tmp_path: Path) -> None:
    module = Small().eval()
    with torch.no_grad():
        expected = module(nn.functional.pad(X, (0, 8, 0, 15), mode="reflect"))[..., :17, :24]
        torch.testing.assert_close(denoise(saved(module, tmp_path / "model.pt", traced)), expected)


HOSTILE = {
    "save": "torch.save([x], '{victim}')",
    "write": "x = x + torch.from_file('{victim}', shared=True, size=4).fill_(7.0)[0]",
    "read": "x = x + torch.from_file('{victim}', size=1)",
    "print": "print('hello')",
    "uninitialised": "x = torch.empty([4])",
    "beyond": "x = torch.as_strided(x, [10], [1])",
    "random": "x = x + torch.rand_like(x)",
    "wait": "fut = torch.jit.fork(self.other, x)\n    x = torch.jit.wait(fut)",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_does_more_than_compute_is_refused_and_not_run(what: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim.bin"
    victim.write_bytes(b"untouched!!!!!!!")
    body = HOSTILE[what].format(victim=victim)
    source = f"{method('other', 'pass')}{method('forward', body)}"
    path = scripted(source, tmp_path / "model.pt", count=1)
    with pytest.raises(ValueError, match=r"model.pt uses \w+::\w+, which is not one of the operations that only compute"):
        denoise(path)
    assert victim.read_bytes() == b"untouched!!!!!!!"
    assert sorted(tmp_path.iterdir()) == [path, victim]


def test_it_is_refused_however_deep_it_is_called_and_whether_or_not(tmp_path: Path) -> None:
    class Inner(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[0] > 1000:
                torch.save([x], "never.bin")
            return x

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.ReLU(), nn.Sequential(Inner()))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x)

    with pytest.raises(ValueError, match="aten::save"):
        denoise(saved(Outer(), tmp_path / "model.pt"))


def test_a_model_that_changes_itself_is_refused(tmp_path: Path) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x + self.calls

    with pytest.raises(ValueError, match="prim::SetAttr"):
        denoise(saved(Counting(), tmp_path / "model.pt"))


def test_code_that_runs_while_a_model_is_loaded_is_refused(tmp_path: Path) -> None:
    class Loading(nn.Module):
        def __init__(self, victim: str) -> None:
            super().__init__()
            self.victim = victim
            self.training = False

        @torch.jit.export
        def __getstate__(self) -> tuple[str, bool]:
            return self.victim, self.training

        @torch.jit.export
        def __setstate__(self, state: tuple[str, bool]) -> None:
            self.victim = state[0]
            self.training = state[1]
            torch.save([torch.ones(1)], self.victim)

        def forward(self, x: Tensor) -> Tensor:
            return x

    path = saved(Loading(str(tmp_path / "written.bin")), tmp_path / "model.pt")
    with pytest.raises(ValueError, match="code that would run while it is loaded"):
        denoise(path)
    assert not (tmp_path / "written.bin").exists()


@pytest.mark.parametrize(
    "loop",
    [
        "while True:\n        x = x + 1",
        "while bool(x.sum() > -1):\n        x = x + 1",
        "for i in range(1000000000000):\n        x = x + 1",
        "for i in range(x.size(-1)):\n        x = x + 1",
        "for i in range(int(x.sum())):\n        x = x + 1",
        "l = [1]\n    for i in range(100):\n        for j in range(len(l)):\n            l.append(1)\n    x = x + len(l)",
        "l = [1]\n    for i in range(100):\n        l = l + l\n    for j in range(len(l)):\n        x = x + 1",
        "for y in x.unbind(-1):\n        x = x + y.unsqueeze(-1)",
        "for i in range(2000):\n        for j in range(2000):\n            x = x + 1",
    ],
)
def test_loops_that_need_not_end_are_refused(loop: str, tmp_path: Path) -> None:
    path = scripted(f"def forward(self, x: Tensor) -> Tensor:\n    {loop}\n    return x\n", tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"may never end|of lists"):
        denoise(path)


def test_calls_that_double_at_every_level_are_refused(tmp_path: Path) -> None:
    lines = ["def f0(self, x: Tensor) -> Tensor:\n    return x + 1\n"]
    lines += [f"def f{n}(self, x: Tensor) -> Tensor:\n    return self.f{n - 1}(self.f{n - 1}(x))\n" for n in range(1, 40)]
    source = "".join(lines) + "def forward(self, x: Tensor) -> Tensor:\n    return self.f39(x)\n"
    with pytest.raises(ValueError, match="may never end"):
        denoise(scripted(source, tmp_path / "model.pt"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "def forward(self, x: Tensor, sigma: Tensor, more: Tensor) -> Tensor:\n    return x\n",
            "missing value for argument 'more'",
        ),
        ("def forward(self, x: Tensor) -> Tensor:\n    return x.double() @ x\n", "expected scalar type"),
        (
            "def forward(self, x: Tensor) -> Tensor:\n    return torch.view_as_complex(torch.stack([x, x], -1))\n",
            "complex numbers",
        ),
        ("def forward(self, x: Tensor) -> Tensor:\n    return x.reshape([3, -7])\n", "invalid shape dimension"),
        ("def forward(self, x: Tensor) -> str:\n    return 'milk'\n", "it returned str"),
        ("def forward(self) -> Tensor:\n    return torch.ones([1])\n", "expected at most 1 argument"),
        ("def other(self, x: Tensor) -> Tensor:\n    return x\n", "it has no forward"),
    ],
)
def test_a_model_that_fails_says_so_in_one_sentence(source: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        denoise(scripted(source, tmp_path / "model.pt"))
    assert "\n" not in str(caught.value)


def test_archives_that_would_fill_the_memory_are_not_opened(tmp_path: Path) -> None:
    for name in ("bomb.zip", "bomb.pt"):
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bioimageio.yaml", "weights: {torchscript: {source: big}}")
            with archive.open("big", "w") as member:
                for _ in range(100):
                    member.write(bytes(2**20))
        with pytest.raises(ValueError, match=rf"{name} has \d+ bytes and claims to hold \d+: it is not opened"):
            denoise(tmp_path / name)


def test_archives_whose_contents_cannot_be_listed_are_not_opened(tmp_path: Path) -> None:
    """Another reader of zip files than Python's might open them, and fill the memory."""
    for name in ("model.zip", "model.pt"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("bioimageio.yaml", "weights: {}")
        content = bytearray((tmp_path / name).read_bytes())
        place = content.index(b"PK\x01\x02") + 6  # the version needed to extract: 25.5
        content[place] = 255
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} is a zip file whose contents cannot be listed .*: it is not opened"):
            denoise(tmp_path / name)


@pytest.mark.parametrize("claim", [{"blocks": 20_000, "widths": [8, 16]}, {"blocks": 1, "widths": [8, 2**20]}])
def test_weights_that_claim_a_larger_network_are_refused(claim: dict[str, object], tmp_path: Path) -> None:
    metadata = {"architecture": json.dumps(claim)}
    save_file(
        {"head.weight": torch.zeros(8, 2, 3, 3), "shrink.0.weight": torch.zeros(16, 8, 2, 2)},
        tmp_path / "a.safetensors",
        metadata,
    )
    with pytest.raises(ValueError, match="its architecture claims"):
        denoise(tmp_path / "a.safetensors")


def test_tensors_that_claim_more_numbers_than_the_file_holds_are_refused(tmp_path: Path) -> None:
    torch.save({"head.weight": torch.zeros(1).expand(10**6, 10**6)}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match="weights, but not of this plugin's U-Net"):
        denoise(tmp_path / "a.pth")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ts", ".zip", ".safetensors"])
@pytest.mark.parametrize(
    "content", [b"", b"milk", b"PK\x03\x04milk", b"\x80\x02milk", b"\xff" * 100, b"{" * 100_000, b"a: b" * 9]
)
def test_a_file_of_anything_else_is_one_sentence(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"model{suffix}"):
        denoise(path)


def test_a_model_that_was_cut_off_is_one_sentence(tmp_path: Path) -> None:
    whole = saved(Small().eval(), tmp_path / "whole.pt").read_bytes()
    for length in range(0, len(whole), len(whole) // 7):
        path = tmp_path / f"cut{length}.pt"
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="neither TorchScript nor plain weights"):
            denoise(path)


def test_a_model_is_read_into_memory_once(tmp_path: Path) -> None:
    """What was looked at is what is run: the file is not opened again."""
    path = saved(Small().eval(), tmp_path / "model.pt")
    model = load_file(path, CPU)
    path.write_bytes(b"changed")
    assert model(torch.zeros(1, 1, 16, 16)).shape == (1, 1, 16, 16)
    assert io.BytesIO(path.read_bytes()).read() == b"changed"
