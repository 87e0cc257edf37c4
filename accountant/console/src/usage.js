// Answers of GET /admin/v1/usage over time, with the bars that had nothing.
// SPDX-License-Identifier: Apache-2.0
import { zone } from './format.js';

// Each token is of one class; the colour (--series-N) that it has everywhere.
export const TOKEN_CLASSES = { prompt_missed: 1, cached: 5, cache_creation: 7, completion: 2, reasoning: 3, audio: 6 };

const HOUR = 3600000;
const DAY = 24 * HOUR;

// The beginning of the day of `ms` in the shown zone.
function dayOf(ms) {
    return zone() === 'UTC' ? Math.floor(ms / DAY) * DAY : new Date(ms).setHours(0, 0, 0, 0);
}

// Days are not all as long as each other: by half of the next one on.
export const dayAfter = (day) => dayOf(day + DAY + DAY / 2);
const bucketOf = (ms, step) => (step < DAY ? Math.floor(ms / step) * step : dayOf(ms));

// '+01:00,+02:00@2026-03-29T01:00:00Z': the shown zone from `from` to `to`, as
// `utc_offset` of the API wants it. Zones change at whole hours of UTC or so.
export function utcOffset(from, to) {
    if (zone() === 'UTC') return '';
    const minutesOf = (ms) => -new Date(ms).getTimezoneOffset();
    const two = (n) => String(n).padStart(2, '0');
    const textOf = (minutes) => `${minutes < 0 ? '-' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
    const parts = [textOf(minutesOf(from))];
    for (let at = Math.ceil(from / HOUR) * HOUR, last = minutesOf(from); at < to; at += HOUR) {
        const minutes = minutesOf(at);
        if (minutes !== last) parts.push(`${textOf(minutes)}@${new Date(at).toISOString().replace('.000', '')}`);
        last = minutes;
    }
    return parts.join(',');
}

// The beginnings of the range's bars, in seconds.
export function barsOf({ from, to, step }) {
    const all = [];
    for (let at = bucketOf(from, step); at < to; at = step < DAY ? at + step : dayAfter(at)) all.push(at / 1000);
    return all;
}

/*
 * overTime(answer.data, times, range) -> rows: answer's row of each bar, undefined
 * where it has none. With several rows at a time give those of one only.
 */
export function overTime(data, times, { step }) {
    const at = new Map(data.map((row) => [bucketOf(Date.parse(row.time), step) / 1000, row]));
    return times.map((time) => at.get(time));
}

/*
 * stackBy(data, times, range, name, value, most) -> [[label, values, sum]]: one
 * for each of the `most` largest, what is left as [null, ...] behind them.
 */
export function stackBy(data, times, { step }, name, value, most = 6) {
    const place = new Map(times.map((time, i) => [time, i]));
    const sums = new Map();
    for (const row of data) {
        const key = row[name];
        if (!sums.has(key)) sums.set(key, [key, times.map(() => 0), 0]);
        const one = sums.get(key);
        const i = place.get(bucketOf(Date.parse(row.time), step) / 1000);
        if (i !== undefined) one[1][i] += row[value];
        one[2] += row[value];
    }
    const all = [...sums.values()].filter((one) => one[2] > 0).sort((a, b) => b[2] - a[2]);
    if (all.length <= most) return all;
    const rest = all.slice(most - 1);
    const values = times.map((_, i) => rest.reduce((sum, one) => sum + one[1][i], 0));
    return [...all.slice(0, most - 1), [null, values, rest.reduce((sum, one) => sum + one[2], 0)]];
}

// What changed, as a part of what was: 0.12 is 12 % more. Undefined: from nothing.
export const changeOf = (now, before) => (before > 0 && Number.isFinite(now) ? (now - before) / before : undefined);
