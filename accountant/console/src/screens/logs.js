// The log: rows by filter, older ones on demand, new ones as they come.
// SPDX-License-Identifier: Apache-2.0
import '../style/logs.css';
import { classes, html, useEffect, useRef, useState } from '../dom.js';
import { api, useRows } from '../api.js';
import { compact, duration, money, number, time } from '../format.js';
import { t } from '../i18n.js';
import { useCurrency } from '../quota.js';
import { setQuery } from '../router.js';
import { Button, Empty, MoreRows, Page, RangePicker, Table, useRange } from '../ui/index.js';
import { LogExport, LogFilters, filterOf, isFiltered } from './log_filters.js';
import { LogDrawer } from './log_drawer.js';
import { StatusBadge } from './log_status.js';

const LIMIT = 100;
const LIVE_MS = 2000;
const LIVE_ROWS = 1000; // older ones leave the list while it is live

function Marks({ row }) {
    const marks = [['stream', row.stream], ['cached', row.cached], ['would_refuse', row.would_refuse], ['blocked', row.blocked], ['retried', row.attempt_count > 1]];
    return html`<span class="log-marks">${marks.filter(([, is]) => is).map(([name]) => html`<i key=${name}>${t(`logs.mark.${name}`)}</i>`)}</span>`;
}

const input = (row) => row.usage.prompt_missed + row.usage.cached + row.usage.cache_creation;
const output = (row) => row.tokens - input(row);

const columns = (currency) => [
    { key: 'time', title: t('chart.time'), render: (row) => html`<button type="button" class="link log-time" title=${time(row.time)} onClick=${() => show(row)}><span class="muted">${time(row.time, 'monthDay')}</span> ${time(row.time, 'time')}</button>` },
    { key: 'status', title: t('logs.status'), render: (row) => html`<${StatusBadge} row=${row} />` },
    { key: 'model', title: t('usage.by_model'), render: (row) => html`<span class="log-model"><bdi class="truncate" title=${row.model_asked}>${row.model || row.model_asked || '–'}</bdi><${Marks} row=${row} /></span>` },
    { key: 'key', title: t('usage.by_key'), render: (row) => html`<bdi class="truncate log-key">${row.key ?? t('overview.deleted', { id: row.key_id })}</bdi>` },
    { key: 'provider', title: t('usage.by_provider'), render: (row) => html`<bdi class="truncate log-provider">${row.provider ?? '–'}</bdi>` },
    { key: 'tokens', title: t('overview.tokens'), align: 'right', hint: t('logs.tokens_hint'), render: (row) => html`<span title=${t('logs.tokens_of', { input: number(input(row)), output: number(output(row)) })}>${compact(input(row))}<span class="muted"> → </span>${compact(output(row))}</span>` },
    { key: 'cost', title: t('overview.cost'), align: 'right', render: (row) => money(row.cost, currency) },
    { key: 'first', title: t('logs.first'), align: 'right', hint: t('logs.first_hint'), render: (row) => (row.first_token_ms ? duration(row.first_token_ms) : '–') },
    { key: 'duration', title: t('logs.duration'), align: 'right', render: (row) => duration(row.duration_ms) },
];

const show = (row) => setQuery({ row: row.request_id, at: row.time }, { replace: false });

// Rows in front of `rows`, from the newest on that is known; none is asked for
// while `paused` or the page is not seen.
function useLive(live, paused, question, first) {
    const [fresh, setFresh] = useState([]);
    const cursor = useRef(null);
    const since = useRef(null);
    const of = JSON.stringify(question);
    useEffect(() => {
        setFresh([]);
        cursor.current = null;
        since.current = new Date().toISOString();
    }, [live, of]);
    useEffect(() => {
        if (!live || paused || !first) return undefined;
        const abort = new AbortController();
        let timer = 0;
        const look = async () => {
            if (!document.hidden) {
                const from = cursor.current || first.data[0]?.cursor;
                const { from: ignored, to: also, ...filter } = question;
                try {
                    const answer = await api.get('/logs', { ...filter, order: 'asc', limit: 200, ...(from ? { cursor: from } : { from: since.current }) }, { signal: abort.signal });
                    if (answer.data.length > 0) {
                        cursor.current = answer.cursor;
                        setFresh((now) => [...answer.data.reverse(), ...now].slice(0, LIVE_ROWS));
                    }
                } catch (error) {
                    if (error.name === 'AbortError') return;
                }
            }
            timer = setTimeout(look, LIVE_MS);
        };
        timer = setTimeout(look, LIVE_MS);
        return () => {
            abort.abort();
            clearTimeout(timer);
        };
    }, [live, paused, of, first]);
    return fresh;
}

function LiveButtons({ live, paused, setPaused }) {
    if (!live) return html`<${Button} icon="play" onClick=${() => setQuery({ live: '1', row: '', at: '' })}>${t('logs.live')}<//>`;
    return html`<span class=${classes('live', paused && 'is-paused')} role="status"><i></i>${t(paused ? 'logs.paused' : 'logs.live')}</span>
        <${Button} icon=${paused ? 'play' : 'pause'} onClick=${() => setPaused(!paused)}>${t(paused ? 'logs.resume' : 'logs.pause')}<//>
        <${Button} icon="stop" onClick=${() => setQuery({ live: '' })}>${t('logs.end_live')}<//>`;
}

export function Logs({ query }) {
    const live = query.live === '1';
    const [paused, setPaused] = useState(false);
    const range = useRange();
    const filter = filterOf(query);
    const time_ = live ? {} : range.query;
    const question = { ...time_, ...filter };
    const { data, rows: known, more, goOn, error, reload } = useRows('/logs', { ...question, limit: LIMIT });
    const currency = useCurrency();
    useEffect(() => setPaused(false), [live]);
    const fresh = useLive(live, paused, question, data);
    const rows = known && [...fresh, ...known];
    const actions = html`<${LiveButtons} live=${live} paused=${paused} setPaused=${setPaused} />
        ${!live && html`<${RangePicker} range=${range} />`}`;
    const empty = isFiltered(filter)
        ? html`<${Empty} icon="filter" title=${t('logs.none')} text=${t('logs.none_text')}><${Button} onClick=${() => setQuery(Object.fromEntries(Object.keys(filter).map((name) => [name, ''])))}>${t('logs.clear')}<//><//>`
        : html`<${Empty} icon="logs" title=${t('logs.empty')} text=${t('logs.empty_text')} />`;
    return html`<${Page} title=${t('nav.logs')} actions=${actions}>
        <${LogFilters} filter=${filter} range=${range} actions=${html`<${LogExport} question=${question} />`} />
        <${Table} label=${t('nav.logs')} columns=${columns(currency)} rows=${rows} rowKey=${(row) => row.id} onRow=${show} selected=${rows?.find((row) => row.request_id === query.row)?.id}
            error=${error} retry=${reload} empty=${empty} />
        <${MoreRows} more=${more} onMore=${goOn} />
        ${query.row && html`<${LogDrawer} id=${query.row} at=${query.at} currency=${currency} rows=${rows} onShow=${show} onClose=${() => setQuery({ row: '', at: '' })} />`}
    <//>`;
}
