"""The official PyPI client of Cloudflare's API, unmodified, through the resources of
AI Gateway: token, gateways, logs, datasets, evaluations, routes, providers, billing."""
import json
import os
import time
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


def refused(kind, code, call, *args, **more):
    try:
        call(*args, **more)
    except kind as error:
        assert error.errors[0].code == code, error.errors
        return
    raise SystemExit("%s was not refused" % call)


cf = make(TOKEN)
ai = cf.ai_gateway
of = {"account_id": "default"}
at = {"account_id": "default", "gateway_id": ID}


def gateways():
    assert ai.create(id=ID, **of, **BASE).id == ID
    assert ai.get(ID, **of).cache_ttl == 60
    assert ai.update(ID, **of, **dict(BASE, cache_ttl=90)).cache_ttl == 90
    assert ID in [g.id for g in ai.list(per_page=1, **of)]
    refused(cloudflare.BadRequestError, 7001, ai.create, id="X Y", **of, **BASE)
    assert ai.urls.get("openai", **at).endswith("/v1/default/%s/openai" % ID)


def call(text):
    request = urllib.request.Request(
        "%s/v1/default/%s/compat/chat/completions" % (URL, ID),
        json.dumps({"model": "mock/" + MODEL,
                    "messages": [{"role": "user", "content": text}]}).encode(),
        {"Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        answer.read()
    answered = time.time()  # rows of one millisecond have no order of time
    while time.time() < answered + 0.002:
        pass


def logs():
    for text in ("first", "second", "second"):
        call(text)
    of_mock = [{"key": "provider", "operator": "eq", "value": ["mock"]}]
    rows = list(ai.logs.list(ID, per_page=2, filters=of_mock, **of))
    assert len(rows) == 3 and rows[-1].tokens_in > 0, rows
    cached = of_mock + [{"key": "cached", "operator": "eq", "value": [True]}]
    assert len(list(ai.logs.list(ID, filters=cached, **of))) == 1
    log = rows[-1].id
    assert ai.logs.get(log, **at).id == log
    assert ai.logs.request(log, **at)["messages"][0]["content"] == "first"
    assert ai.logs.response(log, **at)["choices"]
    ai.logs.edit(log, feedback=1, score=5, **at)
    assert ai.logs.delete(ID, filters=cached, **of).success
    assert len(list(ai.logs.list(ID, **of))) == 2
    assert ai.logs.delete(ID, **of).success
    assert list(ai.logs.list(ID, **of)) == []


def sets():
    made = ai.datasets.create(ID, name="d", enable=True, filters=[], **of)
    assert ai.datasets.update(made.id, name="e", enable=True, filters=[],
                              **at).name == "e"
    assert ai.datasets.get(made.id, **at).name == "e"
    assert [d.id for d in ai.datasets.list(ID, **of)] == [made.id]
    types = list(ai.evaluation_types.list(**of))
    judged = ai.evaluations.create(ID, name="judged", dataset_ids=[made.id],
                                   evaluation_type_ids=[types[0].id], **of)
    assert [e.id for e in ai.evaluations.list(ID, **of)] == [judged.id]
    assert ai.evaluations.get(judged.id, **at).id == judged.id
    assert ai.evaluations.delete(judged.id, **at).id == judged.id
    assert ai.datasets.delete(made.id, **at).id == made.id


def routes():
    elements = [{"id": "a", "type": "start", "outputs": {"next": {"elementId": "b"}}},
                {"id": "b", "type": "end", "outputs": {}}]
    routing = ai.dynamic_routing
    route = routing.create(ID, name="r", elements=elements, **of)
    assert routing.get(route.id, **at).name == "r"
    assert [r.name for r in routing.list(ID, **of).data.routes] == ["r"]
    assert routing.update(route.id, name="s", **at).route.name == "s"
    assert routing.create_version(route.id, elements=elements, **at).id == route.id
    versions = routing.list_versions(route.id, **at).data.versions
    version, = [v.version_id for v in versions if v.active == "false"]
    routing.create_deployment(route.id, version_id=version, **at)
    assert len(routing.list_deployments(route.id, **at).data.deployments) == 2
    assert len(routing.list_versions(route.id, **at).data.versions) == 2
    assert routing.get_version(version, id=route.id, **at).active == "true"
    assert routing.delete(route.id, **at).id == route.id


def providers():
    made = ai.provider_configs.create(
        ID, alias="house", default_config=False, provider_slug="mock",
        secret="sk-pypi-0000-9876", rate_limit=5, rate_limit_period=60, **of)
    assert made.secret_preview.endswith("9876") and made.rate_limit == 5, made
    assert [c.alias for c in ai.provider_configs.list(ID, **of)] == ["house"]
    custom = ai.custom_providers.create(name="N", slug=ID,
                                        base_url="https://example.com", **of)
    assert ai.custom_providers.get(custom.id, **of).slug == ID
    assert custom.id in [p.id for p in ai.custom_providers.list(**of)]
    ai.custom_providers.delete(custom.id, **of)
    assert custom.id not in [p.id for p in ai.custom_providers.list(**of)]


def money():
    assert ai.billing.credit_balance(**of).balance is not None
    limit = ai.billing.spending_limit
    limit.create(amount=500, duration="monthly", strategy="fixed", **of)
    assert limit.get(**of).config.amount == 500
    limit.delete(**of)
    assert limit.get(**of).enabled is False


assert cf.user.tokens.verify().status == "active"
refused(cloudflare.AuthenticationError, 1000, make("nope").user.tokens.verify)
for part in (gateways, logs, sets, routes, providers, money):
    part()
assert MODEL in [m["name"] for m in cf.ai.models.list(per_page=2, **of)]
assert ai.delete(ID, **of).id == ID
refused(cloudflare.NotFoundError, 7002, ai.get, ID, **of)
