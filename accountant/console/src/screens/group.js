// One group: its balance and what was put there, its budgets, what it spent.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { api, newIdempotencyKey, segment, useApi } from '../api.js';
import { compact, exactMoney, money, number, relative, time } from '../format.js';
import { t } from '../i18n.js';
import { BudgetCard, parseAmount, useCurrency } from '../quota.js';
import { setQuery, to } from '../router.js';
import { may, toast } from '../state.js';
import { Badge, Button, Card, Dialog, Empty, Failure, Field, Input, Page, Pager, RangePicker, Segmented, Skeleton, Table, Tile, useRange } from '../ui/index.js';
import { GroupActions } from './group_actions.js';
import { Balance, Disabled, isElsewhere } from './groups.js';
import { Settings } from './key_settings.js';
import { UsageCharts } from './usage_charts.js';

const canWrite = () => may('operator', 'groups:write');
const HISTORY = 10;

function TopUp({ row, etag, currency, onClose, onDone }) {
    const [kind, setKind] = useState('add');
    const [sum, setSum] = useState('');
    const [note, setNote] = useState('');
    const [error, setError] = useState(null);
    const idempotencyKey = useMemo(newIdempotencyKey, [kind, sum, note]);
    const value = parseAmount(sum, 'currency');
    const after = Number(row.balance) + (kind === 'add' ? 1 : -1) * (value || 0);
    const submit = async () => {
        if (!(value > 0)) return;
        try {
            await api.post(`/groups/${segment(row.name)}/top-up`, { amount: kind === 'add' ? value : -value, note: note.trim() || undefined }, { idempotencyKey, ifMatch: etag });
            toast(t('groups.topped', { sum: money(kind === 'add' ? value : -value, currency) }));
            onDone();
        } catch (failure) {
            setError(failure);
        }
    };
    return html`<${Dialog} title=${t('groups.top_up')} onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind=${kind === 'add' ? 'primary' : 'danger'} type="submit" disabled=${!(value > 0)}>${t(`groups.${kind}`)}<//>`}>
        <div class="row"><${Segmented} label=${t('groups.top_up')} value=${kind} onChange=${setKind} options=${[['add', t('groups.add')], ['take', t('groups.take')]]} /></div>
        <${Field} label=${t('groups.sum', { currency: currency || '' })} hint=${t('groups.after', { sum: money(after, currency) })} error=${error?.message}>${(props) => html`
            <${Input} ...${props} value=${sum} onInput=${(next) => { setSum(next); setError(null); }} inputmode="decimal" placeholder="25" />`}<//>
        <${Field} label=${t('groups.note')}>${(props) => html`<${Input} ...${props} value=${note} onInput=${setNote} maxlength="200" />`}<//>
        ${!row.prepaid && html`<p class="is-warn">${t('groups.becomes_prepaid')}</p>`}
    <//>`;
}

function History({ row, currency, query }) {
    const page = Number(query.history) || 1;
    const { data, error, reload } = useApi(`/groups/${segment(row.name)}/top-ups`, { page, limit: HISTORY });
    const columns = [
        { key: 'time', title: t('chart.time'), render: (one) => time(one.time, 'minute') },
        { key: 'note', title: t('groups.note'), wrap: true, render: (one) => (one.note ? html`<bdi>${one.note}</bdi>` : html`<span class="muted">–</span>`) },
        { key: 'amount', title: t('groups.amount'), align: 'right', render: (one) => html`<b class=${Number(one.amount) < 0 ? 'is-bad' : 'is-good'}>${Number(one.amount) > 0 ? '+' : ''}${money(one.amount, currency)}</b>` },
    ];
    return html`<${Card} title=${t('groups.history')} flush>
        <${Table} label=${t('groups.history')} columns=${columns} rows=${data?.data} rowKey=${(one) => one.time + one.amount} error=${error} retry=${reload}
            empty=${html`<p class="setting muted">${t('groups.no_history')}</p>`} /><//>
        <${Pager} page=${page} limit=${HISTORY} total=${data?.total} onPage=${(n) => setQuery({ history: n })} />`;
}

// What the service told and was charged, and charges of which nobody knows.
function Service({ service, currency }) {
    const columns = [
        { key: 'id', title: 'id' },
        { key: 'sent_at', title: t('groups.sent'), render: (one) => time(one.sent_at) },
        { key: 'amount', title: t('groups.amount'), align: 'right', render: (one) => money(one.amount, currency) },
        { key: 'reason', title: t('groups.reason') },
    ];
    const unknown = service.charges.filter((one) => one.state === 'unknown');
    return html`${service.state !== 'told' && html`<p class="is-warn">${t('groups.refused')}</p>`}
        ${service.error && html`<p class="is-warn">${t('groups.service_error', { since: relative(service.failing_since), error: service.error })}</p>`}
        ${unknown.length > 0 && html`<p class="is-warn">${t('groups.unknown_text')}</p>
            <${Table} label=${t('groups.unknown')} columns=${columns} rows=${unknown} rowKey=${(one) => one.id} />`}`;
}

