// Numbers, money, times as text, in the reader's language.
// SPDX-License-Identifier: Apache-2.0
import { locale, t, tn } from './i18n.js';
import { preferences } from './state.js';

const NOTHING = '–';
const made = new Map();

// Intl's objects are dear to make.
function intl(kind, options) {
    const name = kind.name + locale() + JSON.stringify(options);
    if (!made.has(name)) made.set(name, new kind(locale(), options));
    return made.get(name);
}

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

// 1234567 -> 1,234,567
export const number = (value, digits = 0) => (!isNumber(value) ? NOTHING
    : intl(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value));

// 1234567 -> 1.23M, 123万; up to 9999 as it is. The whole number belongs into title.
export const compact = (value) => (!isNumber(value) ? NOTHING
    : Math.abs(value) < 10000 ? number(value, Math.abs(value) < 10 ? 2 : 0)
        : intl(Intl.NumberFormat, { notation: 'compact', maximumSignificantDigits: 3 }).format(value));

// 0.1234 -> 12.3%
export const percent = (value, digits = 1) => (!isNumber(value) ? NOTHING
    : intl(Intl.NumberFormat, { style: 'percent', maximumFractionDigits: digits }).format(value));

// Small sums keep their digits: 0.000123 USD is no 0.00.
export function money(value, currency) {
    const amount = typeof value === 'string' ? Number(value) : value;
    if (!isNumber(amount)) return NOTHING;
    const size = Math.abs(amount);
    const digits = size === 0 || size >= 1 ? 2
        : Math.min(9, 2 - Math.floor(Math.log10(size)));
    const options = { minimumFractionDigits: 2, maximumFractionDigits: Math.max(2, digits) };
    if (/^[A-Z]{3}$/.test(currency || ''))
        Object.assign(options, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
    return intl(Intl.NumberFormat, options).format(amount);
}

// The whole of a sum, for titles: 0.0460680 USD
export const exactMoney = (value, currency) => (!isNumber(value) ? undefined : `${number(value, 9)} ${currency || ''}`.trim());

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
export function bytes(value) {
    if (!isNumber(value)) return NOTHING;
    let unit = 0;
    while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${number(value, unit > 0 && value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}

// Milliseconds: 840 ms, 2.4 s, 3 min 20 s, 5 h 2 min, 3 d 4 h
export function duration(ms) {
    if (!isNumber(ms)) return NOTHING;
    if (ms < 1000) return `${number(ms, ms < 10 ? 1 : 0)} ms`;
    if (ms < 60000) return `${number(ms / 1000, ms < 10000 ? 2 : 1)} s`;
    const parts = [['d', 86400000], ['h', 3600000], ['min', 60000], ['s', 1000]];
    const at = parts.findIndex(([, size]) => ms >= size);
    const [[unit, size], next] = [parts[at], parts[at + 1]];
    const rest = Math.floor((ms % size) / (next?.[1] ?? 1));
    return `${Math.floor(ms / size)} ${unit}${next && rest > 0 ? ` ${rest} ${next[0]}` : ''}`;
}

export const zone = () => (preferences.get().zone === 'UTC' ? 'UTC'
    : Intl.DateTimeFormat().resolvedOptions().timeZone);

// UTC+8
export function zoneOffset(ms = Date.now()) {
    const part = intl(Intl.DateTimeFormat, { timeZone: zone(), timeZoneName: 'shortOffset' })
        .formatToParts(ms).find(({ type }) => type === 'timeZoneName');
    return part.value.replace('GMT', 'UTC');
}

// `when`: RFC 3339 or ms. style: full, minute, day, time, axis
const STYLES = {
    full: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    minute: { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    short: { month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    day: { year: 'numeric', month: 'short', day: 'numeric' },
    month: { year: 'numeric', month: 'long' },
    monthDay: { month: 'short', day: 'numeric' },
    time: { hour: '2-digit', minute: '2-digit', second: '2-digit' },
    clock: { hour: '2-digit', minute: '2-digit' },
};
export function time(when, style = 'full') {
    if (when === null || when === undefined) return NOTHING;
    const date = new Date(when);
    if (Number.isNaN(date.getTime())) return NOTHING;
    return intl(Intl.DateTimeFormat, { ...STYLES[style], hourCycle: 'h23', timeZone: zone() }).format(date);
}

export const iso = (ms) => new Date(ms).toISOString();

// The shown zone's wall time of `ms` as <input type="datetime-local"> has it, and back.
export function toField(ms) {
    const shift = zone() === 'UTC' ? 0 : new Date(ms).getTimezoneOffset() * 60000;
    return iso(ms - shift).slice(0, 16);
}
export const fromField = (text) => Date.parse(zone() === 'UTC' ? `${text}Z` : text);

// 3 minutes ago, in 2 days
export function relative(when, now = Date.now()) {
    if (when === null || when === undefined) return t('common.never');
    const seconds = (new Date(when).getTime() - now) / 1000;
    const size = Math.abs(seconds);
    if (size < 5) return t('common.now');
    const format = intl(Intl.RelativeTimeFormat, { numeric: 'auto' });
    for (const [unit, length] of [['year', 31557600], ['month', 2629800], ['day', 86400],
        ['hour', 3600], ['minute', 60]])
        if (size >= length) return format.format(Math.trunc(seconds / length), unit);
    return format.format(Math.trunc(seconds), 'second');
}

export const days = (n) => tn('common.days', n);

// A text as one word of a shell.
export const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
