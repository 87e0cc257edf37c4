// Where the time of a call went, as bars on one axis.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { duration } from '../format.js';
import { t } from '../i18n.js';

// [name, from, to] in ms of the call's beginning. Attempts that failed lie between
// queue and the last one's start; first_byte_ms and connect_ms count from there.
function phasesOf(row) {
    const end = row.duration_ms;
    const cut = (ms) => Math.max(0, Math.min(ms, end));
    const sent = cut(row.sent_ms);
    const queue = cut(row.queue_ms);
    const connected = cut(sent + row.connect_ms);
    const first = row.first_byte_ms ? cut(sent + row.first_byte_ms) : null;
    const token = row.first_token_ms ? Math.max(cut(row.first_token_ms), first ?? 0) : first;
    return [
        ['queue', 0, queue],
        ['before', queue, sent],
        ['connect', sent, connected],
        ['wait', connected, token ?? end],
        ['answer', token ?? end, end],
    ].filter(([, from, to]) => to > from);
}

const COLORS = { queue: '--series-3', before: '--series-6', connect: '--series-4', wait: '--series-1', answer: '--series-2' };

export function Timeline({ row }) {
    const phases = phasesOf(row);
    const whole = Math.max(row.duration_ms, 1);
    const part = (ms) => `${(ms / whole) * 100}%`;
    const name = (one) => (one === 'wait' ? t(row.first_token_ms ? 'logs.time_wait_token' : 'logs.time_wait') : t(`logs.time_${one}`));
    return html`<section class="log-part"><header><h3>${t('logs.timeline')}</h3><strong>${duration(row.duration_ms)}</strong></header>
        <ol class="timeline">${phases.map(([one, from, to]) => html`<li key=${one}>
            <span class="timeline-name">${name(one)}</span>
            <span class="timeline-track" aria-hidden="true"><i style=${{ left: part(from), width: part(to - from), background: `var(${COLORS[one]})` }}></i></span>
            <span class="timeline-ms">${duration(to - from)}</span></li>`)}
            ${phases.length === 0 && html`<li><span class="timeline-name muted">${t('logs.at_once')}</span></li>`}</ol></section>`;
}
