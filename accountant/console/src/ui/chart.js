// Charts over time by uPlot, each with the table of what it shows.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useRef, useState } from '../dom.js';
import { number, time, zone } from '../format.js';
import { locale, t } from '../i18n.js';
import { navigate } from '../router.js';
import { toastError, usePreferences } from '../state.js';
import { IconButton } from './button.js';
import { downloadCsv } from './csv.js';
import { Table } from './table.js';

let uPlot = null; // a piece of its own, fetched with the first chart

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colorOf = (series, i) => token(series.color || `--series-${(i % 8) + 1}`);

// Sums from below: what series i is drawn up to.
function stack(series) {
    const sums = [];
    for (const one of series) {
        const below = sums.at(-1);
        sums.push(one.values.map((value, i) => (value ?? 0) + (below ? below[i] : 0)));
    }
    return sums;
}

// Steps of an axis of whole things: there is no half a request.
const WHOLE = Array.from({ length: 16 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
const isWhole = (series) => series.every((one) => one.values.every((value) => value === null || value === undefined || Number.isInteger(value)));

function axisLabels(step) {
    return (plot, splits, axis, space, increment) => splits.map((at, i) => {
        if (at === plot.scales.x.min) return ''; // the other axis' lowest stands there
        if (increment >= 86400) return time(at * 1000, 'monthDay');
        const day = time(at * 1000, 'monthDay');
        const isNew = i > 0 && day !== time(splits[i - 1] * 1000, 'monthDay');
        return isNew ? day : time(at * 1000, increment < 60 || step < 60 ? 'time' : 'clock');
    });
}

function optionsOf({ series, times, step, type, stacked, format, from, to, most, isEmpty }, colors, size, hooks) {
    const drawn = series.map((one, i) => ({
        label: one.label, stroke: colors[i], width: type === 'bars' ? 0 : 1.6,
        points: { show: one.values.filter((value) => value !== null && value !== undefined).length < 3, size: 5 },
        fill: type === 'line' ? undefined : `${colors[i]}${type === 'bars' ? '' : '33'}`,
        paths: type === 'bars' ? uPlot.paths.bars({ size: [0.72, 32], align: 1, radius: stacked ? 0 : 0.12 })
            : type === 'area' ? uPlot.paths.linear() : uPlot.paths.spline(),
        spanGaps: false,
    }));
    if (stacked) drawn.reverse(); // the highest sum first, the others before it
    const axis = { stroke: token('--text-3'), font: `11px ${token('--font')}`, ticks: { show: false } };
    const grid = { stroke: token('--line-2'), width: 1 };
    return {
        ...size, padding: [12, 14, 0, 0], legend: { show: false }, focus: { alpha: 0.4 },
        tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone()),
        cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: false } },
        scales: {
            x: { time: true, range: [from, to] },
            y: { range: (plot, low, high) => [0, Math.min(most ?? Infinity, high > 0 ? high * 1.05 : 1)] },
        },
        axes: [
            { ...axis, grid: { show: false }, values: axisLabels(step), space: 64, size: 28 },
            { ...axis, grid, size: 56, space: 36, gap: 4, ...(isWhole(series) && { incrs: WHOLE }), values: (plot, splits) => splits.map((value) => (isEmpty ? '' : format(value))) },
        ],
        series: [{}, ...drawn], hooks,
        bands: stacked && type === 'area' ? drawn.slice(1).map((one, i) => ({ series: [i + 1, i + 2], fill: drawn[i].fill })) : undefined,
    };
}

// The values at the cursor, beside it.
function Tip({ at, times, step, series, colors, format, stacked }) {
    if (!at) return null;
    const sum = stacked && series.reduce((all, one) => all + (one.values[at.i] ?? 0), 0);
    const style = step < 60000 ? 'full' : step < 86400000 ? 'short' : 'day';
    return html`<div class="chart-tip" style=${{ [at.right ? 'right' : 'left']: `${at.x}px` }}>
        <strong>${time(times[at.i] * 1000, style)}</strong>
        ${series.map((one, i) => html`<span key=${i}><i style=${{ background: colors[i] }}></i>${one.label}<b>${format(one.values[at.i])}</b></span>`)}
        ${stacked && series.length > 1 && html`<span><i></i>${t('chart.sum')}<b>${format(sum)}</b></span>`}</div>`;
}

