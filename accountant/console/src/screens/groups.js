// Groups: tenants whose keys share budgets and a balance.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { api, newIdempotencyKey, segment, useApi } from '../api.js';
import { compact, money, number } from '../format.js';
import { t, tn } from '../i18n.js';
import { QuotaCell, parseAmount, useCurrency } from '../quota.js';
import { navigate, setQuery, to } from '../router.js';
import { may } from '../state.js';
import { Badge, Button, Checkbox, Dialog, Empty, Field, Input, Page, Pager, Table } from '../ui/index.js';

const LIMIT = 100;

// Kept by another service: what it told last, or nothing is known.
export const isElsewhere = (row) => row.balance_source === 'service';
const isKnown = (row) => ['told', 'too_old'].includes(row.service?.state);

export const Balance = ({ row, currency }) => (isElsewhere(row) && !isKnown(row)
    ? html`<span class="is-bad">${t('groups.not_known')}</span>`
    : row.prepaid || row.topped_up !== 0 || isElsewhere(row)
    ? html`<span class=${Number(row.balance) <= 0 ? 'is-bad' : ''} title=${String(row.balance)}>${money(row.balance, currency)}</span>`
    : html`<span class="muted">${t('groups.not_prepaid')}</span>`);

export const Disabled = ({ row }) => !row.enabled && html`<${Badge} tone="warn">${t('group.disabled')}<//>`;

function CreateGroup({ onClose, currency }) {
    const [name, setName] = useState('');
    const [prepaid, setPrepaid] = useState(false);
    const [sum, setSum] = useState('');
    const [error, setError] = useState(null);
    const keys = useMemo(() => [newIdempotencyKey(), newIdempotencyKey()], [name]);
    const first = prepaid && sum.trim() ? parseAmount(sum, 'currency') : 0;
    const isReady = name.trim() && first !== null;
    const submit = async () => {
        if (!isReady) return;
        const path = `/groups/${segment(name.trim())}`;
        try {
            await api.post('/groups', { name: name.trim(), prepaid }, { idempotencyKey: keys[0] });
            if (first) await api.post(`${path}/top-up`, { amount: first, note: t('groups.first') }, { idempotencyKey: keys[1] });
            navigate(to(path));
        } catch (failure) {
            setError(failure);
        }
    };
    return html`<${Dialog} title=${t('groups.create')} onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind="primary" type="submit" disabled=${!isReady}>${t('groups.create')}<//>`}>
        <${Field} label=${t('groups.name')} error=${error?.message}>${(props) => html`<${Input} ...${props} value=${name} onInput=${setName} maxlength="63" placeholder="team-search" />`}<//>
        <${Checkbox} checked=${prepaid} onChange=${setPrepaid}>${t('groups.prepaid_check')}<//>
        ${prepaid && html`<${Field} label=${t('groups.first_sum', { currency: currency || '' })} error=${first === null && t('create.limit_bad')}>${(props) => html`
            <${Input} ...${props} value=${sum} onInput=${setSum} inputmode="decimal" placeholder="25" />`}<//>`}
    <//>`;
}

export function Groups({ query }) {
    const page = Number(query.page) || 1;
    const { data, error, reload } = useApi('/groups', { page, limit: LIMIT }, { every: 30000 });
    const currency = useCurrency();
    const [creating, setCreating] = useState(false);
    const path = (row) => to(`/groups/${segment(row.name)}`);
    const columns = [
        { key: 'name', title: t('groups.name'), render: (row) => html`<a href=${path(row)}><bdi>${row.name}</bdi></a> ${isElsewhere(row) ? html`<${Badge} tone="accent">${t('groups.elsewhere')}<//>` : row.prepaid && html`<${Badge} tone="accent">${t('groups.prepaid')}<//>`} <${Disabled} row=${row} />` },
        { key: 'balance', title: t('groups.balance'), align: 'right', render: (row) => html`<${Balance} row=${row} currency=${currency} />` },
        { key: 'quota', title: t('key.quota'), width: '220px', render: (row) => html`<${QuotaCell} budgets=${row.budgets} currency=${currency} />` },
        { key: 'tokens', title: t('keys.used'), align: 'right', render: (row) => html`<a href=${to('/logs', { group: row.name, range: '30d' })} title=${number(row.total.tokens)}>${compact(row.total.tokens)}</a>` },
        { key: 'cost', title: t('groups.spent'), align: 'right', render: (row) => html`<a href=${to('/usage', { group: row.name, range: '30d' })}>${money(row.total.cost, currency)}</a>` },
        { key: 'now', title: t('key.in_flight'), align: 'right', render: (row) => number(row.in_flight) },
        { key: 'keys', title: html`<span class="sr-only">${t('nav.keys')}</span>`, align: 'right', render: (row) => html`<a href=${to('/keys', { group: row.name })}>${t('nav.keys')}</a>` },
    ];
    const create = may('operator', 'groups:write') && html`<${Button} kind="primary" icon="plus" onClick=${() => setCreating(true)}>${t('groups.create')}<//>`;
    return html`<${Page} title=${t('nav.groups')} lead=${data ? tn('groups.count', data.total) : t('groups.lead')} actions=${create}>
        <${Table} label=${t('nav.groups')} columns=${columns} rows=${data?.data} rowKey=${(row) => row.id} href=${path} error=${error} retry=${reload}
            empty=${html`<${Empty} icon="groups" title=${t('groups.empty')} text=${t('groups.lead')}>${create}<//>`} />
        <${Pager} page=${page} limit=${LIMIT} total=${data?.total} onPage=${(n) => setQuery({ page: n })} />
        ${creating && html`<${CreateGroup} currency=${currency} onClose=${() => setCreating(false)} />`}
    <//>`;
}
