"""Which packages Salt's own Python lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import metadata

from packaging.requirements import Requirement


def missing(
    requirements: Iterable[str], version: Callable[[str], str] = metadata.version
) -> list[str]:
    """
    Return the requirements that are not met.

    requirements
        Lines of a file of requirements, as pip reads them; comments and empty ones are passed over.

    version
        Returns a package's installed version by its name; raises PackageNotFoundError for none.
    """
    lacking = []
    for line in requirements:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        wanted = Requirement(text)
        try:
            there = wanted.specifier.contains(version(wanted.name), prereleases=True)
        except metadata.PackageNotFoundError:
            there = False
        if not there:
            lacking.append(text)
    return lacking
