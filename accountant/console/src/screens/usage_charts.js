// The charts of usage over a range, of all or (filter: {key_id}, {group}, {model})
// of a part: the overview's, a key's.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo } from '../dom.js';
import { useApi } from '../api.js';
import { compact, duration, iso, money, percent } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, to } from '../router.js';
import { Chart } from '../ui/index.js';
import { TOKEN_CLASSES, barsOf, overTime, stackBy } from '../usage.js';

const sumOf = (rows, name) => rows.map((row) => row?.[name] ?? 0);
const pick = (rows, name, part) => rows.map((row) => row?.[name]?.[part] ?? null);

// Each token is of one class.
function tokenClasses(rows) {
    return Object.entries(TOKEN_CLASSES).map(([name, color]) => ({ name, label: t(`usage_charts.${name}`), values: sumOf(rows, name), color: `--series-${color}` }))
        .filter(({ name, values }) => name === 'prompt_missed' || name === 'completion' || values.some(Boolean));
}

function seriesOf(data, byModel, times, range) {
    if (!data) return {};
    const rows = overTime(data.data, times, range);
    const stacks = byModel && stackBy(byModel.data, times, range, 'model', 'cost');
    return {
        requests: [
            { label: t('usage_charts.ok'), values: rows.map((row) => (row ? row.requests - row.errors : 0)), color: '--series-1' },
            { label: t('usage_charts.errors'), values: sumOf(rows, 'errors'), color: '--bad' },
        ],
        tokens: tokenClasses(rows),
        cost: stacks?.map(([model, values], i) => ({ label: model ?? t('usage_charts.others'), values, color: model === null ? '--series-8' : `--series-${i + 1}` })),
        latency: ['p50', 'p95'].map((part, i) => ({ label: t(`usage_charts.all_${part}`), values: pick(rows, 'duration_ms', part), color: `--series-${2 * i + 1}` })),
        first: ['p50', 'p95'].map((part, i) => ({ label: t(`usage_charts.first_${part}`), values: pick(rows, 'first_token_ms', part), color: `--series-${2 * i + 2}` })),
        hits: [
            { label: t('usage_charts.prompt_cache'), values: rows.map((row) => row?.cache_hit_rate ?? null), color: '--series-2' },
            { label: t('usage_charts.answer_cache'), values: rows.map((row) => (row?.requests ? row.cached_answers / row.requests : null)), color: '--series-4' },
        ],
    };
}

/*
 * <${UsageCharts} range=${range} over=${useApi('/usage', {...range.usage, by: range.unit})} filter=${{key_id: 7}} />
 */
export function UsageCharts({ range, over, filter = {}, children }) {
    const models = useApi('/usage', { ...range.usage, ...filter, by: `${range.unit},model` });
    const shown = useMemo(() => {
        const times = barsOf(range);
        return { times, step: range.step, from: Math.min(range.from / 1000, times[0]), to: range.to / 1000, series: seriesOf(over.data, models.data, times, range) };
    }, [over.data, models.data]);
    const { series, ...common } = shown;
    const spend = (value) => money(value, over.data?.currency);
    const total = over.data?.total;
    const frame = {
        ...common,
        href: (from, until) => to('/logs', { ...filter, from: iso(from), to: iso(until) }),
        onZoom: (from, until) => setQuery({ range: '', from: iso(Math.floor(from / 60000) * 60000), to: iso(Math.ceil(until / 60000) * 60000) }),
    };
    const latency = series.latency && [...series.latency, ...series.first];
    return html`<div class="grid-2">
        <${Chart} ...${frame} title=${t('usage_charts.requests')} file="requests" type="bars" stacked format=${compact} series=${series.requests} />
        <${Chart} ...${frame} title=${t('usage_charts.tokens')} file="tokens" type="area" stacked format=${compact} series=${series.tokens} />
        <${Chart} ...${frame} title=${t('usage_charts.cost')} file="cost" type="bars" stacked format=${spend} series=${series.cost} />
        <${Chart} ...${frame} title=${t('usage_charts.latency')} file="latency" format=${duration} series=${latency} />
        <${Chart} ...${frame} title=${t('usage_charts.hit_rate')} file="cache" format=${percent} most=${1} series=${series.hits}
            figure=${total && html`<span class="muted">${t('usage_charts.hits_of', { prompts: percent(total.cache_hit_rate), answers: percent(total.requests ? total.cached_answers / total.requests : 0) })}</span>`} />
        ${children}
    </div>`;
}
