// What was used and what it cost: by model, key, provider, group or day, over
// time and by month.
// SPDX-License-Identifier: Apache-2.0
import '../style/overview.css';
import '../style/usage.css';
import { html, useMemo } from '../dom.js';
import { useApi } from '../api.js';
import { compact, duration, exactMoney, iso, money, number, percent, time } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { Button, Chart, Empty, IconButton, Page, RangePicker, Segmented, Table, Tile, downloadCsv, useRange } from '../ui/index.js';
import { TOKEN_CLASSES, barsOf, changeOf, dayAfter, overTime, stackBy, utcOffset } from '../usage.js';
import { Months } from './usage_months.js';

const DIMENSIONS = ['model', 'key', 'provider', 'group', 'day'];
const METRICS = ['cost', 'tokens', 'requests'];
const FILTERS = ['model', 'key_id', 'group', 'provider'];
const CLASSES = Object.keys(TOKEN_CLASSES);

const titleOf = (by) => (by === 'day' ? t('usage.by_day') : t(`usage.by_${by}`));
const filterOf = (query) => Object.fromEntries(FILTERS.map((name) => [name, query[name]]).filter(([, value]) => value));
// What is shown while it is asked anew may be by something else.
const isBy = (data, by) => data.every((row) => (by === 'day' ? 'time' : by) in row);
const hitsOf = (row) => (row?.requests ? row.cached_answers / row.requests : undefined);

function nameOf(row, by) {
    if (by === 'day') return time(row.time, 'day');
    if (by === 'key') return row.key ?? t('overview.deleted', { id: row.key_id });
    return row[by] || t('usage.nowhere');
}

// The rows of the log behind one row.
function logsOf(row, by, range, filter, more = {}) {
    const time_ = by === 'day' ? { from: row.time, to: iso(dayAfter(Date.parse(row.time))) } : range.query;
    const part = by === 'key' ? { key_id: row.key_id } : by === 'day' ? {} : { [by]: row[by] };
    return to('/logs', { ...time_, ...filter, ...part, ...more });
}

function columnsOf({ by, range, filter, currency, most, used }) {
    const figure = (name) => (row) => html`<span title=${number(row[name])}>${compact(row[name])}</span>`;
    const into = (row) => (by === 'day' ? to('/usage', { from: row.time, to: iso(dayAfter(Date.parse(row.time))), by: 'model', ...filter })
        : to('/usage', { ...filter, by: by === 'model' ? 'key' : 'model', [by === 'key' ? 'key_id' : by]: by === 'key' ? row.key_id : row[by], from: range.key === 'custom' ? range.query.from : '', to: range.key === 'custom' ? range.query.to : '' }));
    return [
        { key: 'name', title: titleOf(by), sort: (row) => (by === 'day' ? row.time : nameOf(row, by)), render: (row) => html`<div class="top-name"><a href=${into(row)}><bdi class="truncate">${nameOf(row, by)}</bdi></a>
            <span class="share" style=${{ width: `${most > 0 ? (row.cost / most) * 100 : 0}%` }}></span></div>` },
        { key: 'requests', title: t('usage.requests'), align: 'right', sort: true, render: (row) => html`<a href=${logsOf(row, by, range, filter)} title=${number(row.requests)}>${compact(row.requests)}</a>` },
        { key: 'cost', title: t('overview.cost'), align: 'right', sort: true, render: (row) => html`<span title=${exactMoney(row.cost, currency)}>${money(row.cost, currency)}</span>` },
        { key: 'errors', title: t('usage_charts.errors'), align: 'right', sort: true, render: (row) => (row.errors ? html`<a class="is-bad" href=${logsOf(row, by, range, filter, { status: 'error' })} title=${number(row.errors)}>${compact(row.errors)}</a>` : '0') },
        { key: 'tokens', title: t('overview.tokens'), align: 'right', sort: true, render: figure('tokens') },
        ...used.map((name) => ({ key: name, title: t(`usage_charts.${name}`), align: 'right', sort: true, render: figure(name) })),
        { key: 'hits', title: t('usage.hits'), align: 'right', hint: t('usage.hits_hint'), sort: (row) => row.cache_hit_rate ?? -1, render: (row) => (row.cache_hit_rate === null ? '–' : percent(row.cache_hit_rate)) },
        { key: 'p95', title: t('usage.p95'), align: 'right', sort: (row) => row.duration_ms?.p95 ?? -1, render: (row) => (row.duration_ms ? duration(row.duration_ms.p95) : '–') },
    ];
}

function footOf(total, currency, used) {
    const figure = (name) => html`<td key=${name} class="right" title=${number(total[name])}>${compact(total[name])}</td>`;
    return html`<tr><td>${t('usage.total')}</td>${figure('requests')}
        <td class="right" title=${exactMoney(total.cost, currency)}>${money(total.cost, currency)}</td>${['errors', 'tokens', ...used].map(figure)}
        <td class="right">${total.cache_hit_rate === null ? '–' : percent(total.cache_hit_rate)}</td><td class="right">${total.duration_ms ? duration(total.duration_ms.p95) : '–'}</td></tr>`;
}

// Classes of tokens that nothing used need no column.
const usedOf = (total) => CLASSES.filter((name) => ['prompt_missed', 'cached', 'completion'].includes(name) || total?.[name] > 0);

function saveCsv(answer, by) {
    const head = [by, 'requests', 'errors', 'cached_answers', ...CLASSES, 'tokens', 'cost', 'currency'];
    downloadCsv(`usage-by-${by}.csv`, head, answer.data.map((row) => [by === 'day' ? row.time : nameOf(row, by), row.requests, row.errors, row.cached_answers,
        ...CLASSES.map((name) => row[name]), row.tokens, row.cost, answer.currency]));
}

