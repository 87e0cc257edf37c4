// One call: where its time went, what was tried, what it used and why it cost
// what it did, what was said.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect } from '../dom.js';
import { segment, useApi } from '../api.js';
import { duration, money, number, percent, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { to } from '../router.js';
import { Badge, Copy, Drawer, Facts, Failure, IconButton, Skeleton } from '../ui/index.js';
import { TOKEN_CLASSES } from '../usage.js';
import { LogBodies } from './log_bodies.js';
import { Timeline } from './log_timeline.js';
import { toneOf } from './log_status.js';

function Part({ title, note, children }) {
    return html`<section class="log-part"><header><h3>${title}</h3>${note && html`<span class="muted small">${note}</span>`}</header>${children}</section>`;
}

function Attempts({ row, currency }) {
    if (!row.attempts.length) return null;
    return html`<${Part} title=${t('logs.attempts')} note=${number(row.attempt_count)}><ol class="attempts">${row.attempts.map((one, i) => html`
        <li key=${i}><span class="attempt-nth">${i + 1}</span>
            <span class="grow"><bdi>${one.provider ?? '–'}</bdi>${one.credential && html`<span class="muted"> · <bdi>${one.credential}</bdi></span>`}
                <small><bdi>${one.model ?? ''}</bdi> · ${tWord('logs.cause', one.cause)}</small></span>
            <${Badge} tone=${one.cause === 'ok' ? 'good' : 'bad'}>${one.status || t('logs.no_answer')}<//>
            <span class="attempt-figures">${duration(one.duration_ms)}<small>${money(one.cost_nano / 1e9, currency)}</small></span></li>`)}</ol><//>`;
}

function Tokens({ row }) {
    const classes_ = Object.entries(TOKEN_CLASSES).map(([name, color]) => [name, row.usage[name], color]).filter(([, count]) => count > 0);
    const sum = classes_.reduce((all, [, count]) => all + count, 0);
    return html`<${Part} title=${t('overview.tokens')} note=${t('logs.tokens_total', { n: number(row.tokens) })}>
        ${sum > 0 && html`<div class="token-bar" aria-hidden="true">${classes_.map(([name, count, color]) => html`<i key=${name}
            style=${{ width: `${(count / sum) * 100}%`, background: `var(--series-${color})` }}></i>`)}</div>
        <ul class="legend">${classes_.map(([name, count, color]) => html`<li key=${name}><i style=${{ background: `var(--series-${color})` }}></i>${t(`usage_charts.${name}`)} <b>${number(count)}</b></li>`)}</ul>`}
        <div class="log-facts"><${Facts} rows=${[
            [t('logs.generated'), html`<span title=${t('logs.generated_hint')}>${number(row.generated_tokens)}</span>`],
            [t('logs.delivered'), html`<span title=${t('logs.delivered_hint')}>${number(row.delivered_tokens)}</span>`],
            [t('logs.charged'), html`<span title=${t('logs.charged_hint')}>${number(row.tokens)}${row.estimated && html` <${Badge} title=${t('logs.estimated_hint')}>${t('logs.estimated')}<//>`}</span>`]]} /></div><//>`;
}

// The lines of the price, and what the charge is beside their sum.
function Charge({ row, charge, currency }) {
    const failed = row.attempts.slice(0, -1).reduce((sum, one) => sum + one.cost_nano, 0) / 1e9;
    const rest = charge ? row.cost - charge.sum - failed : 0;
    const note = charge && t('logs.price_of', { version: number(charge.version), time: time(charge.since, 'day') });
    const per = (line) => (line.class === 'image' || line.class === 'request' ? money(line.price, currency) : t('logs.per_million', { price: money(line.price, currency) }));
    return html`<${Part} title=${t('overview.cost')} note=${note}>
        <table class="sum"><tbody>
            ${charge?.lines.map((line) => html`<tr key=${line.class}><th scope="row">${t(`logs.price.${line.class}`)}</th>
                <td class="right muted">${number(line.count)} × ${per(line)}</td><td class="right">${money(line.cost, currency)}</td></tr>`)}
            ${failed > 0 && html`<tr><th scope="row">${t('logs.failed_attempts')}</th><td></td><td class="right">${money(failed, currency)}</td></tr>`}
            ${Math.abs(rest) >= 1e-9 && html`<tr><th scope="row">${t(row.cached ? 'logs.from_cache' : 'logs.not_charged')}</th><td></td><td class="right">${money(rest, currency)}</td></tr>`}
            ${!charge && html`<tr><th scope="row" class="muted">${t('logs.unpriced')}</th><td></td><td></td></tr>`}
        </tbody><tfoot><tr><th scope="row">${t('logs.charged')}</th><td></td><td class="right">${money(row.cost, currency)}</td></tr></tfoot></table><//>`;
}

function About({ row }) {
    const link = (name, value, text) => value && html`<a href=${to('/logs', { [name]: value })}><bdi>${text ?? value}</bdi></a>`;
    const asked = row.model_asked && row.model_asked !== row.model && [t('logs.asked'), html`<bdi>${row.model_asked}</bdi>`];
    return html`<${Facts} rows=${[
        [t('usage.by_model'), link('model', row.model) || html`<bdi>${row.model_asked ?? '–'}</bdi>`], asked,
        [t('usage.by_key'), html`<a href=${to(`/keys/${row.key_id}`)}><bdi>${row.key ?? t('overview.deleted', { id: row.key_id })}</bdi></a>`],
        [t('usage.by_group'), html`<bdi>${row.group || '–'}</bdi>`],
        [t('usage.by_provider'), html`${link('provider', row.provider) || '–'}${row.credential && html` · <bdi>${row.credential}</bdi>`}`],
        row.gateway && ['gateway', html`<bdi>${row.gateway}</bdi>`],
        row.limit && [t('logs.filter.refused_by'), row.limit],
        [t('logs.client'), row.client_ip ?? '–'],
        [t('logs.ended'), time(row.time)]]} />`;
}

function Metadata({ value }) {
    if (!value) return null;
    const rows = typeof value === 'object' ? Object.entries(value) : [['', String(value)]];
    return html`<${Part} title=${t('logs.metadata')}><ul class="chips">${rows.map(([name, one]) => html`<li key=${name}><bdi>${name}</bdi> = <bdi>${typeof one === 'string' ? one : JSON.stringify(one)}</bdi></li>`)}</ul><//>`;
}

function Content({ found, currency }) {
    const { log: row, charge, payload } = found;
    const share = row.usage.cached / (row.usage.prompt_missed + row.usage.cached + row.usage.cache_creation);
    return html`<div class="log-head"><${Badge} tone=${toneOf(row)}>${row.status || '–'} · ${tWord('logs.cause', row.cause)}<//>
            ${row.stream && html`<${Badge}>${t('logs.mark.stream')}<//>`}${row.cached && html`<${Badge} tone="accent">${t('logs.mark.cached')}<//>`}
            ${share > 0 && html`<${Badge}>${t('logs.prompt_cache', { share: percent(share) })}<//>`}</div>
        ${row.error && html`<p class="log-error"><bdi>${row.error}</bdi></p>`}
        <${Timeline} row=${row} />
        <${About} row=${row} />
        <${Attempts} row=${row} currency=${currency} />
        <${Tokens} row=${row} />
        <${Charge} row=${row} charge=${charge} currency=${currency} />
        <${Metadata} value=${row.metadata} />
        <${LogBodies} payload=${payload} kept=${row.payload} />`;
}

// rows: of the list, for the ones before and behind; j and k go there as well.
export function LogDrawer({ id, at, currency, rows, onShow, onClose }) {
    const { data, error, reload } = useApi(`/logs/${segment(id)}`, { payload: 'yes', at });
    const place = rows?.findIndex((row) => row.request_id === id) ?? -1;
    const step = (by) => {
        const next = place >= 0 && rows[place + by];
        if (next) onShow(next);
    };
    useEffect(() => {
        const keys = (event) => {
            if (event.target.closest?.('input, textarea, select') || event.ctrlKey || event.metaKey) return;
            if (event.key === 'j') step(1);
            if (event.key === 'k') step(-1);
        };
        addEventListener('keydown', keys);
        return () => removeEventListener('keydown', keys);
    }, [place, rows]);
    const found = data?.log.request_id === id ? data : null;
    const footer = html`<span class="grow"></span>
        <${IconButton} kind="" icon="up" label=${t('logs.newer')} disabled=${place <= 0} onClick=${() => step(-1)} />
        <${IconButton} kind="" icon="down" label=${t('logs.older')} disabled=${place < 0 || place + 1 >= rows.length} onClick=${() => step(1)} />`;
    return html`<${Drawer} title=${t('logs.call')} onClose=${onClose} footer=${footer}>
        <div class="log-id"><code>${id}</code><${Copy} text=${id} label=${t('logs.copy_id')} /></div>
        ${error && !found ? html`<${Failure} error=${error} retry=${reload} />` : found ? html`<${Content} found=${found} currency=${currency} />` : html`<${Skeleton} lines=${12} />`}
    <//>`;
}
