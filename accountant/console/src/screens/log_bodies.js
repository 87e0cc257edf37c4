// What was asked and answered, where it was kept: others' words, shown as text.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { bytes } from '../format.js';
import { t } from '../i18n.js';
import { Button, Copy } from '../ui/index.js';

const SHOWN = 20000; // characters, until more is asked for
const PRETTY = 400000; // what is larger is not parsed

function pretty(text) {
    if (text.length > PRETTY) return text;
    try {
        return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
        return text; // of a stream, cut off, or no JSON
    }
}

function Body({ title, body }) {
    const [all, setAll] = useState(false);
    const text = useMemo(() => pretty(body.text), [body.text]);
    const shown = all ? text : text.slice(0, SHOWN);
    return html`<div class="log-body"><header><h3>${title}</h3><span class="muted small">${bytes(body.size)}${!body.complete && ` · ${t('logs.cut_off')}`}</span>
            <${Copy} text=${body.text} label=${t('logs.copy_body', { title })} /></header>
        <pre tabindex="0" aria-label=${title} dir="auto">${shown}${shown.length < text.length && '…'}</pre>
        ${shown.length < text.length && html`<${Button} small onClick=${() => setAll(true)}>${t('logs.show_all', { size: bytes(text.length) })}<//>`}</div>`;
}

export function LogBodies({ payload, kept }) {
    if (!payload) return html`<p class="muted small">${t(kept ? 'logs.bodies_gone' : 'logs.no_bodies')}</p>`;
    return html`<${Body} title=${t('logs.request')} body=${payload.request} /><${Body} title=${t('logs.answer')} body=${payload.answer} />`;
}
