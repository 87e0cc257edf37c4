// All keys: quota, status, what can be done with one or with many.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { compact, money, number, relative, time } from '../format.js';
import { t, tn } from '../i18n.js';
import { QuotaCell, useCurrency } from '../quota.js';
import { navigate, setQuery, to } from '../router.js';
import { may, toast, toastError } from '../state.js';
import { Button, Empty, Icon, Menu, Page, Pager, Search, Select, Table } from '../ui/index.js';
import { DuplicateDialog, Expiry, KeyStatus, RotateDialog, STATUSES, deleteKey, restoreKey, setEnabled } from './key_parts.js';

const LIMIT = 100;
const AT_ONCE = 6; // changes of many keys

const canWrite = () => may('operator', 'keys:write');

// Runs work(row) for all, some at a time; how many failed, and the last error.
async function forAll(rows, work) {
    const left = [...rows];
    let failed = 0;
    let last = null;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
        for (let row = left.shift(); row; row = left.shift())
            await work(row).catch((error) => { failed++; last = error; });
    }));
    return { failed, last };
}

function Filters({ query, groups }) {
    const options = [['', t('keys.all_status')], ...STATUSES.map((one) => [one, t(`key.status_${one}`)])];
    return html`<div class="filters"><div class="finder"><${Icon} name="search" /><${Search} label=${t('keys.search')} value=${query.name} onSearch=${(name) => setQuery({ name, page: '' })} /></div>
        <${Select} aria-label=${t('key.status')} value=${query.status || ''} options=${options} onChange=${(status) => setQuery({ status, page: '' })} />
        ${groups && groups.length > 1 && html`<${Select} aria-label=${t('key.group')} value=${query.group || ''}
            options=${[['', t('keys.all_groups')], ...groups.map((one) => [one.name, one.name])]} onChange=${(group) => setQuery({ group, page: '' })} />`}</div>`;
}

function Bulk({ rows, onDone }) {
    const change = (enabled) => async () => {
        const { failed, last } = await forAll(rows, (row) => api.patch(`/keys/${row.id}`, { enabled }));
        if (failed) toastError({ message: t('keys.bulk_failed', { n: number(failed), why: last.message }) });
        else toast(tn(enabled ? 'keys.bulk_enabled' : 'keys.bulk_disabled', rows.length));
        onDone();
    };
    const remove = async () => {
        const { failed, last } = await forAll(rows, (row) => api.delete(`/keys/${row.id}`));
        const undo = async () => {
            await forAll(rows, (row) => api.post(`/keys/${row.id}/restore`));
            onDone();
        };
        if (failed) toastError({ message: t('keys.bulk_failed', { n: number(failed), why: last.message }) });
        else toast(tn('keys.bulk_deleted', rows.length), { action: t('key.undo'), onAction: undo, ms: 600000 });
        onDone();
    };
    return html`<div class="bulk" role="status"><span>${tn('keys.selected', rows.length)}</span>
        <${Button} small onClick=${change(true)}>${t('key.enable')}<//><${Button} small onClick=${change(false)}>${t('key.disable')}<//>
        <${Button} small kind="danger" onClick=${remove}>${t('key.delete')}<//></div>`;
}

function columnsOf({ currency, picked, pick, pickAll, rows, menu, isDeleted }) {
    const all = rows?.length > 0 && rows.every((row) => picked.has(row.id));
    return [
        canWrite() && !isDeleted && { key: 'pick', width: '40px', title: html`<input type="checkbox" class="pick" aria-label=${t('keys.pick_all')} checked=${all} onChange=${pickAll} />`,
            render: (row) => html`<input type="checkbox" class="pick" aria-label=${t('keys.pick', { name: row.name })} checked=${picked.has(row.id)} onChange=${() => pick(row.id)} />` },
        { key: 'name', title: t('key.name'), render: (row) => html`<div class="key-name">
            ${isDeleted ? html`<bdi>${row.name}</bdi>` : html`<a href=${to(`/keys/${row.id}`)}><bdi>${row.name}</bdi></a>`}
            <span class="muted mono">${row.masked_key.replace(/^sk-aigw-\**/, '…')}</span></div>` },
        { key: 'status', title: t('key.status'), width: '88px', render: (row) => html`<${KeyStatus} row=${row} />` },
        { key: 'group', title: t('key.group'), width: '104px', render: (row) => html`<a class="truncate" href=${to(`/groups/${segment(row.group)}`)}><bdi>${row.group}</bdi></a>` },
        { key: 'quota', title: t('keys.quota_resets'), width: '200px', render: (row) => html`<${QuotaCell} resets budgets=${row.budgets} currency=${currency} />` },
        isDeleted && { key: 'until', title: t('keys.restorable'), align: 'right', width: '112px', render: (row) => html`<span title=${time(row.restorable_until)}>${relative(row.restorable_until)}</span>` },
        { key: 'total', title: t('keys.used'), align: 'right', width: '96px', render: (row) => html`<a href=${to('/logs', { key_id: row.id, range: '30d' })}
            title=${`${number(row.total.tokens)} · ${money(row.total.cost, currency)}`}>${compact(row.total.tokens)}</a>` },
        { key: 'expires', title: t('key.expires'), align: 'right', width: '96px', render: (row) => html`<${Expiry} at=${row.expires_at} />` },
        { key: 'last', title: t('key.last_used'), align: 'right', width: '120px', render: (row) => html`<span class=${row.last_used_at ? '' : 'muted'} title=${row.last_used_at ? time(row.last_used_at) : undefined}>${relative(row.last_used_at)}</span>` },
        canWrite() && { key: 'do', title: html`<span class="sr-only">${t('common.actions')}</span>`, align: 'right', width: isDeleted ? '124px' : '48px', render: menu },
    ].filter(Boolean);
}

