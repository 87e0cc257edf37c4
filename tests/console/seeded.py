"""A gateway with something to see: groups, keys, members, priced models, a
provider that answers and one that fails, calls of all kinds, hostile names.

    python3 tests/console/seeded.py     serves it until Enter or Ctrl-C: for work on
                                        the console by hand
"""
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from gateway import Gateway, wait_for          # noqa: E402
from mock_provider import MockProvider         # noqa: E402

TOKEN = "test-admin-token-1"
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"  # markup, and a mark that turns text
LONG = "a-very-long-name-" * 8
MODELS = ("acme/large", "acme/small", "acme/embed", "vision-x")
EXTRA = """
[model.acme/large]
providers = mock
price_input = 2.5
price_output = 10
price_cached = 0.25
[model.acme/small]
providers = mock, broken
price_input = 0.15
price_output = 0.6
[model.vision-x]
providers = mock
[model.lost/model]
providers = broken
[provider.broken]
kind = openai
base_url = http://127.0.0.1:9
api_key = sk-none
"""


def seed(gw):
    """Returns {name: key's value}."""
    post = lambda path, body: gw.admin("POST", "/admin/v1" + path, body)  # noqa: E731
    keys = {}

    def make(path, body):
        status, _, answer = post(path, body)
        assert status == 201, (path, body, status, answer)
        return json.loads(answer)

    make("/groups", {"name": "team-search", "prepaid": True})
    post("/groups/team-search/top-up", {"amount": 25, "note": "Q4 \u9884\u7b97"})
    make("/groups", {"name": HOSTILE[:40]})
    for body in (
            {"name": "website-chat", "tags": {"env": "prod", "team": "web"}},
            {"name": "search-indexer", "group": "team-search",
             "budgets": [{"unit": "tokens", "period": "daily", "limit": 20000}]},
            {"name": "nightly-report", "expires_in_days": 7,
             "budgets": [{"unit": "tokens", "period": "total", "limit": 400}]},
            {"name": HOSTILE, "tags": {"<b>": "\u202e<script>alert(2)</script>"}},
            {"name": LONG[:63], "models": ["acme/small"], "rpm": 60},
            {"name": "\u5ba2\u670d\u673a\u5668\u4eba", "enabled": False}):
        keys[body["name"]] = make("/keys", body)["key"]
    for role in ("read-only", "operator"):
        make("/tokens", {"name": "ci-" + role, "role": role})
    return keys


def traffic(gw, keys, rounds=12):
    def call(key, model, **more):
        text = more.pop("text", "How do I sort a list? " * 8)
        return gw.call(keys[key], dict(model=model, messages=[
            {"role": "user", "content": text}], **more))[0]
    for i in range(rounds):
        call("website-chat", "acme/large", x_mock={"tokens": 20 + 5 * i})
        call("website-chat", "acme/small", stream=True, x_mock={"tokens": 40})
        call("search-indexer", "acme/small", x_mock={"tokens": 12})
        call("nightly-report", "acme/large", x_mock={"tokens": 10}, max_tokens=10)
        if i % 4 == 0:
            call("website-chat", "acme/large", x_mock={"status": 500})
            call("website-chat", "lost/model")
            call("website-chat", "no/such-model")
            call(HOSTILE, "acme/small", text=HOSTILE)
    # Kept with its bodies, of a megabyte.
    gw.http("POST", "/v1/chat/completions", {"model": "acme/small", "messages": [
        {"role": "user", "content": HOSTILE + "<script>alert(3)</script>" * 40000}]}, {
            "Authorization": "Bearer " + keys[HOSTILE], "Content-Type": "application/json",
            "cf-aig-collect-log-payload": "true",
            "x-aigw-metadata": json.dumps({"<b>team</b>": "<i>blue</i>"})})
    wait_for(gw.settled)


def gateway():
    """(gateway, provider, keys); the caller stops both."""
    provider = MockProvider()
    provider.start()
    gw = Gateway(provider=provider.base_url, models=(), extra=EXTRA,
                 server="currency = USD")
    try:
        gw.start()
        keys = seed(gw)
        traffic(gw, keys)
    except BaseException:
        gw.cleanup()
        raise
    return gw, provider, keys


def main():
    gw, provider, keys = gateway()
    print("http://127.0.0.1:%d/console/   token %s   key %s" % (
        gw.admin_port, TOKEN, keys["website-chat"]), flush=True)
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass
    gw.stop()
    gw.cleanup()
    provider.stop()


if __name__ == "__main__":
    main()
