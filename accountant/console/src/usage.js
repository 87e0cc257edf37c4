// Answers of GET /admin/v1/usage over time, with the buckets that had nothing.
// SPDX-License-Identifier: Apache-2.0
import { zone } from './format.js';

const DAY = 86400000;
const ADDED = ['requests', 'errors', 'tokens', 'cost', 'prompt_missed', 'cached', 'cache_creation',
    'completion', 'reasoning', 'audio'];
const nothing = () => Object.fromEntries(ADDED.map((name) => [name, 0]));

// The beginning of the day of `ms` in the shown zone.
function dayOf(ms) {
    if (zone() === 'UTC') return Math.floor(ms / DAY) * DAY;
    return new Date(ms).setHours(0, 0, 0, 0);
}

function beginnings({ from, to, step }) {
    const all = [];
    if (step < DAY) {
        for (let at = Math.floor(from / step) * step; at < to; at += step) all.push(at);
        return all;
    }
    // Days are not all as long as each other.
    for (let at = dayOf(from); at < to; at = dayOf(at + DAY + DAY / 2)) all.push(at);
    return all;
}

export const bucketOf = (ms, { step }) => (step < DAY ? Math.floor(ms / step) * step : dayOf(ms));

function add(sum, row) {
    for (const name of ADDED) sum[name] += row[name] ?? 0;
}

/*
 * buckets(answer, range) -> {times (s), rows}: one row of sums for each bar of
 * the range. Undefined rows: the answer is on its way.
 */
export function buckets(answer, range) {
    if (!answer) return { times: [], rows: undefined };
    const starts = beginnings(range);
    const sums = new Map(starts.map((at) => [at, nothing()]));
    for (const row of answer.data) {
        const sum = sums.get(bucketOf(Date.parse(row.time), range));
        if (sum) add(sum, row);
    }
    return { times: starts.map((at) => at / 1000), rows: [...sums.values()] };
}
