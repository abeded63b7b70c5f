"""The recipes of docs/guides/posteriors.md, each with the real library."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from repository import ROOT
from safetensors.numpy import load_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from bayes8.export import Export, ExportError, export, laplace, swag_gaussian, swag_members

GUIDE = ROOT / "docs" / "guides" / "posteriors.md"
DRAWS = 3000
Logits = NDArray[np.float32]


def code(heading: str, number: int = 0) -> str:
    (section,) = re.findall(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    block: str = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[number]
    assert len(block.splitlines()) <= 20
    return block


def library(name: str) -> Any:
    return pytest.importorskip(
        name, reason=f"SKIPPED: {name} is not installed", exc_type=ImportError
    )


def run(
    heading: str,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    number: int = 0,
    **names: Any,
) -> Export:
    monkeypatch.chdir(folder)
    exec(code(heading, number), names)  # noqa: S102
    files: Export = names["files"]
    return files


@pytest.fixture
def loader() -> DataLoader[tuple[Tensor, ...]]:
    torch.manual_seed(0)
    x = torch.randn(256, 1, 6, 6)
    labels = (x.flatten(1) @ torch.randn(36, 3)).argmax(1)
    return DataLoader(TensorDataset(x, labels), 64)


EXAMPLE = torch.zeros(1, 1, 6, 6)
INPUTS = torch.randn(12, 1, 6, 6, generator=torch.Generator().manual_seed(3))


def plain() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3)
    )


def fit(model: nn.Module, loader: Any, steps: int = 5) -> None:
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(steps):
        for inputs, labels in loader:
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(model(inputs), labels))
            optimizer.step()


def exported_samples(files: Export) -> Logits:
    """Logits of draws of what the files hold, [DRAWS, N, classes]."""
    network = onnx.load(files.network)
    means = {t.name: numpy_helper.to_array(t) for t in network.graph.initializer}
    network.graph.input.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, values.shape)
        for name, values in means.items()
    )
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    sigma = {
        name.removesuffix(".sigma"): values for name, values in load_file(files.posterior).items()
    }
    random = np.random.default_rng(0)
    samples = []
    for _ in range(DRAWS):
        drawn = {
            name: (values + sigma[name] * random.standard_normal(values.shape)).astype(np.float32)
            if name in sigma
            else values
            for name, values in means.items()
        }
        (logits,) = session.run(None, {"input": INPUTS.numpy()} | drawn)
        samples.append(logits)
    return np.stack(samples)


def check(files: Export, sample: Callable[[Tensor], Tensor]) -> None:
    """Compares draws of the exported files with draws of the library."""
    ours = exported_samples(files)
    torch.manual_seed(1)
    with torch.no_grad():
        theirs = np.stack([sample(INPUTS).numpy() for _ in range(DRAWS)])
    spread = theirs.std(0)
    assert (np.abs(ours.mean(0) - theirs.mean(0)) < 0.15 * spread + 1e-5).all()
    ratio = ours.std(0) / spread
    assert abs(ratio.mean() - 1) < 0.05
    assert ratio.min() > 0.88
    assert ratio.max() < 1.13
    correlation = [np.corrcoef(samples[:, 0].T) for samples in (ours, theirs)]
    assert np.abs(correlation[0] - correlation[1]).max() < 0.12
    print(f"standard deviation of logits over the library's: {ratio.mean():.4f}")  # noqa: T201


def test_bayesian_layers_of_torchuncertainty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any
) -> None:
    layers = library("torch_uncertainty.layers.bayesian")
    model = nn.Sequential(
        layers.BayesConv2d(1, 4, 3, sigma_init=-3.0),
        nn.ReLU(),
        nn.Flatten(),
        layers.BayesLinear(64, 3, sigma_init=-3.0),
    )
    fit(model, loader)
    name = "TorchUncertainty: Bayesian layers"
    check(run(name, monkeypatch, tmp_path, model=model, example=EXAMPLE), model)


def test_torchbnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any) -> None:
    bnn = library("torchbnn")
    model = nn.Sequential(
        bnn.BayesConv2d(0, 0.1, 1, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        bnn.BayesLinear(0, 0.05, 64, 3),
    )
    fit(model, loader)
    check(run("torchbnn", monkeypatch, tmp_path, model=model, example=EXAMPLE), model)
    frozen: Any = model[0]
    frozen.freeze()
    with pytest.raises(ExportError, match=r"layer `0` \(BayesConv2d\): it is frozen at one draw"):
        export(model, EXAMPLE, tmp_path)


def test_blitz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any) -> None:
    blitz = library("blitz.modules")
    model = nn.Sequential(
        blitz.BayesianConv2d(1, 4, (3, 3), posterior_rho_init=-3.0),
        nn.ReLU(),
        nn.Flatten(),
        blitz.BayesianLinear(64, 3, posterior_rho_init=-3.0),
    )
    fit(model, loader)
    check(run("blitz", monkeypatch, tmp_path, model=model, example=EXAMPLE), model)


def test_ivon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any) -> None:
    ivon = library("ivon")
    model = plain()
    optimizer = ivon.IVON(model.parameters(), lr=0.05, ess=256, hess_init=0.9)
    for _ in range(5):
        for inputs, labels in loader:
            with optimizer.sampled_params(train=True):
                optimizer.zero_grad()
                torch.autograd.backward(cross_entropy(model(inputs), labels))
            optimizer.step()

    def sample(x: Tensor) -> Tensor:
        with optimizer.sampled_params():
            logits: Tensor = model(x)
        return logits

    names = {"model": model, "example": EXAMPLE, "optimizer": optimizer}
    check(run("IVON", monkeypatch, tmp_path, **names), sample)


@pytest.mark.parametrize(
    ("weights", "structure"), [("last_layer", "kron"), ("last_layer", "diag"), ("all", "diag")]
)
def test_laplace_torch(
    weights: str, structure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any
) -> None:
    package = library("laplace")
    model = plain()
    fit(model, loader)
    # A temperature and a prior precision other than the default.
    posterior = package.Laplace(
        model,
        "classification",
        subset_of_weights=weights,
        hessian_structure=structure,
        prior_precision=20.0,
        temperature=0.5,
    )
    posterior.fit(loader)
    last = weights == "last_layer"
    parameters = list((posterior.model.last_layer if last else posterior.model).parameters())

    def sample(x: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(posterior.sample(1)[0], parameters)
        logits: Tensor = posterior.model(x)
        nn.utils.vector_to_parameters(posterior.mean, parameters)
        return logits

    names = {"posterior": posterior, "example": EXAMPLE}
    check(run("laplace-torch", monkeypatch, tmp_path, **names), sample)


def test_covariances_of_laplace_torch_that_cannot_be_kept() -> None:
    package = library("laplace")
    for weights, structure in (("all", "kron"), ("last_layer", "full")):
        posterior = package.Laplace(
            plain(), "classification", subset_of_weights=weights, hessian_structure=structure
        )
        with pytest.raises(ExportError, match=r"Laplace: a covariance other than .*draw members"):
            laplace(posterior)
    # Not constructed: its curvature needs a package that is no longer published.
    low_rank = package.LowRankLaplace.__new__(package.LowRankLaplace)
    with pytest.raises(ExportError, match=r"LowRankLaplace: a covariance other .*draw members"):
        laplace(low_rank)
    posterior = package.Laplace(plain(), "classification", "last_layer", "diag")
    with pytest.raises(ExportError, match="is not fitted"):
        laplace(posterior)
    posterior = package.Laplace(plain(), "regression", "last_layer", "diag")
    with pytest.raises(ExportError, match="is of a regression; only those of classifiers"):
        laplace(posterior)
    with pytest.raises(ExportError, match="Sequential is not a posterior of laplace-torch"):
        laplace(plain())


@pytest.mark.parametrize(
    ("weights", "structure"), [("all", "full"), ("all", "kron"), ("last_layer", "full")]
)
def test_members_of_laplace_torch(
    weights: str, structure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any
) -> None:
    package = library("laplace")
    model = plain()
    fit(model, loader)
    mean = model.get_parameter("5.weight").detach().clone()
    posterior = package.Laplace(
        model, "classification", subset_of_weights=weights, hessian_structure=structure
    )
    posterior.fit(loader)
    names = {"posterior": posterior, "example": EXAMPLE, "model": model}
    torch.manual_seed(5)
    files = run("laplace-torch", monkeypatch, tmp_path, number=1, **names)
    assert files.members == 32
    torch.manual_seed(5)
    drawn = posterior.sample(32)
    tensors = load_file(files.posterior)
    ends = [tensors[f"5.bias.member.{k}"] for k in range(32)]
    np.testing.assert_array_equal(np.stack(ends), drawn[:, -3:])
    torch.testing.assert_close(model.get_parameter("5.weight"), mean)


def test_averages_of_torchcontrib_are_no_posterior() -> None:
    package = library("torchcontrib")
    optimizer = package.optim.SWA(torch.optim.SGD(plain().parameters(), 0.1))
    with pytest.raises(ExportError, match="SWA is not SWAG .*torchcontrib, is a mean of weights"):
        swag_members(optimizer, 4)


def swag_of(model: nn.Module, loader: Any, *, diagonal: bool) -> Any:
    methods = library("torch_uncertainty.methods")
    swag = methods.SWAG(model, 0, 1, diag_covariance=diagonal, num_estimators=1)
    with pytest.raises(ExportError, match="has not collected any models"):
        swag_members(swag, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(1, 8):
        for inputs, labels in loader:
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(model(inputs), labels))
            optimizer.step()
        swag.update_wrapper(epoch)
    return swag


def test_swag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any) -> None:
    model = plain()
    swag = swag_of(model, loader, diagonal=False)
    names = {"swag": swag, "model": model, "example": EXAMPLE, "loader": loader}
    files = run("TorchUncertainty: SWAG", monkeypatch, tmp_path, **names)
    assert files.members == 8
    tensors = load_file(files.posterior)
    torch.manual_seed(0)
    for number in range(8):
        drawn = swag.sample(swag.scale).state_dict()["0.weight"]
        np.testing.assert_array_equal(tensors[f"0.weight.member.{number}"], drawn)
    with pytest.raises(ExportError, match=r"low rank .*swag_members"):
        swag_gaussian(swag)
    with pytest.raises(ExportError, match="Sequential is not SWAG"):
        swag_members(model, 2)
    for count in (1, 65, 2.5, "4"):
        with pytest.raises(ExportError, match="count is .*; there must be 2 to 64 members"):
            swag_members(swag, count)  # type: ignore[arg-type]


def test_diagonal_swag(tmp_path: Path, loader: Any) -> None:
    swag = swag_of(plain(), loader, diagonal=True)
    mean, sigma = swag_gaussian(swag)
    files = export(mean, EXAMPLE, tmp_path, sigma=sigma)

    def sample(x: Tensor) -> Tensor:
        drawn: nn.Module = swag.sample(swag.scale)
        logits: Tensor = drawn(x)
        return logits

    check(files, sample)


def test_posteriors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = library("posteriors")
    torchopt = library("torchopt")
    model = plain()
    parameters = {name: p.detach().clone() for name, p in model.named_parameters()}
    transform = package.vi.diag.build(
        lambda p, _: (-sum((v**2).sum() for v in p.values()), torch.zeros(())),
        torchopt.adam(lr=1e-3),
        init_log_sds=-3.0,
    )
    state = transform.init(parameters)
    names = {"model": model, "example": EXAMPLE, "state": state}
    files = run("posteriors", monkeypatch, tmp_path, **names)

    def sample(x: Tensor) -> Tensor:
        drawn = package.vi.diag.sample(state)
        logits: Tensor = torch.func.functional_call(model, drawn, (x,))
        return logits

    check(files, sample)


def test_pyro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyro = library("pyro")
    autoguide = library("pyro.infer.autoguide")
    network = plain()
    random = copy.deepcopy(network)
    pyro.nn.module.to_pyro_module_(random)
    for module in random.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            prior = pyro.distributions.Normal(0.0, 1.0).expand(parameter.shape)
            setattr(module, name, pyro.nn.PyroSample(prior.to_event(parameter.dim())))
    guide = autoguide.AutoNormal(random, init_scale=0.05)
    guide(EXAMPLE)
    names = {"network": network, "example": EXAMPLE, "guide": guide}
    files = run("Pyro: AutoNormal", monkeypatch, tmp_path, **names)

    def sample(x: Tensor) -> Tensor:
        logits: Tensor = torch.func.functional_call(network, guide(x), (x,))
        return logits

    check(files, sample)


def test_the_other_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: Any) -> None:
    model = nn.Sequential(nn.Dropout(0.1), nn.Flatten(), nn.Linear(36, 3))
    names = {"model": model, "example": EXAMPLE, "loader": loader}
    assert run("Monte-Carlo dropout", monkeypatch, tmp_path, **names).dropout == ["0"]
    names["checkpoints"] = [copy.deepcopy(model).state_dict(), plain_state(model)]
    assert run("Ensembles and checkpoints", monkeypatch, tmp_path, **names).members == 2


def plain_state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor + 1 for name, tensor in model.state_dict().items()}
