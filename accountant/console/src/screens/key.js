// One key: what it uses and how long its quota lasts, what it may, its last calls.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { compact, duration, exactMoney, iso, money, number, percent, relative, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { BudgetCard, amount, tightest, useCurrency } from '../quota.js';
import { navigate, to } from '../router.js';
import { may, toastError } from '../state.js';
import { Button, Card, Chart, Empty, Facts, Failure, Menu, Page, RangePicker, Skeleton, Table, Tabs, Tile, useRange } from '../ui/index.js';
import { barsOf, overTime } from '../usage.js';
import { DuplicateDialog, KeyStatus, RevealDialog, RotateDialog, deleteKey, endFormer, setEnabled } from './key_parts.js';
import { Settings } from './key_settings.js';
import { StatusBadge } from './log_status.js';
import { UsageCharts } from './usage_charts.js';

const WEEK = 7 * 86400000;

// What the last week used of each unit, for the forecast.
function usePace(key) {
    const span = useMemo(() => {
        const to_ = Math.ceil(Date.now() / 3600000) * 3600000;
        const from = Math.max(to_ - WEEK, Math.floor(Date.parse(key.created_at) / 3600000) * 3600000);
        return { from: iso(from), to: iso(to_), ms: to_ - from };
    }, [key.id]);
    const { data } = useApi('/usage', { key_id: key.id, from: span.from, to: span.to });
    return data && { used: { tokens: data.total.tokens, currency: Number(data.total.cost) }, ms: span.ms };
}

// How much of the budget was left at the end of each bar: backwards from now.
function leftOver(budget, rows) {
    const name = budget.unit === 'currency' ? 'cost' : 'tokens';
    const left = [];
    let now = budget.remaining;
    for (let i = rows.length - 1; i >= 0; i--) {
        left[i] = Math.min(now, budget.limit);
        now += Number(rows[i]?.[name] ?? 0);
    }
    return left;
}

function BurnDown({ row, range, over, currency }) {
    const budget = tightest(row.budgets);
    const shown = useMemo(() => {
        const times = barsOf(range);
        const values = over.data && leftOver(budget, overTime(over.data.data, times, range));
        return { times, step: range.step, from: range.from / 1000, to: range.to / 1000, series: values && [{ label: t('quota.left'), values, color: '--series-2' }] };
    }, [over.data, budget.remaining]);
    return html`<${Chart} title=${t('quota.burn', { budget: t(`quota.${budget.unit}_${budget.period}`) })} file=${`key-${row.id}-quota`} type="area"
        format=${(value) => amount(budget.unit, value, currency)} ...${shown} />`;
}

function UsageTab({ row, currency }) {
    const range = useRange();
    const pace = usePace(row);
    const filter = { key_id: row.id };
    const over = useApi('/usage', { ...range.usage, ...filter, by: range.unit });
    const sums = over.data?.total;
    const logs = (more) => to('/logs', { ...range.query, ...filter, ...more });
    return html`${row.budgets.length > 0 && html`<div class="budgets">${row.budgets.map((one) => html`<${BudgetCard} key=${one.unit + one.period} budget=${one} currency=${currency} pace=${pace} />`)}</div>`}
        <div class="row"><h2 class="grow">${t('key.over_time')}</h2><${RangePicker} range=${range} /></div>
        ${over.error && !over.data && html`<${Failure} error=${over.error} retry=${over.reload} />`}
        <div class="tiles">
            <${Tile} label=${t('key.requests')} value=${compact(sums?.requests)} title=${number(sums?.requests)} href=${logs()} />
            <${Tile} label=${t('key.errors')} value=${compact(sums?.errors)} title=${number(sums?.errors)} href=${logs({ status: 'error' })}
                note=${sums?.requests ? percent(sums.errors / sums.requests) : ''} />
            <${Tile} label=${t('key.tokens')} value=${compact(sums?.tokens)} title=${number(sums?.tokens)} href=${logs()} />
            <${Tile} label=${t('key.cost')} value=${money(sums?.cost, currency)} title=${exactMoney(sums?.cost, currency)} href=${to('/usage', { ...range.query, ...filter })} />
            <${Tile} label=${t('key.cached')} value=${percent(sums?.cache_hit_rate)} />
        </div>
        <${UsageCharts} range=${range} over=${over} filter=${filter}>${row.budgets.length > 0 ? html`<${BurnDown} row=${row} range=${range} over=${over} currency=${currency} />`
            : html`<${Empty} icon="keys" title=${t('key.no_quota')} text=${t('key.no_quota_text')}>${may('operator', 'keys:write') && html`<${Button} href=${to(`/keys/${row.id}`, { tab: 'settings' })}>${t('key.set_quota')}<//>`}<//>`}<//>`;
}

function LogsTab({ row, currency }) {
    const { data, error, reload } = useApi('/logs', { key_id: row.id, limit: 20, from: iso(Math.floor(Date.now() / 60000) * 60000 - 30 * 86400000) });
    const columns = [
        { key: 'time', title: t('chart.time'), render: (one) => html`<a href=${to('/logs', { key_id: row.id, request_id: one.request_id, range: '30d' })}>${time(one.time, 'short')}</a>` },
        { key: 'model', title: t('key.model'), render: (one) => html`<bdi class="truncate">${one.model}</bdi>` },
        { key: 'status', title: t('key.status'), render: (one) => html`<${StatusBadge} row=${one} />` },
        { key: 'tokens', title: t('key.tokens'), align: 'right', render: (one) => number(one.tokens) },
        { key: 'cost', title: t('key.cost'), align: 'right', render: (one) => money(one.cost, currency) },
        { key: 'duration', title: t('key.duration'), align: 'right', render: (one) => duration(one.duration_ms) },
    ];
    return html`<${Table} label=${t('key.tab_logs')} columns=${columns} rows=${data?.data} rowKey=${(one) => one.request_id} error=${error} retry=${reload}
            empty=${html`<${Empty} icon="logs" title=${t('key.no_calls')} text=${t('key.no_calls_text')} />`} />
        ${data?.data.length > 0 && html`<div><${Button} href=${to('/logs', { key_id: row.id, range: '30d' })}>${t('key.all_logs')}<//></div>`}`;
}