function Tiles({ now, before, currency, range, filter }) {
    const was = (value) => before && t('overview.before', { value });
    return html`<div class="tiles">
        <${Tile} label=${t('overview.cost')} value=${money(now?.cost, currency)} title=${exactMoney(now?.cost, currency)} change=${changeOf(now?.cost, before?.cost)} note=${was(money(before?.cost, currency))} />
        <${Tile} label=${t('usage.requests')} value=${compact(now?.requests)} title=${number(now?.requests)} href=${to('/logs', { ...range.query, ...filter })}
            change=${changeOf(now?.requests, before?.requests)} note=${was(compact(before?.requests))} />
        <${Tile} label=${t('overview.tokens')} value=${compact(now?.tokens)} title=${number(now?.tokens)} change=${changeOf(now?.tokens, before?.tokens)} note=${was(compact(before?.tokens))} />
        <${Tile} label=${t('usage.prompt_cache')} value=${percent(now?.cache_hit_rate ?? undefined)} title=${t('usage.hits_hint')} note=${now && t('usage.cached_of', { n: compact(now.cached) })} />
        <${Tile} label=${t('usage.answer_cache')} value=${percent(hitsOf(now))} note=${now && t('usage.answers_of', { n: number(now.cached_answers) })} />
    </div>`;
}

// The chosen figure over time, stacked by what the table is grouped by.
function OverTime({ range, filter, by, metric }) {
    const of = by === 'day' ? 'model' : by;
    const answer = useApi('/usage', { ...range.usage, ...filter, by: `${range.unit},${of}` });
    const shown = useMemo(() => {
        const times = barsOf(range);
        const key = of === 'key' ? 'key_id' : of;
        const names = new Map((answer.data?.data || []).map((row) => [row[key], nameOf(row, of)]));
        const series = answer.data && isBy(answer.data.data, of) && stackBy(answer.data.data, times, range, key, metric, 7).map(([value, values], i) => ({
            label: value === null ? t('usage_charts.others') : names.get(value), values, color: value === null ? '--series-8' : `--series-${i + 1}` }));
        return { times, series: !series ? undefined : series.length === 0 ? [{ label: t(`overview.${metric}`), values: overTime([], times, range).map(() => 0) }] : series };
    }, [answer.data, metric]);
    return html`<${Chart} ...${shown} title=${t('usage.over_time')} file=${`${metric}-by-${of}`} type="bars" stacked height=${240} step=${range.step} from=${range.from / 1000} to=${range.to / 1000}
        format=${metric === 'cost' ? (value) => money(value, answer.data?.currency) : compact} href=${(from, until) => to('/logs', { ...filter, from: iso(from), to: iso(until) })}
        figure=${html`<${Segmented} label=${t('usage.figure')} value=${metric} options=${METRICS.map((one) => [one, t(`overview.${one}`)])} onChange=${(one) => setQuery({ metric: one })} />`} />`;
}

export function Usage({ query }) {
    const range = useRange();
    const by = DIMENSIONS.includes(query.by) ? query.by : 'model';
    const metric = METRICS.includes(query.metric) ? query.metric : 'cost';
    const filter = filterOf(query);
    const answer = useApi('/usage', { ...range.query, ...filter, by, ...(by === 'day' ? { utc_offset: utcOffset(range.from, range.to) } : {}) });
    const before = useApi('/usage', { ...range.before, ...filter }).data?.total;
    const { data } = answer;
    const rows = data && isBy(data.data, by) ? [...data.data].sort((a, b) => (by === 'day' ? (a.time < b.time ? 1 : -1) : b.cost - a.cost || b.tokens - a.tokens)) : undefined;
    const most = rows?.reduce((high, row) => Math.max(high, row.cost), 0);
    const used = usedOf(data?.total);
    const actions = html`<${RangePicker} range=${range} />`;
    const keyName = query.key_id && (rows?.find((row) => String(row.key_id) === query.key_id)?.key ?? query.key_id);
    return html`<${Page} title=${t('nav.usage')} actions=${actions}>
        ${Object.keys(filter).length > 0 && html`<ul class="chips">${Object.entries(filter).map(([name, value]) => html`<li key=${name}>${titleOf(name === 'key_id' ? 'key' : name)}: <bdi>${name === 'key_id' ? keyName : value}</bdi>
            <${IconButton} small icon="close" label=${t('usage.remove')} onClick=${() => setQuery({ [name]: '' })} /></li>`)}</ul>`}
        <${Tiles} now=${data?.total} before=${before} currency=${data?.currency} range=${range} filter=${filter} />
        <${OverTime} range=${range} filter=${filter} by=${by} metric=${metric} />
        <div class="row usage-bar"><${Segmented} label=${t('usage.group_by')} value=${by} options=${DIMENSIONS.map((one) => [one, titleOf(one)])} onChange=${(one) => setQuery({ by: one })} />
            <span class="grow"></span><${Button} icon="download" disabled=${!rows?.length} onClick=${() => saveCsv(data, by)}>CSV<//></div>
        <${Table} label=${t('nav.usage')} columns=${columnsOf({ by, range, filter, currency: data?.currency, most, used })} rows=${rows} rowKey=${(row) => row.time ?? row.key_id ?? row[by]}
            error=${answer.error} retry=${answer.reload} footer=${rows?.length > 1 && footOf(data.total, data.currency, used)}
            empty=${html`<${Empty} icon="usage" title=${t('usage.empty')} text=${t('usage.empty_text')} />`} />
        <${Months} filter=${filter} />
    <//>`;
}
