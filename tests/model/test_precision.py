"""Which device and which precision: by what the hardware has, and as far as oneDNN is allowed."""

import subprocess
import sys

import pytest
import torch

from stemweave.errors import UsageError
from stemweave.model import precision
from stemweave.model.model import Model

ASK = "import torch; from stemweave.model.precision import pick_precision; print(pick_precision(torch.device('cpu')))"


@pytest.mark.parametrize(
    ("cap", "expected"), [("AVX2", "torch.float32"), ("SSE41", "torch.float32"), ("AVX512_CORE", "torch.float32")]
)
def test_a_capped_processor_runs_float32(cap: str, expected: str) -> None:
    environment = {"ONEDNN_MAX_CPU_ISA": cap, "PATH": ""}
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("cap", "expected"), [("", True), ("AVX512_CORE_AMX", True), ("avx512_core_bf16", True), ("AVX512_CORE", False)]
)
def test_the_cap_is_read(cap: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", cap)
    monkeypatch.delenv("DNNL_MAX_CPU_ISA", raising=False)
    assert precision.cpu_multiplies_bf16() is expected


def test_without_the_instructions_no_cap_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    assert precision.pick_precision(torch.device("cpu")) is torch.float32


def test_unusable_devices_are_refused() -> None:
    with pytest.raises(UsageError, match="try --device cpu"):
        precision.pick_device("cuda:99")
    with pytest.raises(UsageError, match="nonsense"):
        precision.pick_device("nonsense")
    assert precision.pick_device("cpu").type == "cpu"


def test_place_lowers_products_only(tiny_model: Model) -> None:
    model = Model(tiny_model.config)
    model.load_state_dict(tiny_model.state_dict())
    precision.place(model, torch.device("cpu"), torch.bfloat16)
    assert model.net.enter.weight.dtype == torch.bfloat16
    assert model.net.lapped.cosine.dtype == torch.float32
    x = 0.3 * torch.randn(1, 4, 1, 512)
    with torch.no_grad():
        low, full = model.prior()(x, torch.tensor(0.3)), tiny_model.prior()(x, torch.tensor(0.3))
    assert ((low - full).norm() / full.norm()).item() < 2e-2


def test_the_rate_of_matrix_products_is_that_of_the_fastest(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0, 2.0, 0, 0.5, 0, 1.0])
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(times))
    assert precision.matmul_rate(torch.device("cpu"), size=100, repeats=3) == pytest.approx(2 * 100**3 / 0.5 / 1e9)
