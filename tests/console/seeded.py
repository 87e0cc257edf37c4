"""A gateway with something to see: groups, keys, members, priced models, a
provider that answers and one that fails, calls of all kinds, hostile names.

    python3 tests/console/seeded.py     serves it until Enter or Ctrl-C: for work on
                                        the console by hand
"""
import json
import os
import sys
from urllib.parse import quote

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
from gateway import Gateway, wait_for          # noqa: E402
from mock_provider import MockProvider         # noqa: E402
from thinker import Thinker                    # noqa: E402

TOKEN = "test-admin-token-1"
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe"  # markup, and a mark that turns text
HOSTILE_MODEL = "<img/src=x/onerror=alert(4)>\u202e/gnp.exe"  # no blank is allowed
LONG = "a-very-long-name-" * 8
MODELS = ("acme/large", "acme/small", "acme/embed", "vision-x")
WAY = [
    "id=plan type=conditional when={\"metadata.plan\":\"paid\"} true=big false=share",
    "id=share type=percentage to=trial:10% else=rate",
    "id=rate type=rate key=metadata.user limit=100 window=1h success=big fallback=small",
    "id=big type=model model=acme/large retries=1 timeout=30s fallback=small",
    "id=trial type=model provider=mock model=vision-x fallback=small",
    "id=small type=model model=acme/small"]
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
[model.thinker]
providers = thinker
price_output = 1
[model.%s]
providers = mock
price_input = 1
[provider.broken]
kind = openai
base_url = http://127.0.0.1:9
api_key = sk-none
[provider.thinker]
kind = openai
base_url = %s
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
    make("/groups", {"name": HOSTILE, "prepaid": True})
    post("/groups/%s/top-up" % quote(HOSTILE, safe=""), {"amount": 5, "note": HOSTILE})
    for body in (
            {"name": "website-chat", "tags": {"env": "prod", "team": "web"}},
            {"name": "search-indexer", "group": "team-search",
             "budgets": [{"unit": "tokens", "period": "daily", "limit": 20000}]},
            {"name": "nightly-report", "expires_in_days": 7,
             "budgets": [{"unit": "tokens", "period": "total", "limit": 400}]},
            {"name": HOSTILE, "tags": {"<b>": "\u202e<script>alert(2)</script>"}},
            {"name": HOSTILE[::-1][:40], "group": HOSTILE, "models": [HOSTILE_MODEL],
             "budgets": [{"unit": "currency", "period": "monthly", "limit": 3}]},
            {"name": LONG[:63], "models": ["acme/small"], "rpm": 60},
            {"name": "\u5ba2\u670d\u673a\u5668\u4eba", "enabled": False}):
        keys[body["name"]] = make("/keys", body)["key"]
    make("/gateways", {"name": "support", "cache_ttl": "10m"})
    make("/routes", {"name": "support/main", "elements": WAY})
    make("/routes", {"name": "support/main@2", "elements": [
        "id=plan type=conditional when={\"metadata.<b>\":\"\u202epaid\"} true=big false=big",
        {"id": "big", "type": "model", "properties": {"model": "acme/large"}}]})
    for role in ("read-only", "operator"):
        make("/tokens", {"name": "ci-" + role, "role": role})
    make("/tokens", {"name": HOSTILE, "role": "operator", "groups": [HOSTILE]})
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
            call(HOSTILE[::-1][:40], HOSTILE_MODEL, text=HOSTILE)
    # Kept with its bodies, of a megabyte.
    gw.http("POST", "/v1/chat/completions", {"model": "acme/small", "messages": [
        {"role": "user", "content": HOSTILE + "<script>alert(3)</script>" * 40000}]}, {
            "Authorization": "Bearer " + keys[HOSTILE], "Content-Type": "application/json",
            "cf-aig-collect-log-payload": "true",
            "x-aigw-metadata": json.dumps({"<b>team</b>": "<i>blue</i>"})})
    # The same of a model's answer, with half a surrogate pair and a terminal's codes.
    gw.http("POST", "/v1/chat/completions", {"model": "thinker", "messages": [
        {"role": "user", "content": "\ud800\x1b[31m" + HOSTILE}]}, {
            "Authorization": "Bearer " + keys[HOSTILE], "Content-Type": "application/json",
            "cf-aig-collect-log-payload": "true"})
    wait_for(gw.settled)


def gateway():
    """(gateway, providers, keys); the caller stops all."""
    providers = MockProvider().start(), Thinker()
    gw = Gateway(provider=providers[0].base_url, models=(), server="currency = USD",
                 extra=EXTRA % (HOSTILE_MODEL, providers[1].base_url))
    try:
        gw.start()
        keys = seed(gw)
        traffic(gw, keys)
    except BaseException:
        gw.cleanup()
        raise
    return gw, providers, keys


def main():
    gw, providers, keys = gateway()
    print("http://127.0.0.1:%d/console/   token %s   key %s" % (
        gw.admin_port, TOKEN, keys["website-chat"]), flush=True)
    try:
        sys.stdin.readline()
    except KeyboardInterrupt:
        pass
    gw.stop()
    gw.cleanup()
    for provider in providers:
        provider.stop()


if __name__ == "__main__":
    main()
