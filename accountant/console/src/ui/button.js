// Buttons, and what copies a text.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useRef, useState } from '../dom.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Icon } from './icon.js';

/*
 * <${Button} kind="primary" icon="plus" onClick=${f}>Create<//>
 * kind: '' (outlined), primary, danger, ghost. `href` makes it a link. Where
 * onClick returns a promise the button is busy until it is done.
 */
export function Button({ kind = '', icon, small, href, busy, disabled, onClick, children, class: more, ...rest }) {
    const [running, setRunning] = useState(false);
    const isBusy = busy || running;
    const name = classes('button', kind && `button-${kind}`, small && 'button-small',
        !children && 'button-icon', isBusy && 'is-busy', more);
    const inside = html`${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}`;
    if (href) return html`<a class=${name} href=${href} ...${rest}>${inside}</a>`;
    const click = async (event) => {
        const result = onClick?.(event);
        if (!result?.then) return;
        setRunning(true);
        try {
            await result;
        } finally {
            setRunning(false);
        }
    };
    return html`<button type="button" class=${name} disabled=${disabled || isBusy} onClick=${click}
        aria-busy=${isBusy ? 'true' : undefined} ...${rest}>${inside}</button>`;
}

// A button that is an icon alone: its label is read and shown as a tip.
export function IconButton({ label, kind = 'ghost', ...rest }) {
    return html`<${Button} kind=${kind} aria-label=${label} title=${label} ...${rest} />`;
}

async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
    } catch {
        // Without https (other than on localhost) there is no clipboard API.
        const area = document.createElement('textarea');
        area.value = text;
        area.className = 'sr-only';
        (document.querySelector('dialog[open]') || document.body).append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        if (!done) throw new Error(t('common.copy_failed'));
    }
}

// <${Copy} text=${value} /> or with a label: <${Copy} text=${value}>Copy key<//>
export function Copy({ text, label, kind = 'ghost', small = true, children }) {
    const [done, setDone] = useState(false);
    const timer = useRef();
    const copy = async () => {
        try {
            await copyText(typeof text === 'function' ? text() : text);
        } catch (error) {
            toast(error.message, { kind: 'error' });
            return;
        }
        setDone(true);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => setDone(false), 1600);
    };
    const name = done ? t('common.copied') : label || t('common.copy');
    return html`<${Button} kind=${kind} small=${small} icon=${done ? 'check' : 'copy'} onClick=${copy}
        aria-label=${children ? undefined : name} title=${children ? undefined : name}>
        ${children && (done ? t('common.copied') : children)}<//>`;
}

// A text to take along, in a box with a copy button: <${Code} text=${curl} />
export function Code({ text, label }) {
    return html`<div class="code"><pre tabindex="0" aria-label=${label}>${text}</pre><${Copy} text=${text} label=${label && `${t('common.copy')}: ${label}`} /></div>`;
}
