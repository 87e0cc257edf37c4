// One dynamic route: the way a call goes, its versions, which one is in force.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, newIdempotencyKey, segment } from '../api.js';
import { time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { outputName } from '../route_elements.js';
import { may } from '../state.js';
import { Badge, Button, Code, Drawer, Empty, Menu, Table, confirm } from '../ui/index.js';
import { ManagedBy, act, useEditing } from './act.js';
import { RouteForm } from './route_form.js';
import { RouteState, partsOf, versionText } from './routes.js';

const pathOf = (name) => `/routes/${segment(name)}`;

// What an element asks, or does, in one line.
function saysOf({ type, properties: of }) {
    if (type === 'model') return html`<bdi>${of.model || '?'}</bdi>${of.provider && html`<span class="muted"> · <bdi>${of.provider}</bdi></span>`}`;
    if (type === 'conditional') return html`<code class="way-code"><bdi>${of.conditions}</bdi></code>`;
    if (type !== 'rate') return '';
    const unit = of.limitType === 'cost' ? t('routes.of_cost') : t('routes.calls');
    return html`${of.limit} ${unit} / ${of.window}${of.key && html` · <code><bdi>${of.key}</bdi></code>`}`;
}

function Element({ element, known }) {
    if (!element) return html`<li class="way-element"><span class="muted">${t('routes.unread')}</span></li>`;
    const more = ['retries', 'timeout'].filter((name) => element.properties[name]).map((name) => `${t(`routes.${name}`)} ${element.properties[name]}`);
    return html`<li class="way-element" id=${`way-${element.id}`}><header><${Badge} tone=${element.type === 'model' ? 'accent' : ''}>${tWord('routes.type', element.type)}<//>
            <span class="way-says">${saysOf(element)}</span><span class="muted small mono"><bdi>${element.id}</bdi></span></header>
        ${more.length > 0 && html`<p class="muted small">${more.join(' · ')}</p>`}
        ${element.outputs.length > 0 && html`<ul class="way-outputs">${element.outputs.map(([name, to], i) => html`<li key=${i}><span class="muted">${tWord('routes.output', outputName(element.type, name))}</span>
            <span class="way-to${known.has(to) ? '' : ' muted'}"><bdi>${to || t('routes.type.end')}</bdi></span></li>`)}</ul>`}</li>`;
}

function Way({ elements }) {
    const known = new Set(elements.map((one) => one?.id));
    return html`<ol class="way">${elements.map((one, i) => html`<${Element} key=${i} element=${one} known=${known} />`)}</ol>`;
}

const numbersOf = (route) => route.versions.map((one) => Number(partsOf(one.name).version)).filter(Number.isInteger);

/*
 * What is in force is changed in one step. Elements of the route's own, which a version
 * takes the place of, are kept as one first.
 */
async function deploy(route, version) {
    const { elements, version: now } = route.base;
    if (!now) {
        const taken = [...numbersOf(route), Number(version)];
        let kept = 1;
        while (taken.includes(kept)) kept++;
        await api.post('/routes', { name: `${route.name}@${kept}`, elements }, { idempotencyKey: newIdempotencyKey() });
    }
    await api.patch(pathOf(route.name), { version, elements: null });
}

// The next number; what has none yet will be the first.
const nextOf = (route) => String(Math.max(route.base?.version ? 0 : 1, ...numbersOf(route)) + 1);

function Versions({ route, mayChange, onEdit, reload }) {
    const is = (row) => route.base?.version === partsOf(row.name).version;
    const turn = async (row) => {
        const n = partsOf(row.name).version;
        const text = t(route.base.version ? 'routes.deploy_text' : 'routes.deploy_first_text', { name: `dynamic/${route.short}` });
        if (await confirm({ title: t('routes.deploy_title', { n }), text, action: t('routes.deploy') }) && await act(() => deploy(route, n), t('routes.deployed', { n }))) reload();
    };
    const drop = async (row) => {
        const n = partsOf(row.name).version;
        if (await confirm({ title: t('routes.delete_version', { n }), text: t('routes.delete_version_text'), action: t('part.delete'), danger: true })
            && await act(() => api.delete(pathOf(row.name)), t('settings.deleted'))) reload();
    };
    const menu = (row) => html`<${Menu} small label=${t('common.actions')} items=${[
        { label: t('part.edit'), icon: 'edit', onClick: () => onEdit(row.name) },
        { label: t('part.delete'), icon: 'trash', danger: true, disabled: is(row), onClick: () => drop(row) }]} />`;
    const columns = [
        { key: 'version', title: t('routes.version'), render: (row) => html`<bdi>${partsOf(row.name).version}</bdi> ${is(row) && html`<${Badge} tone="good">${t('routes.in_force')}<//>`}` },
        { key: 'model', title: t('routes.called'), render: (row) => html`<code><bdi>dynamic/${route.short}@${partsOf(row.name).version}</bdi></code>` },
        { key: 'created', title: t('routes.created'), render: (row) => time(row.created_at, 'minute') },
        { key: 'do', title: html`<span class="sr-only">${t('common.actions')}</span>`, align: 'right', render: (row) => mayChange && html`<span class="row is-tight is-end">
            ${!is(row) && route.base?.managed_by === 'api' && html`<${Button} small onClick=${() => turn(row)}>${t('routes.deploy')}<//>`}
            ${row.managed_by === 'api' && menu(row)}</span>` },
    ];
    return html`<${Table} label=${t('routes.versions')} columns=${columns} rows=${route.versions} rowKey=${(row) => row.name}
        empty=${html`<p class="muted">${t('routes.no_versions')}</p>`} />`;
}

export function RouteDrawer({ route, reload, onClose }) {
    const [at, setAt] = useState(null); // whose elements are edited; '' a new version's
    const [editing, edit, end] = useEditing();
    const mayChange = may('operator', 'config:write');
    const isOwn = mayChange && route.base?.managed_by === 'api';
    const begin = (name) => {
        setAt(name);
        edit(pathOf(name || (route.live ?? route.versions[0]).name));
    };
    const done = () => {
        end();
        reload();
    };
    const turn = async () => {
        const enabled = !route.base.enabled;
        if (await act(() => api.patch(pathOf(route.name), { enabled }), t(enabled ? 'part.enabled' : 'part.disabled'))) reload();
    };
    const drop = async () => {
        const own = [route.base, ...route.versions].filter((one) => one.managed_by === 'api');
        const text = t('routes.delete_text', { name: `dynamic/${route.short}` });
        if (!(await confirm({ title: t('settings.delete_title', { name: route.name }), text, action: t('part.delete'), danger: true }))) return;
        const gone = await act(async () => {
            for (const one of own) await api.delete(pathOf(one.name));
        }, t('settings.deleted'));
        if (gone) onClose();
        reload();
    };
    const footer = isOwn && html`<${Button} kind="danger" icon="trash" onClick=${drop}>${t('part.delete')}<//><span class="grow"></span>
        <${Button} onClick=${turn}>${t(route.base.enabled ? 'part.disable' : 'part.enable')}<//>
        <${Button} icon="edit" disabled=${route.live?.managed_by !== 'api'} onClick=${() => begin(route.live.name)}>${t('part.edit')}<//>
        <${Button} kind="primary" icon="plus" onClick=${() => begin('')}>${t('routes.new_version')}<//>`;
    return html`<${Drawer} wide title=${html`<bdi>${route.name}</bdi>`} onClose=${onClose} footer=${footer}>
        <div class="row"><${RouteState} route=${route} /><${Badge}>${versionText(route)}<//><${ManagedBy} by=${(route.base ?? route.versions[0]).managed_by} /></div>
        ${route.base?.managed_by === 'file' && html`<p class="hint">${t('part.file_hint')}</p>`}
        ${route.base?.fault && html`<p class="error" role="alert">${route.base.fault}</p>`}
        <p class="muted">${t('routes.how')}</p>
        <${Code} label=${t('routes.called')} text=${`cf-aig-gateway-id: ${route.gateway}\n{"model": "dynamic/${route.short}", ...}`} />
        <h3>${t('routes.way')}</h3>
        ${route.elements.length > 0 ? html`<${Way} elements=${route.elements} />` : html`<${Empty} icon="routes" title=${t('routes.nothing')} />`}
        <h3>${t('routes.versions')}</h3>
        <${Versions} route=${route} mayChange=${mayChange} onEdit=${begin} reload=${reload} />
        ${editing && html`<${RouteForm} key=${at} route=${route} section=${editing.data} etag=${editing.etag} next=${at === '' && nextOf(route)} deploy=${deploy} onClose=${end} onDone=${done} />`}
    <//>`;
}
