"""The colours and the type of every page; read by pages that do not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#fcfcfb",
    "panel": "#f4f4f1",
    "line": "#dddcd6",
    "ink": "#1b1d20",
    "quiet": "#5d6166",
    "good": "#00724f",
    "ours": "#0072b2",
    "ours_soft": "#dcebf4",
    "ours_mid": "#8fbedb",
    "ours_cell": "#0071b1",
    "ours_deep": "#00588a",
    "other": "#b84b00",
    "other_soft": "#fbeee5",
    "other_mid": "#e9b796",
    "other_cell": "#bf4e00",
    "other_deep": "#983e00",
}
"""Blue, vermilion and green of Okabe & Ito (2008), told apart by colour-blind readers; vermilion and green are a
shade darker so that small text in them keeps a contrast of 4.5. All values differ, so that each has its dark twin."""

DARK: Mapping[str, str] = {
    "page": "#15171a",
    "panel": "#1e2125",
    "line": "#363a40",
    "ink": "#e9e8e4",
    "quiet": "#a3a6ab",
    "good": "#2fc497",
    "ours": "#56b4e9",
    "ours_soft": "#1d2e3a",
    "ours_mid": "#1f4a67",
    "ours_cell": "#22618d",
    "ours_deep": "#2478ae",
    "other": "#f0a04b",
    "other_soft": "#35281d",
    "other_mid": "#5e3d1c",
    "other_cell": "#7d4d18",
    "other_deep": "#a05f14",
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif"
