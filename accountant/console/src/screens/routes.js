// Dynamic routes: ways for calls, drawn as elements; of each its versions and which one is
// in force. One of them in a drawer, its name in the query.
// SPDX-License-Identifier: Apache-2.0
import '../style/routes.css';
import { html, useState } from '../dom.js';
import { useApi } from '../api.js';
import { relative, time } from '../format.js';
import { t } from '../i18n.js';
import { modelsOf, readElement } from '../route_elements.js';
import { setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Empty, Page, Table } from '../ui/index.js';
import { ManagedBy } from './act.js';
import { RouteDrawer } from './route_drawer.js';
import { RouteForm } from './route_form.js';

const SHOWN_MODELS = 3;

// GATEWAY/NAME@VERSION: the gateway may be GROUP/NAME itself.
export function partsOf(name) {
    const [full, version] = name.split('@');
    const slash = full.lastIndexOf('/');
    return { full, gateway: full.slice(0, slash), short: full.slice(slash + 1), version };
}

// Sections as routes: {name, gateway, short, base, versions, live}; live: the section whose elements are in force.
function routesOf(sections) {
    const routes = new Map();
    for (const section of sections) {
        const { full, gateway, short, version } = partsOf(section.name);
        if (!routes.has(full)) routes.set(full, { name: full, gateway, short, versions: [] });
        if (version === undefined) routes.get(full).base = section;
        else routes.get(full).versions.push(section);
    }
    for (const route of routes.values()) {
        route.versions.sort((a, b) => b.name.localeCompare(a.name, undefined, { numeric: true }));
        route.live = route.base?.version ? route.versions.find((one) => one.name === `${route.name}@${route.base.version}`) : route.base;
        route.elements = (route.live?.elements ?? []).map((one) => readElement(typeof one === 'string' ? one : JSON.stringify(one)));
    }
    return [...routes.values()];
}

function Models({ route }) {
    const models = [...new Set(modelsOf(route.elements))];
    return html`<span class="row is-tight">${models.slice(0, SHOWN_MODELS).map((name) => html`<span class="badge" key=${name}><bdi>${name}</bdi></span>`)}
        ${models.length > SHOWN_MODELS && html`<span class="muted small" title=${models.join('\n')}>+${models.length - SHOWN_MODELS}</span>`}</span>`;
}

export function RouteState({ route }) {
    if (!route.base) return html`<${Badge} tone="warn">${t('routes.not_deployed')}<//>`;
    if (route.base.fault) return html`<${Badge} tone="bad" title=${route.base.fault}>${t('routes.fault')}<//>`;
    return html`<${Badge} tone=${route.base.enabled ? 'good' : ''}><span class="dot" aria-hidden="true"></span>${t(route.base.enabled ? 'health.up' : 'health.disabled')}<//>`;
}

export const versionText = (route) => (route.base?.version ? t('routes.version_n', { n: route.base.version }) : t('routes.unversioned'));

const columns = () => [
    { key: 'name', title: t('routes.name'), sort: true, render: (row) => html`<a href=${to('/routes', { route: row.name })}><bdi>${row.short}</bdi></a>` },
    { key: 'gateway', title: t('settings.profile'), sort: true, render: (row) => html`<a href=${to('/settings', { profile: row.gateway })}><bdi>${row.gateway}</bdi></a>` },
    { key: 'state', title: t('routes.state'), render: (row) => html`<${RouteState} route=${row} />` },
    { key: 'version', title: t('routes.in_force'), render: (row) => versionText(row) },
    { key: 'models', title: t('nav.models'), render: (row) => html`<${Models} route=${row} />` },
    { key: 'updated', title: t('routes.updated'), align: 'right', sort: (row) => row.base?.updated_at,
        render: (row) => (row.base?.updated_at ? html`<span title=${time(row.base.updated_at)}>${relative(row.base.updated_at)}</span>` : html`<span class="muted">–</span>`) },
    { key: 'by', title: '', align: 'right', render: (row) => html`<${ManagedBy} by=${(row.base ?? row.versions[0]).managed_by} />` },
];

export function Routes({ query }) {
    const { data, error, reload } = useApi('/routes', { limit: 1000 });
    const gateways = useApi('/gateways', { limit: 1000 });
    const [adding, setAdding] = useState(false);
    const rows = data && routesOf(data.data);
    const chosen = query.route && rows?.find((row) => row.name === query.route);
    const profiles = gateways.data?.data.map((one) => one.name);
    const mayChange = may('operator', 'config:write');
    const add = mayChange && (profiles?.length === 0 ? html`<${Button} kind="primary" href=${to('/settings')}>${t('routes.profile_first')}<//>`
        : html`<${Button} kind="primary" icon="plus" disabled=${!profiles} onClick=${() => setAdding(true)}>${t('routes.add')}<//>`);
    return html`<${Page} title=${t('nav.routes')} lead=${t('routes.lead')} actions=${rows?.length > 0 && add}>
        <${Table} label=${t('nav.routes')} columns=${columns()} rows=${rows} rowKey=${(row) => row.name} error=${error} retry=${reload}
            selected=${query.route} href=${(row) => to('/routes', { route: row.name })}
            empty=${html`<${Empty} icon="routes" title=${t('routes.empty')} text=${t(profiles?.length === 0 ? 'routes.empty_profile' : 'routes.empty_text')}>${add}<//>`} />
        ${chosen && html`<${RouteDrawer} key=${chosen.name} route=${chosen} reload=${reload} onClose=${() => setQuery({ route: '' })} />`}
        ${adding && html`<${RouteForm} profiles=${profiles} onClose=${() => setAdding(false)} onDone=${(name) => { setAdding(false); reload(); setQuery({ route: name }); }} />`}
    <//>`;
}
