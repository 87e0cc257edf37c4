// Providers with their health; one of them in a drawer, its name in the query.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { useApi } from '../api.js';
import { duration, number, percent } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Button, Empty, Page, Table } from '../ui/index.js';
import { ManagedBy } from './act.js';
import { LastError, StateBadge, Strip, newest } from './health.js';
import { ProviderDrawer } from './provider_drawer.js';
import { ProviderForm } from './provider_form.js';

const REFRESH_MS = 10000;

// What all models of a provider come to: the mean of medians is weighed by calls.
function together(health) {
    const all = health.endpoints.reduce((sum, one) => ({
        requests: sum.requests + one.requests, bad: sum.bad + one.errors + one.rate_limited,
        weighed: sum.weighed + (one.first_token_ms ?? 0) * (one.first_token_ms === null ? 0 : one.requests),
        known: sum.known + (one.first_token_ms === null ? 0 : one.requests),
    }), { requests: 0, bad: 0, weighed: 0, known: 0 });
    return { rate: all.requests ? all.bad / all.requests : null, requests: all.requests,
        first: all.known ? all.weighed / all.known : undefined, error: newest(health.endpoints) };
}

const columns = () => [
    { key: 'name', title: t('providers.name'), sort: true, render: (row) => html`<a href=${to('/providers', { provider: row.name })}><bdi>${row.name}</bdi></a>
        <span class="muted small"> ${row.kind}</span>` },
    { key: 'state', title: t('providers.state'), sort: (row) => row.health?.state, render: (row) => (row.health ? html`<${StateBadge} state=${row.health.state} />` : '–') },
    { key: 'strip', title: t('providers.models'), render: (row) => row.health && html`<${Strip} endpoints=${row.health.endpoints} />` },
    { key: 'in_flight', title: t('providers.in_flight'), align: 'right', render: (row) => number(row.health?.in_flight) },
    { key: 'requests', title: t('providers.requests'), align: 'right', hint: t('providers.five_minutes'), render: (row) => html`<a href=${to('/logs', { provider: row.name })}>${number(row.sum?.requests)}</a>` },
    { key: 'rate', title: t('providers.error_rate'), align: 'right', hint: t('providers.five_minutes'), sort: (row) => row.sum?.rate,
        render: (row) => html`<a class=${row.sum?.rate > 0.05 ? 'is-bad' : ''} href=${to('/logs', { provider: row.name, status: 'error' })}>${percent(row.sum?.rate)}</a>` },
    { key: 'first', title: t('providers.first_token'), align: 'right', hint: t('providers.median'), render: (row) => duration(row.sum?.first) },
    { key: 'error', title: t('providers.last_error'), render: (row) => html`<${LastError} error=${row.sum?.error} />` },
    { key: 'by', title: '', align: 'right', render: (row) => html`<${ManagedBy} by=${row.managed_by} />` },
];

export function Providers({ query }) {
    const list = useApi('/providers', { limit: 1000 });
    const health = useApi('/health', {}, { every: REFRESH_MS });
    const [adding, setAdding] = useState(false);
    const byName = new Map(health.data?.data.map((one) => [one.provider, one]));
    const rows = list.data?.data.map((row) => {
        const own = byName.get(row.name);
        return { ...row, health: own, sum: own && together(own) };
    });
    const reload = () => {
        list.reload();
        health.reload();
    };
    const chosen = query.provider && rows?.find((row) => row.name === query.provider);
    const mayChange = may('operator', 'config:write');
    const add = mayChange && html`<${Button} kind="primary" icon="plus" onClick=${() => setAdding(true)}>${t('providers.add')}<//>`;
    return html`<${Page} title=${t('nav.providers')} lead=${t('providers.lead')} actions=${add}>
        <${Table} label=${t('nav.providers')} columns=${columns()} rows=${rows} rowKey=${(row) => row.name} error=${list.error || health.error} retry=${reload}
            selected=${query.provider} href=${(row) => to('/providers', { provider: row.name })}
            empty=${html`<${Empty} icon="providers" title=${t('providers.empty')} text=${t('providers.empty_text')}>${add}<//>`} />
        ${chosen && html`<${ProviderDrawer} key=${chosen.name} provider=${chosen} reload=${reload} onClose=${() => setQuery({ provider: '' })} />`}
        ${adding && html`<${ProviderForm} onClose=${() => setAdding(false)} onDone=${(name) => { setAdding(false); reload(); setQuery({ provider: name }); }} />`}
    <//>`;
}