const BasicsTab = ({ row, currency }) => html`<${Card}><${Facts} rows=${[
    [t('key.id'), row.id], [t('key.masked'), html`<code>${row.masked_key}</code>`],
    [t('key.group'), html`<a href=${to(`/groups/${segment(row.group)}`)}><bdi>${row.group}</bdi></a>`],
    [t('key.created'), time(row.created_at)], [t('key.updated'), time(row.updated_at)],
    [t('key.last_used'), row.last_used_at ? `${time(row.last_used_at)} (${relative(row.last_used_at)})` : t('common.never')],
    [t('key.lifetime'), `${number(row.total.tokens)} · ${money(row.total.cost, currency)}`], [t('key.in_flight'), number(row.in_flight)],
    [t('key.on_exhausted'), tWord('key.exhausted', row.on_exhausted)],
]} /><//>`;

function Former({ row, reload }) {
    return html`<div class="notice"><span>${t('key.former', { masked: row.former.masked_key, when: time(row.former.until, 'short'), left: relative(row.former.until) })}</span>
        ${may('operator', 'keys:write') && html`<${Button} small onClick=${() => endFormer(row, reload)}>${t('key.end_former')}<//>`}</div>`;
}

function Head({ row, reload, open }) {
    const [value, setValue] = useState(null);
    const reveal = async () => {
        try {
            setValue((await api.post(`/keys/${row.id}/reveal`)).key);
        } catch (error) {
            toastError(error);
        }
    };
    if (!may('operator', 'keys:write')) return null;
    return html`<${Button} icon="eye" onClick=${reveal}>${t('key.reveal')}<//>
        <${Button} icon="rotate" onClick=${() => open('rotate')}>${t('key.rotate')}<//>
        <${Menu} kind="" label=${t('common.actions')} items=${[
            row.enabled ? { label: t('key.disable'), icon: 'pause', onClick: () => setEnabled(row, false, reload) }
                : { label: t('key.enable'), icon: 'play', onClick: () => setEnabled(row, true, reload) },
            { label: t('key.duplicate'), icon: 'copy', onClick: () => open('copy') },
            null,
            { label: t('key.delete'), icon: 'trash', danger: true, onClick: () => deleteKey(row, (key) => navigate(key ? to(`/keys/${key.id}`) : to('/keys'))) },
        ]} />
        ${value && html`<${RevealDialog} row=${row} value=${value} title=${t('key.value')} onClose=${() => setValue(null)} />`}`;
}

export function Key({ params, query }) {
    const { data: row, error, reload, etag } = useApi(`/keys/${segment(params.id)}`, undefined, { every: 15000 });
    const currency = useCurrency();
    const [dialog, setDialog] = useState(null);
    const back = [to('/keys'), t('nav.keys')];
    if (!row)
        return html`<${Page} title=${t('key.title')} back=${back}>${error ? error.code === 'key_not_found'
            ? html`<${Empty} icon="keys" title=${t('key.gone')} text=${t('key.gone_text')}><${Button} href=${to('/keys', { status: 'deleted' })}>${t('key.see_deleted')}<//><//>`
            : html`<${Failure} error=${error} retry=${reload} />` : html`<${Skeleton} height=${320} />`}<//>`;
    const tab = query.tab || 'usage';
    const path = `/keys/${row.id}`;
    const tabs = ['usage', 'settings', 'logs', 'basics'].map((one) => [one, t(`key.tab_${one}`)]);
    const close = () => setDialog(null);
    return html`<${Page} title=${row.name} back=${back} actions=${html`<${Head} row=${row} reload=${reload} open=${setDialog} />`}
            lead=${html`<span class="row"><${KeyStatus} row=${row} /><code>${row.masked_key}</code><bdi class="muted">${row.group}</bdi></span>`}>
        ${row.former && html`<${Former} row=${row} reload=${reload} />`}
        <${Tabs} label=${row.name} value=${tab} tabs=${tabs} href=${(one) => to(path, { tab: one === 'usage' ? '' : one })} />
        ${tab === 'usage' && html`<${UsageTab} row=${row} currency=${currency} />`}
        ${tab === 'settings' && html`<${Settings} path=${path} object=${row} etag=${etag} currency=${currency} canEdit=${may('operator', 'keys:write')} reload=${reload} />`}
        ${tab === 'logs' && html`<${LogsTab} row=${row} currency=${currency} />`}
        ${tab === 'basics' && html`<${BasicsTab} row=${row} currency=${currency} />`}
        ${dialog === 'rotate' && html`<${RotateDialog} row=${row} etag=${etag} onClose=${close} onDone=${() => { close(); reload(); }} />`}
        ${dialog === 'copy' && html`<${DuplicateDialog} row=${row} onClose=${close} onDone=${(key) => { close(); navigate(to(`/keys/${key.id}`)); }} />`}
    <//>`;
}
