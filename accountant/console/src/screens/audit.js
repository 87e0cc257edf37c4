// Who changed what, the newest first; the filters are in the query.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { segment, useRows } from '../api.js';
import { relative, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { Badge, Button, Empty, MoreRows, Page, RangePicker, Search, Select, Table, useRange } from '../ui/index.js';

const LIMIT = 100;
const SUBJECTS = ['key', 'group', 'token', 'session', 'provider', 'credential', 'model', 'endpoint', 'gateway', 'route', 'price', 'log', 'cache', 'ledger', 'reload'];
const PAGES = { key: (row) => to(`/keys/${row.object_id}`), provider: (row) => to('/providers', { provider: row.object }), model: (row) => to('/models', { model: row.object }),
    gateway: (row) => to('/settings', { profile: row.object }), route: (row) => to('/routes', { route: row.object.split('@')[0] }),
    group: (row) => to(`/groups/${segment(row.object)}`), token: () => to('/members') };

// key_update -> [key, update]
const partsOf = (operation) => {
    const at = operation.indexOf('_');
    return at < 0 ? [operation, ''] : [operation.slice(0, at), operation.slice(at + 1)];
};

function Operation({ row }) {
    const [subject, verb] = partsOf(row.operation);
    return html`<span title=${row.operation}>${tWord('audit.subject', subject)}${verb && html` <span class="muted">${tWord('audit.verb', verb).replaceAll('_', ' ')}</span>`}</span>`;
}

function Named({ row }) {
    const [subject] = partsOf(row.operation);
    if (!row.object) return '–';
    const name = html`<bdi>${row.object}</bdi>`;
    return PAGES[subject] && (subject !== 'key' || row.object_id) ? html`<a class="truncate" href=${PAGES[subject](row)}>${name}</a>` : html`<span class="truncate">${name}</span>`;
}

const columns = () => [
    { key: 'time', title: t('audit.time'), render: (row) => html`<span title=${relative(row.time)}>${time(row.time)}</span>` },
    { key: 'member', title: t('audit.member'), render: (row) => html`<a href=${to('/audit', { member: row.member })}><bdi>${row.member}</bdi></a> <span class="muted small">${row.from}</span>` },
    { key: 'operation', title: t('audit.operation'), render: (row) => html`<${Operation} row=${row} />` },
    { key: 'object', title: t('audit.object'), render: (row) => html`<${Named} row=${row} />` },
    { key: 'group', title: t('audit.group'), render: (row) => html`<bdi class="truncate log-key">${row.group ?? '–'}</bdi>` },
    { key: 'outcome', title: t('audit.outcome'), render: (row) => html`<${Badge} tone=${row.outcome === 'ok' ? 'good' : 'bad'}>${row.outcome === 'ok' ? t('audit.ok') : row.outcome}<//>` },
    { key: 'fields', title: t('audit.fields'), wrap: true, render: (row) => html`<span class="small">${row.fields?.join(', ') || '–'}</span>` },
];

export function Audit({ query }) {
    const range = useRange();
    const filters = { member: query.member, operation: query.operation, object: query.object, outcome: query.outcome };
    const { rows, more, goOn, error, reload } = useRows('/audit', { ...range.query, ...filters, limit: LIMIT });
    const isFiltered = Object.values(filters).some(Boolean);
    const input = (name) => html`<${Search} key=${name} label=${t(`audit.${name}`)} value=${query[name]} onSearch=${(value) => setQuery({ [name]: value })} />`;
    return html`<${Page} title=${t('nav.audit')} lead=${t('audit.lead')} actions=${html`<${RangePicker} range=${range} refresh=${false} />`}>
        <div class="row filters" role="search">
            <${Select} aria-label=${t('audit.operation')} value=${query.operation ?? ''} onChange=${(value) => setQuery({ operation: value })}
                options=${[['', t('audit.all_operations')], ...SUBJECTS.map((one) => [one, t(`audit.subject.${one}`)])]} />
            ${input('member')}${input('object')}
            <${Select} aria-label=${t('audit.outcome')} value=${query.outcome ?? ''} onChange=${(value) => setQuery({ outcome: value })}
                options=${[['', t('audit.all_outcomes')], ['ok', t('audit.ok')], ['refused', t('audit.refused')]]} />
            ${isFiltered && html`<${Button} kind="ghost" icon="close" onClick=${() => setQuery({ member: '', operation: '', object: '', outcome: '' })}>${t('audit.clear')}<//>`}
        </div>
        <${Table} label=${t('nav.audit')} columns=${columns()} rows=${rows} rowKey=${(row) => row.cursor} error=${error} retry=${reload}
            empty=${html`<${Empty} icon="audit" title=${t('audit.empty')} text=${t(isFiltered ? 'audit.empty_filtered' : 'audit.empty_text')} />`} />
        <${MoreRows} more=${more} onMore=${goOn} />
    <//>`;
}
