// Windows above the page: the browser's <dialog> keeps focus and Escape.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useEffect, useId, useRef, useState } from '../dom.js';
import { t } from '../i18n.js';
import { createStore, useStore } from '../store.js';
import { Button, IconButton } from './button.js';

/*
 * Shown while it is rendered: ${open && html`<${Dialog} title=... onClose=${f} footer=${html`...`}>...<//>`}
 * `kind` drawer: at the right edge. `onSubmit`: the content is a form, Enter sends it.
 */
export function Dialog({ title, kind = '', wide, onClose, onSubmit, footer, children }) {
    const ref = useRef();
    const id = useId();
    useEffect(() => {
        const dialog = ref.current;
        const before = document.activeElement;
        dialog.showModal();
        return () => {
            dialog.close();
            if (before?.isConnected) before.focus();
        };
    }, []);
    const cancel = (event) => {
        event.preventDefault();
        onClose();
    };
    const pressed = (event) => event.target === ref.current && onClose();
    const sending = useRef(false); // Enter, twice: once is enough
    const submit = async (event) => {
        event.preventDefault();
        if (sending.current) return;
        sending.current = true;
        try {
            await onSubmit();
        } finally {
            sending.current = false;
        }
    };
    const inside = html`<header><h2 id=${id}>${title}</h2>
            <${IconButton} icon="close" label=${t('common.close')} onClick=${onClose} /></header>
        <div class="dialog-body">${children}</div>
        ${footer && html`<footer>${footer}</footer>`}`;
    return html`<dialog ref=${ref} class=${classes('dialog', kind === 'drawer' && 'drawer', wide && 'wide')}
        aria-labelledby=${id} onCancel=${cancel} onMouseDown=${pressed}>
        ${onSubmit ? html`<form class="dialog-inside" onSubmit=${submit} novalidate>${inside}</form>`
            : html`<div class="dialog-inside">${inside}</div>`}
    </dialog>`;
}

export const Drawer = (props) => html`<${Dialog} kind="drawer" ...${props} />`;

const question = createStore(null);

/*
 * if (await confirm({title, text, action: 'Delete', danger: true, word: 'my_app'})) ...
 * With `word` it must be typed. Resolves to true or false.
 */
export function confirm(options) {
    return new Promise((resolve) => question.set({ ...options, resolve }));
}

export function Confirmation() {
    const asked = useStore(question);
    return asked && html`<${ConfirmationOf} key=${asked} asked=${asked} />`;
}

function ConfirmationOf({ asked }) {
    const { title, text, action, danger, word, resolve } = asked;
    const [typed, setTyped] = useState('');
    const id = useId();
    const end = (answer) => {
        question.set(null);
        resolve(answer);
    };
    const isReady = !word || typed === word;
    const footer = html`<${Button} onClick=${() => end(false)}>${t('common.cancel')}<//>
        <${Button} kind=${danger ? 'danger' : 'primary'} type="submit" disabled=${!isReady}>${action || t('common.ok')}<//>`;
    return html`<${Dialog} title=${title} onClose=${() => end(false)} onSubmit=${() => isReady && end(true)} footer=${footer}>
        <p>${text}</p>
        ${word && html`<div class="field"><label for=${id}>${t('common.type_to_confirm', { word })}</label>
            <input class="input" id=${id} value=${typed} autocomplete="off" onInput=${(event) => setTyped(event.target.value)} /></div>`}
    <//>`;
}
