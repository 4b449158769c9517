"""What the proxy is told by a member's health agent."""

from __future__ import annotations

from tests.support.lab import Lab


def agent_says(lab: Lab, member: str, page: str) -> str:
    """Return the text of one of its pages; any other code than 200 is an error."""
    url = f"http://{lab.address[member]}:9200/{page}"
    ask = (
        f"import urllib.request; print(urllib.request.urlopen('{url}', timeout=5).read().decode())"
    )
    return lab.run(lab.proxy, f'python3 -c "{ask}"').strip()