export function Keys({ query }) {
    const page = Number(query.page) || 1;
    const { name, status, group } = query;
    const asked = { name, status, group, page, limit: LIMIT };
    const { data, error, reload } = useApi('/keys', asked, { every: 30000 });
    const groups = useApi('/groups', { limit: 1000 });
    const currency = useCurrency();
    const [picked, setPicked] = useState(new Set());
    const [dialog, setDialog] = useState(null);
    const rows = data?.data;
    const isDeleted = status === 'deleted';
    const isFiltered = name || status || group;
    useEffect(() => setPicked(new Set()), [name, status, group, page]);
    const pick = (id) => setPicked((now) => {
        const next = new Set(now);
        if (!next.delete(id)) next.add(id);
        return next;
    });
    const pickAll = (event) => setPicked(new Set(event.target.checked ? rows.map((row) => row.id) : []));
    const menu = (row) => (isDeleted ? html`<${Button} small icon="undo" onClick=${() => restoreKey(row, reload)}>${t('key.restore')}<//>`
        : html`<${Menu} small label=${t('keys.actions_of', { name: row.name })} items=${[
            { label: t('keys.open'), icon: 'right', href: to(`/keys/${row.id}`) },
            { label: t('key.duplicate'), icon: 'copy', onClick: () => setDialog(['copy', row]) },
            { label: t('key.rotate'), icon: 'rotate', onClick: () => setDialog(['rotate', row]) },
            row.enabled ? { label: t('key.disable'), icon: 'pause', onClick: () => setEnabled(row, false, reload) }
                : { label: t('key.enable'), icon: 'play', onClick: () => setEnabled(row, true, reload) },
            null,
            { label: t('key.delete'), icon: 'trash', danger: true, onClick: () => deleteKey(row, reload) },
        ]} />`);
    const done = () => {
        setDialog(null);
        reload();
    };
    const create = canWrite() && html`<${Button} kind="primary" icon="plus" href=${to('/keys/new')}>${t('keys.create')}<//>`;
    const empty = isFiltered ? html`<${Empty} icon="search" title=${t(isDeleted ? 'keys.none_deleted' : 'keys.none_found')}><${Button} onClick=${() => navigate(to('/keys'))}>${t('keys.show_all')}<//><//>`
        : html`<${Empty} icon="keys" title=${t('keys.empty')} text=${t('keys.empty_text')}>${create}<//>`;
    const chosen = (rows || []).filter((row) => picked.has(row.id));
    return html`<${Page} title=${t('nav.keys')} lead=${data && !isFiltered ? tn('keys.count', data.total) : t('keys.lead')} actions=${create}>
        <div class="list-head"><${Filters} query=${query} groups=${groups.data?.data} />
        ${chosen.length > 0 && html`<${Bulk} rows=${chosen} onDone=${() => { setPicked(new Set()); reload(); }} />`}</div>
        <${Table} fixed label=${t('nav.keys')} columns=${columnsOf({ currency, picked, pick, pickAll, rows, menu, isDeleted })} rows=${rows} rowKey=${(row) => row.id}
            href=${isDeleted ? undefined : (row) => to(`/keys/${row.id}`)} error=${error} retry=${reload} empty=${empty} />
        <${Pager} page=${page} limit=${LIMIT} total=${data?.total} onPage=${(n) => setQuery({ page: n })} />
        ${dialog?.[0] === 'copy' && html`<${DuplicateDialog} row=${dialog[1]} onClose=${() => setDialog(null)} onDone=${done} />`}
        ${dialog?.[0] === 'rotate' && html`<${RotateDialog} row=${dialog[1]} onClose=${() => setDialog(null)} onDone=${done} />`}
    <//>`;
}
