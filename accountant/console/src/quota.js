// Budgets as people read them: how much is used, when it resets, how long it lasts.
// SPDX-License-Identifier: Apache-2.0
import { html } from './dom.js';
import { useApi } from './api.js';
import { compact, money, number, percent, relative, time } from './format.js';
import { t } from './i18n.js';
import { Bar } from './ui/index.js';

export const PERIODS = ['total', 'daily', 'weekly', 'monthly'];

// The currency of sums; undefined until it is known.
export function useCurrency() {
    const { data } = useApi('/usage', { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z' });
    return data?.currency;
}

export const amount = (unit, value, currency) => (unit === 'currency' ? money(value, currency) : compact(value));
export const wholeAmount = (unit, value, currency) =>
    (unit === 'currency' ? money(value, currency) : t('quota.tokens', { n: number(value) }));

const SCALES = { k: 1e3, m: 1e6, b: 1e9, '千': 1e3, '万': 1e4, '亿': 1e8 };

// '2m', '2,000,000', '200万' -> 2000000; money keeps its decimals. null: no amount.
export function parseAmount(text, unit) {
    const match = /^([\d.]+)([kmb千万亿])?$/i.exec(text.replace(/[\s,_，]/g, ''));
    const value = match ? Number(match[1]) * (SCALES[match[2]?.toLowerCase()] ?? 1) : NaN;
    if (!Number.isFinite(value) || value < 0) return null;
    if (unit === 'currency') return value;
    return Number.isSafeInteger(Math.round(value)) ? Math.round(value) : null;
}

// The budget that is nearest to its end.
export const tightest = (budgets) => [...budgets].sort((a, b) =>
    (b.limit ? b.used / b.limit : 1) - (a.limit ? a.used / a.limit : 1))[0];

// A cell of a table: bar and figures of the tightest budget.
export function QuotaCell({ budgets, currency, resets }) {
    const budget = tightest(budgets);
    if (!budget) return html`<span class="muted">${t('quota.unlimited')}</span>`;
    const renewed = budget.resets_at ? t('quota.resets', { when: relative(budget.resets_at) }) : t('quota.never_resets');
    const title = `${wholeAmount(budget.unit, budget.used, currency)} / ${wholeAmount(budget.unit, budget.limit, currency)} · ${renewed}`;
    return html`<div class="quota-cell" title=${title}>
        <${Bar} used=${budget.used} limit=${budget.limit} reserved=${budget.reserved} label=${title} />
        <span><b>${amount(budget.unit, budget.used, currency)}</b> / ${amount(budget.unit, budget.limit, currency)}
            <span class="muted"> ${t(`quota.per_${budget.period}`)}${budgets.length > 1 ? ` +${budgets.length - 1}` : ''}</span>
            ${resets && budget.resets_at && html`<span class="quota-reset muted">${relative(budget.resets_at)}</span>`}</span></div>`;
}

// When it runs out if it goes on as in the last `ms`, which used `used`.
export function forecast(budget, used, ms, now = Date.now()) {
    if (budget.remaining <= 0) return { key: 'quota.is_out' };
    if (!used || used <= 0) return { key: 'quota.no_pace' };
    const at = now + (budget.remaining / used) * ms;
    if (budget.resets_at && at > Date.parse(budget.resets_at)) return { key: 'quota.until_reset' };
    if (at - now > 10 * 365.25 * 86400000) return { key: 'quota.years' };
    return { key: 'quota.runs_out', at };
}

// One budget of a key or group, large. pace: {used: {tokens, currency}, ms}
export function BudgetCard({ budget, currency, pace }) {
    const said = pace && forecast(budget, pace.used[budget.unit], pace.ms);
    const share = budget.limit > 0 ? Math.min(1, budget.used / budget.limit) : 1;
    return html`<div class="budget"><div class="budget-head"><span>${t(`quota.${budget.unit}_${budget.period}`)}</span>
            <span class="muted">${percent(share, 0)}</span></div>
        <p class="budget-figure" title=${`${wholeAmount(budget.unit, budget.used, currency)} / ${wholeAmount(budget.unit, budget.limit, currency)}`}>
            ${amount(budget.unit, budget.used, currency)}<span class="muted"> / ${amount(budget.unit, budget.limit, currency)}</span></p>
        <${Bar} used=${budget.used} limit=${budget.limit} reserved=${budget.reserved} label=${t(`quota.${budget.unit}_${budget.period}`)} />
        <p class="muted small">${budget.resets_at ? html`<span title=${time(budget.resets_at)}>${t('quota.resets', { when: relative(budget.resets_at) })}</span>` : t('quota.never_resets')}</p>
        ${said && html`<p class=${`small ${said.key === 'quota.is_out' ? 'is-bad' : said.key === 'quota.runs_out' ? 'is-warn' : 'muted'}`}>${t(said.key, { when: said.at ? time(said.at, 'short') : '' })}</p>`}
    </div>`;
}