function Spending({ row }) {
    const range = useRange();
    const filter = { group: row.name };
    const over = useApi('/usage', { ...range.usage, ...filter, by: range.unit });
    return html`<div class="row"><h2 class="grow">${t('key.over_time')}</h2><${RangePicker} range=${range} /></div>
        ${over.error && !over.data && html`<${Failure} error=${over.error} retry=${over.reload} />`}
        <${UsageCharts} range=${range} over=${over} filter=${filter} />`;
}

export function Group({ params, query }) {
    const path = `/groups/${segment(params.name)}`;
    const { data: row, error, reload, etag } = useApi(path, undefined, { every: 15000 });
    const keys = useApi('/keys', { group: params.name, limit: 1 });
    const currency = useCurrency();
    const [topping, setTopping] = useState(false);
    const [round, setRound] = useState(0);
    const back = [to('/groups'), t('nav.groups')];
    if (!row)
        return html`<${Page} title=${params.name} back=${back}>${!error ? html`<${Skeleton} height=${320} />`
            : error.code === 'group_not_found' ? html`<${Empty} icon="groups" title=${t('groups.gone')} />` : html`<${Failure} error=${error} retry=${reload} />`}<//>`;
    const done = () => {
        setTopping(false);
        setRound(round + 1);
        reload();
    };
    const actions = html`${may('operator', 'keys:write') && html`<${Button} icon="keys" href=${to('/keys/new', { group: row.name })}>${t('keys.create')}<//>`}
        ${canWrite() && !isElsewhere(row) && html`<${Button} kind="primary" icon="plus" onClick=${() => setTopping(true)}>${t('groups.top_up')}<//>`}
        <${GroupActions} row=${row} etag=${etag} reload=${reload} />`;
    return html`<${Page} title=${row.name} back=${back} actions=${actions} lead=${html`<span class="row"><${Disabled} row=${row} />${isElsewhere(row) ? html`<${Badge} tone="accent">${t('groups.elsewhere')}<//>` : row.prepaid ? html`<${Badge} tone="accent">${t('groups.prepaid')}<//>` : t('groups.not_prepaid_text')}</span>`}>
        <div class="tiles is-plain">
            <${Tile} label=${t('groups.balance')} value=${html`<${Balance} row=${row} currency=${currency} />`} title=${String(row.balance)} note=${row.reserved > 0 ? t('groups.reserved', { sum: money(row.reserved, currency) }) : ''} />
            ${row.service ? html`<${Tile} label=${t('groups.told')} value=${row.service.told === null ? t('groups.not_known') : money(row.service.told, currency)} note=${row.service.told_at ? relative(row.service.told_at) : ''} />
            <${Tile} label=${t('groups.charged')} value=${money(row.service.charged, currency)} title=${exactMoney(row.service.charged, currency)} note=${t('groups.pending', { sum: money(row.service.pending, currency) })} />`
        : html`<${Tile} label=${t('groups.topped_up')} value=${money(row.topped_up, currency)} title=${exactMoney(row.topped_up, currency)} />`}
            <${Tile} label=${t('groups.spent')} value=${money(row.total.cost, currency)} title=${exactMoney(row.total.cost, currency)} href=${to('/usage', { group: row.name, range: '30d' })} />
            <${Tile} label=${t('key.tokens')} value=${compact(row.total.tokens)} title=${number(row.total.tokens)} href=${to('/logs', { group: row.name, range: '30d' })} />
            <${Tile} label=${t('nav.keys')} value=${number(keys.data?.total)} href=${to('/keys', { group: row.name })} />
        </div>
        ${row.budgets.length > 0 && html`<div class="budgets">${row.budgets.map((one) => html`<${BudgetCard} key=${one.unit + one.period} budget=${one} currency=${currency} />`)}</div>`}
        <div class="grid-2"><div class="column">${row.service && html`<${Service} service=${row.service} currency=${currency} />`}<${History} key=${round} row=${row} currency=${currency} query=${query} /></div>
            <div class="column"><${Settings} path=${path} object=${row} etag=${etag} currency=${currency} canEdit=${canWrite()} reload=${reload} only=${['quota', 'rates', 'route']} /></div></div>
        <${Spending} row=${row} />
        ${topping && html`<${TopUp} row=${row} etag=${etag} currency=${currency} onClose=${() => setTopping(false)} onDone=${done} />`}
    <//>`;
}
