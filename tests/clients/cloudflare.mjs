// The official npm client of Cloudflare's API, unmodified, through the resources of
// AI Gateway: gateways, logs, routes, datasets, evaluations, providers, billing.
import assert from "node:assert/strict";
import Cloudflare from "cloudflare";

const { AIGW_URL, AIGW_KEY, AIGW_ADMIN_URL, AIGW_ADMIN_TOKEN, AIGW_MODEL } = process.env;
const cf = new Cloudflare({ baseURL: `${AIGW_ADMIN_URL}/client/v4`, apiToken: AIGW_ADMIN_TOKEN,
                            maxRetries: 0 });
const account_id = "default";
const id = `npm-${process.pid}`;
const of = { account_id };
const { aiGateway } = cf;
const collect = async (pages) => { const all = []; for await (const x of pages) all.push(x); return all; };
const base = { cache_invalidate_on_update: true, cache_ttl: 60, collect_logs: true,
               rate_limiting_interval: 0, rate_limiting_limit: 0 };

assert.equal((await cf.user.tokens.verify()).status, "active");
const stranger = new Cloudflare({ baseURL: `${AIGW_ADMIN_URL}/client/v4`, apiToken: "nope", maxRetries: 0 });
await assert.rejects(stranger.user.tokens.verify(), (e) => e.status === 401 && e.errors[0].code === 1000);

const made = await aiGateway.create({ ...of, id, ...base });
assert.equal(made.id, id);
for (const n of [1, 2, 3]) await aiGateway.create({ ...of, id: `${id}-${n}`, ...base });
assert.equal((await collect(aiGateway.list({ ...of, per_page: 2, search: id }))).length, 4);
for (const n of [1, 2, 3]) assert.equal((await aiGateway.delete(`${id}-${n}`, of)).id, `${id}-${n}`);
assert.equal((await aiGateway.update(id, { ...of, ...base, cache_ttl: 120 })).cache_ttl, 120);
assert.equal((await aiGateway.get(id, of)).cache_ttl, 120);
await assert.rejects(aiGateway.get("nope", of), (e) => e.status === 404 && e.errors[0].code === 7002);
await assert.rejects(aiGateway.create({ ...of, id: "x" }), (e) => e.status === 400 && e.errors[0].code === 7001);
assert.match(await aiGateway.urls.get("openai", { ...of, gateway_id: id }), new RegExp(`/v1/default/${id}/openai$`));

for (const text of ["a", "b", "b"]) {
  const answer = await fetch(`${AIGW_URL}/v1/default/${id}/compat/chat/completions`, {
    method: "POST", headers: { authorization: `Bearer ${AIGW_KEY}`, "content-type": "application/json",
                               "cf-aig-metadata": JSON.stringify({ who: "npm" }) },
    body: JSON.stringify({ model: `mock/${AIGW_MODEL}`, messages: [{ role: "user", content: text }] }) });
  assert.equal(answer.status, 200);
  await answer.text();
  for (const answered = Date.now(); Date.now() < answered + 2;); // another time than the next row's
}
const logs = await collect(aiGateway.logs.list(id, { ...of, per_page: 2, meta_info: true }));
assert.equal(logs.length, 3);
const filters = [{ key: "cached", operator: "eq", value: [true] }, { key: "provider", operator: "eq", value: ["mock"] }];
assert.equal((await collect(aiGateway.logs.list(id, { ...of, filters }))).length, 1);
const log = logs[2].id;
const where = { ...of, gateway_id: id };
assert.equal((await aiGateway.logs.get(log, where)).id, log);
assert.equal((await aiGateway.logs.request(log, where)).messages[0].content, "a");
assert.ok((await aiGateway.logs.response(log, where)).choices);
await aiGateway.logs.edit(log, { ...where, feedback: -1, score: 3 });
assert.equal((await aiGateway.logs.delete(id, { ...of, filters })).success, true);
assert.equal((await collect(aiGateway.logs.list(id, of))).length, 2);

const set = await aiGateway.datasets.create(id, { ...of, name: "set", enable: true, filters: [] });
assert.equal((await aiGateway.datasets.update(set.id, { ...where, name: "two", enable: true, filters: [] })).name, "two");
assert.equal((await aiGateway.datasets.get(set.id, where)).name, "two");
assert.equal((await collect(aiGateway.datasets.list(id, of))).length, 1);
const types = await collect(aiGateway.evaluationTypes.list(of));
const judged = await aiGateway.evaluations.create(id, { ...of, name: "e", dataset_ids: [set.id],
                                                        evaluation_type_ids: [types[0].id] });
assert.equal((await collect(aiGateway.evaluations.list(id, of))).length, 1);
assert.equal((await aiGateway.evaluations.delete(judged.id, where)).id, judged.id);
assert.equal((await aiGateway.datasets.delete(set.id, where)).id, set.id);

const elements = [{ id: "a", type: "start", outputs: { next: { elementId: "b" } } },
                  { id: "b", type: "end", outputs: {} }];
const { dynamicRouting: routing } = aiGateway;
const route = await routing.create(id, { ...of, name: "r", elements });
assert.equal((await routing.get(route.id, where)).name, "r");
assert.equal((await routing.list(id, of)).data.routes.length, 1);
assert.equal((await routing.update(route.id, { ...where, name: "s" })).route.name, "s");
const next = await routing.createVersion(route.id, { ...where, elements });
await routing.createDeployment(route.id, { ...where, version_id: next.version.version_id });
assert.equal((await routing.listDeployments(route.id, where)).data.deployments.length, 2);
assert.equal((await routing.listVersions(route.id, where)).data.versions.length, 2);
assert.equal((await routing.getVersion(next.version.version_id, { ...where, id: route.id })).active, "true");
assert.equal((await routing.delete(route.id, where)).id, route.id);

const config = await aiGateway.providerConfigs.create(id, { ...of, alias: "default", default_config: false,
                                                            provider_slug: "mock", secret: "sk-npm-0000-9876" });
assert.match(config.secret_preview, /9876$/);
assert.equal((await collect(aiGateway.providerConfigs.list(id, of))).length, 1);
const custom = await aiGateway.customProviders.create({ ...of, name: "N", slug: id, base_url: "https://example.com" });
assert.equal((await aiGateway.customProviders.get(custom.id, of)).slug, id);
assert.ok((await collect(aiGateway.customProviders.list(of))).some((p) => p.id === custom.id));
await aiGateway.customProviders.delete(custom.id, of);

const { billing } = aiGateway;
assert.equal(typeof (await billing.creditBalance(of)).balance, "number");
await billing.spendingLimit.create({ ...of, amount: 500, duration: "monthly", strategy: "fixed" });
assert.equal((await billing.spendingLimit.get(of)).config.amount, 500);
await billing.spendingLimit.delete(of);
assert.equal((await billing.spendingLimit.get(of)).enabled, false);
assert.ok((await collect(cf.ai.models.list({ ...of, per_page: 2 }))).some((m) => m.name === AIGW_MODEL));

assert.equal((await aiGateway.delete(id, of)).id, id);
