"""The gaps as a picture: a row a mode, a group a fault, a dot a round."""

from __future__ import annotations

import statistics
from pathlib import Path

import matplotlib as mpl

from bench.plan import DIRECT, FAULTS, PATHS, QUIET
from bench.report import Results, measured, values
from tests.support.lab import MODES

COLOURS = {
    "direct": "#7f7f7f",
    "mysql-cluster": "#1f77b4",
    "mysql-writer": "#17becf",
    "tcp-check": "#d62728",
    "router": "#ff7f0e",
}
NAMES = {DIRECT: "direct, at the other members (the floor)"}
SHOWN = (QUIET, *FAULTS)
# What a group takes of the room between two.
GROUP = 0.8


def failover(results: Results, picture: Path) -> None:
    """Draw the longest gap of all clients of a path, and of its one worst client beside it."""
    mpl.use("Agg")
    from matplotlib import pyplot

    rounds = measured(results)
    modes = [mode for mode in MODES if any(one["mode"] == mode for one in rounds)]
    keys = {"gap": "nobody is served through the path", "worst": "its one worst client"}
    figure, axes = pyplot.subplots(
        len(modes),
        len(keys),
        figsize=(14, 4 * len(modes)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, mode in zip(axes, modes, strict=True):
        for axis, (key, title) in zip(row, keys.items(), strict=True):
            for index, path in enumerate(PATHS):
                offset = GROUP * ((index + 0.5) / len(PATHS) - 0.5)
                for place, event in enumerate(SHOWN):
                    found = values(rounds, mode, event, path, key)
                    if not found:
                        continue
                    at = place + offset
                    axis.plot(
                        [at] * len(found), found, "o", color=COLOURS[path], alpha=0.45, markersize=5
                    )
                    width = GROUP / len(PATHS) / 2.4
                    axis.hlines(
                        statistics.median(found), at - width, at + width, COLOURS[path], linewidth=3
                    )
                axis.plot([], [], "o", color=COLOURS[path], label=NAMES.get(path, path))
            axis.set_title(f"{mode}: {title}", fontsize=11)
            axis.set_yscale("log")
            axis.set_xticks(range(len(SHOWN)), SHOWN)
            axis.grid(axis="y", which="both", alpha=0.25)
            for edge in range(1, len(SHOWN)):
                axis.axvline(edge - 0.5, color="black", alpha=0.12, linewidth=0.8)
        row[0].set_ylabel("seconds")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(PATHS))
    figure.suptitle("Longest time without an acknowledged write; a dot a round, a bar the median")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
