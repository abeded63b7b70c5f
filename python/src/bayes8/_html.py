"""What notebooks show."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np

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
    """Shows the most probable classes as bars with their spread, and both uncertainties."""
    if p.is_single:
        return _picture(p)
    shown = [f"<h4>Picture {i}</h4>{_picture(p[i])}" for i in range(min(len(p), _MOST_PICTURES))]
    if len(p) > _MOST_PICTURES:
        shown.append(f"<p>and {len(p) - _MOST_PICTURES} more</p>")
    return "".join(shown)


def _picture(p: Prediction) -> str:
    rows = []
    for index in np.argsort(-p.probabilities, kind="stable")[:_MOST_CLASSES]:
        mean, std = float(p.probabilities[index]), float(p.std[index])
        low, high = max(0.0, mean - std), min(1.0, mean + std)
        rows.append(
            _ROW.format(
                name=html.escape(p.class_names[index]),
                width=100 * mean,
                low=100 * low,
                spread=100 * (high - low),
                percent=100 * mean,
                std=100 * std,
            )
        )
    split = (
        f"{p.samples} samples; uncertainty {float(p.predictive_entropy):.3f} nats: "
        f"{float(p.expected_entropy):.3f} in the picture (aleatoric), "
        f"{float(p.mutual_information):.3f} in the model (epistemic)"
    )
    return f"<table>{''.join(rows)}</table><p>{split}</p>"


def page(document: str) -> str:
    """Shows a whole page inside a notebook."""
    return (
        f'<iframe srcdoc="{html.escape(document)}" sandbox="allow-scripts" '
        'style="width:100%;height:40em;border:0"></iframe>'
    )
