#!/usr/bin/env python3
"""Make a Composer repository out of Debian's PHP library packages.

The packages are downloaded with apt (which verifies their signatures' hashes) and unpacked
aside; nothing is installed. Each becomes a zip with a generated composer.json entry, so that a
real `composer install` works where Packagist cannot be reached. Debian's binary packages carry
no Composer metadata: names, versions and autoload rules are derived from the package itself.

    debian_composer_repository.py /srv/composer-repository php-laravel-framework php-lcobucci-jwt
    debian_composer_repository.py --check /srv/composer-repository php-laravel-framework
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

# Names that do not follow php-VENDOR-PROJECT.
NAMES = {
    "php-carbon-doctrine-types": "carbonphp/carbon-doctrine-types",
    "php-email-validator": "egulias/email-validator",
    "php-faker": "fakerphp/faker",
    "php-graham-campbell-result-type": "graham-campbell/result-type",
    "php-monolog": "monolog/monolog",
    "php-phpoption": "phpoption/phpoption",
}
FRAMEWORK = "php-laravel-framework"
COMPONENT = "php-illuminate-"
# Part of every PHP that can run Composer, so no requirement worth stating.
BASE = {"php", "php-cli", "php-common", "php-json"}
EXTENSIONS = {"php-xml": "ext-dom"}
LIBRARY_ROOT = PurePosixPath("usr/share/php")
ILLUMINATE = LIBRARY_ROOT / "Illuminate"
EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)
# Counted up where a repository of an earlier program is to be made anew.
FORMAT = 2

Stanza = dict[str, str]


def composer_name(package: str) -> str:
    """Return the Composer name of a Debian package: php-vendor-project is vendor/project."""
    if package in NAMES:
        return NAMES[package]
    vendor, _, project = package.removeprefix("php-").partition("-")
    return f"{vendor}/{project or vendor}"


def composer_version(debian: str) -> str:
    """Return upstream's version: without epoch, Debian revision and repacking suffix."""
    version = debian.split(":", 1)[-1]
    version = version.rpartition("-")[0] or version
    really = re.search(r"\+really(.+)", version)
    version = re.split(r"[+]", really.group(1) if really else version)[0]
    return version.rstrip("~").replace("~", "-")


def parse_stanzas(text: str) -> list[Stanza]:
    """Return the paragraphs of a Debian control file as dictionaries."""
    stanzas = []
    for block in re.split(r"\n\s*\n", text.strip()):
        fields: Stanza = {}
        key = ""
        for line in block.splitlines():
            if line[:1].isspace():
                fields[key] += "\n" + line.strip()
            elif ":" in line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if "Package" in fields:
            stanzas.append(fields)
    return stanzas


def parse_relations(field: str) -> list[tuple[str, str, str]]:
    """Return (package, operator, version) of a Depends or Provides field.

    Of alternatives the first counts. Operator and version are empty where there is no bound.
    """
    relations = []
    for item in filter(None, (part.strip() for part in field.split(","))):
        found = re.match(
            r"([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?", item
        )
        if found:
            relations.append((found[1], found[2] or "", found[3] or ""))
    return relations


def constraint(bounds: list[tuple[str, str]]) -> str:
    """Return Composer's spelling of Debian's bounds: (>= 1), (<< 2~~) is >=1,<2."""
    spelled = {">=": ">=", "<=": "<=", ">>": ">", "<<": "<", "=": ""}
    parts = [spelled[op] + composer_version(version) for op, version in bounds if op]
    return ",".join(sorted(set(parts), reverse=True)) or "*"


