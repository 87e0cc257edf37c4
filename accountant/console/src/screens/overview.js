// What goes on: figures against the time before, charts, the largest, and whether
// the providers are well.
// SPDX-License-Identifier: Apache-2.0
import '../style/overview.css';
import { classes, html } from '../dom.js';
import { useApi } from '../api.js';
import { compact, duration, exactMoney, money, number, percent, relative } from '../format.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { Card, Failure, Page, RangePicker, Table, Tile, useRange } from '../ui/index.js';
import { changeOf } from '../usage.js';
import { errorText, newest, toneOf } from './health.js';
import { FirstSteps, useFirstSteps } from './first_steps.js';
import { UsageCharts } from './usage_charts.js';

const MOST = 6;

const rateOf = (sums) => (sums?.requests > 0 ? sums.errors / sums.requests : undefined);

function Tiles({ now, before, currency, range }) {
    const logs = (more) => to('/logs', { ...range.query, ...more });
    const first = now?.first_token_ms;
    const input = now && now.prompt_missed + now.cached + now.cache_creation;
    const was = (value) => before && t('overview.before', { value });
    return html`<div class="tiles">
        <${Tile} label=${t('overview.requests')} value=${compact(now?.requests)} title=${number(now?.requests)} href=${logs()}
            change=${changeOf(now?.requests, before?.requests)} note=${was(compact(before?.requests))} />
        <${Tile} label=${t('overview.error_rate')} value=${now?.requests === 0 ? '–' : percent(rateOf(now), 2)} title=${t('overview.errors_of', { n: number(now?.errors) })}
            href=${logs({ status: 'error' })} note=${was(percent(rateOf(before), 2))} />
        <${Tile} label=${t('overview.tokens')} value=${compact(now?.tokens)} title=${number(now?.tokens)} href=${to('/usage', range.query)}
            change=${changeOf(now?.tokens, before?.tokens)}
            note=${now && html`<span title=${t('overview.tokens_of', { input: number(input), output: number(now.completion), cached: number(now.cached) })}>${t('overview.tokens_short', { input: compact(input), output: compact(now.completion), cached: compact(now.cached) })}</span>`} />
        <${Tile} label=${t('overview.cost')} value=${money(now?.cost, currency)} title=${exactMoney(now?.cost, currency)} href=${to('/usage', range.query)}
            change=${changeOf(now?.cost, before?.cost)} note=${was(money(before?.cost, currency))} />
        <${Tile} label=${t('overview.first_token')} value=${first ? duration(first.p50) : '–'} href=${logs({ status: 'ok' })}
            change=${changeOf(first?.p50, before?.first_token_ms?.p50)} better="down"
            note=${first ? t('overview.p95', { value: duration(first.p95) }) : t('overview.no_streams')} />
    </div>`;
}

function Top({ title, name, answer, error, retry, link, logs, more }) {
    const rows = answer && [...answer.data].sort((a, b) => b.cost - a.cost || b.tokens - a.tokens).slice(0, MOST);
    const most = rows?.[0] && (rows[0].cost > 0 ? 'cost' : 'tokens');
    const share = (row) => (most && rows[0][most] > 0 ? row[most] / rows[0][most] : 0);
    const columns = [
        { key: name, title: t(`overview.${name}`), render: (row) => html`<div class="top-name"><a href=${link(row)}><bdi class="truncate">${row[name] ?? t('overview.deleted', { id: row.key_id })}</bdi></a>
            <span class="share" style=${{ width: `${share(row) * 100}%` }}></span></div>` },
        { key: 'requests', title: t('overview.requests'), align: 'right', render: (row) => html`<a href=${logs(row)} title=${number(row.requests)}>${compact(row.requests)}</a>` },
        { key: 'tokens', title: t('overview.tokens'), align: 'right', render: (row) => html`<span title=${number(row.tokens)}>${compact(row.tokens)}</span>` },
        { key: 'cost', title: t('overview.cost'), align: 'right', render: (row) => html`<span title=${exactMoney(row.cost, answer.currency)}>${money(row.cost, answer.currency)}</span>` },
    ];
    return html`<${Card} flush title=${title} actions=${html`<a class="small" href=${more}>${t('overview.all')}</a>`}>
        <${Table} label=${title} columns=${columns} rows=${rows} rowKey=${(row) => row.key_id ?? row.model} error=${error} retry=${retry}
            empty=${html`<p class="top-empty muted">${t('overview.nothing')}</p>`} /><//>`;
}

function Provider({ row }) {
    const calls = row.endpoints.reduce((sum, one) => sum + one.requests, 0);
    const errors = row.endpoints.reduce((sum, one) => sum + one.errors, 0);
    const last = newest(row.endpoints);
    const words = calls === 0 ? t('overview.no_calls') : t('overview.calls', { n: compact(calls), rate: percent(errors / calls) });
    return html`<a class="provider" href=${to('/providers', { provider: row.provider })}
        title=${last && t('overview.last_error', { cause: errorText(last), when: relative(last.time) })}>
        <i class=${classes('health', `health-${toneOf(row.state)}`)}></i><span class="grow"><bdi>${row.provider}</bdi><small>${words}</small></span>
        <span class=${`is-${toneOf(row.state)}`}>${t(`health.${row.state}`)}</span></a>`;
}

function Health({ answer, error, retry }) {
    if (error?.status === 403) return null; // a member who does not see them
    return html`<${Card} title=${t('overview.providers')} actions=${html`<span class="small muted">${t('overview.five_minutes')}</span>`}>
        ${error && !answer ? html`<${Failure} error=${error} retry=${retry} />`
            : html`<div class="providers">${answer?.data.map((row) => html`<${Provider} key=${row.provider} row=${row} />`)}</div>`}<//>`;
}

export function Overview() {
    const range = useRange();
    const over = useApi('/usage', { ...range.usage, by: range.unit });
    const before = useApi('/usage', range.before);
    const models = useApi('/usage', { ...range.query, by: 'model' });
    const keys = useApi('/usage', { ...range.query, by: 'key' });
    const health = useApi('/health', undefined, { every: 15000 });
    const steps = useFirstSteps(health.data?.data);
    const isUnused = steps && over.data?.total.requests === 0 && before.data?.total.requests === 0;
    const logs = (more) => to('/logs', { ...range.query, ...more });
    const first = steps && html`<${FirstSteps} steps=${steps} />`;
    if (isUnused) return html`<${Page} title=${t('nav.overview')}>${first}<//>`;
    if (over.error && !over.data)
        return html`<${Page} title=${t('nav.overview')}><${Failure} error=${over.error} retry=${over.reload} /><//>`;
    return html`<${Page} title=${t('nav.overview')} actions=${html`<${RangePicker} range=${range} />`}>${first}
        <${Tiles} now=${over.data?.total} before=${before.data?.total} currency=${over.data?.currency} range=${range} />
        <${UsageCharts} range=${range} over=${over}><${Health} answer=${health.data} error=${health.error} retry=${health.reload} /><//>
        <div class="grid-2">
            <${Top} title=${t('overview.top_models')} name="model" answer=${models.data} error=${models.error} retry=${models.reload}
                link=${(row) => to('/usage', { ...range.query, model: row.model })} logs=${(row) => logs({ model: row.model })} more=${to('/usage', { ...range.query, by: 'model' })} />
            <${Top} title=${t('overview.top_keys')} name="key" answer=${keys.data} error=${keys.error} retry=${keys.reload}
                link=${(row) => to(`/keys/${row.key_id}`)} logs=${(row) => logs({ key_id: row.key_id })} more=${to('/usage', { ...range.query, by: 'key' })} />
        </div>
    <//>`;
}
