"""What notebooks show."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

from ._maps import class_colours, class_picture, heat_picture, plane, png_uri
from ._outputs import ClassFigures, LabelFigures, TargetFigures

if TYPE_CHECKING:
    from ._bayes8 import Prediction

# How many pictures and classes are shown: a notebook cannot show all of ImageNet.
_MOST_PICTURES, _MOST_CLASSES = 20, 5

_ROW = (
    '<tr><td style="text-align:left">{name}</td>'
    '<td style="text-align:left;width:12em"><div style="position:relative;height:1em;'
    'background:rgba(128,128,128,.2)">'
    '<div style="position:absolute;height:100%;width:{width:.1f}%;background:#4c78a8"></div>'
    '<div style="position:absolute;top:35%;height:30%;left:{low:.1f}%;width:{spread:.1f}%;'
    'background:#f58518"></div></div></td>'
    "<td>{percent:.1f} % ± {std:.1f}</td></tr>"
)


def prediction(p: Prediction) -> str:
    """Shows the figures of every output with their spread, and both uncertainties."""
    if p.is_single:
        return _picture(p)
    shown = [f"<h4>Picture {i}</h4>{_picture(p[i])}" for i in range(min(len(p), _MOST_PICTURES))]
    if len(p) > _MOST_PICTURES:
        shown.append(f"<p>and {len(p) - _MOST_PICTURES} more</p>")
    return "".join(shown)


def _picture(p: Prediction) -> str:
    parts = []
    for name, figures in p.outputs.items():
        if len(p.outputs) > 1:
            parts.append(f"<h5>{html.escape(name)}</h5>")
        if figures.output.positions:
            parts.append(_map(figures))
        elif isinstance(figures, TargetFigures):
            parts.append(_targets(figures))
        else:
            parts.append(_bars(figures, p.samples))
    return "".join(parts)


def _map(figures: ClassFigures | LabelFigures | TargetFigures) -> str:
    positions = figures.output.positions
    pictures = {}
    legend = ""
    if isinstance(figures, ClassFigures):
        names = figures.output.class_names
        classes = plane(figures.classes, positions)
        pictures["classes"] = class_picture(classes, len(names))
        pictures["predictive entropy"] = heat_picture(plane(figures.predictive_entropy, positions))
        pictures["mutual information"] = heat_picture(plane(figures.mutual_information, positions))
        colours = class_colours(len(names))
        marks = (
            f'<span style="color:rgb{tuple(map(int, colours[i]))}">■</span> {html.escape(names[i])}'
            for i in np.unique(classes)
        )
        legend = f"<p>{' '.join(marks)}</p>"
    elif isinstance(figures, LabelFigures):
        for i, name in enumerate(figures.output.label_names[:_MOST_CLASSES]):
            pictures[name] = heat_picture(plane(figures.probabilities[..., i], positions))
        doubt = figures.mutual_information.sum(axis=-1)
        pictures["mutual information"] = heat_picture(plane(doubt, positions))
    else:
        for i, target in enumerate(figures.output.targets[:_MOST_CLASSES]):
            pictures[target.name] = heat_picture(plane(figures.mean[..., i], positions))
            spread = heat_picture(plane(figures.std[..., i], positions))
            pictures[f"standard deviation of {target.name}"] = spread
    cells = (
        f'<figure style="display:inline-block;margin:4px"><img src="{png_uri(picture)}" alt="">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name, picture in pictures.items()
    )
    return f"<div>{''.join(cells)}</div>{legend}"


def _bars(figures: ClassFigures | LabelFigures, samples: int) -> str:
    rows = []
    order = np.argsort(-figures.probabilities, kind="stable")[:_MOST_CLASSES]
    for (name, _), index in zip(figures.top(_MOST_CLASSES), order, strict=True):
        mean, std = float(figures.probabilities[index]), float(figures.std[index])
        low, high = max(0.0, mean - std), min(1.0, mean + std)
        rows.append(
            _ROW.format(
                name=html.escape(name),
                width=100 * mean,
                low=100 * low,
                spread=100 * (high - low),
                percent=100 * mean,
                std=100 * std,
            )
        )
    # Those of labels add up, as they are independent.
    total, aleatoric, epistemic = (
        float(np.sum(entropy))
        for entropy in (
            figures.predictive_entropy,
            figures.expected_entropy,
            figures.mutual_information,
        )
    )
    split = (
        f"{samples} samples; uncertainty {total:.3f} nats: "
        f"{aleatoric:.3f} in the picture (aleatoric), {epistemic:.3f} in the model (epistemic)"
    )
    return f"<table>{''.join(rows)}</table><p>{split}</p>"


def _targets(figures: TargetFigures) -> str:
    head = (
        "<tr><th></th><th>mean</th><th>95 % between</th>"
        "<th>std from the data (aleatoric)</th><th>std from the model (epistemic)</th></tr>"
    )
    rows = [head]
    for i, (target, (low, high)) in enumerate(
        zip(figures.output.targets, figures.interval(), strict=True)
    ):
        mean = f"{figures.mean[i]:.4g} {html.escape(target.unit)}"
        parts = (figures.aleatoric_std[i], figures.epistemic_std[i])
        cells = [mean.strip(), f"{low:.4g} and {high:.4g}", *(f"{part:.2g}" for part in parts)]
        columns = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f"<tr><td>{html.escape(target.name)}</td>{columns}</tr>")
    return f"<table>{''.join(rows)}</table>"


def page(document: str) -> str:
    """Shows a whole page inside a notebook."""
    return (
        f'<iframe srcdoc="{html.escape(document)}" sandbox="allow-scripts" '
        'style="width:100%;height:40em;border:0"></iframe>'
    )