def apt(*command: str, cwd: Path | None = None) -> str:
    """Run an apt or dpkg command and return what it printed; its complaint ends the program."""
    done = subprocess.run(  # noqa: S603  (fixed programs, arguments passed without a shell)
        command, cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode and command[0] != "apt-cache":
        raise SystemExit(f"{' '.join(command[:2])} failed: {done.stderr.strip()}")
    return done.stdout


def provider_of(package: str) -> str | None:
    """Return the package that provides a virtual one, or None."""
    shown = apt("apt-cache", "showpkg", package).partition("Reverse Provides:")[2]
    names = sorted(line.split()[0] for line in shown.splitlines() if line.strip())
    return names[0] if names else None


def closure(roots: list[str]) -> tuple[dict[str, Stanza], dict[str, str]]:
    """Return the roots with all they depend on, and who provides which virtual package."""
    found: dict[str, Stanza] = {}
    provided: dict[str, str] = {}
    wanted = set(roots)
    while wanted:
        shown = apt("apt-cache", "show", "--no-all-versions", *sorted(wanted))
        stanzas = {stanza["Package"]: stanza for stanza in parse_stanzas(shown)}
        found.update(stanzas)
        for virtual in wanted - stanzas.keys():
            provider = provider_of(virtual)
            if provider is None:
                raise SystemExit(f"apt knows no package {virtual}: is `apt-get update` due?")
            provided[virtual] = provider
        wanted = {provided[virtual] for virtual in wanted - stanzas.keys()}
        for stanza in stanzas.values():
            if stanza.get("Source", "").split(" ")[0] != "php-defaults":
                wanted |= {
                    name
                    for name, _, _ in parse_relations(stanza.get("Depends", ""))
                    if name.startswith("php-") and name not in BASE
                }
        wanted -= found.keys() | provided.keys()
    return found, provided


def unpack(packages: dict[str, Stanza], into: Path) -> dict[str, Path]:
    """Download and unpack the packages, each into a directory of its own."""
    downloads = into / "downloads"
    downloads.mkdir()
    versions = [f"{name}={stanza['Version']}" for name, stanza in sorted(packages.items())]
    apt("apt-get", "-qq", "download", *versions, cwd=downloads)
    trees = {}
    for archive in sorted(downloads.glob("*.deb")):
        name = archive.name.split("_")[0]
        trees[name] = into / name
        apt("dpkg-deb", "-x", str(archive), str(trees[name]))
    return trees


def autoload_files(loader: Path) -> list[PurePosixPath]:
    """Return the files that Debian's autoload.php loads at once, relative to its directory.

    Debian's loader requires other packages' loaders by absolute path; only the plain files of
    its "// Files" part are meant. One that was written by hand has no such part: all that it
    requires of its own directory is meant.
    """
    text = loader.read_text(encoding="utf-8")
    part = text.partition("// Files")[2] if is_generated(loader) else text
    found = re.findall(r"""require(?:_once)?\s*\(?\s*__DIR__\s*\.\s*['"]/([^'"]+)['"]""", part)
    return [path for path in map(PurePosixPath, found) if path.name != "autoload.php"]


def is_generated(loader: Path) -> bool:
    """Whether a loader was written by Debian's program, which lists classes before files."""
    return "autogenerated file" in loader.read_text(encoding="utf-8")


def members(tree: Path) -> tuple[dict[PurePosixPath, Path], list[PurePosixPath]]:
    """Return a package's library files by path, and those to load at once.

    Debian's generated autoloaders are left out: Composer writes its own.
    """
    root = tree / LIBRARY_ROOT
    files: dict[PurePosixPath, Path] = {}
    at_once: list[PurePosixPath] = []
    for path in sorted(root.rglob("*")):
        if not path.is_file():
            continue
        relative = PurePosixPath(path.relative_to(tree).as_posix())
        if path.name == "autoload.php":
            at_once += [relative.parent / item for item in autoload_files(path)]
        if path.name != "autoload.php" or not is_generated(path):
            files[relative] = path
    return files, at_once


def upstream_path(path: PurePosixPath) -> str:
    """Return a library file's path in its Composer package.

    Laravel's framework finds its default configuration relative to its own source, so it needs
    upstream's layout; for the others the layout is free.
    """
    if path.is_relative_to(ILLUMINATE):
        inner = path.relative_to(ILLUMINATE)
        if inner.parts[0] in ("config", "config-stubs"):
            return str(inner)
        return str("src/Illuminate" / inner)
    return str(path.relative_to(LIBRARY_ROOT))


def write_zip(target: Path, files: dict[str, Path]) -> None:
    """Write a zip that is the same, byte for byte, for the same files.

    Composer drops a single directory at the top, so there is always one for it to drop.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            info = zipfile.ZipInfo(f"package/{name}", EPOCH_OF_ZIP)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o100644 << 16
            archive.writestr(info, path.read_bytes())


def description(stanza: Stanza) -> str:
    """Return the first line of a package's description, in whichever language apt has it."""
    texts = [text for field, text in stanza.items() if re.match(r"Description(-\w+)?$", field)]
    return texts[0].splitlines()[0] if texts else ""


def owner_of(package: str) -> str:
    """Return the package that a Debian package is folded into: its own name, mostly."""
    return FRAMEWORK if package.startswith(COMPONENT) else package


def requirements(
    owner: str, stanzas: list[Stanza], libraries: set[str], provided: dict[str, str]
) -> dict[str, str]:
    """Return the `require` of a Composer package made of these Debian packages."""
    bounds: dict[str, list[tuple[str, str]]] = {}
    for stanza in stanzas:
        for name, op, version in parse_relations(stanza.get("Depends", "")):
            if not name.startswith("php-") or name in BASE or owner_of(name) == owner:
                continue
            if provided.get(name, name) in libraries:
                key = composer_name(owner_of(name))
                bounds.setdefault(key, []).append((op, version))
            else:
                key = EXTENSIONS.get(name, f"ext-{name.removeprefix('php-')}")
                bounds.setdefault(key, [])
    return {name: constraint(found) for name, found in sorted(bounds.items())}


def build(target: Path, roots: list[str]) -> int:
    """Build the repository in target; return how many Composer packages it holds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        stanzas, provided = closure(roots)
        with tempfile.TemporaryDirectory(prefix="composer-repository-") as scratch:
            trees = unpack(stanzas, Path(scratch))
            count = write_repository(aside, target, roots, stanzas, provided, trees)
        aside.chmod(0o755)
        replace_directory(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return count


def write_repository(
    aside: Path,
    target: Path,
    roots: list[str],
    stanzas: dict[str, Stanza],
    provided: dict[str, str],
    trees: dict[str, Path],
) -> int:
    """Write zips and packages.json for the unpacked trees; return the number of packages."""
    contents = {name: members(tree) for name, tree in trees.items()}
    libraries = {name for name, (files, _) in contents.items() if files}
    dist = aside / "dist"
    dist.mkdir()
    packages: dict[str, dict[str, object]] = {}
    for owner in sorted({owner_of(name) for name in libraries}):
        parts = sorted(name for name in libraries if owner_of(name) == owner)
        files: dict[str, Path] = {}
        at_once: set[str] = set()
        for part in parts:
            part_files, part_at_once = contents[part]
            files.update({upstream_path(path): source for path, source in part_files.items()})
            at_once |= {upstream_path(path) for path in part_at_once}
        name = composer_name(owner)
        version = composer_version(stanzas[owner]["Version"])
        archive = dist / f"{name.replace('/', '-')}-{version}.zip"
        write_zip(archive, files)
        entry: dict[str, object] = {
            "name": name,
            "version": version,
            "type": "library",
            "description": description(stanzas[owner]),
            "dist": {
                "type": "zip",
                "url": (target / "dist" / archive.name).as_uri(),
                "shasum": hashlib.sha1(archive.read_bytes(), usedforsecurity=False).hexdigest(),
            },
            "autoload": {
                "classmap": sorted({path.split("/")[0] for path in files if "/" in path}),
                "files": sorted(at_once),
            },
            "require": requirements(owner, [stanzas[p] for p in parts], libraries, provided),
        }
        replaced = {composer_name(part) for part in parts if part != owner}
        replaced |= {composer_name(v) for v, provider in provided.items() if provider in parts}
        if replaced:
            entry["replace"] = dict.fromkeys(sorted(replaced), "self.version")
        packages[name] = {version: entry}
    manifest = {"packages": packages}
    (aside / "packages.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    (aside / "roots.json").write_text(json.dumps(made_of(roots)) + "\n")
    return len(packages)


def replace_directory(new: Path, target: Path) -> None:
    """Put the new directory in the place of target, whole: two renames, no half-built state."""
    old = new.with_name(new.name + "-old")
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def made_of(roots: list[str]) -> dict[str, object]:
    """Return what a repository notes of itself: the program's format, and its packages."""
    return {"format": FORMAT, "packages": sorted(roots)}


def is_readable(target: Path) -> bool:
    """Whether others than root can read all of a repository: builds run as a user of their own."""
    folders = all(path.stat().st_mode & 0o005 == 0o005 for path in (target, target / "dist"))
    files = [target / "packages.json", *(target / "dist").iterdir()]
    return folders and all(path.stat().st_mode & 0o004 for path in files)


def is_current(target: Path, roots: list[str]) -> bool:
    """Whether target holds a repository made for these packages, by a program like this one."""
    try:
        if not is_readable(target):
            return False
        made_for = json.loads((target / "roots.json").read_text())
        json.loads((target / "packages.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(made_for == made_of(roots))


def main(argv: list[str]) -> int:
    """Build the repository, or only say whether it is there."""
    parser = argparse.ArgumentParser(description="Make a Composer repository of Debian packages.")
    parser.add_argument("target", type=Path, help="directory of the repository")
    parser.add_argument("packages", nargs="+", help="Debian packages, e.g. php-laravel-framework")
    parser.add_argument("--check", action="store_true", help="only tell (0) if it is there")
    parser.add_argument("--force", action="store_true", help="build it anew if it is there")
    options = parser.parse_args(argv)
    target = options.target.resolve()
    # Whoever calls Salt may have one that keeps others out.
    os.umask(0o022)
    current = is_current(target, options.packages)
    if options.check:
        return 0 if current else 1
    if current and not options.force:
        print(f"{target} is there already.")
        return 0
    print(f"{target} holds {build(target, options.packages)} packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
