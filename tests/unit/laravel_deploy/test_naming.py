"""How a release is named."""

from __future__ import annotations

import pytest
from laravel_deploy.naming import is_git, named_commit, release_name
from salt.exceptions import CommandExecutionError, SaltInvocationError


@pytest.mark.parametrize(
    ("fingerprint", "dev", "build", "name"),
    [
        ("0123456789abcdef", False, "", "0123456789ab"),
        ("0123456789abcdef", True, "", "0123456789ab-dev"),
        ("0123456789abcdef", False, "2", "0123456789ab-2"),
        ("0123456789abcdef", True, "2", "0123456789ab-dev-2"),
    ],
)
def test_a_release_is_named_by_what_it_is_made_of(fingerprint, dev, build, name):
    assert release_name(fingerprint, dev, build) == name


@pytest.mark.parametrize("build", ["../x", "a b", "x/y", "y" * 80])
def test_a_build_that_is_no_name_is_refused(build):
    with pytest.raises(SaltInvocationError, match="build is"):
        release_name("0123456789abcdef", False, build)


REFS = {
    "refs/heads/main": "a" * 40,
    "refs/tags/v1": "b" * 40,
    "refs/tags/v2": "c" * 40,
    "refs/tags/v2^{}": "d" * 40,
    "refs/heads/both": "e" * 40,
    "refs/tags/both": "f" * 40,
    # A branch and an annotated tag of one name on one commit.
    "refs/heads/v3": "d" * 40,
    "refs/tags/v3": "c" * 40,
    "refs/tags/v3^{}": "d" * 40,
    "HEAD": "a" * 40,
}


@pytest.mark.parametrize(
    ("rev", "commit"), [("main", "a"), ("v1", "b"), ("v2", "d"), ("v3", "d"), ("HEAD", "a")]
)
def test_branches_and_tags_name_a_commit(rev, commit):
    assert named_commit(REFS, rev) == commit * 40


@pytest.mark.parametrize(("rev", "words"), [("both", "several commits"), ("v4", "nothing")])
def test_what_names_no_single_commit_is_refused(rev, words):
    with pytest.raises(CommandExecutionError, match=f"{rev}.*names {words}"):
        named_commit(REFS, rev)


@pytest.mark.parametrize(
    ("source", "git"),
    [
        ("salt://app", False),
        ("https://git.example.com/shop.git", True),
        ("git@git.example.com:shop.git", True),
        ("ssh://git@git.example.com/shop.git", True),
        ("file:///srv/shop.git", True),
    ],
)
def test_git_is_told_from_folders(source, git):
    assert is_git(source) is git


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("/srv/app", "expected a folder such as salt://app"),
        ("https://me:secret@git.example.com/shop.git", "credentials"),
    ],
)
def test_a_source_that_is_neither_is_refused_and_not_shown_with_its_password(source, words):
    with pytest.raises(SaltInvocationError, match=words) as refused:
        is_git(source)
    assert "secret" not in str(refused.value)
