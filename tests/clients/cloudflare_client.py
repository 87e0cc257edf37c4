"""The official PyPI client of Cloudflare's API, unmodified: token, gateways, logs."""
import json
import os
import urllib.request

import cloudflare

URL, KEY, ADMIN, TOKEN, MODEL = (os.environ["AIGW_" + n] for n in (
    "URL", "KEY", "ADMIN_URL", "ADMIN_TOKEN", "MODEL"))
ID = "pypi-%d" % os.getpid()
BASE = {"cache_invalidate_on_update": True, "cache_ttl": 60, "collect_logs": True,
        "rate_limiting_interval": 0, "rate_limiting_limit": 0}


def make(token):
    return cloudflare.Cloudflare(base_url=ADMIN + "/client/v4", api_token=token,
                                 max_retries=0)


cf = make(TOKEN)
of = {"account_id": "default"}
assert cf.user.tokens.verify().status == "active"
try:
    make("nope").user.tokens.verify()
    raise SystemExit("a bad token was good")
except cloudflare.AuthenticationError as error:
    assert error.errors[0].code == 1000, error.errors

assert cf.ai_gateway.create(id=ID, **of, **BASE).id == ID
assert cf.ai_gateway.get(ID, **of).cache_ttl == 60
assert cf.ai_gateway.update(ID, **of, **dict(BASE, cache_ttl=90)).cache_ttl == 90
assert ID in [g.id for g in cf.ai_gateway.list(per_page=1, **of)]
request = urllib.request.Request(
    "%s/v1/default/%s/compat/chat/completions" % (URL, ID),
    json.dumps({"model": "mock/" + MODEL,
                "messages": [{"role": "user", "content": "hello"}]}).encode(),
    {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
with urllib.request.urlopen(request) as answer:
    answer.read()
logs = list(cf.ai_gateway.logs.list(ID, **of, filters=[
    {"key": "provider", "operator": "eq", "value": ["mock"]}]))
assert len(logs) == 1 and logs[0].tokens_in > 0, logs
assert cf.ai_gateway.logs.get(logs[0].id, gateway_id=ID, **of).id == logs[0].id
assert cf.ai_gateway.logs.delete(ID, **of).success
assert list(cf.ai_gateway.logs.list(ID, **of)) == []
data = cf.ai_gateway.datasets.create(ID, name="d", enable=True, filters=[], **of)
assert cf.ai_gateway.datasets.get(data.id, gateway_id=ID, **of).name == "d"
assert cf.ai_gateway.delete(ID, **of).id == ID
try:
    cf.ai_gateway.get(ID, **of)
    raise SystemExit("it is still there")
except cloudflare.NotFoundError as error:
    assert error.errors[0].code == 7002, error.errors
