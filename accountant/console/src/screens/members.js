// Admin tokens: who may manage the gateway, and what of it.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, useApi } from '../api.js';
import { relative, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Empty, Menu, Page, Pager, Table, confirm } from '../ui/index.js';
import { act, useEditing } from './act.js';
import { MemberForm } from './member_form.js';

const LIMIT = 50;
const TONES = { active: 'good', disabled: '', expired: 'warn' };

export function Members({ query }) {
    const page = Number(query.page) || 1;
    const { data, error, reload } = useApi('/tokens', { page, limit: LIMIT });
    const [adding, setAdding] = useState(false);
    const [editing, edit, end] = useEditing();
    const mayChange = may('owner', 'tokens:write');
    const turn = async (row) => {
        if (await act(() => api.patch(`/tokens/${row.id}`, { enabled: !row.enabled }), t(row.enabled ? 'members.disabled' : 'members.enabled'))) reload();
    };
    const drop = async (row) => {
        const text = t('members.delete_text', { name: row.name });
        if (await confirm({ title: t('members.delete_title'), text, action: t('part.delete'), danger: true, word: row.name })
            && await act(() => api.delete(`/tokens/${row.id}`), t('members.deleted'))) reload();
    };
    const menu = (row) => html`<${Menu} small label=${t('common.actions')} items=${[
        { label: t('part.edit'), icon: 'edit', onClick: () => edit(`/tokens/${row.id}`) },
        { label: t(row.enabled ? 'part.disable' : 'part.enable'), icon: row.enabled ? 'pause' : 'play', onClick: () => turn(row) },
        { label: t('members.audit'), icon: 'audit', href: to('/audit', { member: row.name }) },
        null,
        { label: t('part.delete'), icon: 'trash', danger: true, onClick: () => drop(row) },
    ]} />`;
    const columns = [
        { key: 'name', title: t('members.name'), sort: true, render: (row) => html`<div class="key-name"><bdi class="truncate">${row.name}</bdi><span class="mono muted">${row.masked_token}</span></div>` },
        { key: 'role', title: t('members.role'), sort: true, render: (row) => html`<${Badge} tone=${row.role === 'owner' ? 'accent' : ''}>${tWord('role', row.role)}<//>` },
        { key: 'scopes', title: t('members.scopes'), wrap: true, render: (row) => (row.scopes ? html`<span class="small">${row.scopes.join(', ') || '–'}</span>` : html`<span class="muted">${t('members.all')}</span>`) },
        { key: 'groups', title: t('members.groups'), wrap: true, render: (row) => (row.groups ? html`<bdi>${row.groups.join(', ')}</bdi>` : html`<span class="muted">${t('members.all')}</span>`) },
        { key: 'status', title: t('members.status'), sort: true, render: (row) => html`<${Badge} tone=${TONES[row.status]}>${t(`members.is.${row.status}`)}<//>` },
        { key: 'expires_at', title: t('members.expires'), sort: true, render: (row) => html`<span title=${time(row.expires_at)}>${row.expires_at ? relative(row.expires_at) : t('members.never')}</span>` },
        { key: 'last_used_at', title: t('members.used'), sort: true, render: (row) => html`<span title=${time(row.last_used_at)}>${relative(row.last_used_at)}</span>` },
        { key: 'created_by', title: t('members.by'), render: (row) => html`<bdi>${row.created_by}</bdi>` },
        { key: 'do', title: html`<span class="sr-only">${t('common.actions')}</span>`, align: 'right', render: (row) => mayChange && menu(row) },
    ];
    const add = mayChange && html`<${Button} kind="primary" icon="plus" onClick=${() => setAdding(true)}>${t('members.add')}<//>`;
    const actions = html`<${Button} icon="clock" href=${to('/sessions')}>${t('nav.sessions')}<//>${add}`;
    return html`<${Page} title=${t('nav.members')} lead=${t('members.lead')} actions=${actions}>
        <${Table} label=${t('nav.members')} columns=${columns} rows=${data?.data} rowKey=${(row) => row.id} error=${error} retry=${reload}
            empty=${html`<${Empty} icon="members" title=${t('members.empty')} text=${t('members.empty_text')}>${add}<//>`} />
        <${Pager} page=${page} limit=${LIMIT} total=${data?.total} onPage=${(n) => setQuery({ page: n })} />
        ${adding && html`<${MemberForm} onClose=${() => setAdding(false)} onDone=${reload} />`}
        ${editing && html`<${MemberForm} token=${editing.data} etag=${editing.etag} onClose=${end} onDone=${reload} />`}
    <//>`;
}
