// Words and colours of how providers and their models are, and of what went wrong.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { number, relative, time } from '../format.js';
import { t, tWord } from '../i18n.js';
import { Badge } from '../ui/index.js';

const TONES = { up: 'good', degraded: 'warn', failing: 'warn', 'half-open': 'warn', cooling: 'bad', down: 'bad', disabled: '' };
const STRIP_MAX = 24;

export const toneOf = (state) => TONES[state] ?? '';

export function StateBadge({ state }) {
    return html`<${Badge} tone=${toneOf(state)}><span class="dot" aria-hidden="true"></span>${t(`health.${state}`)}<//>`;
}

// A bar for each model, in the colour of its state.
export function Strip({ endpoints }) {
    const words = (one) => `${one.model}: ${t(`health.${one.state}`)}`;
    return html`<span class="strip" role="img" aria-label=${t('health.strip', { n: number(endpoints.length) })}>
        ${endpoints.slice(0, STRIP_MAX).map((one) => html`<i key=${one.model} class=${`is-${toneOf(one.state) || 'off'}`} title=${words(one)}></i>`)}
        ${endpoints.length > STRIP_MAX && html`<small>+${endpoints.length - STRIP_MAX}</small>`}</span>`;
}

// The last error of any of these.
export const newest = (endpoints) => endpoints.map((one) => one.last_error).filter(Boolean)
    .sort((a, b) => b.time.localeCompare(a.time))[0];

export function errorText(error) {
    const cause = tWord('logs.cause', error.cause);
    return error.status ? `${error.status} · ${cause}` : cause;
}

export function LastError({ error }) {
    return error ? html`<span title=${`${time(error.time)}${error.credential ? ` · ${error.credential}` : ''}`}><span class="is-bad">${errorText(error)}</span>
        <span class="muted small"> ${relative(error.time)}</span></span>` : html`<span class="muted">–</span>`;
}
