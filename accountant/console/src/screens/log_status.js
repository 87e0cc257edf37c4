// How a call of the log ended, as a badge.
// SPDX-License-Identifier: Apache-2.0
import { html } from '../dom.js';
import { tWord } from '../i18n.js';
import { Badge } from '../ui/index.js';

export const toneOf = (row) => (row.cause === 'ok' && row.status < 400 ? 'good'
    : row.cause === 'client_gone' || row.cause === 'cut' || row.status === 429 ? 'warn' : 'bad');

export function StatusBadge({ row }) {
    const word = tWord('logs.cause', row.cause);
    return html`<${Badge} tone=${toneOf(row)} title=${word}>${row.status || '–'}<//>`;
}