function Plot(props) {
    const { times, series, stacked, step, height, href, onZoom } = props;
    const preferences = usePreferences();
    const [at, setAt] = useState(null);
    const [colors, setColors] = useState([]);
    const [isReady, setReady] = useState(uPlot !== null);
    const root = useRef();
    useEffect(() => {
        if (isReady) return;
        import('uplot').then((piece) => {
            uPlot = piece.default;
            setReady(true);
        }, () => toastError(new Error(t('common.unreachable'))));
    }, []);
    useEffect(() => {
        if (!isReady) return undefined;
        const host = root.current;
        const found = series.map(colorOf);
        setColors(found);
        const values = stacked ? stack(series).reverse() : series.map((one) => one.values);
        const size = () => ({ width: Math.max(host.clientWidth, 120), height });
        const move = (plot) => {
            const { idx, left } = plot.cursor;
            if (idx === null || idx === undefined || left < 0) return setAt(null);
            const x = left + plot.bbox.left / devicePixelRatio;
            const right = x > host.clientWidth / 2;
            return setAt({ i: idx, right, x: right ? host.clientWidth - x + 14 : x + 14 });
        };
        const picked = (plot) => {
            const [a, b] = [plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x')];
            if (plot.select.width > 8 && onZoom) onZoom(a * 1000, b * 1000);
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
        };
        const options = optionsOf({ ...props, step: step / 1000 }, found, size(), { setCursor: [move], setSelect: [picked] });
        // A bar begins at its time: the cursor is on it until the next one.
        if (props.type === 'bars') options.cursor.dataIdx = (plot, i, nearest, x) => Math.min(times.length - 1,
            Math.max(0, times.findLastIndex((one) => one <= x)));
        const plot = new uPlot(options, [times, ...values], host);
        const click = () => {
            const { idx } = plot.cursor;
            if (href && idx !== null && idx !== undefined && plot.select.width < 3)
                navigate(href(times[idx] * 1000, times[idx] * 1000 + step));
        };
        plot.over.addEventListener('click', click);
        const observer = new ResizeObserver(() => plot.setSize(size()));
        observer.observe(host);
        return () => {
            observer.disconnect();
            plot.destroy();
        };
    }, [isReady, times, series, stacked, step, height, preferences.theme, preferences.zone, document.documentElement.dataset.theme]);
    return html`<div class="chart-plot" aria-busy=${isReady ? undefined : 'true'} style=${{ height: `${height}px` }}><div ref=${root} class=${href && 'is-link'} aria-hidden="true"></div>
        <${Tip} at=${at} times=${times} step=${step} series=${series} colors=${colors} format=${props.format} stacked=${stacked} /></div>`;
}

function ChartTable({ title, times, step, series, format, href }) {
    const columns = [{ key: 'at', title: t('chart.time'), sort: (row) => row.at,
        render: (row) => (href ? html`<a href=${href(row.at, row.at + step)}>${time(row.at, 'minute')}</a>` : time(row.at, 'minute')) },
    ...series.map((one, i) => ({ key: `s${i}`, title: one.label, align: 'right', sort: (row) => row.values[i], render: (row) => format(row.values[i]) }))];
    const rows = times.map((at, i) => ({ at: at * 1000, values: series.map((one) => one.values[i]) }));
    return html`<div class="chart-table"><${Table} label=${title} columns=${columns} rows=${rows} rowKey=${(row) => row.at} /></div>`;
}

/*
 * <${Chart} title="Requests" times=${[s, ...]} step=${ms} from=${s} to=${s}
 *     series=${[{label, values, color: '--bad'}]} type="line|area|bars" stacked
 *     format=${(value) => text} href=${(fromMs, toMs) => url} onZoom=${(fromMs, toMs) => ...} />
 * times are seconds, the beginnings of buckets; null is a gap. `file`: of the CSV.
 * most: what no value is above.
 */
export function Chart({ title, figure, times, series, type = 'line', stacked = false, format = number, height = 200, file, ...rest }) {
    const [asTable, setAsTable] = useState(false);
    const colors = series?.map((one, i) => one.color || `--series-${(i % 8) + 1}`) || [];
    const csv = () => downloadCsv(`${file || 'aigw'}.csv`, ['time', ...series.map((one) => one.label)],
        times.map((at, i) => [new Date(at * 1000).toISOString(), ...series.map((one) => one.values[i])]));
    // Of a share, nothing of something is something.
    const isEmpty = series && !series.some((one) => one.values.some((value) => (rest.most ? Number.isFinite(value) : value)));
    const shown = { title, times, series, type, stacked, format, height, isEmpty, ...rest };
    return html`<figure class="card chart" aria-label=${title} lang=${locale()}>
        <header><figcaption><h2>${title}</h2>${figure !== undefined && html`<span class="figure">${figure}</span>`}</figcaption>
            <div class="row"><${IconButton} small icon=${asTable ? 'chart' : 'table'} label=${t(asTable ? 'chart.as_chart' : 'chart.as_table')} aria-pressed=${asTable ? 'true' : 'false'} disabled=${!series} onClick=${() => setAsTable(!asTable)} />
                <${IconButton} small icon="download" label=${t('chart.csv')} disabled=${!series} onClick=${csv} /></div></header>
        ${!series ? html`<div class="skeleton" style=${{ height: `${height}px` }}></div>`
            : asTable ? html`<${ChartTable} ...${shown} />`
                : html`<div class="chart-frame"><${Plot} ...${shown} />${isEmpty && html`<p class="chart-empty"><span>${t('chart.empty')}</span></p>`}</div>`}
        <ul class="legend">${(series || []).map((one, i) => html`<li key=${i}><i style=${{ background: `var(${colors[i]})` }}></i>${one.label}</li>`)}</ul>
    </figure>`;
}
