// What a screen says of itself: nothing there, failed, on its way, done.
// SPDX-License-Identifier: Apache-2.0
import { classes, html } from '../dom.js';
import { t } from '../i18n.js';
import { toasts } from '../state.js';
import { useStore } from '../store.js';
import { Button, IconButton } from './button.js';
import { Icon } from './icon.js';

// Nothing is there yet; children say the next step.
export function Empty({ icon = 'info', title, text, children }) {
    return html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>
        ${text && html`<p>${text}</p>`}${children && html`<div class="row">${children}</div>`}</div>`;
}

// error: an ApiError; retry: what asks again
export function Failure({ error, retry }) {
    const lacks = error.status === 403;
    return html`<div class="empty failure" role="alert"><${Icon} name="warning" />
        <h2>${lacks ? t('common.not_permitted') : t('common.failed')}</h2>
        <p>${error.message}</p>
        ${retry && !lacks && html`<div class="row"><${Button} icon="refresh" onClick=${retry}>${t('common.retry')}<//></div>`}
    </div>`;
}

// A grey place of the size of what comes. lines, or height in px
export function Skeleton({ lines = 1, height }) {
    return html`<div class="skeletons" aria-hidden="true">${Array.from({ length: height ? 1 : lines },
        (_, i) => html`<div key=${i} class="skeleton" style=${height ? { height: `${height}px` } : undefined}></div>`)}</div>`;
}

// tone: '', good, warn, bad, accent
export function Badge({ tone, title, children }) {
    return html`<span class=${classes('badge', tone && `badge-${tone}`)} title=${title}>${children}</span>`;
}

export function Toasts() {
    const all = useStore(toasts);
    return html`<div class="toasts" role="status" aria-live="polite">
        ${all.map((one) => html`<div key=${one.id} class=${classes('toast', `toast-${one.kind}`)}>
            <${Icon} name=${one.kind === 'error' ? 'warning' : 'check'} /><span class="grow">${one.text}</span>
            ${one.action && html`<${Button} small onClick=${() => { one.end(); return one.onAction(); }}>${one.action}<//>`}
            <${IconButton} small icon="close" label=${t('common.close')} onClick=${one.end} />
        </div>`)}</div>`;
}
